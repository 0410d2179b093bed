"""Find the part of a step that cannot be recorded, by recording each part separately."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from xpnet.engines.graph.namespace import Namespace
from xpnet.engines.graph.nodes import Graph, Node, Size
from xpnet.engines.step import Recipe, State
from xpnet.equations.activation import Activation
from xpnet.equations.parameters import flatten
from xpnet.losses import per_example

__all__ = ["why_not_compiled"]


def why_not_compiled(recipe: Recipe, state: State, Y: Any) -> str | None:
    """Name the activation, loss or optimizer that cannot be recorded; None if each of them can."""
    for name, record in _parts(recipe, state, Y):
        try:
            record()
        except Exception:  # a user's function may raise any error
            return name
    return None


def _parts(recipe: Recipe, state: State, Y: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each part's name, and a function that runs it on recorded arrays."""
    graph = Graph()
    xp, N, dtype = Namespace(graph), Size(graph, "N"), str(state.theta.dtype)

    def array(name: str, shape: tuple[Any, ...], dtype: str = dtype) -> Node:
        return graph.add("input", (), shape, dtype, name)

    *hidden, last = recipe.layers
    loss, f_L = recipe.loss, last.activation
    activations = [f for f in (getattr(x, "activation", None) for x in flatten(hidden)) if f]
    if f_L.name not in loss.of_preactivation:
        activations.append(f_L)
    Z = array("Z", (N, last.fan_out))
    for f in activations:
        yield f"activation {f.name!r}", partial(_both_ways, xp, f, Z)
    targets = array("Y", (N, *Y.shape[1:]), str(Y.dtype))
    yield f"loss {loss.name!r}", lambda: per_example(xp, loss, f_L, Z, targets)
    optimizer = recipe.optimizer
    theta = array("theta", state.theta.shape)
    moments = tuple(
        array(f"moment{k}", x.shape, str(x.dtype)) for k, x in enumerate(state.optimizer)
    )
    c = tuple(array(f"c{k}", (), "weak") for k in range(len(optimizer.coefficients(1, 0.0))))
    g = array("g", state.theta.shape)
    name = f"optimizer {type(optimizer).__name__}"
    yield name, lambda: optimizer.update(xp, c, g, moments, theta)


def _both_ways(xp: Namespace, f: Activation, Z: Any) -> Any:
    return f.vjp(xp, Z, f.f(xp, Z), Z)
