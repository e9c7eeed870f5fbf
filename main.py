"""Train a network that finds the person who is meant, with HuMAR's flags and configuration."""

import sys

from uhd.cli.refer.uniphd import train

if __name__ == "__main__":
    sys.exit(train())
