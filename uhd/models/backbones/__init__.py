"""Optional backbones of the cnn: what turns an image into one feature map."""
