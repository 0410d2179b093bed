"""The format of checkpoints: its schema, its older files, and the network in one."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import ONE, changed, fit, of_json
from tests.support.checkpoints import FIT, LABELS, Copies, X, network
from tests.support.helpers import OLDER, ROOT
from tests.support.schema import errors
from xpnet.backends import to_numpy
from xpnet.files.container import opened


def test_the_metadata_follow_the_schema_and_name_no_class(tmp_path, middle):
    schema = json.loads((ROOT / "docs" / "checkpoint.schema.json").read_text(encoding="utf-8"))
    parts = ("network", "settings", "data", "environment", "run")
    path = tmp_path / "f"
    path.write_bytes(middle)
    with opened(str(path)) as file:
        texts = file.metadata
    found = {name: json.loads(text) if name in parts else text for name, text in texts.items()}
    assert list(errors(schema, found)) == []
    del found["run"]["step"]
    found["format"] = "xpnet checkpoint 2"
    assert len(list(errors(schema, found))) == 2
    text = json.dumps(texts)
    for kind in ("Adam", "EarlyStopping", "BatchNorm"):
        assert kind not in text


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.5), decay=0.5)},
        {"learning_rate": 0.5, "epochs": 6},  # early stopping restores an earlier epoch
    ],
)
def test_the_network_of_a_finished_fit_is_the_one_that_it_left(tmp_path, settings):
    net = network(6, xpnet.layers.BatchNorm())
    history = net.fit(X, LABELS, checkpoint=tmp_path / "f", **{**ONE, **settings})
    assert history.best_epoch is not None
    found = xpnet.Checkpoint.read(tmp_path / "f")
    assert found.state.theta.tobytes() != net.parameters.tobytes()
    again = found.network()
    assert again.parameters.tobytes() == net.parameters.tobytes()
    for one, other in zip(again.statistics, net.statistics, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_network_of_an_average_inside_an_epoch(tmp_path, monkeypatch):
    copies = Copies(monkeypatch, tmp_path / "copies")
    optimizer = xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.5), decay=0.5)
    given = {**ONE, "early_stopping": None, "optimizer": optimizer}
    fit(tmp_path / "f", **given)
    state = xpnet.Checkpoint.read(copies.paths[0]).state
    net = xpnet.Checkpoint.read(copies.paths[0]).network()
    assert state.optimizer[0].tobytes() == net.parameters.tobytes() != state.theta.tobytes()


def test_a_checkpoint_gives_its_network_on_any_backend(tmp_path, middle, backend):
    path = tmp_path / "f"
    path.write_bytes(middle)
    found = xpnet.Checkpoint.read(path)
    net = found.network(backend)
    assert to_numpy(net.parameters).tobytes() == found.state.theta.tobytes()
    assert (net.epoch, net.seed, net.sizes) == (found.epoch, 7, (5, 6, 4))
    double = found.network(dtype="float64")
    np.testing.assert_array_equal(double.parameters, found.state.theta)


def test_the_first_format_is_read_for_ever():
    """The file was written by xpnet 0.1.0, after 2 epochs and 3 steps."""
    found = xpnet.Checkpoint.read(OLDER / "checkpoint_1.ckpt")
    assert (found.epoch, found.step, found.state.steps) == (2, 3, 15)
    assert len(found.state.optimizer) == 2
    assert found.history.epoch == [1, 2]
    outputs = np.load(OLDER / "checkpoint_1.npy")
    np.testing.assert_allclose(found.network()(X[:4]), outputs, rtol=1e-5)


def test_a_fit_goes_on_from_the_first_format(tmp_path):
    shutil.copy(OLDER / "checkpoint_1.ckpt", tmp_path / "f")
    net = network(6, xpnet.layers.BatchNorm())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions than those of the file
        history = net.fit(X, LABELS, checkpoint=tmp_path / "f", resume="anyway",
                          **{**FIT, "early_stopping": 3})  # fmt: skip
    assert history.epoch == [1, 2, 3, 4]
    assert len(history.step_loss) == 24


def test_a_small_file_that_promises_a_huge_network_is_refused_at_once(tmp_path, middle):
    sizes = [10**9, 10**9]
    norm = {"layer": "batch_norm", "momentum": 0.1, "epsilon": 1e-5}
    layers = [norm, {"layer": "dense", "units": 10**9, "activation": None}]
    change = of_json("network", sizes=sizes, layers=layers, activations=["softmax"])
    changed(tmp_path / "f", middle, metadata=change)
    with pytest.raises(xpnet.CheckpointError):
        xpnet.Checkpoint.read(tmp_path / "f").network()
