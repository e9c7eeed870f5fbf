"""Write a checkpoint as ONNX with the original's flags and defaults."""

import sys

from uhd.cli.original import export

if __name__ == "__main__":
    sys.exit(export())
