"""Damaged and hostile checkpoints are refused, and nothing changes."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import ONE, changed, of_json, refused
from tests.support.checkpoints import LABELS, X, network


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
    "a dtype": (of_json("network", dtype="float64"), "dtype"),
}


@pytest.mark.parametrize(("change", "said"), TEXTS.values(), ids=TEXTS)
def test_metadata_that_are_wrong(tmp_path, middle, change, said):
    changed(tmp_path / "f", middle, metadata=change)
    refused(tmp_path / "f", said)


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
