"""Makes the program of a training step: records the step, plans it and writes it as Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from xpnet.engines.graph.lengths import Numbers
from xpnet.engines.graph.memory import Buffer, Memory, View, arrange
from xpnet.engines.graph.plan import plan
from xpnet.engines.graph.remembered import remembered
from xpnet.engines.graph.step import Recorded, made_from, record_step
from xpnet.engines.loops.source import Writer
from xpnet.engines.loops.team import TeamWriter
from xpnet.engines.step import Feed, Recipe, State
from xpnet.engines.threads import on_one_thread

__all__ = ["Program", "step_program"]

_LITERAL = 4096  # most parameters for which sizes and constants are literals in the source


_HEAD = """\
from xpnet.engines.loops.runtime import *


@compiled
def run(lengths, constants, arrays, buffers, order, starts, coefficients, totals{}):
"""


@dataclass
class Program:
    """The source of ``run`` (see the modules `source` and `team`), and its arguments.

    Attributes
    ----------
    source : str
    lengths : list of int
    constants : list of float
        Sizes and constants that are not literals in the source.
    inputs : list of str
        The names of the arrays that ``run`` takes, in order.
    buffers : list of Buffer
    n_shared : int or None
        How many numbers the threads of a team share; None if one thread does everything.
    """

    source: str
    lengths: list[int]
    constants: list[float]
    inputs: list[str]
    buffers: list[Buffer]
    n_shared: int | None = None


def step_program(
    recipe: Recipe,
    state: State,
    data: Feed,
    n_coefficients: int,
    masks: bool,
    batch: int,
    gathers: bool,
    team: bool = False,
) -> Program:
    """Return the program of a step for arrays like these, with batches of up to ``batch`` examples.

    The program of a ``team`` is run by several threads together.
    """

    one_thread = team or on_one_thread(recipe.layers, batch)

    def write() -> Program:
        recorded = record_step(recipe, state, data, n_coefficients, masks, gathers)
        literal = not team and int(np.prod(state.theta.shape)) <= _LITERAL
        writer = partial(TeamWriter if team else Writer, batch=batch, one_thread=one_thread)
        return _written(recorded, literal, n_coefficients, writer)

    how = n_coefficients, masks, batch, gathers, team, one_thread
    return remembered(("numba", *made_from(recipe, state, data), *how), write)


def _written(
    recorded: Recorded, literal: bool, n_coefficients: int, make: Callable[..., Writer]
) -> Program:
    inputs, total = recorded.inputs, recorded.total
    arrays, changed = recorded.arrays(), recorded.changed()
    numbers = Numbers(literal)
    planned = plan([*changed.values(), total])
    known = {id(node) for node in planned.nodes}
    memory = arrange(planned, arrays, changed)
    for k in range(n_coefficients):
        memory.places[id(inputs[f"c{k}"])] = f"k{k}"
    if "index" in inputs:
        memory.places[id(inputs["index"])] = "index"
    writer = make(planned, memory, numbers)
    writer.write_step(total)
    used = [k for k in range(n_coefficients) if id(inputs[f"c{k}"]) in known]
    source = _source(writer, memory, list(arrays), used)
    return Program(
        source,
        list(numbers.lengths),
        list(numbers.constants),
        list(arrays),
        memory.buffers,
        writer.n_shared,
    )


def _source(writer: Writer, memory: Memory, arrays: Sequence[str], used: list[int]) -> str:
    """Return the source of the whole function."""
    numbers = writer.numbers
    rows = {
        name: f"empty({numbers.length(length)}, {dtype.replace('bool', 'bool_')})"
        for name, (length, dtype) in writer.rows.items()
    }
    views = [f"v{k} = {_view(view, numbers)}" for k, view in enumerate(memory.views)]
    head = [f"{name} = lengths[{k}]" for k, name in enumerate(numbers.lengths.values())]
    head += [f"{name} = constants[{k}]" for k, name in enumerate(numbers.constants.values())]
    head += [f"a{k} = arrays[{k}]  # {name}" for k, name in enumerate(arrays)]
    head += [f"b{k} = buffers[{k}]" for k in range(len(memory.buffers))]
    head += views
    head += [f"{name} = {made}" for name, made in rows.items()]
    head += writer.first_lines()
    loop = ["N = starts[s + 1] - starts[s]"]
    if "index" in memory.places.values():
        loop.append("index = order[starts[s] : starts[s + 1]]")
    loop += [f"k{k} = coefficients[s, {k}]" for k in used]
    loop += writer.step_lines()
    lines = [f"    {line}" for line in head]
    lines.append("    for s in range(starts.shape[0] - 1):")
    lines += [f"        {line}" for line in loop]
    return _HEAD.format(writer.parameters) + "\n".join([*lines, *writer.lines]) + "\n"


def _view(view: View, numbers: Numbers) -> str:
    """Return the source of a view."""
    source = view.place
    if view.columns is not None:
        ends = (view.columns,) if isinstance(view.columns, int) else view.columns
        part = ":".join(numbers.length(n) for n in ends)
        source += f"[{':, ' * view.axis}{part}]"
    if view.shape is not None:
        source += f".reshape({', '.join(numbers.length(n) for n in view.shape)})"
    return source
