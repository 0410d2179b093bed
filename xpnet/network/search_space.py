"""The settings of a search: checked, then every combination or random ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from xpnet.equations.penalties import Penalty, as_penalty
from xpnet.equations.streams import SEARCH, seed_from, uniform
from xpnet.errors import look_up, quoted
from xpnet.layers.each_rate import has_dropout
from xpnet.network.network import Network
from xpnet.ranges import check_fraction, check_not_negative, is_number, items

__all__ = ["checked_setting", "checked_values", "drawn_settings", "every_setting"]


def checked_values(over: Any, net: Network) -> dict[str, list[Any] | Callable[[float], Any]]:
    """The values to search, checked one by one; a function's when it is drawn from."""
    if not isinstance(over, Mapping) or not over:
        raise TypeError(
            'over must be a dict of values to search, such as {"learning_rate": [0.001, 0.01]}, '
            f"got {quoted(over)}"
        )
    _check_dropout("over has rates of dropout", over, net)
    found: dict[str, Any] = {}
    for name, given in over.items():
        check = look_up("setting to search", name, _CHECKS)
        if callable(given) and name != "seed":
            found[name] = given
            continue
        listed = items(f"over[{name!r}] must be a list of values", given)
        if not listed:
            raise ValueError(f"over[{name!r}] has no values")
        found[name] = [check(value) for value in listed]
    return found


def checked_setting(setting: Any, net: Network) -> dict[str, Any]:
    """One setting, checked."""
    if not isinstance(setting, Mapping):
        raise TypeError(
            f'a setting must be a dict such as {{"learning_rate": 0.01}}, got {quoted(setting)}'
        )
    _check_dropout("the setting has a rate of dropout", setting, net)
    return {
        name: look_up("setting to search", name, _CHECKS)(value) for name, value in setting.items()
    }


def _check_dropout(what: str, names: Mapping[str, Any], net: Network) -> None:
    """Raise ValueError if dropout is among the names, and the network has none."""
    if "dropout" in names and not has_dropout(net.plan.layers):
        raise ValueError(
            f"{what}, but the network has no Dropout layer: add one, "
            "xpnet.Network([…, xpnet.layers.Dropout(0.5), …])"
        )


def _rate(value: Any) -> float:
    if not is_number(value):
        raise TypeError(f"learning rates to search must be numbers, got {quoted(value)}")
    check_not_negative("a learning rate to search", value)
    return float(value)


def _penalty(value: Any) -> Penalty | None:
    return Penalty(l2=value) if is_number(value) else as_penalty(value)


def _dropout(value: Any) -> float:
    check_fraction("a rate of dropout to search", value)
    return float(value)


def _seed(value: Any) -> int:
    return seed_from(value, "a seed to search")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "learning_rate": _rate,
    "penalty": _penalty,
    "dropout": _dropout,
    "seed": _seed,
}
"""The settings that can be searched, and the check of a value."""


def every_setting(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the lists."""
    for name, given in values.items():
        if callable(given):
            raise ValueError(f"over[{name!r}] is a function to draw from: give a number n of draws")
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def drawn_settings(values: Mapping[str, Any], n: int, seed: int) -> list[dict[str, Any]]:
    """N combinations, drawn by the seed."""
    drawn = [
        [_drawn(name, given, u) for u in uniform(seed, SEARCH, (k,), n).tolist()]
        for k, (name, given) in enumerate(values.items())
    ]
    return [dict(zip(values, chosen, strict=True)) for chosen in zip(*drawn, strict=True)]


def _drawn(name: str, given: Any, u: float) -> Any:
    return _CHECKS[name](given(u)) if callable(given) else given[int(u * len(given))]
