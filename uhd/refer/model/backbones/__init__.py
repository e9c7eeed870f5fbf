"""Backbones: pictures (B, 3, H, W) to four maps at strides 4, 8, 16 and 32, at any size; nothing is downloaded."""
