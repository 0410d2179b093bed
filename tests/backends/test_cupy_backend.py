"""CuPy's backend without a GPU: streams, waiting, and arrays of other devices."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import xpnet
from tests.support.cards import TARGETS, X, equal, network
from tests.support.fake_cupy import install
from xpnet.backends import cupy_backend, get_backend
from xpnet.engines.runner import PlainRunner
from xpnet.optimizers import Adam, Clipped


@pytest.mark.parametrize("loss", TARGETS)
def test_everything_runs_on_the_networks_device_and_stream(card, loss):
    net = xpnet.Network([4, 6, 3], loss=loss, backend="cupy", device=1)
    same = xpnet.Network([4, 6, 3], loss=loss)
    Y = TARGETS[loss]
    w = np.linspace(1, 2, 6)
    equal(net.gradient(X, Y, w).flat, same.gradient(X, Y, w).flat)
    assert net.evaluate(X, Y) == same.evaluate(X, Y)
    equal(net.predict(X, batch_size=4), same.predict(X, batch_size=4))
    for one in (net, same):
        one.fit(X, Y, epochs=2, batch_size=4, sample_weight=w, validation_data=(X, Y))
    equal(net.parameters, same.parameters)
    assert net.parameters.device.id == 1
    equal(net.to(dtype="float64").parameters, same.parameters)
    net.set_weights(same.weights, same.biases)
    equal(net(X[0]), same(X[0]))


NAMES = ["sgd", "adam", "adamw", "amsgrad", "nadam", "radam", "rmsprop", "adadelta", "muon"]
CLIPPED = Clipped(Adam(), norm=1.0, value=0.5)


def sealed_steps(monkeypatch, card):
    """From now on, a wait of the host within a step is an error."""
    plain = PlainRunner.run

    def run(self, *arguments):
        with card.sealing():
            return plain(self, *arguments)

    monkeypatch.setattr(PlainRunner, "run", run)


@pytest.mark.parametrize("optimizer", [*NAMES, CLIPPED])
def test_a_step_makes_the_host_wait_for_nothing(card, monkeypatch, optimizer):
    sealed_steps(monkeypatch, card)
    network().fit(
        X,
        TARGETS["cross_entropy"],
        epochs=2,
        batch_size=4,
        optimizer=optimizer,
        penalty=xpnet.Penalty(l1=1e-3, l2=1e-3),
        max_norm=2.0,
        sample_weight=np.linspace(1, 2, 6),
    )
    assert card.launches["gemm 68"] > 0


def test_a_stacks_step_makes_the_host_wait_for_nothing(card, monkeypatch):
    sealed_steps(monkeypatch, card)
    stack = xpnet.Stack(network(rng=r) for r in range(3))
    history = stack.fit(
        X,
        TARGETS["cross_entropy"],
        epochs=2,
        batch_size=4,
        optimizer=CLIPPED,
        learning_rate=[1e-3, 1e-2, 1e-1],
        penalty=xpnet.Penalty(l1=1e-3, l2=1e-3),
        max_norm=2.0,
        sample_weight=np.linspace(1, 2, 6),
    )
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("loss", TARGETS)
def test_no_loss_makes_the_host_wait_in_a_step(card, monkeypatch, loss):
    sealed_steps(monkeypatch, card)
    network(loss=loss).fit(X, TARGETS[loss], epochs=1, batch_size=4)
    assert card.to_host > 0  # the losses, after the epoch


def waits(card, act):
    before = card.synchronisations
    act()
    return card.synchronisations - before


def test_the_host_waits_once_an_epoch_however_many_steps_it_has(card):
    net, Y = network(), TARGETS["cross_entropy"]
    one = waits(card, lambda: net.fit(X, Y, epochs=1, batch_size=6))
    many = waits(card, lambda: net.fit(X, Y, epochs=1, batch_size=1))
    three = waits(card, lambda: net.fit(X, Y, epochs=3, batch_size=1))
    assert (many - one, three - one) == (0, 4)  # the losses, and the statistics


def test_evaluation_waits_once_for_the_losses_and_once_a_metric(card):
    net, Y = network(loss="cross_entropy"), TARGETS["cross_entropy"]
    checks = waits(card, lambda: net.evaluate(X, Y, metrics=["accuracy", "f1"]))
    assert (
        waits(card, lambda: net.evaluate(X, Y, batch_size=1, metrics=["accuracy", "f1"])) == checks
    )
    assert checks == 3


def test_labels_reach_the_device_once_a_fit(card):
    net, Y = network(loss="cross_entropy"), TARGETS["cross_entropy"]
    net.fit(X, Y, epochs=1, batch_size=3, shuffle=False)
    one = card.to_device
    net.fit(X, Y, epochs=1, batch_size=3, shuffle=False)
    one, card.to_device = card.to_device - one, 0
    net.fit(X, Y, epochs=4, batch_size=3, shuffle=False)
    order = 6 * np.dtype(np.int64).itemsize + 4  # an epoch's, and the key of its masks
    assert card.to_device - one <= 3 * (order + 4)


def test_work_of_the_callers_stream_comes_first_and_what_it_gets_is_waited_for(card):
    import cupy

    own = cupy.cuda.Stream(non_blocking=True)
    net = xpnet.Network([4, 5, 3], loss="huber", backend="cupy")
    with own:
        A = net(cupy.asarray(X) * 2.0) + 1.0  # on the caller's stream, the network's, the caller's
        equal(A, xpnet.Network([4, 5, 3], loss="huber")(X * 2.0) + 1.0)
    assert net.backend.stream.number not in (own.number, card.null[0].number)


def test_an_array_of_another_device_is_copied_after_what_its_stream_does(card):
    import cupy

    with cupy.cuda.Device(0):
        here = cupy.asarray(X) * 2.0
    net = xpnet.Network([4, 5, 3], loss="huber", backend="cupy", device=1)
    expected = xpnet.Network([4, 5, 3], loss="huber")(X * 2.0)
    equal(net(here), expected)
    assert here.device.id == 0
    equal(cupy.asarray(net(here)), expected)  # and back, on the caller's stream


def test_a_part_of_an_array_of_another_device_is_copied(card):
    """CuPy itself cannot copy an array with gaps between devices."""
    import cupy

    with cupy.cuda.Device(0):
        here = (cupy.asarray(X) * 2.0)[:, ::2]
    equal(xpnet.asarray(here, "cupy", 1), X[:, ::2] * 2.0)


def test_an_array_of_a_third_device_is_overwritten_after_it_was_copied(monkeypatch):
    install(monkeypatch, n_devices=3)
    import cupy

    with cupy.cuda.Device(2):
        there = cupy.asarray(X) * 2.0
    copied = xpnet.asarray(there, "cupy", 1)
    with cupy.cuda.Device(2):
        there *= 0.0
    equal(copied, X * 2.0)


class Tensor:
    """The attributes of a torch tensor on a GPU that xpnet reads."""

    __module__ = "torch"
    device = SimpleNamespace(type="cuda")

    def __init__(self, there):
        self.there = there

    def detach(self):
        return self

    def contiguous(self):
        raise AssertionError("a copy that torch may overwrite before it is read")


@pytest.mark.parametrize("device", [0, 1])
def test_a_tensor_on_a_gpu_is_taken_as_it_lies(card, monkeypatch, device):
    import cupy

    monkeypatch.setattr(cupy, "from_dlpack", lambda tensor: tensor.there, raising=False)
    with cupy.cuda.Device(0):
        there = (cupy.asarray(X) * 2.0)[:, ::2]
    equal(xpnet.asarray(Tensor(there), "cupy", device), X[:, ::2] * 2.0)


def test_a_part_of_an_array_is_read_from_within_another_devices_stream(card):
    import cupy

    with cupy.cuda.Device(1):
        there = cupy.asarray(X)
    with cupy.cuda.Stream(non_blocking=True):
        equal(there.T, X.T)


@pytest.mark.parametrize("x", [X, X.T, X[0], X.reshape(-1), X.astype(">f4"), X[:, ::2]])
def test_a_large_array_goes_to_the_device_piece_by_piece(card, monkeypatch, x):
    """CuPy pins host memory for the whole array that it copies, and keeps it."""
    import cupy

    sent, plain = [], cupy.asarray
    monkeypatch.setattr(cupy_backend, "_PIECE", 40)
    monkeypatch.setattr(cupy, "asarray", lambda x, **how: sent.append(x) or plain(x, **how))
    equal(get_backend("cupy").from_numpy(x), x)
    assert all(piece.nbytes <= 40 and piece.dtype.isnative for piece in sent)


def test_an_embedding_looks_at_its_codes_on_the_networks_device(card):
    sizes = [3, xpnet.layers.Embedding(5, 2, columns=[0]), 2]
    net = xpnet.Network(sizes, loss="huber", backend="cupy", device=1)
    codes = np.arange(12.0, dtype=np.float32).reshape(4, 3) % 5
    same = xpnet.Network(sizes, loss="huber")
    equal(net(codes), same(codes))
    equal(net.predict(codes, batch_size=3), same.predict(codes, batch_size=3))


def test_waiting_is_for_the_networks_stream(card):
    backend = get_backend("cupy")
    assert waits(card, lambda: backend.wait(None)) == 1
    assert backend.stream.number in card.host_knows
