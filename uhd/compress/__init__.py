"""Smaller numbers: fake quantisation in training."""
