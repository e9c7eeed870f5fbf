"""Run a detector with separate outputs, with the original's flags and defaults."""

import sys

from uhd.cli.original import demo_lite

if __name__ == "__main__":
    sys.exit(demo_lite())
