"""Train a detector with the original's flags and defaults."""

import sys

from uhd.cli.original import train

if __name__ == "__main__":
    sys.exit(train())
