"""Callbacks of a fit, its history, and how both are shown and kept."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import xpnet
from tests.support.fits import TEXT, data, new
from tests.support.helpers import needed, relative
from xpnet.backends import to_numpy
from xpnet.optimizers import SGD


def test_callbacks_are_called_at_their_moments():
    calls = []
    moments = ("fit_begin", "step_end", "epoch_end", "fit_end")
    callbacks = {m: lambda net, history, m=m: calls.append((m, len(history))) for m in moments}
    history = new().fit(*data(), epochs=2, batch_size=20, callbacks=callbacks)
    steps = [("step_end", 0)] * 2 + [("epoch_end", 1)] + [("step_end", 1)] * 2 + [("epoch_end", 2)]
    assert calls == [("fit_begin", 0), *steps, ("fit_end", 2)]
    assert len(history.step_loss) == 4


def test_a_callback_that_returns_true_ends_the_fit(backend):
    X, Y = data()
    net = new(backend)
    history = net.fit(X, Y, epochs=9, callbacks=[lambda net, history: len(history) == 2])
    assert (history.stopped, len(history)) == ("callback", 2)
    net, by_step = new(backend), new(backend)
    history = net.fit(
        X, Y, epochs=9, batch_size=10,
        callbacks={"step_end": lambda net, history: len(history.step_loss) == 6},
    )  # fmt: skip
    assert (history.stopped, len(history), len(history.step_loss)) == ("callback", 2, 6)
    by_step.fit(X, Y, epochs=1, batch_size=10)
    assert history.epoch == [1, 2]
    assert relative(net.parameters, by_step.parameters) > 1e-6, "two more steps were done"


def test_a_callback_at_every_step_sees_the_parameters_of_that_step(backend):
    X, Y = data()
    seen = []
    net = new(backend)
    net.fit(
        X, Y, epochs=1, batch_size=10, optimizer=SGD(0.1), shuffle=False,
        callbacks={"step_end": lambda net, h: seen.append(to_numpy(net.parameters).copy())},
    )  # fmt: skip
    by_hand = new()
    for i, theta in zip(range(0, 40, 10), seen, strict=True):
        g = by_hand.gradient(X[i : i + 10], Y[i : i + 10]).flat
        by_hand.set_parameters(by_hand.parameters - 0.1 * g)
        assert relative(theta, by_hand.parameters) <= 1e-12


def test_step_losses_are_those_of_their_batches(backend):
    X, Y = data()
    w = np.linspace(0.5, 2.0, 40)
    net = new(backend)
    settings = {"batch_size": 16, "shuffle": False, "learning_rate": 0.0, "sample_weight": w}
    history = net.fit(X, Y, epochs=1, **settings)
    expected = [
        net.evaluate(X[i : i + 16], Y[i : i + 16], w[i : i + 16])["loss"] for i in (0, 16, 32)
    ]
    assert history.step_loss == pytest.approx(expected, rel=1e-12)
    watched = new(backend).fit(
        X, Y, epochs=1, callbacks={"step_end": lambda n, h: None}, **settings
    )
    assert watched.step_loss == pytest.approx(expected, rel=1e-12)
    assert watched.loss == pytest.approx(history.loss, rel=1e-12)


def test_one_callback_needs_no_list():
    calls = []
    new().fit(*data(), epochs=2, callbacks=lambda net, history: calls.append(len(history)))
    assert calls == [1, 2]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_network_can_be_copied_and_pickled(backend, copied):
    X, Y = data()
    net = new(backend)
    net.fit(X, TEXT[Y], epochs=1)
    again = copied(net)
    assert again.backend == net.backend
    for each in (net, again):
        each.fit(X, TEXT[Y], epochs=2)
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(net.parameters))


@pytest.mark.parametrize(
    ("loss", "Y", "n_outputs"),
    [
        ("mean_squared_error", np.arange(40) % 5 + 1, 1),
        ("poisson", np.arange(40) % 7, 1),
        ("binary_cross_entropy", np.arange(40) % 2, 1),
        ("mean_squared_error", np.arange(80).reshape(40, 2) - 5, 2),
        ("gaussian_nll", np.linspace(0, 1, 40), 2),
    ],
)
def test_the_short_form_with_a_loss_named_takes_integers_as_that_loss_does(loss, Y, n_outputs):
    net = xpnet.Network(hidden=(4,), loss=loss)
    net.fit(data()[0], Y, epochs=1)
    assert net.sizes == (5, 4, n_outputs)


def test_float_labels_in_the_short_form_are_named():
    with pytest.raises(ValueError, match="class labels must be integers, got dtype float64"):
        xpnet.Network(loss="cross_entropy").fit(data()[0], (np.arange(40) % 3).astype(float))


def test_data_frames_of_numbers_of_several_kinds():
    pandas = needed("pandas")
    X, Y = data()
    frame = pandas.DataFrame(X, columns=list("abcde")).assign(b=Y, c=Y > 0)
    expected = np.column_stack([X[:, 0], Y, Y > 0, X[:, 3], X[:, 4]])
    net = new()
    np.testing.assert_array_equal(net(frame), net(expected))
    with pytest.raises(TypeError, match="column 'd'"):
        net(frame.assign(d="x"))


def test_json_lines_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "log.jsonl"
    X, Y = data()
    history = new().fit(
        X, Y, epochs=3, validation_data=(X, Y), callbacks=[xpnet.training.json_lines(path)]
    )
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["loss"] for line in lines] == history.loss
    assert [line["validation_accuracy"] for line in lines] == history.validation_accuracy
    assert lines[-1]["step"] == len(history.step_loss)


def test_a_range_test_leaves_the_network_and_finds_a_rate_that_trains(backend):
    X, Y = data(N=120)
    Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    net = new(backend)
    before = to_numpy(net.parameters).copy()
    found = xpnet.learning_rate_range(net, X, Y, low=1e-5, high=10.0, steps=60, batch_size=20)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)
    assert net.epoch == 0
    assert len(found.rates) == len(found.losses) <= 60
    np.testing.assert_allclose(found.rates, 1e-5 * 1e6 ** (np.arange(len(found.rates)) / 59))
    assert 1e-4 < found.suggestion < 3
    history = net.fit(X, Y, epochs=20, batch_size=20, learning_rate=found.suggestion)
    assert history.loss[-1] < 0.6 * history.loss[0]


def test_a_range_test_of_rates_that_make_no_sense():
    for bounds in ({"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": float("inf")}):
        with pytest.raises(ValueError, match="0 < low < high"):
            xpnet.learning_rate_range(new(), *data(), **bounds)
