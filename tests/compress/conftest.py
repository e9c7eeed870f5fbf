"""The drawn photographs of the ESP-DL export."""

from tests.export.espdl.conftest import photographs

__all__ = ["photographs"]
