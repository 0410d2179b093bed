"""The command ``xpnet``: a file a subcommand, each with ``add_parser`` and what it runs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from xpnet._version import __version__
from xpnet.cli import backends, doctor, explain, info, predict, train
from xpnet.doctor.tuning import restart_tuned
from xpnet.errors import nearest

__all__ = ["console", "main"]

_EXPECTED = (ValueError, TypeError, ImportError, RuntimeError, OSError, ArithmeticError)


class _Parser(argparse.ArgumentParser):
    """One line for a bad option, without the usage: --help has that."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2; for a word that is none of several, with the nearest of them."""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            message += _did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; but what a command does not know is an error that names its options.

        Left to the program's own parser, it would be held against the options before the command.
        """
        found, left = super().parse_known_args(args, namespace)
        if left:
            known = re.findall(r"--[\w-]+", self.format_help())
            hint = _did_you_mean(left[0].partition("=")[0], known)
            self.error(f"unrecognized arguments: {' '.join(left)}{hint}")
        return found, left


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    return f", did you mean {near}?" if near else ""


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
