"""``python -m xpnet`` runs the command ``xpnet``."""

import sys

from xpnet.cli import console

sys.exit(console())
