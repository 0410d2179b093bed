"""Record a training step as a graph, and collect the arrays for its program.

A program is the code that is written from a graph: compiled loops or CUDA kernels.
`xpnet.engines.step.step` runs once on recorded arrays, so the compiled step is that of the plain
loop. A layer, loss, optimizer or penalty needs no code of its own to be compiled, if it uses only
functions of `xpnet.engines.graph.namespace`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from xpnet.backends import Backend
from xpnet.engines.graph.namespace import TraceBackend
from xpnet.engines.graph.nodes import Graph, Node, Size
from xpnet.engines.graph.shapes import TraceError, same_shape
from xpnet.engines.step import Feed, Recipe, State, step
from xpnet.typing import Namespace

__all__ = ["Recorded", "given_arrays", "made_from", "own_state", "record_step"]

_LONGEST = 200  # characters of an error's message that are repeated


@dataclass
class Recorded:
    """A step as a graph: its arrays by name, their new values, and Σ w loss."""

    inputs: dict[str, Node]
    results: dict[str, Node]
    total: Node

    def arrays(self) -> dict[str, Node]:
        """Return the inputs that a program is given in memory, except the order of the examples."""
        # dtype "weak": a Python number, which is passed by value (`xpnet.engines.graph.shapes`)
        return {n: x for n, x in self.inputs.items() if x.dtype != "weak" and n != "index"}

    def changed(self) -> dict[str, Node]:
        """Return the new values of all inputs that change."""
        return {
            name: node.graph.copy(node) if node.op in ("constant", "input", "view") else node
            for name, node in self.results.items()
            if node is not self.inputs[name]
        }


def own_state(xp: Namespace, state: State) -> State:
    """Return the state for programs to overwrite: in C order, no two arrays sharing memory."""
    moments = tuple(xp.asarray(x, order="C", copy=True) for x in state.optimizer)
    return state._replace(gradient=None, optimizer=moments)


def given_arrays(inputs: Sequence[str], state: State, data: Feed, key: Any) -> tuple[Any, ...]:
    """Return a program's arrays, in the order of its inputs."""
    arrays = {"theta": state.theta, "key": key, **data._asdict()}
    arrays |= {f"moment{k}": x for k, x in enumerate(state.optimizer)}
    arrays |= {f"stat{k}": x for k, x in enumerate(state.stats)}
    return tuple(as_taken(name, arrays[name]) for name in inputs)


def as_taken(name: str, x: Any) -> Any:
    """Return an input in the shape that programs take.

    A single number, row or column gets one axis. Arrays of examples have a row for each example, so
    they keep both axes even if there is only one example.
    """
    lengths = x.shape[1:] if name in Feed._fields else x.shape
    return x.reshape(-1) if 1 in lengths or not lengths else x


def made_from(recipe: Recipe, state: State, data: Feed) -> tuple[Any, ...]:
    """Return everything that determines a program: the parts of a step, shapes and dtypes."""
    arrays = (state.theta, *state.optimizer, *state.stats)
    shapes = tuple((tuple(x.shape), str(x.dtype)) for x in arrays)
    examples = tuple(x if x is None else (tuple(x.shape[1:]), str(x.dtype)) for x in data)
    return *recipe[1:], shapes, examples


def record_step(
    recipe: Recipe,
    state: State,
    data: Feed,
    n_coefficients: int,
    masks: bool,
    gathers: bool,
) -> Recorded:
    """Record `step` by one run on recorded arrays with these shapes and dtypes."""
    graph = Graph()
    N, M = Size(graph, "N"), Size(graph, "M")  # examples in the batch, and in the data set
    inputs: dict[str, Node] = {}

    def record(name: str, x: Any, shape: Any = None, dtype: str | None = None) -> Node:
        shape = x.shape if shape is None else shape
        inputs[name] = graph.add("input", (), shape, dtype or str(x.dtype), name)
        return inputs[name]

    theta = record("theta", state.theta)
    moments = tuple(record(f"moment{k}", x) for k, x in enumerate(state.optimizer))
    stats = tuple(record(f"stat{k}", x) for k, x in enumerate(state.stats))
    first = M if gathers else N
    feed = Feed(
        *(
            None if x is None else record(name, x, (first, *x.shape[1:]))
            for name, x in data._asdict().items()
        )
    )
    key = record("key", None, (1,), "int32") if masks else None
    index = record("index", None, (N,), "int64") if gathers else None
    c = tuple(record(f"c{k}", None, (), "weak") for k in range(n_coefficients))
    traced = recipe._replace(backend=cast(Backend, TraceBackend(graph)))
    before = State(theta, moments, None, stats)
    after, total = _recorded(lambda: step(traced, before, feed, index, c, key))
    results = {"theta": after.theta}
    results |= {f"moment{k}": x for k, x in enumerate(after.optimizer)}
    results |= {f"stat{k}": x for k, x in enumerate(after.stats)}
    for name, node in results.items():
        _check_kept(name, inputs.get(name), node)
    return Recorded(inputs, results, total)


def _recorded(run: Callable[[], tuple[State, Any]]) -> tuple[State, Any]:
    """Return the result of the step; raise TraceError if its code fails on recorded arrays.

    A user-defined function may use any feature of the plain loop's arrays. So it may fail here with
    any error, such as a missing attribute or operator, or a different signature.
    """
    try:
        return run()
    except TraceError:
        raise
    except Exception as error:
        raise TraceError(f"{type(error).__name__}: {_in_users_words(error)}") from error


def _in_users_words(error: Exception) -> str:
    """Return the error's message, with names of internal classes replaced by plain words."""
    text = re.sub(r"\bNode\b", "array", str(error))
    return re.sub(r"\bSize\b", "number of examples", text)[:_LONGEST]


def _check_kept(name: str, old: Node | None, new: Any) -> None:
    """Check that a new value has the shape and dtype of the old one, which it overwrites."""
    if old is None or not isinstance(new, Node):
        raise TraceError(
            f"{_said(name)}, {'nothing' if old is None else old} before, becomes {new}"
        )
    if not same_shape(old.shape, new.shape) or old.dtype != new.dtype:
        raise TraceError(f"{_said(name)}, {old} before, becomes {new}")


def _said(name: str) -> str:
    """Return the name of an array of the state in words."""
    for kind, words in (("moment", "the optimizer's state"), ("stat", "the layers' statistics")):
        if name.startswith(kind):
            return f"{words}[{name.removeprefix(kind)}]"
    return name
