"""One training step, as a function of arrays: (θ, optimizer state, statistics), batch → the same.

θ are the parameters and g is the gradient. If θ has shape (R, P), one step trains R networks at
once, all of them on the same batch. The weighted sum of losses Σ w_n loss_n then has shape (R,)
instead of ().
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.backends import Backend
from xpnet.derivatives.gradient import gradient
from xpnet.engines.own_batches import OwnBatch, gather
from xpnet.equations.parameters import Layers, for_each, layout
from xpnet.equations.penalties import EachPenalty, MaxNorm, Penalty
from xpnet.equations.protocol import Context
from xpnet.equations.returned import ReturnedError
from xpnet.equations.sums import total
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.optimizers import Optimizer
from xpnet.optimizers.wrapper import updated
from xpnet.typing import Array, Namespace

__all__ = ["Feed", "Recipe", "State", "advance", "applied", "batch_gradient", "start", "step"]


class Recipe(NamedTuple):
    """The fixed parts of a fit, hashable so that a backend can compile the operations for it."""

    backend: Backend
    layers: Layers
    loss: Loss
    optimizer: Optimizer
    penalty: Penalty | EachPenalty | None = None
    max_norm: MaxNorm | None = None


class State(NamedTuple):
    """The arrays that a step takes and returns; the step may overwrite them."""

    theta: Any
    optimizer: tuple[Any, ...]
    gradient: Any  # the buffer for g; None if the backend cannot write in place
    stats: tuple[Any, ...] = ()  # statistics that layers keep from batch to batch


class Feed(NamedTuple):
    """The examples of a batch, or of the whole data set, on the device.

    Attributes
    ----------
    X : (N, n_0), or in a batch (R, N, n_0), if each network of a stack has its own examples
    Y : (N,) labels, or (N, n_L); with R before them, as X
    w : (N,), or None for ones
    rows : (N,), or None
        The index of each example in the data set, from which masks are drawn. None means that row i
        is example i, or that no layer draws masks.
    """

    X: Any
    Y: Any
    w: Any = None
    rows: Any = None


def start(recipe: Recipe, theta: Array, stats: tuple[Array, ...] = ()) -> State:
    """Return the state before the first step, with copies of θ and the statistics."""
    xp = recipe.backend.xp
    theta = xp.asarray(theta, copy=True)
    buffer = xp.zeros_like(theta) if recipe.backend.in_place else None
    stats = tuple(xp.asarray(stat, copy=True) for stat in stats)
    moments = recipe.optimizer.init(xp, theta)
    _check_moments(recipe.optimizer, moments)
    return State(theta, moments, buffer, stats)


def _check_moments(optimizer: Optimizer, moments: object) -> None:
    """Check what `init` returned: a user's own may return anything."""
    if not isinstance(moments, tuple) or not all(hasattr(x, "shape") for x in moments):
        raise ReturnedError(
            f"init of {type(optimizer).__name__} must return a tuple of arrays, got "
            f"{quoted(moments, 100)}"
        )


def step(
    recipe: Recipe,
    state: State,
    data: Feed,
    index: Array | OwnBatch | None,
    coefficients: tuple[Any, ...],
    key: Any = None,
) -> tuple[State, Any]:
    """Gather the batch, compute its gradient and update θ; also return Σ w_n loss_n.

    The returned sum is that of the old θ. ``index`` selects the batch's rows of ``data``; None
    takes all rows without gathering; an `OwnBatch` has those of each network of a stack. ``key`` is
    the key of the epoch's masks; None if no layer draws any.
    """
    backend = recipe.backend
    if isinstance(index, OwnBatch):
        return _own_step(recipe, state, data, index, coefficients, key)
    batch = data if index is None else _gather(backend, data, index)
    if key is not None and batch.rows is None:
        batch = batch._replace(rows=_rows(backend, batch, index))
    return advance(recipe, state, batch, coefficients, key)


def advance(
    recipe: Recipe,
    state: State,
    batch: Feed,
    coefficients: tuple[Any, ...],
    key: Any = None,
    there: Any = None,
) -> tuple[State, Any]:
    """Do a `step` on a gathered batch, whose ``rows`` are there if ``key`` is."""
    loss_sum, g, stats = batch_gradient(recipe, state, batch, key, there)
    return applied(recipe, state, g, stats, coefficients), loss_sum


def batch_gradient(
    recipe: Recipe, state: State, batch: Feed, key: Any = None, there: Any = None
) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return Σ w_n loss_n, the gradient of the batch's mean loss, and the layers' statistics.

    ``there`` is that of `Context`. A penalty ``of_sum`` is part of the sum, and its gradient is
    divided by Σw as theirs is.
    """
    backend, layers, loss, _, penalty, _ = recipe
    X, Y, w, rows = batch
    scale = 1.0 / X.shape[-2] if w is None else _inverse_of_sum(backend.xp, w)
    if X.ndim == 2:  # else each network of the stack has its own Y, too
        Y = for_each(backend.xp, state.theta, Y)
    ctx = Context(True, key, rows, there=there)
    theta, buffer, stats = state.theta, state.gradient, state.stats
    loss_sum, g, stats = gradient(backend, layers, loss, theta, X, Y, w, scale, buffer, stats, ctx)
    if penalty is not None and penalty.of_sum:
        xp, where, terms = backend.xp, layout(layers), _terms(backend, penalty, theta)
        loss_sum = loss_sum + terms.value(xp, theta, where)
        g = terms.add_gradient(xp, theta, g, where, backend.in_place, scale)
    return loss_sum, g, stats


def _own_step(
    recipe: Recipe,
    state: State,
    data: Feed,
    own: OwnBatch,
    coefficients: tuple[Any, ...],
    key: Any,
) -> tuple[State, Any]:
    """Do a `step` in which each network has a batch of its own."""
    X, Y = (gather(recipe.backend, x, own.index) for x in (data.X, data.Y))
    batch = Feed(X, Y, own.w, own.rows)
    return advance(recipe, state, batch, coefficients, key, own.there)


def applied(
    recipe: Recipe, state: State, g: Array, stats: tuple[Array, ...], coefficients: tuple[Any, ...]
) -> State:
    """Return the state after the penalty, the optimizer's update by g, and the max norm."""
    backend, layers, _, optimizer, penalty, max_norm = recipe
    xp, theta = backend.xp, state.theta
    if penalty is not None and not penalty.of_sum:
        terms = _terms(backend, penalty, theta)
        g = terms.add_gradient(xp, theta, g, layout(layers), backend.in_place)
    theta, moments = updated(optimizer, xp, coefficients, g, state.optimizer, theta)
    if max_norm is not None:
        theta = max_norm.project(xp, theta, layout(layers), backend.in_place)
    return State(theta, moments, g if backend.in_place else None, stats)


def _terms(backend: Backend, penalty: Penalty | EachPenalty, theta: Array) -> Any:
    """The penalty as the passes take it: with numbers, or with columns on the device."""
    if isinstance(penalty, Penalty):
        return penalty
    return penalty.on(lambda numbers: backend.constants(numbers, theta.dtype, 2))


def _inverse_of_sum(xp: Namespace, w: Array) -> Any:
    """Return 1/Σw, of shape (1,)."""
    return xp.astype(1.0 / total(xp, w, keepdims=True), w.dtype)


def _rows(backend: Backend, batch: Feed, index: Array | None) -> Any:
    """Return the index of each example in the data set, if row i of the data is example i."""
    if index is not None:
        return index
    return backend.xp.arange(batch.X.shape[-2], dtype=backend.xp.int32, device=backend.device)


def _gather(backend: Backend, data: Feed, index: Array) -> Feed:
    return Feed(*(None if x is None else backend.take(x, index) for x in data))
