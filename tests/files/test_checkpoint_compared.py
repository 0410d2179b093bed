"""A checkpoint of another fit is refused, and the error says what differs."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import ONE, changed, fit, of_json, refused
from tests.support.checkpoints import FIT, LABELS, WEIGHTS, Copies, X, left, network
from tests.support.helpers import needed

OF_WEIGHTS = r"data\.weights \(sample_weight, class_weight\) is"
OTHERS = {
    "the data": ({}, {"X": X + 1}, "data.X has other numbers"),
    "rows": ({}, {"X": X[1:], "Y": LABELS[1:]}, r"data.X.shape is \[52, 5\], but"),
    "labels": ({}, {"Y": (LABELS + 1) % 4}, "data.Y has other numbers"),
    "weights": ({"sample_weight": np.arange(53)}, {}, OF_WEIGHTS),
    "epochs": ({"epochs": 3}, {}, "settings.epochs is 3, but the checkpoint has 2"),
    "a rate": ({"learning_rate": 0.5}, {}, "settings.optimizer.learning_rate is 0.5"),
    "an optimizer": ({"optimizer": "sgd"}, {}, "settings.optimizer.name is 'sgd'"),
    "order": ({"shuffle": False}, {}, "settings.shuffle is False"),
    "a penalty": ({"penalty": xpnet.Penalty(l2=0.1)}, {}, "settings.penalty is"),
    "patience": ({"early_stopping": 4}, {}, "settings.early_stopping.patience is 4"),
    "compiling": ({"compile": False}, {}, "settings.compile is False"),
}


@pytest.mark.parametrize(("settings", "data", "said"), OTHERS.values(), ids=OTHERS)
def test_another_fit_is_refused_and_the_difference_is_named(tmp_path, middle, settings, data, said):
    path = tmp_path / "f"
    path.write_bytes(middle)
    net = network(6, xpnet.layers.BatchNorm())
    given = {"X": X, "Y": LABELS, **ONE, **data, **settings}
    with pytest.raises(xpnet.CheckpointError, match=f"of a different fit: .*{said}"):
        net.fit(**given, checkpoint=path)
    assert path.read_bytes() == middle


ROWS = [np.arange(0, 40), np.arange(10, 50)]


@pytest.mark.parametrize(
    ("rngs", "rows", "weights", "said"),
    [
        ((1, 2), [ROWS[0], ROWS[1][::-1]], None, r"data\.rows has other numbers"),
        ((1, 2), None, None, "data.rows is None"),
        ((1, 2), ROWS, np.arange(1.0, 54), OF_WEIGHTS),
        ((1, 3), ROWS, None, r"settings\.seeds is \[1, 3\]"),
    ],
)
def test_rows_of_their_own_are_compared(tmp_path, rngs, rows, weights, said):
    def stack(seeds):
        return xpnet.Stack(network(rng=rng) for rng in seeds)

    given = {**FIT, "checkpoint": tmp_path / "f"}
    stack((1, 2)).fit(X, LABELS, rows=ROWS, **given)
    with pytest.raises(xpnet.CheckpointError, match=said):
        stack(rngs).fit(X, LABELS, rows=rows, sample_weight=weights, **given)


def test_other_weights_of_the_validation_data_are_refused(tmp_path):
    w = np.arange(1.0, 21)
    fit(tmp_path / "f", validation_data=(X[:20], LABELS[:20], w))
    with pytest.raises(xpnet.CheckpointError, match=r"data\.validation weights has other numbers"):
        fit(tmp_path / "f", validation_data=(X[:20], LABELS[:20], w + 1))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: network(7), "network.layers"),
        (lambda: network(6, xpnet.layers.BatchNorm(), rng=8), "network.seed is 8"),
        (lambda: network(6, xpnet.layers.BatchNorm(), dtype="float64"), "network.dtype"),
        (lambda: network(6, xpnet.layers.BatchNorm(), activation="tanh"), "network.activations"),
        (lambda: xpnet.Stack([network(6, xpnet.layers.BatchNorm())]), "early_stopping"),
    ],
)
def test_another_network_is_refused(tmp_path, middle, other, said):
    path, net = tmp_path / "f", other()
    path.write_bytes(middle)
    stacked = isinstance(net, xpnet.Stack)
    given = {**ONE, "early_stopping": None} if stacked else ONE
    with pytest.raises(xpnet.CheckpointError, match=said):
        net.fit(X, LABELS, checkpoint=path, **given)


def test_the_error_begins_with_the_keywords_of_the_user_and_ends_with_what_to_do(tmp_path, middle):
    path, net = tmp_path / "f", network(7, xpnet.layers.BatchNorm(), rng=8)
    path.write_bytes(middle)
    with pytest.raises(xpnet.CheckpointError) as refused_:
        net.fit(X, LABELS, checkpoint=path, **{**ONE, "epochs": 3, "early_stopping": 9})
    text = str(refused_.value)
    parts = ["settings.epochs", "network.layers", "network.seed", "network.sizes"]
    places = [text.find(part) for part in [*parts, " more; give a different file, or resume="]]
    assert -1 not in places
    assert places == sorted(places)
    assert text.endswith("or resume=False, overwrite=True to begin anew")


def test_other_parameters_at_the_beginning_are_refused(tmp_path, middle):
    """Without this, a second network with the same file would get the first one's result."""
    path, theta = tmp_path / "f", network(6, xpnet.layers.BatchNorm()).parameters
    path.write_bytes(middle)
    with pytest.raises(xpnet.CheckpointError, match=r"data\.parameters has other numbers"):
        fit(path, change=lambda net: net.set_parameters(theta * np.float32(1.0001)))
    with pytest.raises(xpnet.CheckpointError, match=r"data\.parameters has other numbers"):
        fit(path, change=lambda net: net.set_statistics([x + 1 for x in net.statistics]))
    with pytest.raises(xpnet.CheckpointError, match="first epoch is 1, but the checkpoint has 0"):
        fit(path, change=lambda net: setattr(net, "epoch", 1))
    assert path.read_bytes() == middle


@pytest.mark.parametrize("stacked", [False, True])
def test_in_the_same_process_a_fit_goes_on_from_where_it_left_the_network(tmp_path, stacked):
    def made():
        return xpnet.Stack(network(rng=r) for r in range(2)) if stacked else network()

    def end(net, history):
        if len(history.step_loss) == 9:
            raise RuntimeError("the end")

    undisturbed, net = made(), made()
    undisturbed.fit(X, LABELS, checkpoint=tmp_path / "u", **FIT)
    given = {**FIT, "checkpoint": tmp_path / "f"}
    with pytest.raises(RuntimeError, match="the end"):
        net.fit(X, LABELS, callbacks={"step_end": end}, **given)
    assert net.epoch == 1
    moved, once = copy.deepcopy(net), copy.copy(net)
    inner = getattr(moved, "_net", moved)
    inner.take(inner.parameters * np.float32(1.0001), inner.statistics)
    with pytest.raises(xpnet.CheckpointError, match=r"data\.parameters has other numbers"):
        moved.fit(X, LABELS, **given)
    for each in (net, once):  # the second one finds the fit finished
        each.fit(X, LABELS, **given)
        assert each.parameters.tobytes() == undisturbed.parameters.tobytes()


def test_the_unit_of_weights_is_compared_since_a_penalty_of_a_sum_depends_on_it(tmp_path):
    given = {"penalty": xpnet.Penalty(l2=0.1, of_sum=True)}
    fit(tmp_path / "f", sample_weight=WEIGHTS, **given)
    with pytest.raises(
        xpnet.CheckpointError, match=r"data\.unit \(sample_weight, class_weight\) is 0\."
    ):
        fit(tmp_path / "f", sample_weight=2.0 * WEIGHTS, **given)


def test_the_environment_is_compared_unless_anyway(tmp_path, middle):
    path = tmp_path / "f"
    changed(path, middle, metadata=of_json("environment", numpy="1.0", blas="Atlas"))
    net = network(6, xpnet.layers.BatchNorm())
    with pytest.raises(xpnet.CheckpointError, match=r"to the bit here: blas is .* but the check"):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    with pytest.warns(UserWarning, match=r"other last bits: blas is .*; numpy is"):
        net.fit(X, LABELS, checkpoint=path, resume="anyway", **ONE)


@pytest.mark.parametrize(
    ("name", "value"), [("gpu", "GH100"), ("threads", "7"), ("cpu", "none"), ("precision", "tf32")]
)
def test_the_machine_is_compared(tmp_path, middle, name, value):
    changed(tmp_path / "f", middle, metadata=of_json("environment", **{name: value}))
    with pytest.raises(xpnet.CheckpointError, match=f"to the bit here: {name} is .*{value}"):
        fit(tmp_path / "f")


@pytest.mark.parametrize("name", ["cpu", "blas", "backend"])
def test_a_file_that_lacks_a_part_of_the_machine_is_refused(tmp_path, middle, name):
    def lacking(texts):
        found = json.loads(texts["environment"])
        later = ("gpu", "precision", "threads", name)
        texts["environment"] = json.dumps({k: x for k, x in found.items() if k not in later})

    changed(tmp_path / "f", middle, metadata=lacking)
    with pytest.raises(xpnet.CheckpointError, match=f"{name} is .*, but the checkpoint has None"):
        fit(tmp_path / "f")


def test_the_threads_of_torch_are_compared(monkeypatch, tmp_path):
    torch = needed("torch")
    copies = Copies(monkeypatch, tmp_path / "copies")
    settings, n = {**FIT, "checkpoint_every": 5}, torch.get_num_threads()
    network(backend="torch").fit(X, LABELS, checkpoint=tmp_path / "f", **settings)
    try:
        torch.set_num_threads(n + 1)
        with pytest.raises(xpnet.CheckpointError, match=f"threads is '{n + 1}', but the check"):
            network(backend="torch").fit(X, LABELS, checkpoint=copies.paths[1], **settings)
    finally:
        torch.set_num_threads(n)
    network(backend="torch").fit(X, LABELS, checkpoint=copies.paths[1], **settings)


def test_an_older_file_of_torch_goes_on(monkeypatch, tmp_path):
    """It says nothing of threads and of the processor."""
    needed("torch")
    copies = Copies(monkeypatch, tmp_path / "copies")
    settings = {**FIT, "checkpoint_every": 5}
    network(backend="torch").fit(X, LABELS, checkpoint=tmp_path / "f", **settings)

    def older(texts):
        found = json.loads(texts["environment"])
        later = ("threads", "gpu", "precision")
        found = {name: x for name, x in found.items() if name not in later}
        texts["environment"] = json.dumps({**found, "cpu": None})

    changed(tmp_path / "g", copies.paths[1].read_bytes(), metadata=older)
    network(backend="torch").fit(X, LABELS, checkpoint=tmp_path / "g", **settings)
    assert left(tmp_path / "g") == left(tmp_path / "f")


def test_other_threads_of_the_blas_are_refused(tmp_path, middle):
    path = tmp_path / "f"
    changed(path, middle, metadata=of_json("run", threads=999))
    net = network(6, xpnet.layers.BatchNorm())
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError, match="needs 999 threads of NumPy's BLAS"):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)


def test_a_team_of_too_many_threads_is_refused(tmp_path, middle):
    changed(tmp_path / "f", middle, metadata=of_json("run", team=10**6))
    refused(tmp_path / "f", None, reads=True)


@pytest.mark.parametrize("every", [1, "1h"])
@pytest.mark.parametrize("value", ["good", None, [1, [2]], [[[1]]]])
def test_a_metric_of_a_callback_that_is_no_number_is_named(tmp_path, value, every):
    """After the first epoch already, not when a checkpoint happens to be due."""

    def note(net, history):
        epochs.append(len(history))
        history.metrics.setdefault("note", []).append(value)

    epochs = []
    with pytest.raises(ValueError, match=r"history\.metrics\.note must be a list of numbers"):
        fit(tmp_path / "f", callbacks=note, checkpoint_every=every)
    assert epochs == [1]


def test_a_metric_whose_name_is_no_text_is_refused(tmp_path):
    def note(net, history):
        history.metrics[7] = [0.5]

    with pytest.raises(ValueError, match="holds only metrics whose names are text, not 7"):
        fit(tmp_path / "f", callbacks=note)


def test_resume_says_whether_the_file_must_be_there(tmp_path):
    path = tmp_path / "f"
    with pytest.raises(xpnet.CheckpointError, match="there is no checkpoint"):
        fit(path, resume=True)
    first = fit(path, resume=False)
    with pytest.raises(xpnet.CheckpointError, match="is there already: give overwrite=True"):
        fit(path, resume=False)
    assert fit(path, resume=True) == first
    anew = fit(path, resume=False, overwrite=True, epochs=1)
    assert anew["epochs"] == 1
    with pytest.raises(ValueError, match="overwrite=True begins anew"):
        fit(path, overwrite=True)
    with pytest.raises(ValueError, match="resume is about a checkpoint"):
        network().fit(X, LABELS, resume=True)


def test_a_schedule_with_a_memory_of_its_own_is_refused(tmp_path):
    class Own:
        def __call__(self, t):
            return 0.1

        def observe(self, value):
            pass

    with pytest.raises(ValueError, match="Own observes the losses"):
        fit(tmp_path / "f", learning_rate=Own())
