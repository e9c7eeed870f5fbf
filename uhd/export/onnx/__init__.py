"""Writing ONNX: the traced graph, its forms, what is put before and behind it, and proof that it says the same."""
