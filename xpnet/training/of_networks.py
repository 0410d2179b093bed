"""What each network of a stack has of its own, in the form that a step takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.backends import Backend
from xpnet.checks.inputs import Examples
from xpnet.equations.penalties import EachPenalty, Penalty

__all__ = ["in_units", "on_device"]

Coefficients = list[tuple[Any, ...]]
"""An optimizer's coefficients, step by step: numbers, or columns (R, 1)."""


def in_units(penalty: Penalty | EachPenalty | None, data: Examples) -> Penalty | EachPenalty | None:
    """The penalty for the examples' weights, which are those of the user times a unit."""
    if penalty is None or not penalty.of_sum:
        return penalty
    if data.own is None:
        return penalty.in_unit(data.unit)
    units = data.own.units
    if units is None:
        return penalty
    each = penalty if isinstance(penalty, EachPenalty) else EachPenalty.of([penalty] * len(units))
    return each.in_units(units)


def on_device(backend: Backend, dtype: str, steps: Coefficients) -> Coefficients:
    """Move the columns to the device, numbers stay; one copy for all steps where slices are views.

    The optimizer decides whether all steps have the same coefficients.
    """
    if not backend.in_place or len({len(row) for row in steps}) > 1:
        return [tuple(_moved(backend, dtype, x) for x in row) for row in steps]
    return list(
        zip(*(_all_moved(backend, dtype, x) for x in zip(*steps, strict=True)), strict=True)
    )


def _moved(backend: Backend, dtype: str, x: Any) -> Any:
    return backend.from_numpy(x.astype(dtype)) if np.ndim(x) else x


def _all_moved(backend: Backend, dtype: str, each: Sequence[Any]) -> Sequence[Any]:
    """One coefficient of all steps."""
    if not all(map(np.ndim, each)):
        return [_moved(backend, dtype, x) for x in each]
    return list(backend.from_numpy(np.stack(each).astype(dtype)))
