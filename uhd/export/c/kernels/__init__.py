"""C functions that a network's layers call, as text."""
