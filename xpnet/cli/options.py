"""Options of the command line, each given once and checked before any file is read."""

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
    "Last",
    "Parser",
    "UsageError",
    "add_where",
    "at_least",
    "check_where",
    "fraction",
    "widths",
]


class UsageError(ValueError):
    """Options that are wrong whatever the files hold: the status is 2."""


class _Once(argparse.Action):
    """An option's value; a second one is an error, where argparse would take the last."""

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


class Last(_Once):
    """An option of which the last value counts, with a line that says so: a script's default."""

    def _again(self, first: str, second: str) -> None:
        complain(f"warning: {self.option_strings[-1]} is given twice: {second} counts, not {first}")


class Parser(argparse.ArgumentParser):
    """One line for a bad option, without the usage: --help has that."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2; for a word that is none of several, with the nearest of them."""
        message = re.sub(r"'([^']{201,})'", lambda long: quoted(long[1]), message)
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            message += _did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
        message = re.sub(r"^argument (\S+): (?=\1 )", "", message)  # once is enough
        complain(f"{message} (see {self.prog} --help)", self.prog)
        self.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version on stdout; argparse takes a pipe that nobody reads for a success."""
        say(message.removesuffix("\n"), file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; but what a command does not know is an error that names its options.

        Left to the program's own parser, it would be held against the options before the command.
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
    """--backend and --device."""
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch, jax or auto")
    parser.add_argument("--device", help="such as cuda:1; the library's default otherwise")


def check_where(options: argparse.Namespace) -> None:
    """There is such a backend, and it has such a device."""
    try:
        get_backend(options.backend, options.device)
    except ValueError as error:
        given = f"--backend {printable(options.backend)}"
        given += f" --device {printable(options.device)}" if options.device is not None else ""
        raise UsageError(f"{given}: {error}") from error


def at_least(least: int, option: str, most: int = MOST) -> Callable[[str], int]:
    """An integer, 0 or 1 at least, and ``most`` at most."""
    wanted = "must be a positive integer" if least else "must be an integer that is not negative"

    def integer(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{option} {wanted}, got {quoted(text)}") from None
        if value < least:
            what = wanted if least else "must not be negative"
            raise argparse.ArgumentTypeError(f"{option} {what}, got {quoted(value)}")
        if value > most:
            raise argparse.ArgumentTypeError(
                f"{option} must be at most {most}, got {quoted(value, 60)}"
            )
        return value

    return integer


def fraction(text: str) -> float:
    """A share of the rows, of which some must be left."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        got = quoted(text) if math.isnan(value) else value
        raise argparse.ArgumentTypeError(
            f"the fraction of rows held out must be in [0, 1), got {got}"
        )
    return value


def widths(text: str) -> tuple[int, ...]:
    """Widths of hidden layers."""
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
