"""``python -m xpnet`` is the command ``xpnet``."""

import sys

from xpnet.cli import console

sys.exit(console())
