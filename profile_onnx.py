"""Print parameters and FLOPs of an ONNX file, with the original's flags."""

import sys

from uhd.cli.original import profile

if __name__ == "__main__":
    sys.exit(profile())
