"""Settings of a fit as plain JSON: numbers, text, lists and objects with the names of settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.equations.built_in import is_built_in

if TYPE_CHECKING:
    from xpnet.training.settings import Settings

__all__ = ["completed", "plain", "settings_of"]

_OWN = "custom"  # in place of what is a user's own: a file names no class and no function
_LEFT_OUT = (
    *("callbacks", "progress", "is_open", "own", "order", "carried"),
    *("checkpoint", "checkpoint_every", "resume", "overwrite"),
)


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings that decide what a fit computes, by the names of `Network.fit`'s keywords."""
    found = {name: plain(x) for name, x in settings._asdict().items() if name not in _LEFT_OUT}
    found["epochs"] = None if settings.is_open else settings.epochs
    return found if settings.own is None else {**found, "seeds": list(settings.own.seeds)}


def plain(value: Any) -> Any:
    """A setting as plain JSON; infinity and NaN, which JSON lacks, as text.

    >>> from xpnet.optimizers import Adam
    >>> plain(Adam())["name"], plain((1, float("inf"))), plain(print)
    ('adam', [1, 'inf'], 'custom')
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if hasattr(value, "targets") and hasattr(value, "name"):  # a metric
        return value.name
    settings = _settings(value)
    if settings is not None:
        return {"name": _names().get(type(value), _OWN), **settings}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value.name if is_built_in(value) and hasattr(value, "name") else _OWN


def completed(found: Any) -> Any:
    """Plain settings out of a file, with the defaults of those that came after it.

    >>> completed({"name": "adam", "learning_rate": 0.1})["epsilon_last"]
    False
    """
    if isinstance(found, list):
        return [completed(each) for each in found]
    if not isinstance(found, dict):
        return found
    kinds = [kind for kind, name in _names().items() if name == found.get("name")]
    own = {key: completed(each) for key, each in found.items()}
    return {**_defaults(kinds[0]), **own} if kinds else own


def _defaults(kind: type) -> dict[str, Any]:
    """The settings of this kind that have a default."""
    if not is_dataclass(kind):
        return {name: plain(x) for name, x in getattr(kind, "_field_defaults", {}).items()}
    return {f.name: plain(f.default) for f in fields(kind) if f.default is not MISSING}


def _settings(value: Any) -> dict[str, Any] | None:
    """The named settings of an object; None if it has none."""
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if type(value) in _names():
        return {name: plain(each) for name, each in vars(value).items()}
    return None


@cache
def _names() -> Mapping[type, str]:
    """The names of xpnet's own kinds of settings."""
    from xpnet import optimizers, schedules
    from xpnet.equations.parameters import Layout
    from xpnet.equations.penalties import MaxNorm, Penalty
    from xpnet.training.early_stopping import EarlyStopping

    wrappers = (optimizers.Accumulated, optimizers.Averaged, optimizers.Clipped)
    others = (Layout, MaxNorm, Penalty, EarlyStopping)
    registered = optimizers.OPTIMIZERS | optimizers.FULL_BATCH | schedules.SCHEDULES
    return {
        **{kind: name for name, kind in registered.items()},
        **{kind: kind.__name__.lower() for kind in (*wrappers, *others)},
    }
