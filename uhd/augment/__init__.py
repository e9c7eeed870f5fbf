"""Samples made different, boxes kept true."""
