"""Labelled images: find them, check them, decode them once, hand them out in batches."""
