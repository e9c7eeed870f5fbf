"""Run a detector on images or a camera with the original's flags and defaults."""

import sys

from uhd.cli.original import demo

if __name__ == "__main__":
    sys.exit(demo())
