"""``python -m uhd``."""

import sys

from uhd.cli import main

sys.exit(main())
