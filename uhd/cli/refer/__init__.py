"""``uhd refer``: find the one person that is meant."""
