"""Images in, detections out, whatever runs the network."""
