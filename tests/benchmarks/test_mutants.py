"""Mutants: what is changed, how they are drawn, and how one gets into code that is imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.mutants.changes import mutants_of, mutated
from benchmarks.mutants.sample import FOLDERS, ROOT, drawn
from tests.support.helpers import needs_fork
from tests.support.processes import environment

SOURCE = '''"""A module."""
LIMIT = 8


def f(x: int | None = 1) -> int:
    """Say nothing."""
    if x is None or x < LIMIT:
        x += 2
        print("so")
    return max(-x, g(x, y=3) * 2)


def g(x, *, y=0):
    return [k for k in range(x) if k]
'''


def test_every_kind_of_change_is_made_and_only_there():
    found = mutants_of("m.py", SOURCE)
    assert {(m.kind, m.before, m.after) for m in found} == {
        ("number", "8", "9"), ("number", "8", "4"), ("number", "1", "2"), ("number", "2", "3"),
        ("number", "2", "1"), ("number", "3", "4"), ("number", "3", "1.5"), ("number", "0", "1"),
        ("never", "if x is None or x < LIMIT:", "if False:"),
        ("always", "if x is None or x < LIMIT:", "if True:"),
        ("and, or", "x is None or x < LIMIT", "x is None and x < LIMIT"),
        ("operand", "x is None or x < LIMIT", "x < LIMIT"),
        ("operand", "x is None or x < LIMIT", "x is None"),
        ("comparison", "x is None", "x is not None"),
        ("comparison", "x < LIMIT", "x <= LIMIT"), ("comparison", "x < LIMIT", "x > LIMIT"),
        ("operator", "x += 2", "x -= 2"), ("assignment", "x += 2", "x = 2"),
        ("statement", "x += 2", "pass"), ("statement", "print('so')", "pass"),
        ("result", "return max(-x, g(x, y=3) * 2)", "return None"),
        ("result", "return [k for k in range(x) if k]", "return None"),
        ("order", "max(-x, g(x, y=3) * 2)", "max(g(x, y=3) * 2, -x)"),
        ("sign", "-x", "x"), ("operator", "g(x, y=3) * 2", "g(x, y=3) / 2"),
        ("keyword", "g(x, y=3)", "g(x)"),
        ("filter", "for k in range(x) if k", "for k in range(x)"),
    }  # fmt: skip
    assert len({m.key for m in found}) == len(found)
    assert {m.function for m in found} == {"", "f", "g"}


def test_a_mutant_changes_one_place():
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants_of("m.py", SOURCE):
        lines = ast.unparse(mutated(mutant, SOURCE)).splitlines()
        different = [a for a, b in zip(lines, plain, strict=True) if a != b]
        assert len(different) == 1, mutant.key


def test_the_sample_is_drawn_from_all_folders_and_its_beginning_stays():
    found = drawn(18)
    assert [m.key for m in drawn(18)[:50]] == [m.key for m in found[:50]]
    assert found[:50] != drawn(19)[:50]
    counts = Counter(m.path.split("/")[1] for m in found[:600])
    assert counts.keys() == set(FOLDERS)
    for mutant in found[:20]:
        mutated(mutant, (ROOT / mutant.path).read_text(encoding="utf-8"))


SWAPPED = """
import numpy as np
import xpnet
from benchmarks.mutants.apply import swap
from benchmarks.mutants.sample import ROOT, drawn

def of(function, after):
    return next(m for m in drawn(0) if (m.function, m.after) == (function, after))

def loss():
    A, Y = np.asarray([[3.0]]), np.asarray([[1.0]])
    return float(xpnet.losses.LOSSES["squared_error"].of_output(np, A, Y)[0][0])

assert loss() == 4.0
swap(of("_squared_error", "R / R"), ROOT)
assert loss() == 1.0
"""


@needs_fork
@pytest.mark.slow
def test_a_mutant_takes_the_place_of_functions_that_are_imported():
    done = subprocess.run(
        [sys.executable, "-c", SWAPPED], env=environment(), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
