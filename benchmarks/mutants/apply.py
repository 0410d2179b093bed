"""Put a mutant in the place of the code: in functions that exist, or while a module is imported.

A swap exchanges the code of functions in a process that has imported everything, so that a test run
needs no new imports. It is not possible for code that runs during the import: numbers of a module,
defaults, decorators, and functions that are called then. Those mutants need a process of their own.
"""

from __future__ import annotations

import functools
import gc
import importlib.machinery
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from benchmarks.mutants.changes import Mutant, mutated

__all__ = ["CannotSwap", "import_mutant", "swap"]


class CannotSwap(Exception):
    """The mutant needs an import."""


Place = tuple[str, int]  # of a function: its qualified name, its first line


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _place(code: CodeType) -> Place:
    return code.co_qualname, code.co_firstlineno


def swap(mutant: Mutant, root: Path) -> None:
    """Change the code of the functions that have been imported from the mutant's file."""
    path = root / mutant.path
    source = path.read_text(encoding="utf-8")
    new = list(_codes(compile(mutated(mutant, source), str(path), "exec")))
    old = {_place(code): code for code in _codes(compile(source, str(path), "exec"))}
    doubled = {place for place, n in Counter(map(_place, new)).items() if n > 1}
    changed = {_place(code): code for code in new if old.get(_place(code)) != code}
    if not changed or doubled & changed.keys():
        raise CannotSwap
    live = [f for f in gc.get_objects() if isinstance(f, FunctionType)]
    found = [f for f in live if f.__code__.co_filename == str(path)]
    targets = [(f, changed[_place(f.__code__)]) for f in found if _place(f.__code__) in changed]
    if not targets or any(len(f.__code__.co_freevars) != len(c.co_freevars) for f, c in targets):
        raise CannotSwap
    for function, code in targets:
        function.__code__ = code
    _forget()


def _forget() -> None:
    """Empty the caches of xpnet's functions, which hold results of the code before."""
    for cached in gc.get_objects():
        is_cache = isinstance(cached, functools._lru_cache_wrapper)
        if is_cache and getattr(cached, "__module__", "").startswith("xpnet"):
            cached.cache_clear()


def import_mutant(mutant: Mutant, root: Path) -> None:
    """Let later imports of the mutant's file compile its changed source."""
    path = str(root / mutant.path)
    get_code = importlib.machinery.SourceFileLoader.get_code

    def changed(loader: Any, fullname: str) -> CodeType | None:
        if loader.get_filename(fullname) != path:
            return get_code(loader, fullname)
        source = Path(path).read_text(encoding="utf-8")
        return compile(mutated(mutant, source), path, "exec")

    importlib.machinery.SourceFileLoader.get_code = changed  # type: ignore[method-assign, assignment]
