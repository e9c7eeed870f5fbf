"""Tests of uhd.augment."""
