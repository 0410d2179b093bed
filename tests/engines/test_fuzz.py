"""Random training steps: programs give the same results as the plain step."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from benchmarks import fuzz
from benchmarks.fuzzing import run
from benchmarks.fuzzing.compare import verdict
from benchmarks.fuzzing.draw import draw
from benchmarks.fuzzing.engines import by_plain_steps, perturbed
from benchmarks.fuzzing.run import Outcome, outcome
from tests.support.cuda_cases import needs_gxx
from xpnet.engines.graph import indexing, namespace, plan, slots
from xpnet.engines.graph.shapes import TraceError, same_length

PIECE = 30


def failures(engine, seeds):
    found = [outcome(engine, seed) for seed in seeds]
    return [(one.seed, one.what) for one in found if one.status == "failed"], found


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 240, PIECE))
def test_programs_in_plain_python_are_the_plain_step(first):
    failed, found = failures("plain", range(first, first + PIECE))
    assert failed == []
    assert sum(one.status == "same" for one in found) >= 0.8 * PIECE


@needs_gxx
def test_cuda_kernels_are_the_plain_step():
    assert failures("gpp", range(4))[0] == []


def test_a_draw_is_the_same_every_time():
    one, other = draw(7), draw(7)
    assert by_plain_steps(one)["theta"].tobytes() == by_plain_steps(other)["theta"].tobytes()
    assert draw(8).families != one.families


def test_every_family_is_drawn():
    found = set().union(*(draw(seed).families for seed in range(300)))
    assert found >= fuzz.FAMILIES


# --- broken programs are found


def broken_column(x, at):
    """Cut a column with one axis after its first row."""
    return x.graph.add("view", (x,), x.shape[:-1], x.dtype, ("column", at % x.shape[-1]))


def broken_slot(node, slots):
    """Put a reduction along a row of one number into a slot that is never written."""
    if node.op in plan.REDUCTIONS:
        return slots.get(id(node.args[0]), 0) + 1
    return unbroken_slot(node, slots)


unbroken_slot = slots._slot


def broken_reduce(self, op, x, axis, keepdims, *over):
    """Leave out the short cut for argmax in a row of one entry."""
    if op == "argmax" and same_length(x.shape[-1], 1):
        node = self._graph.add(op, (x,), (*x.shape[:-1], 1), "int64")
        return node if keepdims else indexing.reshape(node, x.shape[:-1])
    return unbroken_reduce(self, op, x, axis, keepdims, *over)


unbroken_reduce = namespace.Namespace._reduce


@pytest.mark.parametrize(
    "breaking",
    [
        [(indexing, "_column", broken_column)],
        [(slots, "_slot", broken_slot), (namespace.Namespace, "_reduce", broken_reduce)],
        [(plan, "_wait", lambda arg, node, costs: 1 if arg.op == "matmul" else 0)],
    ],
    ids=["a column beyond its end", "a place that nobody writes", "a sum before its end"],
)
def test_programs_that_read_unwritten_memory_are_found(monkeypatch, breaking):
    for place, name, wrong in breaking:
        monkeypatch.setattr(place, name, wrong)
    assert any(outcome("plain", seed).status == "failed" for seed in range(60))


def compared(change, dtype="float64"):
    made = draw(0)
    expected = by_plain_steps(made)
    found = {name: x.copy() for name, x in expected.items()}
    change(found)
    return verdict(found, expected, dtype, lambda: perturbed(made))[0]


def test_a_difference_of_a_billionth_is_no_rounding():
    def change(found):
        found["theta"][0] += 1e-8 * np.abs(found["theta"]).max()

    def nan(found):
        found["losses"][-1] = np.nan

    assert compared(lambda found: None) == "same"
    assert compared(change) == compared(nan) == "differs"
    assert compared(change, "float32") == "same"


# --- the command


def command(monkeypatch, tmp_path, statuses, *options):
    """Run the command on draws with these outcomes; return its exit status and its file."""

    def one(engine, seed):
        status = statuses[seed]
        if status == "stop":
            raise KeyboardInterrupt
        return Outcome(seed, status, f"the reason\n{seed}", ("loss own",), 0.1)

    monkeypatch.setattr(fuzz, "outcome", one)
    parser, out = argparse.ArgumentParser(), tmp_path / "fuzz.json"
    fuzz.add_arguments(parser)
    arguments = ["--plain", str(len(statuses)), "--workers", "1", "--out", str(out), *options]
    status = fuzz.run(parser.parse_args(arguments))
    return status, json.loads(out.read_text())["plain"]


def test_counts_and_seeds_are_written_also_when_interrupted(monkeypatch, tmp_path):
    statuses = ["same", "same", "noisy", "stop", "refused"]
    status, found = command(monkeypatch, tmp_path, statuses)
    assert (status, found["first"], found["next"]) == (130, 0, 3)
    assert found["statuses"] == {"noisy": 1, "same": 2}
    statuses[3] = "same"
    status, found = command(monkeypatch, tmp_path, statuses, "--resume")
    assert (status, found["next"], found["families"]) == (0, 5, {"loss own": 5})
    assert found["statuses"] == {"noisy": 1, "refused": 1, "same": 3}
    assert found["refused"] == {"the reason\n4": 1}
    assert "layer dense" in found["never drawn"]


def test_a_failing_draw_prints_the_line_that_does_it_again(monkeypatch, tmp_path, capsys):
    status, found = command(monkeypatch, tmp_path, ["same", "failed"])
    line = "python -m benchmarks fuzz --plain 1 --seed 1"
    assert status == 1
    assert found["failed"] == [{"seed": 1, "what": "the reason", "again": line}]
    assert f"seed 1: the reason\n1\n{line}\n" in capsys.readouterr().out


def test_what_failed_is_done_again_when_a_run_goes_on(monkeypatch, tmp_path):
    statuses = ["failed", "same", "failed"]
    command(monkeypatch, tmp_path, statuses)
    statuses[0] = "same"
    status, found = command(monkeypatch, tmp_path, [*statuses, "same"], "--resume")
    assert (status, found["next"], found["families"]) == (1, 4, {"loss own": 4})
    assert found["statuses"] == {"failed": 1, "same": 3}
    assert [draw["seed"] for draw in found["failed"]] == [2]


def test_an_error_of_a_program_is_a_failure_and_no_program_is_not(monkeypatch):
    def raising(error):
        def engine(made):
            raise error

        monkeypatch.setitem(run.ENGINES, "plain", engine)
        return outcome("plain", 0)

    assert raising(TraceError("a sum over nothing"))[1:3] == ("refused", "a sum over nothing")
    failed = raising(IndexError("beyond"))
    assert failed.status == "failed"
    assert failed.what.startswith("IndexError: beyond (line ")
    assert "layers" in failed.what
