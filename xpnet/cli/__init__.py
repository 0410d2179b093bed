"""The command ``xpnet``: one file for each subcommand, with ``add_parser`` and ``run``."""

from __future__ import annotations

from collections.abc import Sequence

from xpnet._version import __version__
from xpnet.cli import backends, describe, doctor, explain, info, predict, train
from xpnet.cli.options import Parser, UsageError
from xpnet.cli.terminal import BROKEN_PIPE, any_encoding, close, complain, flush, said_as_lines
from xpnet.doctor.tuning import restart_tuned

__all__ = ["console", "main"]

_EXPECTED = (ValueError, TypeError, ImportError, RuntimeError, OSError, ArithmeticError)


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="xpnet", description="Feed-forward networks trained by matrix equations.")
    top.add_argument("--version", action="version", version=f"xpnet {__version__}")
    commands = top.add_subparsers(metavar="command", required=True)
    for command in (describe, train, predict, explain, info, backends, doctor):
        command.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; errors that a user can fix are printed as one line on stderr.

    Returns
    -------
    int
        The exit status: 0 for success; 1 if a file, its data or the machine is at fault; 2 for
        wrong options (those that argparse finds raise ``SystemExit(2)``); 130 after Ctrl-C; 141 if
        stdout is a pipe that nobody reads.
    """
    with any_encoding():
        return _run(arguments, tune=False)


def console() -> int:
    """Run `main` as a separate program, which may restart itself with a better environment."""
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
