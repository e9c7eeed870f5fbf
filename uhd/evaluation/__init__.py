"""How good a detector is, measured on arrays alone."""
