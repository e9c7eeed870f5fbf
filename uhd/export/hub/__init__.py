"""A folder as a hub of models expects it: card, weights, exported files, an example."""
