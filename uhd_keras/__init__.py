"""The commands of UHD-keras, by their old names; everything is in :mod:`uhd`."""
