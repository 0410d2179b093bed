"""The derivatives of a network as functions: checks of the input, then `xpnet.derivatives`.

`xpnet.network.derivatives` and `xpnet.network.per_example` say what each takes and returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends import move
from xpnet.checks.directions import check_memory, direction, directions
from xpnet.checks.inputs import examples, features
from xpnet.derivatives import first, per_example, second
from xpnet.derivatives import laplacian as second_by_inputs
from xpnet.derivatives.at import At
from xpnet.derivatives.gradients import Gradients
from xpnet.derivatives.laplacian import Laplacian
from xpnet.equations.bounds import chain_bounds
from xpnet.equations.masks import context
from xpnet.equations.parameters import Layers, flatten, layout, unpack
from xpnet.equations.protocol import stat_names
from xpnet.errors import quoted
from xpnet.losses.cut import Cut, cut
from xpnet.ranges import check_flag, check_positive, is_choice
from xpnet.typing import Array, ArrayLike

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = [
    "Problem",
    "clipped_gradient",
    "ggnvp",
    "hessian",
    "hvp",
    "input_gradient",
    "jacobian",
    "jvp",
    "laplacian",
    "laplacian_vjp",
    "ntk",
    "output_bounds",
    "per_example_gradients",
    "per_example_norms",
    "problem",
    "vjp",
]


# --- what they share


class Problem(NamedTuple):
    """A mean loss over checked examples, for `xpnet.derivatives`.

    Attributes
    ----------
    at, of
        The layers up to where the loss begins, and the loss.
    X, Y
        On the network's device.
    weight : (N, 1) array or float
        w_n / Σ w.
    single : bool
        Whether X was one example (n_0,).
    """

    at: At
    of: Cut
    X: Any
    Y: Any
    weight: Any
    single: bool


def problem(net: NetworkPasses, X: Any, Y: Any, sample_weight: Any, training: bool) -> Problem:
    """Check the examples of a loss, and move them to the device."""
    check_flag("training", training)
    X, Y = net.in_order(X), net.encode(Y)
    layers, loss = net.decided_by(Y)
    data = examples(net.backend, layers, loss, net.dtype, X, Y, sample_weight)
    N = data.X.shape[0]
    weight: Any = 1.0 / N
    if data.w is not None:
        weight = move(net.backend, data.w / data.w.sum(), net.dtype)[:, None]
    of = cut(layers, loss)
    return Problem(_at(net, of.layers, N, training), of, data.X, data.Y, weight, data.single)


def _at(net: NetworkPasses, layers: Layers, N: int, training: bool) -> At:
    """The layers at the network's θ, for N examples."""
    backend, theta = net.backend, net.parameters
    ctx = context(backend, layers, net.seed, net.epoch, N, training)
    return At(backend, layers, unpack(backend.xp, layers, theta), net.statistics, ctx)


def _inputs(net: NetworkPasses, X: ArrayLike, training: bool = False) -> tuple[At, Any, bool]:
    """The layers at θ, X (N, n_0) on the device, and whether it was one example."""
    check_flag("training", training)
    X, single = features(net.backend, net.layers, net.dtype, net.in_order(X))
    return _at(net, net.layers, X.shape[0], training), X, single


def _rows(net: NetworkPasses, name: str, x: ArrayLike, shape: tuple[int, ...], single: bool) -> Any:
    """X checked to be of that shape (N, n), or (n,) for one example, as (N, n)."""
    x = direction(net.backend, name, x, shape[1:] if single else shape, net.dtype)
    return x[None, ...] if single else x


def _without_n(x: Array, single: bool) -> Any:
    return x[0, ...] if single else x


# --- derivatives of the outputs


def jvp(net: NetworkPasses, X: Any, tX: Any, ttheta: Any, training: bool) -> tuple[Any, Any]:
    """See `xpnet.Network.jvp`."""
    if tX is None and ttheta is None:
        raise ValueError("jvp needs a direction: give tX (like X), ttheta (P,), or both")
    with net.backend.context():
        at, X, single = _inputs(net, X, training)
        if tX is not None:
            tX = _rows(net, "tX", tX, tuple(X.shape), single)
        if ttheta is not None:
            P = (layout(at.layers).size,)
            ttheta = direction(net.backend, "ttheta", ttheta, P, net.dtype)
        A, tA = first.jvp(at, X, tX, ttheta)
        return _without_n(A, single), _without_n(tA, single)


def vjp(net: NetworkPasses, X: Any, U: Any, training: bool) -> tuple[Gradients, Any]:
    """See `xpnet.Network.vjp`."""
    with net.backend.context():
        at, X, single = _inputs(net, X, training)
        U = _rows(net, "U", U, (X.shape[0], at.layers[-1].fan_out), single)
        flat, dX = first.vjp(at, X, U)
        return Gradients(net.backend.xp, at.layers, flat), _without_n(dX, single)


def jacobian(net: NetworkPasses, X: Any, by: str) -> Any:
    """See `xpnet.Network.jacobian`."""
    if not is_choice(by, ("inputs", "parameters")):
        raise ValueError(f'by must be "inputs" or "parameters", got {quoted(by)}')
    with net.backend.context():
        at, X, single = _inputs(net, X)
        last = X.shape[1] if by == "inputs" else layout(at.layers).size
        shape = X.shape[0], at.layers[-1].fan_out, last
        check_memory(net.backend, "a Jacobian", shape, net.dtype)
        compute = first.jacobian_by_inputs if by == "inputs" else first.jacobian_by_parameters
        return _without_n(compute(at, X), single)


def ntk(net: NetworkPasses, X1: Any, X2: Any) -> Any:
    """See `xpnet.Network.ntk`."""
    with net.backend.context():
        at, X1, _ = _inputs(net, X1)
        X2 = None if X2 is None else _inputs(net, X2)[1]
        N1, n = X1.shape[0], at.layers[-1].fan_out
        shape = N1, N1 if X2 is None else X2.shape[0], n, n
        check_memory(net.backend, "a neural tangent kernel", shape, net.dtype)
        return per_example.kernel(at, X1, X2)


def laplacian(net: NetworkPasses, X: Any, along: Any) -> Laplacian:
    """See `xpnet.Network.laplacian`."""
    with net.backend.context():
        at, X, single = _inputs(net, X)
        found = second_by_inputs.laplacian(at, X, _along(net, along))
        return Laplacian(*(_without_n(x, single) for x in found))


def laplacian_vjp(net: NetworkPasses, X: Any, U: Any, dU: Any, lU: Any, along: Any) -> Gradients:
    """See `xpnet.Network.laplacian_vjp`."""
    with net.backend.context():
        at, X, single = _inputs(net, X)
        rows = _along(net, along)
        shape = X.shape[0], at.layers[-1].fan_out
        U, lU = (_rows(net, name, x, shape, single) for name, x in (("U", U), ("lU", lU)))
        dU = _rows(net, "dU", dU, (*shape, rows.shape[0]), single)
        flat = second_by_inputs.laplacian_gradient(at, X, rows, U, dU, lU)
        return Gradients(net.backend.xp, at.layers, flat)


def _along(net: NetworkPasses, along: Any) -> Any:
    """The directions (D, n_0); None stands for the unit vectors of all inputs."""
    n = net.layers[0].fan_in
    if along is None:
        along = np.eye(n)
    return directions(net.backend, "directions", along, n, net.dtype, "the columns of X", True)


def output_bounds(net: NetworkPasses, lower: Any, upper: Any) -> tuple[Any, Any]:
    """See `xpnet.Network.output_bounds`."""
    with net.backend.context():
        at, lower, single = _inputs(net, lower)
        upper = _inputs(net, upper)[1]
        if tuple(lower.shape) != tuple(upper.shape):
            raise ValueError(
                f"lower and upper must have the same shape, got {tuple(lower.shape)} and "
                f"{tuple(upper.shape)}"
            )
        if not bool(net.backend.xp.all(lower <= upper)):
            raise ValueError("lower must not be above upper, and neither may be NaN")
        fixed = net.backend, at.layers, at.p, at.stats
        low, high = chain_bounds(*fixed, lower, upper)
        return _without_n(low, single), _without_n(high, single)


# --- derivatives of the mean loss


def input_gradient(net: NetworkPasses, *given: Any) -> Any:
    """See `xpnet.Network.input_gradient`."""
    with net.backend.context():
        at, of, X, Y, weight, single = problem(net, *given)
        B, saved = at.forward(X)
        dB = of.gradient(net.backend.xp, B, Y)[1] * weight
        return _without_n(at.input_gradient(saved, dB), single)


def hvp(net: NetworkPasses, v: Any, *given: Any) -> Any:
    """See `xpnet.Network.hvp`."""
    return _product(net, second.hvp, v, *given)


def ggnvp(net: NetworkPasses, v: Any, *given: Any) -> Any:
    """See `xpnet.Network.ggnvp`."""
    return _product(net, second.ggnvp, v, *given)


def _product(net: NetworkPasses, product: Any, v: Any, *given: Any) -> Any:
    with net.backend.context():
        at, of, X, Y, weight, _ = problem(net, *given)
        v = directions(net.backend, "v", v, layout(at.layers).size, net.dtype)
        return product(at, of, X, Y, weight, v)


def hessian(net: NetworkPasses, *given: Any) -> Any:
    """See `xpnet.Network.hessian`."""
    P = layout(net.layers).size
    check_memory(net.backend, "a Hessian", (P, P), net.dtype)
    with net.backend.context():
        return second.hessian(*problem(net, *given)[:-1])


# --- of single examples


def per_example_gradients(net: NetworkPasses, X: Any, Y: Any, training: bool) -> Any:
    """See `xpnet.Network.per_example_gradients`."""
    with net.backend.context():
        at, of, X, Y, _, single = _of_each(net, X, Y, training)
        shape = X.shape[0], layout(at.layers).size
        check_memory(net.backend, "per-example gradients", shape, net.dtype)
        return _without_n(per_example.gradients(at, of, X, Y), single)


def per_example_norms(net: NetworkPasses, X: Any, Y: Any, by_layer: bool, training: bool) -> Any:
    """See `xpnet.Network.per_example_norms`."""
    check_flag("by_layer", by_layer)
    with net.backend.context():
        at, of, X, Y, _, single = _of_each(net, X, Y, training)
        return _without_n(per_example.norms(at, of, X, Y, by_layer), single)


def clipped_gradient(
    net: NetworkPasses, X: Any, Y: Any, clip_norm: float, training: bool
) -> Gradients:
    """See `xpnet.Network.clipped_gradient`."""
    check_positive("clip_norm", clip_norm)
    with net.backend.context():
        at, of, X, Y, _, _ = _of_each(net, X, Y, training)
        flat = per_example.clipped_gradient(at, of, X, Y, float(clip_norm))
        return Gradients(net.backend.xp, at.layers, flat)


def _of_each(net: NetworkPasses, X: Any, Y: Any, training: bool) -> Problem:
    """The problem, checked that every example has a gradient of its own."""
    check_flag("training", training)
    coupled = [layer.kind for layer in flatten(net.layers) if stat_names(layer)]
    if training and coupled:
        raise ValueError(
            f"{coupled[0]} in training couples the examples of a batch, so that one example has "
            "no gradient of its own: leave training=False, which takes the running statistics, or "
            "use LayerNorm"
        )
    return problem(net, X, Y, None, training)
