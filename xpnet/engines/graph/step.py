"""A training step recorded as a graph, and the arrays that a program of it is given.

`xpnet.engines.step.step` is run once on recorded arrays; so what is compiled is what the plain
loop runs, and every layer, loss, optimizer and penalty that keeps to the namespace of
`xpnet.engines.graph.namespace` is compiled without a line of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from xpnet.backends import Backend
from xpnet.engines.graph.namespace import TraceBackend
from xpnet.engines.graph.nodes import Graph, Node, Size
from xpnet.engines.graph.shapes import TraceError, same_shape
from xpnet.engines.step import Recipe, State, step

__all__ = ["Recorded", "given_arrays", "made_from", "own_state", "record_step"]

_LONGEST = 200  # of an error's message that is repeated

_DATA = ("X", "Y", "w", "rows")  # the last where the step is given it


@dataclass
class Recorded:
    """A step as a graph: its arrays by name, their new values, and Σ w loss."""

    inputs: dict[str, Node]
    results: dict[str, Node]
    total: Node

    def arrays(self) -> dict[str, Node]:
        """The inputs that a program is given in memory, but for the examples' order."""
        return {n: x for n, x in self.inputs.items() if x.dtype != "weak" and n != "index"}

    def changed(self) -> dict[str, Node]:
        """The new values of the inputs that get one."""
        return {
            name: node.graph.copy(node) if node.op in ("constant", "input", "view") else node
            for name, node in self.results.items()
            if node is not self.inputs[name]
        }


def own_state(xp: Any, state: State) -> State:
    """The state as programs overwrite it: in C order, no two arrays in the same memory."""
    moments = tuple(xp.asarray(x, order="C", copy=True) for x in state.optimizer)
    return state._replace(gradient=None, optimizer=moments)


def given_arrays(
    inputs: Sequence[str], state: State, data: tuple[Any, ...], key: Any
) -> tuple[Any, ...]:
    """A program's arrays, in the order of its inputs."""
    arrays = {"theta": state.theta, "key": key, **dict(zip(_DATA, data, strict=False))}
    arrays |= {f"moment{k}": x for k, x in enumerate(state.optimizer)}
    arrays |= {f"stat{k}": x for k, x in enumerate(state.stats)}
    return tuple(as_taken(name, arrays[name]) for name in inputs)


def as_taken(name: str, x: Any) -> Any:
    """An input as programs take it: with one axis where it is a single number, row or column.

    The examples' arrays have a row for each, and keep both axes where there is but one example.
    """
    lengths = x.shape[1:] if name in _DATA else x.shape
    return x.reshape(-1) if 1 in lengths or not lengths else x


def made_from(recipe: Recipe, state: State, data: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a program is a function of: the parts of a step, shapes and dtypes."""
    arrays = (state.theta, *state.optimizer, *state.stats)
    shapes = tuple((tuple(x.shape), str(x.dtype)) for x in arrays)
    examples = tuple(x if x is None else (tuple(x.shape[1:]), str(x.dtype)) for x in data)
    return *recipe[1:], shapes, examples


def record_step(
    recipe: Recipe,
    state: State,
    data: tuple[Any, ...],
    n_coefficients: int,
    masks: bool,
    gathers: bool,
) -> Recorded:
    """`step`, run once on recorded arrays like these."""
    graph = Graph()
    N, M = Size(graph, "N"), Size(graph, "M")
    inputs: dict[str, Node] = {}

    def record(name: str, x: Any, shape: Any = None, dtype: str | None = None) -> Node:
        shape = x.shape if shape is None else shape
        inputs[name] = graph.add("input", (), shape, dtype or str(x.dtype), name)
        return inputs[name]

    theta = record("theta", state.theta)
    moments = tuple(record(f"moment{k}", x) for k, x in enumerate(state.optimizer))
    stats = tuple(record(f"stat{k}", x) for k, x in enumerate(state.stats))
    first = M if gathers else N
    batch_data: Any = tuple(
        None if x is None else record(name, x, (first, *x.shape[1:]))
        for name, x in zip(_DATA, data, strict=False)
    )
    key = record("key", None, (1,), "int32") if masks else None
    index = record("index", None, (N,), "int64") if gathers else None
    c = tuple(record(f"c{k}", None, (), "weak") for k in range(n_coefficients))
    traced = recipe._replace(backend=cast(Backend, TraceBackend(graph)))
    before = State(theta, moments, None, stats)
    after, total = _recorded(lambda: step(traced, before, batch_data, index, c, key))
    results = {"theta": after.theta}
    results |= {f"moment{k}": x for k, x in enumerate(after.optimizer)}
    results |= {f"stat{k}": x for k, x in enumerate(after.stats)}
    for name, node in results.items():
        _check_kept(name, inputs.get(name), node)
    return Recorded(inputs, results, total)


def _recorded(run: Callable[[], tuple[State, Any]]) -> tuple[State, Any]:
    """What the step returns; TraceError for whatever its code cannot do with recorded arrays.

    A user's own function may use anything that the plain loop's arrays have, and fails here by any
    error: a missing attribute or operator, another signature.
    """
    try:
        return run()
    except TraceError:
        raise
    except Exception as error:
        raise TraceError(f"{type(error).__name__}: {_in_users_words(error)}") from error


def _in_users_words(error: Exception) -> str:
    """Its message, in which a recorded array is an array."""
    text = re.sub(r"\bNode\b", "array", str(error))
    return re.sub(r"\bSize\b", "number of examples", text)[:_LONGEST]


def _check_kept(name: str, old: Node | None, new: Any) -> None:
    """A new value is written over the old one, so it must fit there."""
    if old is None or not isinstance(new, Node):
        raise TraceError(
            f"{_said(name)}, {'nothing' if old is None else old} before, becomes {new}"
        )
    if not same_shape(old.shape, new.shape) or old.dtype != new.dtype:
        raise TraceError(f"{_said(name)}, {old} before, becomes {new}")


def _said(name: str) -> str:
    """An array of the state in words."""
    for kind, words in (("moment", "the optimizer's state"), ("stat", "the layers' statistics")):
        if name.startswith(kind):
            return f"{words}[{name.removeprefix(kind)}]"
    return name
