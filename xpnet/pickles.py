"""Pickles that name public paths only, and that say so if another version of xpnet made them.

A pickle normally names a class by the module that defines it, and modules move. Here it names the
public path as text: `unpickled` compares the version first, and only then looks for the class.
"""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from operator import attrgetter
from typing import Any

from xpnet._version import __version__

__all__ = ["Pickled", "made_by", "outdated", "unpickled"]

_PACKAGES = (
    "xpnet",
    "xpnet.layers",
    "xpnet.losses",
    "xpnet.metrics",
    "xpnet.optimizers",
    "xpnet.schedules",
    "xpnet.training",
)
"""Where to look for the public name of a class or function."""


class Pickled:
    """A base of classes whose pickles hold the public name, the version and the state."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return unpickled, (_name(type(self)), __version__), self.__getstate__()


def made_by(make: Any, /, *args: Any, **settings: Any) -> Any:
    """What ``__reduce__`` returns for an object that ``make(*args, **settings)`` makes again."""
    return unpickled, (_name(make), __version__, args, settings)


def unpickled(
    name: Any,
    version: str,
    args: tuple[Any, ...] | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:
    """Return the object of a pickle or a copy; every pickle of xpnet's objects calls this.

    Parameters
    ----------
    name : str, class or function
        The public name of a class or function, such as "xpnet.layers.Dense". A class of a user's
        own, derived from one of xpnet's, stands for itself.
    version : str
        The version of xpnet that made the pickle.
    args, settings : tuple and dict, optional
        Arguments of the class or function. Without them, an empty object of the class is returned,
        whose state follows in the pickle.

    Raises
    ------
    pickle.UnpicklingError
        The version is not this one, or xpnet has no such public name.
    """
    if version != __version__:
        raise outdated(f"xpnet {version}")
    make: Any = _public(name) if isinstance(name, str) else name
    return make.__new__(make) if args is None else make(*args, **(settings or {}))


def outdated(other: str) -> pickle.UnpicklingError:
    """The error for a pickle of a different version."""
    return pickle.UnpicklingError(
        f"this pickle was made by {other}, but this is xpnet {__version__}: a pickle can be read "
        "only by the version that made it. To keep a network, use net.save(path) and "
        "xpnet.load(path)"
    )


def _name(thing: Any) -> Any:
    """The public name of a class or function of xpnet; the thing itself if it has none."""
    own = thing.__qualname__
    if not thing.__module__.startswith("xpnet."):
        return thing
    for package in (sys.modules[name] for name in _PACKAGES if name in sys.modules):
        public = getattr(package, "__all__", ())  # not yet there while another thread imports it
        if own.partition(".")[0] in public and attrgetter(own)(package) == thing:
            return f"{package.__name__}.{own}"
    return thing


def _public(name: str) -> Any:
    """The class or function of that public name."""
    package = max((p for p in _PACKAGES if name.startswith(f"{p}.")), key=len, default="")
    own = name.removeprefix(f"{package}.")
    if package and own.partition(".")[0] in import_module(package).__all__ and "._" not in own:
        return attrgetter(own)(import_module(package))
    raise pickle.UnpicklingError(f"xpnet has no public name {name!r}")
