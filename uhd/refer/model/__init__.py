"""The network of the second task: a backbone, a transformer, a text encoder, each from a table; heads."""
