"""Command-line options, each given once and checked before any file is read."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from xpnet.backends import get_backend
from xpnet.cli.terminal import complain, say
from xpnet.errors import nearest, printable, quoted
from xpnet.ranges import MOST

__all__ = [
    "Each",
    "Last",
    "Parser",
    "UsageError",
    "add_where",
    "at_least",
    "between_0_and_1",
    "check_where",
    "fraction",
    "positive",
    "widths",
]


class UsageError(ValueError):
    """Options that are wrong regardless of any file's content; the exit status is 2."""


class _Once(argparse.Action):
    """Store an option's value; a second one is an error, while argparse would take the last."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        given = vars(namespace).setdefault("given", set())
        if option_string is not None and self.dest in given:
            self._again(quoted(str(getattr(namespace, self.dest))), quoted(str(values)))
        given.add(self.dest)
        setattr(namespace, self.dest, values)

    def _again(self, first: str, second: str) -> None:
        raise argparse.ArgumentError(self, f"given twice, as {first} and {second}: give it once")


class Each(argparse.Action):
    """Append an option's value to a list; the same value twice is an error."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Append the value."""
        before, value = getattr(namespace, self.dest) or [], quoted(values)
        if values in before:
            raise argparse.ArgumentError(self, f"given twice, as {value} and {value}: give it once")
        setattr(namespace, self.dest, [*before, values])


class Last(_Once):
    """Store an option's last value, with a warning: a script may give a default first."""

    def _again(self, first: str, second: str) -> None:
        complain(
            f"warning: {self.option_strings[-1]} is given twice: {second} is used, not {first}"
        )


class Parser(argparse.ArgumentParser):
    """Parse arguments; an error is one line, without the usage, which --help prints."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2; if a word is not among the choices, suggest the nearest one."""
        message = re.sub(r"'([^']{201,})'", lambda long: quoted(long[1]), message)
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            message += _did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
        message = re.sub(r"^argument (\S+): (?=\1 )", "", message)  # name it once
        complain(f"{message} (see {self.prog} --help)", self.prog)
        self.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and version; argparse would ignore a pipe that nobody reads."""
        say(message.removesuffix("\n"), file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but raise the error for unknown arguments in the subcommand.

        The error suggests one of the subcommand's options. The top parser would suggest one of the
        options that come before the subcommand.
        """
        found, left = super().parse_known_args(args, namespace)
        if left:
            known = re.findall(r"--[\w-]+", self.format_help())
            hint = _did_you_mean(left[0].partition("=")[0], known)
            self.error(f"unrecognized arguments: {printable(' '.join(left))}{hint}")
        return found, left


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    return f", did you mean {near}?" if near else ""


def add_where(parser: Any) -> None:
    """Add --backend and --device."""
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch, jax or auto")
    parser.add_argument("--device", help="such as cuda:1 (default: the library's)")


def check_where(options: argparse.Namespace) -> None:
    """Raise a UsageError unless the backend exists and has the device."""
    try:
        get_backend(options.backend, options.device)
    except ValueError as error:
        given = f"--backend {printable(options.backend)}"
        given += f" --device {printable(options.device)}" if options.device is not None else ""
        raise UsageError(f"{given}: {error}") from error


def _number(text: str) -> float:
    """The number, or NaN, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def positive(option: str) -> Callable[[str], float]:
    """Return a parser of finite numbers above 0."""

    def number(text: str) -> float:
        value = _number(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{option} must be above 0, got {quoted(text)}")
        return value

    return number


def between_0_and_1(option: str) -> Callable[[str], float]:
    """Return a parser of numbers above 0 and below 1."""

    def number(text: str) -> float:
        value = _number(text)
        if not 0 < value < 1:
            raise argparse.ArgumentTypeError(
                f"{option} must lie between 0 and 1, such as 0.9; got {quoted(text)}"
            )
        return value

    return number


def at_least(least: int, option: str, most: int = MOST) -> Callable[[str], int]:
    """Return a parser of integers that are at least ``least`` and at most ``most``."""
    wanted = {
        0: "must be an integer that is not negative",
        1: "must be a positive integer",
    }.get(least, f"must be an integer of {least} or more")

    def integer(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{option} {wanted}, got {quoted(text)}") from None
        if value < least:
            what = "must not be negative" if least == 0 else wanted
            raise argparse.ArgumentTypeError(f"{option} {what}, got {quoted(value)}")
        if value > most:
            raise argparse.ArgumentTypeError(
                f"{option} must be at most {most}, got {quoted(value, 60)}"
            )
        return value

    return integer


def fraction(text: str) -> float:
    """Parse a share of the rows in [0, 1), so that some rows are left."""
    value = _number(text)
    if not 0 <= value < 1:
        got = quoted(text) if math.isnan(value) else value
        raise argparse.ArgumentTypeError(
            f"the fraction of rows held out must be in [0, 1), got {got}"
        )
    return value


def widths(text: str) -> tuple[int, ...]:
    """Parse the widths of hidden layers."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(
            "hidden widths are positive integers with commas between them, such as 256,128; got "
            f"{quoted(text)}"
        )
    if max(found) > MOST:
        raise argparse.ArgumentTypeError(
            f"hidden widths must be at most {MOST}, got {quoted(max(found), 60)}"
        )
    return found
