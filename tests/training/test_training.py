"""Training: the loop's arithmetic, reproducibility, and interruptions."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import nullcontext

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.helpers import needed, needs_jax, network, random_targets, relative
from tests.support.processes import python
from xpnet.backends import get_backend, move, to_numpy
from xpnet.derivatives.gradient import gradient
from xpnet.engines.step import Feed, Recipe, start, step
from xpnet.equations import passes
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.streams import ORDER, permutation
from xpnet.layers import Embedding
from xpnet.losses import LOSSES
from xpnet.optimizers import SGD, Adam

SIZES = [6, 8, 7, 4]


def data(loss="cross_entropy", N=60):
    rng = np.random.default_rng(4)
    return rng.normal(size=(N, SIZES[0])), random_targets(rng, loss, N, SIZES[-1])


# --- the arithmetic


def test_fit_is_gradient_descent_on_the_batches_of_the_order(backend):
    net = network(backend, SIZES, loss="huber")
    X, Y = data("huber", N=25)
    by_hand = network(get_backend("numpy"), SIZES, loss="huber")
    losses = []
    for epoch in range(2):
        order, total = permutation(by_hand.seed, ORDER, (epoch,), 25), 0.0
        for i in range(0, 25, 10):
            rows = order[i : i + 10]
            value, g = by_hand.value_and_gradient(X[rows], Y[rows])
            by_hand.set_parameters(by_hand.parameters - 0.1 * g.flat)
            total += value * len(rows)
        losses.append(total / 25)
    history = net.fit(X, Y, epochs=2, batch_size=10, optimizer="sgd", learning_rate=0.1)
    assert history.loss == pytest.approx(losses, rel=1e-13)
    assert relative(net.parameters, by_hand.parameters) <= 1e-13


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [SGD(0.05, momentum=0.9), Adam(0.01)])
def test_first_twenty_steps_are_the_same_on_every_backend(backend, dtype, optimizer):
    X, Y = data(N=100)
    here, numpy = (
        network(b, SIZES, loss="cross_entropy", dtype=dtype)
        for b in (backend, get_backend("numpy"))
    )
    for net in (here, numpy):
        net.fit(X, Y, epochs=1, batch_size=5, optimizer=optimizer)
    assert relative(here.parameters, numpy.parameters) <= (1e-6 if dtype == "float32" else 1e-12)


def test_same_seed_same_bits_in_a_second_run(backend):
    X, Y = data()
    runs = []
    for _ in range(2):
        net = network(backend, SIZES, loss="cross_entropy")
        net.fit(X, Y, epochs=3, batch_size=16)
        runs.append(to_numpy(net.parameters).tobytes())
    assert runs[0] == runs[1]


def test_two_fits_go_on_with_the_order_of_one():
    """The epoch counter continues; plain gradient descent has no state."""
    X, Y = data()
    settings = {"batch_size": 16, "optimizer": "sgd"}
    once, twice = (network(get_backend("numpy"), SIZES, loss="cross_entropy") for _ in range(2))
    whole = once.fit(X, Y, epochs=4, **settings)
    parts = [twice.fit(X, Y, epochs=2, **settings) for _ in range(2)]
    assert once.parameters.tobytes() == twice.parameters.tobytes()
    assert whole.loss == parts[0].loss + parts[1].loss
    assert whole.epoch == parts[0].epoch + parts[1].epoch == [1, 2, 3, 4]


@pytest.mark.parametrize("weighted", [False, True])
@on_backends("loss", list(LOSSES), jax=("cross_entropy", "poisson", "binary_cross_entropy"))
def test_reported_loss_is_what_evaluate_finds(backend, loss, weighted):
    net = network(backend, SIZES, loss=loss)
    X, Y = data(loss)
    w = np.random.default_rng(1).integers(0, 3, 60).astype(float) if weighted else None
    history = net.fit(
        X, Y, sample_weight=w, learning_rate=0.0, epochs=1, batch_size=7, validation_data=(X, Y)
    )
    results = net.evaluate(X, Y, sample_weight=w)
    assert history.loss == pytest.approx([results["loss"]], rel=1e-12)
    assert results["loss"] == pytest.approx(net.value_and_gradient(X, Y, w)[0], rel=1e-12)
    assert history.validation_loss == pytest.approx([net.evaluate(X, Y)["loss"]], rel=1e-14)
    assert net.evaluate(X, Y, batch_size=11)["loss"] == pytest.approx(
        net.evaluate(X, Y)["loss"], rel=1e-14
    )


def test_examples_of_weight_zero_are_as_if_they_were_not_there(backend):
    X, Y = data()
    w = np.where(np.arange(60) % 3 == 0, 0.0, 2.0)
    with_zeros, without = (network(backend, SIZES, loss="cross_entropy") for _ in range(2))
    settings = {"epochs": 2, "batch_size": None}
    with_zeros.fit(X, Y, sample_weight=w, **settings)
    without.fit(X[w > 0], Y[w > 0], **settings)
    assert relative(with_zeros.parameters, without.parameters) <= 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("small", [1e-30, 1e-38, 1e-40, 1e-50, 1e-310])
def test_a_weight_that_underflows_leaves_the_parameters_finite(backend, dtype, small):
    net = xpnet.Network([6, 6, 4], loss="cross_entropy", backend=backend, dtype=dtype)
    X, Y = data(N=6)
    w = np.where(np.arange(6) < 3, 1.0, small)
    net.fit(X, Y, sample_weight=w, batch_size=1, epochs=1, shuffle=False)
    assert np.isfinite(to_numpy(net.parameters)).all()


def test_accuracy_counts_right_labels(backend):
    net = network(backend, SIZES, loss="cross_entropy")
    X, Y = data()
    right = to_numpy(net(X)).argmax(axis=1) == Y
    w = np.arange(60.0)
    assert net.evaluate(X, Y)["accuracy"] == pytest.approx(right.mean())
    assert net.evaluate(X, Y, w)["accuracy"] == pytest.approx(np.average(right, weights=w))
    assert "accuracy" not in network(backend, SIZES, loss="huber").evaluate(*data("huber"))


def test_accuracy_of_a_single_output_is_that_of_its_sign(backend):
    X = data()[0]
    Y = np.arange(60) % 2
    for output in ("sigmoid", "identity"):
        net = network(backend, [6, 5, 1], loss="binary_cross_entropy", output=output)
        threshold = 0.5 if output == "sigmoid" else 0.0
        right = (to_numpy(net(X))[:, 0] > threshold) == (Y == 1)
        assert net.evaluate(X, Y)["accuracy"] == pytest.approx(right.mean())
        assert net.fit(X, Y, epochs=1, validation_data=(X, Y)).validation_accuracy[0] > 0


# --- settings that a first fit decides


@pytest.mark.parametrize(
    ("Y", "sizes", "loss", "output"),
    [
        (np.arange(60) % 3, (6, 100, 3), "cross_entropy", "softmax"),
        (np.linspace(0, 1, 60), (6, 100, 1), "mean_squared_error", "identity"),
        (np.ones((60, 2)), (6, 100, 2), "mean_squared_error", "identity"),
        (np.arange(60) % 2 == 0, (6, 100, 2), "cross_entropy", "softmax"),
    ],
    ids=["labels", "numbers", "rows", "booleans"],
)
def test_the_short_form_infers_sizes_and_loss(backend, Y, sizes, loss, output):
    net = xpnet.Network(backend=backend)
    history = net.fit(data()[0], Y, epochs=10)  # without epochs: tests/training/test_length.py
    assert net.sizes == sizes
    assert net.loss.name == loss
    assert net.layers[-1].activation.name == output
    assert len(history) == 10
    assert history.loss[-1] < history.loss[0]


def test_an_open_loss_is_decided_by_targets_and_kept_by_fit_alone():
    net = xpnet.Network([6, 5, 4], rng=1)
    X, Y = data()
    before = net(X)
    value, _ = net.value_and_gradient(X, Y)
    assert net.loss is None
    named = xpnet.Network([6, 5, 4], rng=1, loss="cross_entropy")
    assert value == named.value_and_gradient(X, Y)[0]
    np.testing.assert_array_equal(before, net(X))
    net.fit(X, Y, learning_rate=0.0, epochs=1)
    assert net.loss is LOSSES["cross_entropy"]
    np.testing.assert_allclose(net(X).sum(axis=1), 1.0, rtol=1e-6)


# --- compiled and not


@needs_jax
@pytest.mark.parametrize("loss", ["cross_entropy", "poisson", "binary_cross_entropy"])
def test_the_step_under_jit_is_the_step(loss):
    import jax

    backend = get_backend("jax")
    net = network(backend, SIZES, loss=loss)
    X, Y = (move(backend, part) for part in data(loss))
    w = move(backend, np.linspace(0.5, 2.0, 60))
    index = move(backend, np.arange(0, 60, 3))
    optimizer = Adam()
    fixed = Recipe(backend, net.layers, net.loss, optimizer)
    arguments = Feed(X, Y, w), index, optimizer.coefficients(1, 0.001)
    eager, total = step(fixed, start(fixed, net.parameters), *arguments)
    compiled = jax.jit(step, static_argnums=(0,))
    found, found_total = compiled(fixed, start(fixed, net.parameters), *arguments)
    assert float(found_total) == pytest.approx(float(total), rel=1e-13)
    assert relative(found.theta, eager.theta) <= 1e-13


@needs_jax
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_compiles(activation):
    import jax

    backend = get_backend("jax")
    net = network(backend, SIZES, activation=activation, loss="squared_error")
    X, Y = (move(backend, part) for part in data("squared_error"))

    def of(theta, X, Y):
        return gradient(backend, net.layers, net.loss, theta, X, Y, None, 1 / 60)[1]

    found = jax.jit(of)(net.parameters, X, Y)
    assert relative(found, net.gradient(X, Y).flat) <= 1e-13


@pytest.mark.slow
def test_compiling_or_not_changes_nothing_but_rounding(backend):
    if backend.name == "numpy":
        needed("numba")
    X, Y = data()
    found = []
    for choice in (True, False, None):
        net = network(backend, SIZES, loss="cross_entropy")
        in_vain = choice and backend.name not in ("numpy", "cupy", "jax")
        with pytest.warns(UserWarning, match="has no effect") if in_vain else nullcontext():
            net.fit(X, Y, epochs=2, batch_size=16, compile=choice)
        found.append(to_numpy(net.parameters))
    assert relative(found[0], found[1]) <= 1e-12
    assert relative(found[2], found[1]) <= 1e-12


@needs_jax
def test_jax_without_its_64_bit_mode():
    code = (
        "import numpy as np, xpnet, jax\n"
        "X, Y = np.eye(8, dtype='float64'), np.arange(8) % 3\n"
        "nets = [xpnet.Network([8, 5, 3], backend=b) for b in ('jax', 'numpy')]\n"
        "for net in nets: net.fit(X, Y, epochs=3, batch_size=3)\n"
        "assert not jax.config.jax_enable_x64\n"
        "a, b = (xpnet.to_numpy(net.parameters) for net in nets)\n"
        "assert a.dtype == 'float32'\n"
        "np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)\n"
        "double = nets[0].to(dtype='float64')\n"
        "assert double.gradient(X, Y).flat.dtype == 'float64'\n"
    )
    python("-W", "error", "-c", code, check=True)


# --- interruptions


class Fault(Exception):
    pass


def state(net):
    return to_numpy(net.parameters).tobytes(), net.epoch, net.loss, net.layers


# the moment at which a callback raises: the whole epochs that are kept; the rest is undone
MOMENTS = {"step_end": 2, "epoch_end": 3, "fit_end": 4}


@pytest.mark.parametrize("error", [Fault, KeyboardInterrupt])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["batches", "lbfgs"])
def test_what_a_callback_raises_costs_no_whole_epoch(backend, how, moment, error):
    """It raises in the third epoch, at its end, or at the end of the fit."""
    kept = MOMENTS[moment]
    if how == "lbfgs" and moment == "step_end":
        kept = 3  # a step of L-BFGS is an epoch
    settings = {"epochs": 4, **({"optimizer": "lbfgs"} if how == "lbfgs" else {"batch_size": 10})}
    steps_of_two_epochs = 2 * (1 if how == "lbfgs" else 6)

    def fail(net, history):
        late = len(history.step_loss) > steps_of_two_epochs
        if (late and moment == "step_end") or len(history) == kept:
            raise error

    net, whole = network(backend, SIZES), network(backend, SIZES)
    with pytest.raises(error) as caught:
        net.fit(*data(), callbacks={moment: fail}, **settings)
    assert caught.value.__notes__ == [f"the network keeps the {kept} whole epochs of this fit"]
    whole.fit(*data(), **{**settings, "epochs": kept})
    assert state(net) == state(whole)


@pytest.mark.parametrize("moment", ["fit_begin", "step_end"])
def test_an_error_in_the_first_epoch_leaves_the_network_as_it_was(backend, moment):
    net = network(backend, SIZES)
    before = state(net)

    def fail(net, history):
        raise Fault

    with pytest.raises(Fault):
        net.fit(*data(), callbacks={moment: fail})
    assert state(net) == before


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_a_setting_that_shows_to_be_wrong_after_an_epoch_leaves_it_as_it_was(optimizer):
    net = network(get_backend("numpy"), SIZES)
    before = state(net)
    with pytest.raises(ValueError, match="unknown value to monitor"):
        net.fit(*data(), optimizer=optimizer, early_stopping=xpnet.EarlyStopping("los"))
    assert state(net) == before


def test_an_error_at_the_end_leaves_the_best_parameters(backend):
    def fail(net, history):
        raise Fault

    nets = network(backend, SIZES), network(backend, SIZES)
    settings = {"epochs": 8, "learning_rate": 0.3, "validation_data": data(), "early_stopping": 2}
    history = nets[0].fit(*data(), **settings)
    assert history.best_epoch < len(history)
    with pytest.raises(Fault):
        nets[1].fit(*data(), callbacks={"fit_end": fail}, **settings)
    assert state(nets[0]) == state(nets[1])


def test_divergence_names_epoch_and_step_and_leaves_the_network_as_it_was(backend):
    net = network(backend, SIZES, loss="squared_error", activation="identity")
    before = state(net)
    X, Y = data("squared_error")
    with np.errstate(all="ignore"), pytest.raises(xpnet.DivergenceError, match="epoch 1") as caught:
        net.fit(X, Y, batch_size=10, optimizer="sgd", learning_rate=1e100, epochs=3)
    assert caught.value.epoch == 1
    assert 2 <= caught.value.step <= 4
    assert not np.isfinite(caught.value.loss)
    assert state(net) == before


def test_a_last_step_that_diverges_is_noticed(backend):
    net = xpnet.Network([6, 4], loss="squared_error", backend=backend)
    before = to_numpy(net.parameters).copy()
    X, Y = data("squared_error")
    with np.errstate(all="ignore"), pytest.raises(xpnet.DivergenceError):
        net.fit(X, Y, epochs=1, batch_size=None, optimizer=SGD(1e39))
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def press_control_c(net, history):
    os.kill(os.getpid(), signal.SIGINT)


def test_control_c_stops_after_the_step_and_keeps_what_was_done(backend):
    net = network(backend, SIZES)
    history = net.fit(*data(), epochs=50, callbacks=[press_control_c])
    assert history.stopped == "interrupted"
    assert len(history) == 1
    once = network(backend, SIZES)
    assert once.fit(*data(), epochs=1).loss == history.loss
    assert state(net) == state(once)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_within_an_epoch_keeps_its_steps():
    net = network(get_backend("numpy"), SIZES, loss="cross_entropy")
    X, Y = data()
    calls = []

    class Press(SGD):
        def update(self, *arguments):
            calls.append(1)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().update(*arguments)

    by_hand = net.to()
    history = net.fit(X, Y, epochs=5, batch_size=10, optimizer=Press(0.1), compile=False)
    assert len(calls) == 3
    total = 0.0
    order = permutation(net.seed, ORDER, (0,), 60)
    for i in (0, 10, 20):
        value, g = by_hand.value_and_gradient(X[order[i : i + 10]], Y[order[i : i + 10]])
        by_hand.set_parameters(by_hand.parameters - 0.1 * g.flat)
        total += value / 3
    assert history.loss == pytest.approx([total], rel=1e-13)
    assert relative(net.parameters, by_hand.parameters) <= 1e-13


def test_control_c_before_an_epochs_first_step_keeps_what_was_done(backend):
    """Ctrl-C while an epoch's order or learning rates are computed; the epoch's first step runs."""

    def rate(t):
        if t == 7:  # the rate of the second epoch's first step
            os.kill(os.getpid(), signal.SIGINT)
        return 0.01

    net = network(backend, SIZES)
    history = net.fit(*data(), epochs=5, batch_size=10, learning_rate=rate, compile=False)
    assert history.stopped == "interrupted"
    assert (len(history), len(history.step_loss)) == (2, 7)
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("how", ["batches", "lbfgs"])
@pytest.mark.parametrize("moment", ["fit_begin", "step_end", "epoch_end", "fit_end"])
def test_control_c_in_any_callback_keeps_what_was_done(backend, how, moment):
    net = network(backend, SIZES)
    settings = {"optimizer": "lbfgs"} if how == "lbfgs" else {"batch_size": 60}
    history = net.fit(*data(), epochs=3, callbacks={moment: press_control_c}, **settings)
    assert history.stopped == "interrupted"
    assert len(history) == net.epoch == (3 if moment == "fit_end" else 1)
    once = network(backend, SIZES)
    once.fit(*data(), epochs=net.epoch, **settings)
    assert state(net) == state(once)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_control_c_ends_at_once_and_keeps_whole_epochs():
    net, once = (network(get_backend("numpy"), SIZES) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        net.fit(*data(), callbacks=[press_control_c, press_control_c])
    once.fit(*data(), epochs=1)
    assert state(net) == state(once)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_ends_a_fit_within_a_callback_and_the_fit_around_it():
    inner = []

    def train_another(net, history):
        fit = network(get_backend("numpy"), SIZES).fit
        inner.append(fit(*data(), epochs=5, callbacks=[press_control_c]))

    net = network(get_backend("numpy"), SIZES)
    assert net.fit(*data(), epochs=5, callbacks=[train_another]).stopped == "interrupted"
    assert [(history.stopped, len(history)) for history in inner] == [("interrupted", 1)]
    assert net.epoch == 1


def test_a_handler_that_a_callback_sets_stays():
    def handler(number, frame):
        pass

    net = network(get_backend("numpy"), SIZES)
    try:
        net.fit(*data(), epochs=1, callbacks=[lambda *_: signal.signal(signal.SIGINT, handler)])
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_fit_in_a_thread_leaves_signals_alone():
    net = network(get_backend("numpy"), SIZES)
    histories = []
    thread = threading.Thread(target=lambda: histories.append(net.fit(*data(), epochs=2)))
    thread.start()
    thread.join()
    assert len(histories[0]) == 2


def test_an_evaluation_takes_fewer_examples_where_an_embedding_is_wide(monkeypatch):
    """Each batch creates an array with a column for each category."""
    sizes, forward = [], passes.forward

    def seen(backend, layers, theta, X, stats):
        sizes.append(X.shape[0])
        return forward(backend, layers, theta, X, stats)

    monkeypatch.setattr(passes, "forward", seen)
    monkeypatch.setattr("xpnet.training.evaluation._NUMBERS_AT_ONCE", 1000)
    X, Y = np.arange(60.0)[:, None], np.arange(60) % 2
    for layers, n in (([4], 250), ([Embedding(100, 3), 4], 10)):
        sizes.clear()
        loss = xpnet.Network([1, *layers, 2]).evaluate(np.tile(X, (5, 1)), np.tile(Y, 5))["loss"]
        assert max(sizes) == n
        assert sum(sizes) == 300
        whole = xpnet.Network([1, *layers, 2]).evaluate(X, Y, batch_size=60)["loss"]
        assert loss == pytest.approx(whole, rel=1e-6)


# --- progress


@pytest.mark.parametrize("progress", [None, False])
def test_progress_is_silent_where_nobody_watches(capfd, progress):
    network(get_backend("numpy"), SIZES).fit(*data(), epochs=2, progress=progress)
    assert capfd.readouterr() == ("", "")


def test_progress_that_is_asked_for_shows_on_stderr(capfd):
    network(get_backend("numpy"), SIZES).fit(*data(), epochs=2, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "training" in err or "loss" in err


def test_a_search_over_all_examples_shows_its_progress_too(capfd):
    net = network(get_backend("numpy"), SIZES)
    history = net.fit(*data(), epochs=3, optimizer="lbfgs", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert f"epoch 3: loss {history.loss[-1]:.4g}" in err
    assert "3/3" in err
    assert "examples/s" in err
