"""A few hundred of the bad calls of `python -m benchmarks calls`, which makes tens of thousands."""

from __future__ import annotations

import sys

import pytest

from benchmarks import call_list, call_values
from benchmarks.call_worker import _wrong
from benchmarks.calls import run_calls
from xpnet.errors import DivergenceError

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="needs setrlimit, which Windows lacks"
)


@pytest.mark.slow
def test_bad_calls_raise_documented_errors_and_change_nothing():
    found = run_calls(seed=1_000_000, n=300, torch_every=0)
    assert found["wrong"] == []
    assert sum(found["outcomes"].values()) == 300


def test_the_check_sees_what_is_wrong():
    call = call_list.Call("fit", lambda s: s.net.fit, dict, (DivergenceError,))
    assert _wrong(ValueError("give x.T"), call) is None
    assert _wrong(DivergenceError(1, 1, 0.0), call) is None
    assert _wrong(KeyError("x"), call) == "another kind of error"
    assert _wrong(RecursionError(), call) == "another kind of error"
    assert "repeats" in str(_wrong(ValueError("z" * 201), call))
    assert "repeats" in str(_wrong(ValueError(f"got {[7] * 300}"), call))
    assert "characters" in str(_wrong(ValueError("ab" * 1000), call))
    assert _wrong(TypeError("'int' object has no attribute 'x'"), call) == "it is Python's own"


def test_every_call_works_with_the_arguments_it_is_listed_with(tmp_path):
    from benchmarks.call_worker import _quiet, subjects

    with _quiet():
        s = subjects(tmp_path, "numpy")
        for call in call_list.calls():
            call.function(s)(**call.arguments())
    assert len(call_values.values()) > 100
