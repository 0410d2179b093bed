"""The sample of mutants, and the tests of each one in the order in which they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mutants.changes import Mutant, mutants_of

__all__ = ["FOLDERS", "ROOT", "Tests", "drawn", "job"]

ROOT = Path(__file__).parents[2]
FOLDERS = ("equations", "losses", "layers", "optimizers", "training", "files")
FAST = 0.05  # seconds; all fast tests run before the others
LIMIT = 300.0  # seconds for all tests of a mutant


def drawn(seed: int, root: Path = ROOT) -> list[Mutant]:
    """Return all mutants of the folders in a random order: the first K are a random sample."""
    found: list[Mutant] = []
    for folder in FOLDERS:
        for path in sorted((root / "xpnet" / folder).glob("*.py")):
            name = path.relative_to(root).as_posix()
            found += mutants_of(name, path.read_text(encoding="utf-8"))
    return [found[i] for i in np.random.default_rng(seed).permutation(len(found))]


class Tests:
    """Which test executes which line, as `benchmarks.mutants.traced` noted it."""

    def __init__(self, folder: Path) -> None:
        import coverage

        text = (folder / "tests.json").read_text(encoding="utf-8")
        self.seconds: dict[str, float] = json.loads(text)
        self._data = coverage.CoverageData(str(folder / "lines"))
        self._data.read()
        self._number = {test: n for n, test in enumerate(self.seconds)}

    def of(self, mutant: Mutant) -> tuple[bool, list[str]]:
        """Return whether the mutant's lines run during the import, and the tests that run them.

        A line that runs during the import may change every function of its file.
        """
        by_line = self._data.contexts_by_lineno(str(ROOT / mutant.path))
        first, last = mutant.lines
        contexts = {c for line in range(first, last + 1) for c in by_line.get(line, ())}
        imported = "import" in contexts
        if imported:
            contexts = {c for some in by_line.values() for c in some}
        chosen = contexts & self.seconds.keys()
        if imported and not chosen:
            chosen = {test for test in self.seconds if test.startswith(_near(mutant))}
        return imported, sorted(chosen, key=self._order(mutant))

    def _order(self, mutant: Mutant) -> Any:
        def order(test: str) -> tuple[bool, bool, int]:
            far = not test.startswith(_near(mutant))
            return self.seconds[test] > FAST, far, self._number[test]

        return order


def _near(mutant: Mutant) -> str:
    """Return the folder of the tests of the mutant's folder."""
    return f"tests/{mutant.path.split('/')[1]}/"


def job(mutant: Mutant | None, tests: list[str], seconds: dict[str, float]) -> dict[str, Any]:
    """Return what `benchmarks.mutants.server` reads."""
    return {
        "key": mutant.key if mutant else "",
        "mutant": mutant,
        "tests": tests,
        "seconds": [seconds.get(test, 60.0) for test in tests],
        "limit": LIMIT,
    }
