"""Runs of these tests draw no plots."""

from tests.plotless import plotless_runs

__all__ = ["plotless_runs"]
