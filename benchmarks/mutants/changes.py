"""The changes of a mutant: operators, numbers, conditions, statements and keywords.

A change is a function of a node of a syntax tree that returns the nodes to put in its place, each
of which is a mutant. Docstrings, annotations, texts, `__all__` and imports for types stay.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Mutant", "mutants_of", "mutated"]


class Mutant(NamedTuple):
    """A change of one place of a file."""

    path: str
    function: str  # its qualified name, "" at the level of the module
    kind: str
    before: str
    after: str
    number: int  # among the mutants of this file that are otherwise equal
    lines: tuple[int, int]
    at: int  # the node's number in the walk
    choice: int

    @property
    def key(self) -> str:
        """Name the mutant without line numbers, which other changes move."""
        place = f"{self.path}:{self.function}"
        return f"{place}: {self.kind}: {self.before} -> {self.after} #{self.number}"


_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
_NOT = {"docstring", "annotation", "returns", "decorator_list", "type_params", "bases"}


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _comparisons(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for new in _COMPARED[type(op)]:
                yield "comparison", _changed(node, ops=[*node.ops[:i], new(), *node.ops[i + 1 :]])


def _operators(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COMPUTED:
        if not _of_text(node):
            yield "operator", _changed(node, op=_COMPUTED[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield "sign" if isinstance(node.op, ast.USub) else "not", node.operand
    elif isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield "and, or", _changed(node, op=other)
        for i in range(len(node.values)):
            rest = [*node.values[:i], *node.values[i + 1 :]]
            yield "operand", rest[0] if len(rest) == 1 else _changed(node, values=rest)


def _of_text(node: ast.AST) -> bool:
    """Whether the node joins texts or types (`int | None`)."""
    parts = (ast.Constant, ast.JoinedStr)
    return any(
        isinstance(n, parts) and not isinstance(getattr(n, "value", ""), int | float)
        for n in ast.iter_child_nodes(node)
    )


def _numbers(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield "truth", _changed(node, value=not value)
        elif isinstance(value, int | float):
            yield "number", _changed(node, value=value + 1)
            if value not in (0, 1):
                yield "number", _changed(node, value=value / 2 if value % 2 else value // 2)


def _conditions(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "never", _changed(node, test=ast.Constant(False))
        if not isinstance(node, ast.While):
            yield "always", _changed(node, test=ast.Constant(True))
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield "filter", _changed(node, ifs=[])


def _statements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield):
        yield "statement", ast.Pass()
    elif isinstance(node, ast.AugAssign):
        yield "assignment", ast.Assign([node.target], node.value)
        yield "statement", ast.Pass()
    elif isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple):
        yield "statement", ast.Pass()
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield "result", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Raise | ast.Break | ast.Continue):
        yield "statement", ast.Pass()


def _is_none(node: ast.AST | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _arguments(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Call):
        for i in range(len(node.keywords)):
            rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
            yield "keyword", _changed(node, keywords=rest)
        if len({ast.unparse(a).lstrip("*") for a in node.args}) == len(node.args) == 2:
            yield "order", _changed(node, args=node.args[::-1])


CHANGES = (_comparisons, _operators, _numbers, _conditions, _statements, _arguments)


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its places."""
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for at, (node, function, statement) in enumerate(_walk(ast.parse(source), "", None)):
        for choice, (kind, new) in enumerate(_changes_of(node)):
            before, after = _text(node), _text(new)
            one = Mutant(path, function, kind, before, after, 0, _lines(statement), at, choice)
            number = seen[one.key] = seen.get(one.key, -1) + 1
            found.append(one._replace(number=number))
    return found


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """Return the tree of the file with this change; its lines are those of the file."""
    tree = ast.parse(source)
    nodes = list(_walk(tree, "", None))
    node = nodes[mutant.at][0]
    _, new = list(_changes_of(node))[mutant.choice]
    if isinstance(node, ast.expr | ast.stmt):
        ast.copy_location(new, node)
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if item is node else item for item in value]
    return ast.fix_missing_locations(tree)


def _changes_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for change in CHANGES:
        yield from change(node)


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).partition("\n")[0][:100].strip()


def _lines(statement: ast.stmt | None) -> tuple[int, int]:
    """Return the first and last line of a statement, or of its head if it has a body."""
    assert statement is not None
    end = statement.end_lineno or statement.lineno
    body = getattr(statement, "body", None)
    return statement.lineno, max(statement.lineno, body[0].lineno - 1) if body else end


def _walk(
    node: ast.AST, function: str, statement: ast.stmt | None
) -> Iterator[tuple[ast.AST, str, ast.stmt | None]]:
    """Yield every node that may change, with the name of its function, and its statement."""
    for name, value in ast.iter_fields(node):
        if name in _NOT:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _stays(child):
                continue
            inside = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = f"{function}.{child.name}".lstrip(".")
            within = child if isinstance(child, ast.stmt) else statement
            yield child, inside, within
            yield from _walk(child, inside, within)


def _stays(node: ast.AST) -> bool:
    """Whether the node is never changed: imports for types, `__all__`, a type alias."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign):
        return "__all__" in (getattr(t, "id", "") for t in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr)
