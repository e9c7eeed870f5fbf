"""The drawn photographs of the ESP-DL export; runs draw no plots."""

from tests.export.espdl.conftest import photographs
from tests.plotless import plotless_runs

__all__ = ["photographs", "plotless_runs"]
