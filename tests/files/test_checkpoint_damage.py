"""Damaged and hostile checkpoints are refused, and nothing changes."""

from __future__ import annotations

import pickle
import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import ONE, changed, fit, of_json, refused
from tests.support.checkpoints import FIT, LABELS, X, network


def test_any_flipped_bit_and_any_cut_is_refused(tmp_path, middle):
    rng, path = random.Random(0), tmp_path / "f"
    for _ in range(150):
        at = rng.randrange(len(middle))
        damaged = bytearray(middle)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(xpnet.CheckpointError):
            xpnet.Checkpoint.read(path)
    for size in {*range(12), *rng.sample(range(len(middle)), 60)}:
        path.write_bytes(middle[:size])
        with pytest.raises(xpnet.CheckpointError):
            xpnet.Checkpoint.read(path)
    path.write_bytes(middle + b"\0")
    refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (pickle.dumps({"theta": 1}), "is not a checkpoint"),
        (b"PK\x03\x04" * 9, "is not a checkpoint"),
        ((2**62).to_bytes(8, "little") + b"{}", "at most 100,000,000 are allowed"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, content, said):
    path = tmp_path / "f"
    path.write_bytes(content)
    refused(path, said)


def test_a_model_file_is_no_checkpoint_nor_the_reverse(tmp_path, middle):
    network().save(tmp_path / "model")
    refused(tmp_path / "model", "is not a checkpoint of xpnet, but xpnet model 1")
    (tmp_path / "f").write_bytes(middle)
    with pytest.raises(xpnet.FileError, match="is not an xpnet model of a known kind"):
        xpnet.load(tmp_path / "f")


def _nested(begin: str, end: str, n: int) -> str:
    return '{"penalty": ' + begin * n + "1" + end * n + "}"


TEXTS = {
    "a newer format": (lambda t: t.update(format="xpnet checkpoint 2"), "format 2, and this xpnet"),
    "a missing part": (lambda t: t.pop("data"), "'data' too much, or lacks it"),
    "an unknown part": (lambda t: t.update(code="import os"), "'code' too much"),
    "no JSON": (lambda t: t.update(run="{"), "text that is not JSON"),
    "a key twice": (lambda t: t.update(run='{"step": 1, "step": 1}'), "more than once"),
    "a list": (lambda t: t.update(settings="[]"), "not a JSON object"),
    "deep": (lambda t: t.update(data="[" * 10**5), "nested too deeply"),
    "a negative step": (of_json("run", step=-1), "'step' must be an integer"),
    "a step too far": (of_json("run", step=5), "losses must be those of 5 steps"),
    "a count of steps": (of_json("run", steps=4), "loss of every step"),
    "a flag": (of_json("run", finished=1), "must be true or false"),
    "an engine": (of_json("run", engine="os.system"), "unknown engine"),
    "no number": (of_json("run", seconds=float("nan")), "must be finite"),
    "another entry": (of_json("run", more=1), "'more' too much"),
    "a best epoch": (of_json("run", best_epoch=None), "do not belong together"),
    "an epoch": (of_json("network", epoch=5), "different epoch"),
    "a first epoch": (of_json("run", first_epoch=1), "counts of epochs and steps"),
    "a best epoch that is none": (of_json("run", best_epoch=7), "best epoch is 7"),
    "an end that is none": (of_json("run", stopped="early"), "not finished"),
    "an end inside an epoch": (of_json("run", finished=True), "counts of epochs and steps"),
    "deep lists": (lambda t: t.update(settings=_nested("[", "]", 600)), "nested too deeply"),
    "deep objects": (lambda t: t.update(settings=_nested('{"a":', "}", 600)), "too deeply"),
    "a dtype": (of_json("network", dtype="float64"), "dtype"),
}


@pytest.mark.parametrize(("change", "said"), TEXTS.values(), ids=TEXTS)
def test_metadata_that_are_wrong(tmp_path, middle, change, said):
    changed(tmp_path / "f", middle, metadata=change)
    refused(tmp_path / "f", said)


def number(name: str, k: int, value: float) -> Any:
    return lambda arrays: arrays[name].__setitem__(k, value)


ARRAYS = {
    "no parameters": lambda a: a.pop("theta"),
    "another shape": lambda a: a.update(theta=a["theta"][:-1]),
    "three axes": lambda a: a.update(theta=a["theta"].reshape(1, 1, -1)),
    "whole numbers": lambda a: a.update(theta=a["theta"].astype(np.int64)),
    "a missing moment": lambda a: a.pop("optimizer.0"),
    "a moment too much": lambda a: a.update({"optimizer.2": a["optimizer.1"]}),
    "a moment of another shape": lambda a: a.update({"optimizer.0": a["optimizer.0"][1:]}),
    "a moment of another dtype": lambda a: a.update({"optimizer.0": a["optimizer.0"].astype("f8")}),
    "a statistic": lambda a: a.pop("statistics.1"),
    "an unknown tensor": lambda a: a.update(code=np.zeros(3)),
    "losses": lambda a: a.update(losses=a["losses"][1:]),
    "a schedule": lambda a: a.update(schedule=np.zeros(4)),
    "no early stopping": lambda a: (a.pop("early_stopping"), a.pop("best.theta")),
    "one number of early stopping": lambda a: a.update(early_stopping=np.zeros(1)),
    "a history": lambda a: a.update({"history.loss": np.zeros(7)}),
    "a long axis beside an empty one": lambda a: a.update({"history.loss": np.zeros((10**6, 0))}),
    "three axes of a metric": lambda a: a.update({"history.validation_loss": np.zeros((1, 1, 1))}),
    "whole numbers of losses": lambda a: a.update(losses=a["losses"].astype(np.int64)),
    "other epochs": number("history.epoch", 0, 2),
    "parameters that are NaN": number("theta", 0, np.nan),
    "losses that are NaN": number("losses", 1, np.nan),
    "no best value": number("early_stopping", 0, np.nan),
    "half an epoch since the best one": number("early_stopping", 1, 0.5),
    "infinite epochs since the best one": number("early_stopping", 1, np.inf),
    "best parameters that are infinite": number("best.theta", 0, np.inf),
    "no best statistics": lambda a: (a.pop("best.statistics.0"), a.pop("best.statistics.1")),
    "best statistics of another shape": lambda a: a.update(
        {"best.statistics.0": np.zeros(3, "f4")}
    ),
    "best statistics that are NaN": number("best.statistics.1", 0, np.nan),
    "an empty history": lambda a: a.pop("history.seconds"),
    "a huge axis": lambda a: a.update(averaged=np.zeros((0, 2**62))),
}


@pytest.mark.parametrize("change", ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_are_wrong(tmp_path, middle, change):
    path = tmp_path / "f"
    try:
        changed(path, middle, arrays=change)
    except ValueError:  # NumPy has no such array: write the header by hand
        path.write_bytes(middle.replace(b'"losses"', b'"losseS"'))
    net = network(6, xpnet.layers.BatchNorm())
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_of_numbers_that_are_not_finite_is_refused(tmp_path, middle, value):
    changed(tmp_path / "f", middle, arrays=lambda a: a["theta"].__setitem__(0, value))
    with pytest.raises(xpnet.CheckpointError, match="NaN or infinite"):
        xpnet.Checkpoint.read(tmp_path / "f").network()


def written_within(folder: Path, **settings: Any) -> bytes:
    """Return a checkpoint of a fit of float64 numbers, after some of its epochs."""

    class End(Exception):
        pass

    def end(net, history):
        if len(history) == 3:
            raise End

    given = {**FIT, "checkpoint_every": "epoch", **settings}
    with pytest.raises(End):
        plain().fit(X, LABELS, checkpoint=folder / "w", callbacks=end, **given)
    return (folder / "w").read_bytes()


def plain() -> xpnet.Network:
    return network(activation="tanh", dtype="float64")


MEMORIES = {
    **{
        f"{name} of L-BFGS is {value}": ("lbfgs", number("solver.numbers", k, value))
        for k, name in enumerate(("the value", "the value before", "iterations", "evaluations"))
        for value in (np.nan, -np.inf, *([] if k == 1 else [np.inf, 1e300][k // 2 :]))
    },
    "half an iteration": ("lbfgs", number("solver.numbers", 2, 1.5)),
    "no evaluation": ("lbfgs", number("solver.numbers", 3, 0.0)),
    "a curvature": ("lbfgs", number("solver.curvature", 0, -1.0)),
    "a scale": ("lbfgs", number("solver.scale", 0, np.nan)),
    "a gradient": ("lbfgs", lambda a: a["solver.gradient"].__setitem__(0, np.inf)),
    "a pair": ("lbfgs", lambda a: a["solver.s"].__setitem__((0, 0), np.nan)),
    "pairs too many": ("lbfgs", lambda a: a.update(
        {f"solver.{name}": np.repeat(a[f"solver.{name}"], 20, axis=0)
         for name in ("s", "y", "curvature", "scale")})),
    "whole numbers": ("lbfgs", lambda a: a.update(
        {"solver.numbers": a["solver.numbers"].astype(np.int64)})),
    **{
        f"{name} of the schedule is {value}": ("plateau", number("schedule", k, value))
        for k, name in enumerate(("the rate", "the best value", "bad epochs", "the cooldown"))
        for value in (np.nan, *([] if k == 1 else [np.inf, -1.0]))
    },
    "half a bad epoch": ("plateau", number("schedule", 2, 0.5)),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "change"), MEMORIES.values(), ids=MEMORIES)
def test_memories_that_are_wrong(tmp_path, kind, change):
    plateau = {"learning_rate": xpnet.schedules.ReduceOnPlateau(0.1, patience=0)}
    settings = {"lbfgs": {"optimizer": "lbfgs"}, "plateau": plateau}[kind]
    content = written_within(tmp_path, **settings)
    path, net = tmp_path / "f", plain()
    changed(path, content)
    net.fit(X, LABELS, checkpoint=path, **{**FIT, "checkpoint_every": "epoch", **settings})
    changed(path, content, arrays=change)
    net = plain()
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError):
        net.fit(X, LABELS, checkpoint=path, **{**FIT, "checkpoint_every": "epoch", **settings})
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)


@pytest.mark.parametrize(
    ("run", "arrays", "said"),
    [
        ({"steps": 8}, {"history.step_loss": 5}, "has done 8 steps, and its place is after 9"),
        ({"finished": True, "step": 0, "steps": 6}, {"losses": 0}, "has 1 of 2 epochs left"),
    ],
)
def test_counts_that_only_the_fit_can_judge(tmp_path, middle, run, arrays, said):
    def cut(found):
        for name, n in arrays.items():
            found[name] = found[name][:n]

    changed(tmp_path / "f", middle, metadata=of_json("run", **run), arrays=cut)
    xpnet.Checkpoint.read(tmp_path / "f")
    with pytest.raises(xpnet.CheckpointError, match=said):
        fit(tmp_path / "f")


def test_a_small_file_needs_no_large_memory(tmp_path, middle):
    """An axis of 8 million beside one of length 0 took 64 MB, from a file of 4 kB."""

    def empty(found):
        found["history.validation_loss"] = np.zeros((8 * 10**6, 0))

    changed(tmp_path / "f", middle, arrays=empty)
    tracemalloc.start()
    try:
        with pytest.raises(xpnet.CheckpointError, match=r"history\.validation_loss must be a list"):
            xpnet.Checkpoint.read(tmp_path / "f")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


ENDED = {
    "no final parameters": ({}, lambda a: a.pop("final.theta")),
    "final parameters of another shape": (
        {}, lambda a: a.update({"final.theta": a["final.theta"][:, 1:]})),
    "no final statistics": ({}, lambda a: a.pop("final.statistics.1")),
    "nobody has ended": ({"ended": []}, None),
    "a network that is none": ({"ended": [[2, 1, 6, "early"]]}, None),
    "twice": ({"ended": [[0, 1, 6, "early"], [0, 1, 6, "early"]]}, None),
    "a place that is none": ({"ended": [[0, 99, 6, "early"]]}, None),
    "a step that is none": ({"ended": [[0, 1, 999, "early"]]}, None),
    "no reason": ({"ended": [[0, 1, 6, None]]}, None),
    "no list": ({"ended": 1}, None),
    "no place": ({"ended": [[0, 1]]}, None),
    "a best epoch of one network": ({"best_epoch": 1}, None),
    "two best values": ({}, lambda a: a.update(early_stopping=a["early_stopping"][:2])),
    "best values of three": (
        {}, lambda a: a.update(early_stopping=a["early_stopping"][:, [0, 1, 1]])),
    "half a best epoch": ({}, lambda a: a["early_stopping"].__setitem__((2, 0), 0.5)),
    "a late best epoch": ({}, lambda a: a["early_stopping"].__setitem__((2, 0), 99)),
    "a best value that is NaN": ({}, lambda a: a["early_stopping"].__setitem__((0, 0), np.nan)),
}  # fmt: skip


@pytest.fixture(scope="module")
def of_a_stack(tmp_path_factory) -> bytes:
    """A checkpoint of a stack of two networks, of which one has ended."""

    class End(Exception):
        pass

    def end(stack, history):
        if history.ended:
            raise End

    path = tmp_path_factory.mktemp("stack") / "f"
    with pytest.raises(End):
        _fit_stack(path, callbacks={"step_end": end})
    assert len(xpnet.Checkpoint.read(path).history.ended) == 1
    return path.read_bytes()


def _fit_stack(path: Path, **settings: Any) -> None:
    stack = xpnet.Stack(network(6, xpnet.layers.BatchNorm(), rng=r) for r in range(2))
    given = {"early_stopping": 1, "learning_rate": [3.0, 0.01], **settings}
    stack.fit(X, LABELS, checkpoint=path, **{**FIT, "epochs": 20, **given})


@pytest.mark.parametrize(("run", "arrays"), ENDED.values(), ids=ENDED)
def test_ends_of_networks_that_are_wrong(tmp_path, of_a_stack, run, arrays):
    changed(tmp_path / "f", of_a_stack)
    _fit_stack(tmp_path / "f")
    changed(tmp_path / "f", of_a_stack, metadata=of_json("run", **run), arrays=arrays)
    with pytest.raises(xpnet.CheckpointError):
        _fit_stack(tmp_path / "f")
