"""Explain one pass of a model of a table, and how its answer follows from the pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from xpnet.errors import printable, quoted
from xpnet.explain import Explanation, explain
from xpnet.explain.explain import row_number
from xpnet.tables.several import apart
from xpnet.tables.table import Table
from xpnet.tables.targets import Classes, Target, has_target, with_targets

if TYPE_CHECKING:
    from xpnet.tables.model import Model

__all__ = ["explained", "to_explain"]


def to_explain(
    model: Model, table: Table, example: int | None, tell: Callable[[str], None]
) -> Table:
    """The rows that have a target, of which ``tell`` is told how many have none; or one row."""
    schema = model.schema
    for name in schema.target_names:
        if name not in table.columns:
            raise ValueError(
                f"{table.source} has no column {quoted(name)}, the target: the backward pass "
                "starts from it"
            )
    if example is not None:
        return _row(model, table, row_number(example, len(table), "the table"))
    return with_targets(table, schema.target_names, schema.task, schema.holes, tell)


def _row(model: Model, table: Table, n: int) -> Table:
    """Row n by itself, checked to have all targets."""
    schema = model.schema
    for name in schema.target_names:
        if not has_target(table, name, schema.task, schema.holes)[n]:
            raise ValueError(
                f"{table.source}, {table.place(n)} is example {n} and has no {quoted(name)}, the "
                "target: the backward pass starts from it, so choose a different row"
            )
    return table.take(slice(n, n + 1))


def explained(
    model: Model,
    rows: Table,
    example: int | None,
    entry: tuple[int | str, int, int] | None,
    check: bool | None,
) -> Explanation:
    """The first network's pass of `to_explain`'s rows, with notes on the model's answer."""
    first, target = model.members[0], model.schema.target
    found = explain(
        first.net,
        first.features(rows),
        target.encode(rows, first.schema.holes),
        entry=entry,
        check=check,
        inputs=first.schema.input_names(),
        outputs=target.output_names,
        which="" if example is None else f"example {example}",
    )
    return replace(found, notes=tuple(_notes(model, rows, by_itself=example is not None)))


def _notes(model: Model, rows: Table, by_itself: bool) -> Iterator[str]:
    """Yield sentences on the way from the outputs A_L to the model's answer."""
    n = len(model.members)
    if n > 1:
        yield (
            f"This is the first of {n} networks. Each has its own weights and its own columns of "
            "X; the model answers with the mean of their answers."
        )
    yield from _answer(model)
    if by_itself:
        yield from _of_one(model, rows)
    elif n > 1:
        yield _errors(model, rows)


def _answer(model: Model) -> Iterator[str]:
    """Yield a sentence on what the first network answers, given its outputs, for each target."""
    L, several, start = len(model.network.layers), len(model.schema.targets) > 1, 0
    for target in model.schema.targets:
        end = start + target.width
        columns = f"{start}:{end}" if isinstance(target, Classes) else f"{start}"
        found = _formula(target, f"{L}[n, {columns}]" if several else f"{L}")
        if found:
            of = f" for {printable(target.name)}" if several else ""
            yield f"This network's answer{of} is {found}."
        start = end


def _formula(target: Target, place: str) -> str:
    """The answer for a target, given the outputs at a place; empty if it is those outputs."""
    if isinstance(target, Classes):
        T = f"{target.temperature:.4g}"
        same = target.temperature == 1
        return "" if same else f"softmax(Z_{place} / T) with the temperature T = {T}"
    y = printable(f"ln {target.name}" if target.log else target.name)
    ends = (target.lowest, target.highest)
    kept = "" if None in ends else f", kept within {ends[0]:.6g} … {ends[1]:.6g}"
    return f"{y} = {target.mean:.6g} + {target.scale:.6g} A_{place}{kept}"


def _of_one(model: Model, row: Table) -> Iterator[str]:
    """Yield what the networks answer for a row, and what the model does, for each target."""
    target = model.schema.target
    each = [member.outputs(member.features(row), row) for member in model.members]
    own = zip(*(apart(target, outputs) for outputs in each), strict=True)
    for (one, answer), answers in zip(apart(target, model.outputs(row)), own, strict=True):
        k, what = 0, f"The model answers {printable(one.name)} = {answer[0, 0]:.6g}"
        if isinstance(one, Classes):
            k = int(answer[0].argmax())
            of = f" for {printable(one.name)}" if len(target.each) > 1 else ""
            name = printable(one.classes[k])
            what = f"The model answers{of} {name} with the probability {answer[0, k]:.4g}"
        mean_of = f", the mean of {_listed([float(a[0, k]) for _, a in answers])}"
        yield f"{what}{mean_of if len(each) > 1 else ''}."


def _errors(model: Model, table: Table) -> str:
    """The error of each network on the rows, and that of their mean."""
    Xs = [member.features(table) for member in model.members]
    each = [
        replace(model, members=(member,)).error_of(table, [X])
        for member, X in zip(model.members, Xs, strict=True)
    ]
    name = "log losses" if model.schema.task == Classes.task else "RMSEs"
    if len(model.schema.targets) > 1:
        name = "mean losses"
    return (
        f"The {name} of the networks on these rows are {_listed(each)}; that of the mean of their "
        f"answers is {model.error_of(table, Xs):.4g}."
    )


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
