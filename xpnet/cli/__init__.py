"""The command ``xpnet``: a file a subcommand, each with ``add_parser`` and what it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from xpnet._version import __version__
from xpnet.cli import backends, doctor, explain, info, predict, train
from xpnet.doctor.tuning import restart_tuned

__all__ = ["console", "main"]

_EXPECTED = (ValueError, TypeError, ImportError, RuntimeError, OSError, ArithmeticError)


class _Parser(argparse.ArgumentParser):
    """One line for a bad option, without the usage: --help has that."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="xpnet", description="Feed-forward networks trained by matrix equations.")
    top.add_argument("--version", action="version", version=f"xpnet {__version__}")
    commands = top.add_subparsers(metavar="command", required=True)
    for command in (train, predict, explain, info, backends, doctor):
        command.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what a user can mend is one line on stderr and the exit status 1."""
    return _run(parser().parse_args(arguments), tune=False)


def console() -> int:
    """`main` as a program of its own, which may be restarted with a better environment."""
    return _run(parser().parse_args(), tune=True)


def _run(options: argparse.Namespace, tune: bool) -> int:
    try:
        if tune and train.wants_tuning(options):
            restart_tuned()
        status: int = options.run(options)
    except _EXPECTED as error:
        print(f"xpnet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("xpnet: interrupted", file=sys.stderr)
        return 130
    return status
