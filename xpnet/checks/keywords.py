"""Error messages for keywords that a call does not take, with the right keyword or call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from xpnet.errors import nearest, quoted

__all__ = ["explains_keywords", "shares_keywords"]

P = ParamSpec("P")
R = TypeVar("R")

_ELSEWHERE = {
    "alpha": "l2",
    "batchsize": "batch_size",
    "cb": "callbacks",
    "class_names": "classes",
    "criterion": "loss",
    "eta": "learning_rate",
    "eta0": "learning_rate",
    "hidden_layer_sizes": "hidden",
    "layers": "sizes",
    "learning_rate_init": "learning_rate",
    "loss_fn": "loss",
    "labels": "classes",
    "lr": "learning_rate",
    "max_epochs": "epochs",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "n_iter_no_change": "patience",
    "nb_epoch": "epochs",
    "num_epochs": "epochs",
    "random_state": "rng",
    "seed": "rng",
    "solver": "optimizer",
    "validation_split": "validation_fraction",
    "verbose": "progress",
    "weight_decay": "l2",
    "x": "X",
    "y": "Y",
}
"""Keywords of other libraries and the keywords here."""

_WHERE = {
    "dropout": "sizes=[…, xpnet.layers.Dropout(rate), …]",
    "l1": "fit(penalty=xpnet.Penalty(l1=…))",
    "l2": "fit(penalty=xpnet.Penalty(l2=…))",
    "label_smoothing": "Network(loss=xpnet.losses.CrossEntropy(label_smoothing=…))",
    "min_delta": "fit(early_stopping=xpnet.EarlyStopping(min_delta=…))",
    "momentum": "fit(optimizer=xpnet.optimizers.SGD(momentum=…))",
    "patience": "fit(early_stopping=…), a patience",
}
"""Where to give settings that are not a keyword of any call here."""

_CALLS: dict[str, list[str]] = {}


def explains_keywords(call: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a method: for an argument it does not take, its error says what to write instead.

    Python's own message suggests nothing, and names the internal class that defines the method.
    The method keeps its signature, for help() and type checkers.

    Parameters
    ----------
    call : str
        The method's name in messages: "Network", "fit".
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        parameters = list(inspect.signature(method).parameters.values())[1:]  # without self
        names = _CALLS[call] = [parameter.name for parameter in parameters]
        places = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]

        @wraps(method)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in names:
                    raise TypeError(_unknown(call, name))
            if len(args) - 1 > len(places):
                raise TypeError(
                    f"{call}() takes {', '.join(places)} by position and the rest by keyword, "
                    f"such as {names[len(places)]}=…; got {len(args) - 1} by position"
                )
            return method(*args, **kwargs)

        return checked

    return decorate


def shares_keywords(
    source: Callable[..., Any], names: Iterable[str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a method that takes ``**keywords``: it shares keywords with another method.

    Its signature, for help(), shows the named keywords of ``source`` in place of ``**keywords``.
    The method receives every keyword of ``source``, with its default if the call does not give it.

    Parameters
    ----------
    source : function
        The method whose signature has the keywords, and their defaults.
    names
        The keywords that are shared, such as a TypedDict's.
    """
    theirs = inspect.signature(source).parameters.values()
    keywords = [p for p in theirs if p.kind is inspect.Parameter.KEYWORD_ONLY]
    defaults = {keyword.name: keyword.default for keyword in keywords}
    known = {*names}

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(method)
        places = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        shown = [keyword for keyword in keywords if keyword.name in known]

        @wraps(method)
        def filled(*args: P.args, **kwargs: P.kwargs) -> R:
            return method(*args, **{**defaults, **kwargs})

        filled.__signature__ = own.replace(parameters=places + shown)  # type: ignore[attr-defined]
        return filled

    return decorate


def _unknown(call: str, name: str) -> str:
    """The message: the keyword's name here, a call that takes it, or the most similar one."""
    plain = name.lower().replace("-", "_")
    here = _ELSEWHERE.get(plain, plain)
    places = [other for other, names in _CALLS.items() if here in names]
    others = [f"{other}({here}=…)" for other in places if not _is_same_method(other, call)]
    near = nearest(plain, _CALLS[call])
    if here in _CALLS[call]:
        hint = f"did you mean {here!r}? "
    elif here in _WHERE or others:
        hint = f"write {_WHERE.get(here) or others[0]}. "
    else:
        hint = f"did you mean {near!r}? " if near else ""
    return f"{call}() has no keyword {quoted(name)}: {hint}It takes {', '.join(_CALLS[call])}"


def _is_same_method(other: str, call: str) -> bool:
    """Whether it is the same method, perhaps of a different class: no help to the user."""
    return other.rpartition(".")[2] == call.rpartition(".")[2]
