"""LiteRT (TensorFlow Lite) files: float32, float16, dynamic-range and full-integer, of every architecture."""
