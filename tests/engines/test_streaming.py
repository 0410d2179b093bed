"""Streaming copies data from host memory to the device batch by batch, on every backend."""

from __future__ import annotations

import gc
from contextlib import nullcontext

import numpy as np
import pytest

import xpnet
from tests.support.fake_cupy import install
from xpnet.backends import get_backend, to_numpy
from xpnet.engines.placement import home, rows_that_fit

rng = np.random.default_rng(5)
X = rng.normal(size=(23, 4))
LABELS = rng.integers(0, 3, 23)
ROWS = rng.normal(size=(23, 3))
WEIGHTS = np.where(np.arange(23) % 5 == 0, 0.0, rng.uniform(1, 2, 23))

SETTINGS = {
    "ragged batches": {"batch_size": 5},
    "all at once": {"batch_size": None},
    "weights, some of them zero": {"batch_size": 5, "sample_weight": WEIGHTS},
    "all that have a weight": {"batch_size": None, "sample_weight": WEIGHTS},
    "weights of classes": {"batch_size": 4, "class_weight": "balanced", "shuffle": False},
    "a part held out": {"batch_size": 4, "validation_fraction": 0.3},
}


def network(backend, dtype="float64", **settings):
    layers = [4, xpnet.layers.Dense(6), xpnet.layers.Dropout(0.2), xpnet.layers.BatchNorm(), 3]
    return xpnet.Network(layers, backend=backend, dtype=dtype, **settings)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_steps_are_those_of_data_on_the_device(backend, settings):
    there, streamed = network(backend), network(backend)
    settings = {"epochs": 3, "validation_data": (X, LABELS)} | settings
    if "validation_fraction" in settings:
        del settings["validation_data"]
    first = there.fit(X, LABELS, stream=False, **settings)
    second = streamed.fit(X, LABELS, stream=True, **settings)
    assert first.engine != "streamed"
    assert (second.engine == "streamed") is (backend.name != "numpy")  # NumPy's data are in place
    for one, other in ((first, second), (first.metrics, second.metrics)):
        one, other = (x if isinstance(x, dict) else vars(x) for x in (one, other))
        for name in ("loss", "step_loss", "validation_loss", "validation_accuracy"):
            np.testing.assert_allclose(one.get(name, []), other.get(name, []), rtol=1e-11)
    np.testing.assert_allclose(
        to_numpy(there.parameters), to_numpy(streamed.parameters), rtol=1e-10, atol=1e-13
    )


def test_rows_as_targets_too(backend):
    there, streamed = (network(backend, loss="huber") for _ in range(2))
    there.fit(X, ROWS, epochs=2, batch_size=6, stream=False)
    streamed.fit(X, ROWS, epochs=2, batch_size=6, stream=True)
    np.testing.assert_allclose(
        to_numpy(there.parameters), to_numpy(streamed.parameters), rtol=1e-10, atol=1e-13
    )


def test_bad_values_are_found_before_anything_is_sent(backend):
    net = network(backend)
    before = to_numpy(net.parameters).copy()
    with pytest.raises(ValueError, match="NaN or infinite"):
        net.fit(np.where(np.arange(4) == 2, np.nan, X), LABELS, stream=True)
    with pytest.raises(ValueError, match="class labels"):
        net.fit(X, LABELS + 1, stream=True)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def test_a_solver_of_all_examples_at_once_streams_nothing(backend):
    with pytest.raises(ValueError, match="LBFGS takes all examples at once: leave stream out"):
        network(backend).fit(X, LABELS, optimizer="lbfgs", stream=True)


def test_data_that_lie_on_the_device_stay_there(backend):
    X_there = xpnet.asarray(X, backend=backend)
    assert home(backend, X_there, "float64", True) is backend
    assert network(backend).fit(X_there, LABELS, epochs=1, stream=True).engine != "streamed"


# --- on the stand-in


@pytest.fixture
def card(monkeypatch):
    return install(monkeypatch)


BIG = np.tile(X, (40, 1)).astype(np.float32)  # 920 rows, 14,720 bytes
BIG_LABELS = np.tile(LABELS, 40)


def filled(card, left):
    """Fill the device so that this many bytes are left."""
    card.limit = card.used[0] + left


def test_data_that_do_not_fit_are_streamed_by_themselves(card):
    net, same = network("cupy", "float32"), network("numpy", "float32")
    filled(card, 20_000)
    history = net.fit(BIG, BIG_LABELS, epochs=2, batch_size=50)
    assert history.engine == "streamed"
    same.fit(BIG, BIG_LABELS, epochs=2, batch_size=50)
    np.testing.assert_allclose(to_numpy(net.parameters), same.parameters, rtol=1e-4, atol=1e-6)
    filled(card, 10**6)
    assert net.fit(BIG, BIG_LABELS, epochs=1).engine == "plain"


def test_every_number_goes_to_the_device_once_an_epoch(card):
    net = network("cupy", "float32", loss="cross_entropy")
    sent = []
    for epochs in (1, 3):
        card.to_device = 0
        net.fit(BIG, BIG_LABELS, epochs=epochs, batch_size=50, stream=True)
        sent.append(card.to_device)
    key = 4
    assert sent[1] - sent[0] == 2 * (BIG.nbytes + BIG_LABELS.nbytes + BIG_LABELS.nbytes + key)


def test_the_host_waits_for_copies_not_for_steps(card, monkeypatch):
    """Between steps the host only waits for events of the copying stream."""
    net = network("cupy", "float32")
    waited = []
    plain = card.wait

    def wait(known, what):
        waited.append(what)
        plain(known, what)

    monkeypatch.setattr(card, "wait", wait)
    net.fit(BIG, BIG_LABELS, epochs=1, batch_size=50, stream=True)
    steps = -(-len(BIG) // 50)
    assert waited.count("event.synchronize") == steps
    assert len(waited) == steps + 3  # plus losses, statistics, and a check of the last step


def stop(net, history):
    return True


def fail(net, history):
    raise KeyError("of the callback")


@pytest.mark.parametrize("callback", [stop, fail])
def test_memory_of_a_batch_under_way_is_given_back_after_its_copy(card, callback):
    """However the fit ends, later work on the network's stream waits for that copy."""
    net = network("cupy", "float32")
    before = to_numpy(net.parameters).copy()
    with nullcontext() if callback is stop else pytest.raises(KeyError):
        net.fit(BIG, BIG_LABELS, batch_size=50, stream=True, callbacks={"step_end": callback})
    gc.collect()
    stream, time, *_ = card.in_flight[-1]
    assert net.backend.stream.known[stream] >= time
    assert np.array_equal(to_numpy(net.parameters), before) is (callback is fail)


def test_running_out_of_memory_in_a_step_leaves_the_network(card):
    net = network("cupy", "float32")
    before = to_numpy(net.parameters).copy()
    with pytest.raises(MemoryError, match="bytes were requested"):
        net.fit(
            BIG,
            BIG_LABELS,
            batch_size=50,
            stream=True,
            callbacks={"step_end": lambda net, history: filled(card, 100)},
        )
    card.limit = 10**9
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


@pytest.mark.parametrize("place", ["host", "device"])
def test_predictions_and_evaluations_take_what_fits(card, place):
    net, same = network("cupy", "float32"), network("numpy", "float32")
    many, labels = np.tile(BIG, (4, 1)), np.tile(BIG_LABELS, 4)
    given = xpnet.asarray(many, backend=net.backend) if place == "device" else many
    filled(card, 400_000)
    with pytest.raises(MemoryError):
        net(given)  # all at once
    np.testing.assert_allclose(to_numpy(net.predict(given)), same(many), rtol=1e-5, atol=1e-6)
    found, expected = (one.evaluate(x, labels) for one, x in ((net, given), (same, many)))
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_metric_of_all_examples_takes_targets_from_the_host(card):
    net, same = (xpnet.Network([4, 6, 2], backend=name) for name in ("cupy", "numpy"))
    labels = BIG_LABELS % 2
    settings = {"epochs": 1, "validation_data": (BIG, labels), "metrics": ["auc"], "stream": True}
    found, expected = (one.fit(BIG, labels, **settings) for one in (net, same))
    assert found.engine == "streamed"
    auc = expected.metrics["validation_auc"]
    assert found.metrics["validation_auc"] == pytest.approx(auc, rel=1e-4)


def test_how_many_rows_fit_follows_the_free_memory(card):
    net = network("cupy", "float32")
    filled(card, 10_000)
    few = rows_that_fit(net.backend, net.layers, "float32")
    filled(card, 100_000)
    assert rows_that_fit(net.backend, net.layers, "float32") == pytest.approx(10 * few, rel=0.1)
    assert rows_that_fit(get_backend("numpy"), net.layers, "float32") is None
    filled(card, 0)
    assert rows_that_fit(net.backend, net.layers, "float32") == 1
