"""The command ``xpnet``, also as ``python -m xpnet``: Ctrl-C ends it in one line at any time."""

import sys
from contextlib import suppress

__all__ = ["run"]


def run() -> int:
    """Import the command and run it; return its exit status, 130 if Ctrl-C came meanwhile."""
    try:
        from xpnet.cli import console  # takes about a second, in which Ctrl-C may come

        return console()
    except KeyboardInterrupt:
        with suppress(OSError, AttributeError):  # no reader, or no stderr
            print("xpnet: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
