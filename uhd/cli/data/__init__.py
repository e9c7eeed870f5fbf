"""``uhd data``: check a data set, count what it holds, look at augmented samples, choose anchors."""
