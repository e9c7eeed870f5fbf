"""Eight-bit ONNX: static quantisation, calibrated on images, with the most sensitive layers kept in float."""
