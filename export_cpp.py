"""Write a checkpoint as C source, with the original's flags."""

import sys

from uhd.cli.export_c import original

if __name__ == "__main__":
    sys.exit(original())
