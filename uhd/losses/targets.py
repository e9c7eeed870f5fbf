"""Where :mod:`uhd.assigners.targets` used to be, for programs that know it by this name."""

from uhd.assigners.targets import BatchArrays, Listing, Targets

__all__ = ["BatchArrays", "Listing", "Targets"]
