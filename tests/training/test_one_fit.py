"""A network has one fit at a time: a second one is refused and does not disturb the first."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from contextlib import nullcontext

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs, needs_fork, needs_numba, relative
from xpnet.backends import to_numpy

X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.arange(40) % 3


def network(backend="numpy", **settings):
    given = {"loss": "cross_entropy", "dtype": "float64", "rng": 3, **settings}
    return xpnet.Network([4, 5, 3], backend=backend, **given)


def stack():
    return xpnet.Stack(network(rng=r) for r in range(2))


def state(net):
    return to_numpy(net.parameters).tobytes(), net.epoch


class Elsewhere:
    """A fit in another thread that goes on until the end of the ``with`` block."""

    def __init__(self, net, **settings):
        self.net, self.error = net, None
        self._begun, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._fit, kwargs=settings, daemon=True)

    def _fit(self, **settings):
        self.net.fit(X, Y, epochs=3, callbacks=[self._wait], **settings)

    def _wait(self, net, history):
        self._begun.set()
        assert self._may_end.wait(60)

    def __enter__(self):
        self._thread.start()
        assert self._begun.wait(60)
        return self

    def __exit__(self, *error):
        self._may_end.set()
        self._thread.join(60)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "lbfgs"}])
def test_a_second_fit_is_refused_and_the_first_one_goes_on(backend, settings):
    net, alone = network(backend), network(backend)
    with Elsewhere(net, **settings):
        for wrong in ({}, {"optimizer": "lbfgs"}, {"learning_rate": 1e300, "optimizer": "sgd"}):
            with pytest.raises(RuntimeError, match=r"already in a fit, in another thread.*net.to"):
                net.fit(X, Y, epochs=1, **wrong)
    alone.fit(X, Y, epochs=3, callbacks=[lambda *_: None], **settings)
    assert state(net) == state(alone)
    net.fit(X, Y, epochs=1)  # free again


def test_a_second_fit_of_a_stack_is_refused():
    trained, alone = stack(), stack()
    with Elsewhere(trained):
        with pytest.raises(RuntimeError, match="already in a fit"):
            trained.fit(X, Y, epochs=1)
        trained[0].fit(X, Y, epochs=1)  # a copy
        copy.copy(trained).fit(X, Y, epochs=1)
    alone.fit(X, Y, epochs=3, callbacks=[lambda *_: None])
    assert state(trained) == state(alone)


@pytest.mark.parametrize("make", [network, stack])
def test_a_fit_of_the_same_network_within_a_callback(make):
    seen = []

    def again(net, history):
        with pytest.raises(RuntimeError, match="whose callback this is") as caught:
            net.fit(X, Y, epochs=1)
        seen.append(str(caught.value))

    trained, alone = make(), make()
    trained.fit(X, Y, epochs=2, callbacks={"step_end": again, "fit_end": again})
    alone.fit(X, Y, epochs=2)
    assert len(seen) == 3
    assert state(trained) == state(alone)


COPIES = {
    "to": lambda net: net.to(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "stack": lambda net: xpnet.Stack([net])[0],
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_a_network_in_a_fit_are_in_none(name):
    net = network()
    with Elsewhere(net):
        copied = COPIES[name](net)
        before = state(net)
        copied.fit(X, Y, epochs=2)
        copied.set_parameters(copied.parameters * 2)
        assert copied.epoch == 3
        assert state(net) == before


@pytest.mark.parametrize("make", [network, stack])
def test_a_fresh_one_of_what_is_in_a_fit_is_in_none(make):
    """Also in a callback of the same thread, which must not fit the network itself."""
    trained = []

    def train_a_fresh_one(net, history):
        fresh = net.fresh(rng=5)
        fresh.fit(X, Y, epochs=1)
        trained.append(fresh.epoch)

    make().fit(X, Y, epochs=2, callbacks=[train_a_fresh_one])
    assert trained == [1, 1]


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, xpnet.DivergenceError, None])
def test_a_network_is_free_after_a_fit_whatever_ended_it(ended_by):
    net = network()

    def end(net, history):
        if ended_by is KeyboardInterrupt:
            raise KeyboardInterrupt

    rate = 1e300 if ended_by is xpnet.DivergenceError else 0.1
    settings = {"optimizer": "sgd", "learning_rate": rate, "callbacks": [end], "epochs": 2}
    raised = pytest.raises(ended_by) if ended_by else nullcontext()
    with np.errstate(all="ignore"), raised:
        net.fit(X, Y, batch_size=5, **settings)
    with pytest.raises(ValueError, match="epochs"):
        net.fit(X, Y, epochs=0)
    with pytest.raises(ValueError, match="columns"):
        net.fit(X[:, :2], Y)
    net.fit(X, Y, epochs=1)


def test_what_would_be_lost_cannot_be_set_from_another_thread():
    net = network()
    weights, biases = net.weights, net.biases
    with Elsewhere(net):
        for change in (
            lambda: net.set_parameters(net.parameters),
            lambda: net.set_weights(weights, biases),
            lambda: net.set_statistics(()),
        ):
            with pytest.raises(RuntimeError, match="in a fit, in another thread"):
                change()
    net.set_parameters(net.parameters)


def test_a_callback_at_the_end_may_set_parameters():
    net = network()
    wanted = np.zeros_like(net.parameters)
    net.fit(X, Y, epochs=2, callbacks={"fit_end": lambda net, _: net.set_parameters(wanted)})
    assert not net.parameters.any()


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python warns at every fork
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")  # JAX warns too
def test_a_forked_child_may_fit_what_a_thread_of_its_parent_does():
    net = network()
    with Elsewhere(net):
        child = os.fork()
        if not child:
            try:
                net.set_parameters(net.parameters)
                net.fit(X, Y, epochs=1, compile=False)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("compile", [False, None])
def test_a_network_seen_from_outside_is_that_of_a_whole_epoch(backend, compile):
    """Once the network holds θ, it is not written to: another thread may read it at any time."""
    seen = []

    class Look(xpnet.optimizers.SGD):
        def update(self, *arguments):
            if net.epoch:
                seen.append((net.epoch, net.parameters, to_numpy(net.parameters).copy()))
            return super().update(*arguments)

    net = network(backend)
    net.fit(X, Y, epochs=3, batch_size=10, optimizer=Look(0.1), compile=compile)
    for epoch, theta, then in seen:
        alone = network(backend)
        alone.fit(X, Y, epochs=epoch, batch_size=10, optimizer="sgd", learning_rate=0.1)
        assert relative(then, alone.parameters) < 1e-12
        assert (to_numpy(theta) == then).all()


ENGINES = {
    "stack": (lambda: stack(), {}),
    "streamed": (lambda: network("torch"), {"stream": True}),
    "compiled": (lambda: network(), {"compile": True}),
}
NEEDS = {"streamed": needs("torch"), "compiled": needs_numba}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=NEEDS.get(name, ())) for name in ENGINES]
)
def test_every_engine_keeps_whole_epochs(name):
    """One error is in the middle of the third epoch, the other after the last."""
    make, settings = ENGINES[name]

    def fail(net, history):
        if len(history.step_loss) == 11 or len(history) == 4:
            raise KeyboardInterrupt

    for moment, kept in (("step_end", 2), ("fit_end", 4)):
        trained, alone = make(), make()
        with pytest.raises(KeyboardInterrupt):
            trained.fit(X, Y, epochs=4, batch_size=10, callbacks={moment: fail}, **settings)
        alone.fit(X, Y, epochs=kept, batch_size=10, **settings)
        assert state(trained) == state(alone)
