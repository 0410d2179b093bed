"""The command ``xpnet``: a file a subcommand, each with ``add_parser`` and what it runs."""

from __future__ import annotations

from collections.abc import Sequence

from xpnet._version import __version__
from xpnet.cli import backends, doctor, explain, info, predict, train
from xpnet.cli.options import Parser, UsageError
from xpnet.cli.terminal import BROKEN_PIPE, any_encoding, close, complain, flush, said_as_lines
from xpnet.doctor.tuning import restart_tuned

__all__ = ["console", "main"]

_EXPECTED = (ValueError, TypeError, ImportError, RuntimeError, OSError, ArithmeticError)


def parser() -> Parser:
    """The whole command line."""
    top = Parser(prog="xpnet", description="Feed-forward networks trained by matrix equations.")
    top.add_argument("--version", action="version", version=f"xpnet {__version__}")
    commands = top.add_subparsers(metavar="command", required=True)
    for command in (train, predict, explain, info, backends, doctor):
        command.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what a user can mend is one line on stderr.

    Returns
    -------
    int
        0; 1 where a file or its data are at fault, or the machine; 2 for options that are (those
        that argparse finds raise ``SystemExit(2)``); 130 after Ctrl-C; 141 where stdout is a pipe
        that nobody reads.
    """
    with any_encoding():
        return _run(arguments, tune=False)


def console() -> int:
    """`main` as a program of its own, which may be restarted with a better environment."""
    with any_encoding():
        try:
            status = _run(None, tune=True)
        except SystemExit as stop:  # by argparse
            status = stop.code if isinstance(stop.code, int) else 0
        return close(status)


def _run(arguments: Sequence[str] | None, tune: bool) -> int:
    try:
        options = parser().parse_args(arguments)
        with said_as_lines():
            options.check(options)
            if tune and train.wants_tuning(options):
                restart_tuned()
            status: int = options.run(options)
            flush()
    except BrokenPipeError:
        return BROKEN_PIPE
    except UsageError as error:
        complain(error)
        return 2
    except (*_EXPECTED, MemoryError) as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    return status
