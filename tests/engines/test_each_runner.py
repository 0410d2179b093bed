"""A stack whose networks have rows of their own, compiled: each is the compiled fit on its rows."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_numba, relative
from xpnet.engines import choose
from xpnet.engines.loops import cache
from xpnet.equations.activation import Activation
from xpnet.layers import BatchNorm, Dropout
from xpnet.optimizers import Accumulated, Adam, Averaged

N, R = 60, 3
RATES = (0.1, 0.3, 0.0)
PENALTIES = [xpnet.Penalty(l2=0.1), xpnet.Penalty(l2=0.01), xpnet.Penalty(l2=0.3)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch, worker_id):
    """One folder for all tests of a worker, so that a source is compiled once."""
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{worker_id}"))


def networks():
    """Networks of more than 4,096 parameters: their numbers are no literals of the source."""
    return [
        xpnet.Network(
            [5, BatchNorm(), 70, Dropout(rate), 60, 3],
            activation="tanh",
            loss="cross_entropy",
            dtype="float64",
            rng=r,
        )
        for r, rate in enumerate(RATES)
    ]


def data():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(N, 5)), rng.integers(0, 3, N)
    return X, Y, [rng.permutation(N)[: 38 + r % 2] for r in range(R)]


def check(settings, each=None):
    """Check a compiled stack against plain fits of the same rows; return it and its history."""
    X, Y, rows = data()
    each = each or {}
    stack, nets = xpnet.Stack(networks()), networks()
    history = stack.fit(X, Y, rows=rows, compile=True, batch_size=8, **settings, **each)
    assert history.engine == "fused"
    for r, net in enumerate(nets):
        own = {name: values[r] for name, values in each.items()}
        one = {name: x[rows[r]] if name == "sample_weight" else x for name, x in settings.items()}
        its = net.fit(X[rows[r]], Y[rows[r]], compile=False, batch_size=8, **one, **own)
        assert relative(stack.parameters[r], net.parameters) <= 1e-10
        for found, right in zip(stack[r].statistics, net.statistics, strict=True):
            assert relative(found, right) <= 1e-10
        found = history.of(r)
        assert (found.epoch, found.best_epoch) == (its.epoch, its.best_epoch)
        np.testing.assert_allclose(found.step_loss, its.step_loss, rtol=1e-9)
        for name, values in its.values().items():
            np.testing.assert_allclose(found.values()[name], values, rtol=1e-9)
    return stack, history


@needs_numba
def test_each_network_is_the_fit_on_its_rows():
    w = np.random.default_rng(1).uniform(0.1, 1, N) * (np.arange(N) % 30 > 0)
    check(
        {"epochs": 3, "sample_weight": w},
        {"learning_rate": [1e-3, 1e-2, 3e-3], "penalty": PENALTIES},
    )


@needs_numba
def test_an_optimizer_with_two_kinds_of_steps_and_an_average():
    check({"epochs": 3, "optimizer": Averaged(Accumulated(Adam(), 3), start=3)})


@needs_numba
def test_a_network_that_has_ended_costs_no_more_steps(monkeypatch):
    from xpnet.engines.loops.runner import FusedRunner

    steps = []
    run = FusedRunner.run

    def counted(self, order, first, last, c, key):
        steps.append(last - first)
        return run(self, order, first, last, c, key)

    monkeypatch.setattr(FusedRunner, "run", counted)
    settings = {"epochs": 30, "validation_fraction": 0.3, "learning_rate": 0.05}
    _, history = check({**settings, "early_stopping": 2})
    lengths = [len(history.of(r).step_loss) for r in range(R)]
    assert min(lengths) < max(lengths)
    assert sum(steps) == sum(lengths)


@needs_numba
def test_threads_change_no_bit(monkeypatch):
    X, Y, rows = data()
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(choose, "usual_threads", lambda n=threads: n)
        stack = xpnet.Stack(networks())
        history = stack.fit(X, Y, rows=rows, epochs=3, batch_size=8, compile=True)
        assert history.threads == min(threads, R)
        found.append((stack.parameters, history.step_loss))
    for theta, losses in found[1:]:
        np.testing.assert_array_equal(theta, found[0][0])
        assert losses == found[0][1]


@needs_numba
def test_callbacks_at_every_step_see_all_networks():
    X, Y, rows = data()
    seen = []
    callbacks = {"step_end": lambda _, history: seen.append(history.step_loss[-1])}
    fit = {"rows": rows, "epochs": 2, "batch_size": 8, "compile": True}
    history = xpnet.Stack(networks()).fit(X, Y, callbacks=callbacks, **fit)
    assert seen == history.step_loss
    assert seen == xpnet.Stack(networks()).fit(X, Y, **fit).step_loss


@needs_numba
def test_what_cannot_be_compiled_runs_in_the_plain_loop_and_says_so():
    def f(xp, Z):
        return Z * 1.0 if bool(xp.all(Z < 1e9)) else Z  # looks at values

    own = Activation("looks", f, lambda xp, Z, A, dA: dA, lambda xp, Z, A, tZ: tZ)
    X, Y, rows = data()
    stack = xpnet.Stack(
        xpnet.Network([5, 4, 3], activation=own, loss="cross_entropy", rng=r) for r in range(R)
    )
    with pytest.warns(UserWarning, match="the steps run in the plain loop"):
        history = stack.fit(X, Y, rows=rows, epochs=1, compile=True)
    assert history.engine == "plain"
    assert stack.fit(X, Y, rows=rows, epochs=1).engine == "plain"


def test_a_short_fit_does_not_import_numba(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    X, Y, rows = data()
    assert xpnet.Stack(networks()).fit(X, Y, rows=rows, epochs=1).engine == "plain"


def test_without_numba_a_compiled_stack_is_an_error(monkeypatch):
    monkeypatch.setattr(cache, "numba_version", lambda: None)
    X, Y, rows = data()
    stack = xpnet.Stack(networks())
    with pytest.raises(ImportError, match=r"compiled loops need numba: pip install"):
        stack.fit(X, Y, rows=rows, epochs=1, compile=True)
    assert stack.fit(X, Y, rows=rows, epochs=1).engine == "plain"


def test_a_stack_with_shared_batches_is_not_compiled():
    X, Y, _ = data()
    stack = xpnet.Stack(networks())
    with pytest.warns(UserWarning, match="compile=True has no effect on a stack whose networks"):
        history = stack.fit(X, Y, epochs=1, compile=True)
    assert history.engine == "plain"


@needs_numba
def test_copies_of_rows_that_would_fill_the_memory_are_not_made(monkeypatch):
    X, Y, rows = data()
    fit = {"rows": rows, "epochs": 2, "batch_size": 8}
    assert xpnet.Stack(networks()).fit(X, Y, **fit, compile=True).engine == "fused"
    assert xpnet.Stack(networks()).fit(X, Y, **fit).engine == "fused"  # from the cache
    monkeypatch.setattr(choose, "_COPIES", 1)
    monkeypatch.setattr(choose, "_FEW_NUMBERS", 1)
    assert xpnet.Stack(networks()).fit(X, Y, **fit).engine == "plain"
