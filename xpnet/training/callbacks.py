"""Callbacks: plain functions at a few named moments of a fit.

A callback takes (net, history) and is called at one of

    "fit_begin"   before the first step
    "step_end"    after every step; its loss is history.step_loss[-1]
    "epoch_end"   after every epoch, when its entries are in the history; the default moment
    "fit_end"     at the end of the fit, even if Ctrl-C or a callback ended it

A callback that returns True after a step or an epoch ends the fit there. A number, a text or an
array is an error; any other value is ignored. An exception ends the fit too, and the network keeps
the epochs that were complete. A callback cannot fit its own network, only a copy of it. Parameters
that it sets by `set_parameters` stay only if no step follows: set them at "fit_end". A callback at
"step_end" makes the loop read every step's loss, and so wait for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import look_up, quoted
from xpnet.ranges import takes
from xpnet.training.history import History

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["MOMENTS", "Callbacks"]

Callback = Callable[[Any, History], Any]

MOMENTS = {moment: moment for moment in ("fit_begin", "step_end", "epoch_end", "fit_end")}
"""The names of the moments."""


class Callbacks:
    """The callbacks of a fit, by moment.

    Parameters
    ----------
    given : function, sequence of functions, or mapping of a moment to one of these
        Functions without a moment are called at "epoch_end".
    """

    def __init__(self, given: Any) -> None:
        named = given if isinstance(given, Mapping) else {"epoch_end": given}
        self._at: dict[str, tuple[Callback, ...]] = {
            look_up("moment of callbacks", moment, MOMENTS): _functions(moment, functions)
            for moment, functions in named.items()
        }

    def __bool__(self) -> bool:
        return any(self._at.values())

    def has(self, moment: str) -> bool:
        """Whether any callback is called at that moment."""
        return bool(self._at.get(moment))

    def seeing(self, stack: Any) -> Callbacks:
        """The same callbacks, called with the stack in place of the network that holds its θ."""

        return Callbacks(
            {moment: tuple(_Seeing(f, stack) for f in all_) for moment, all_ in self._at.items()}
        )

    def begin(self, kept: bool) -> None:
        """Tell callbacks that ask, such as `json_lines`, whether checkpoints keep this fit."""
        for function in (f for functions in self._at.values() for f in functions):
            if hasattr(function, "begin"):
                function.begin(kept)

    def call(self, moment: str, net: NetworkState, history: History) -> bool:
        """Call all callbacks of that moment; return whether one asked to end the fit."""
        answers = [_answer(f, f(net, history)) for f in self._at.get(moment, ())]  # calls every one
        return any(answers)


class _Seeing:
    """A callback that sees the stack."""

    def __init__(self, function: Callback, stack: Any) -> None:
        self._function, self._stack = function, stack

    def __call__(self, net: NetworkState, history: History) -> Any:
        return self._function(self._stack, history)

    def begin(self, kept: bool) -> None:
        """Pass it on."""
        if hasattr(self._function, "begin"):
            self._function.begin(kept)


def _answer(function: Callback, answer: Any) -> bool:
    """Whether a callback asks to end the fit."""
    if isinstance(answer, (bool, np.bool_)):
        return bool(answer)
    if isinstance(answer, (str, Number)) or hasattr(answer, "__array__"):
        raise TypeError(
            "a callback must return True to end the fit, or else nothing: "
            f"{quoted(function, 100)} returned {quoted(answer, 100)}"
        )
    return False  # for instance what a logger returns, if a lambda passes it on


def _functions(moment: str, given: Any) -> tuple[Callback, ...]:
    """The functions of a moment; a single one needs no list."""
    several = isinstance(given, Iterable) and not callable(given)
    functions = tuple(given) if several and not isinstance(given, (str, Mapping)) else (given,)
    for function in functions:
        if isinstance(function, Mapping):
            raise TypeError(
                "callbacks must be a list of functions, or one dict of moments to functions: "
                "give the dict itself, without a list or a moment around it; got "
                f"{quoted(given)}"
            )
        if not callable(function) or not takes(function, 2):
            raise TypeError(
                f"a callback must be a function of (net, history), got {quoted(function)} for "
                f"{moment!r}"
            )
    return functions
