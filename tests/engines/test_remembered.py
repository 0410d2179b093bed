"""A process writes each program once, and uses it again only for the same settings."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.fused_cases import case, program_of
from tests.support.helpers import needs_numba
from xpnet.engines.graph import remembered
from xpnet.engines.loops import program
from xpnet.equations import penalties
from xpnet.equations.activations import ACTIVATIONS
from xpnet.layers import Dense, Dropout
from xpnet.losses import Huber
from xpnet.optimizers import SGD, Adam, AMSGrad, Clipped, RAdam


@pytest.fixture
def recordings(monkeypatch):
    """A list that grows by one when a step is recorded; no program is remembered at the start."""
    monkeypatch.setattr(remembered, "_programs", {})
    record, seen = program.record_step, []

    def watched(*arguments):
        seen.append(arguments)
        return record(*arguments)

    monkeypatch.setattr(program, "record_step", watched)
    return seen


def made(net=(3, 4, 2), dtype="float64", optimizer=None, team=False, w=None, batch=4, **more):
    """Return the program of a step of a network with these settings."""
    settings = {"loss": "mean_squared_error", "rng": 1, **more}
    penalty = settings.pop("penalty", None)
    net = xpnet.Network(list(net), dtype=dtype, **settings)
    n_in, n_out = net.layers[0].fan_in, net.sizes[-1]
    X, Y = np.ones((20, n_in), dtype), np.ones((20, n_out), dtype)
    w = None if w is None else np.ones(20, dtype)
    fixed = case(net, X, Y, w, optimizer=optimizer or Adam(), penalty=penalty, batch=batch)
    return program_of(fixed, team=team)


def test_the_same_step_is_recorded_once(recordings):
    first, second = made(), made()
    assert second is first
    assert len(recordings) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"net": (3, 5, 2)},
        {"net": (3, Dropout(0.5), 4, 2)},
        {"net": (3, Dense(4, "tanh"), 2)},
        {"dtype": "float32"},
        {"optimizer": Adam(beta1=0.8)},
        {"optimizer": Clipped(Adam(), 1.0)},
        {"loss": "absolute_error"},
        {"loss": Huber(0.5)},
        {"team": True},
        {"w": True},
        {"batch": 5},
        {"penalty": penalties.Penalty(l2=0.1)},
    ],
    ids=str,
)
def test_another_step_is_not_the_same(recordings, other):
    first, second = made(), made(**other)
    assert second is not first
    assert len(recordings) == 2


def test_equal_settings_of_two_kinds_are_not_the_same(recordings):
    kinds = (RAdam, AMSGrad)
    assert RAdam()._asdict() == AMSGrad()._asdict()
    found = [remembered.remembered((kind(),), lambda kind=kind: kind) for kind in kinds]
    assert found == [RAdam, AMSGrad]


@pytest.mark.parametrize(("a", "b"), [(0.0, -0.0), (1, 1.0), (1, True)])
def test_equal_numbers_that_are_written_otherwise_are_not_the_same(recordings, a, b):
    assert a == b
    assert [remembered.remembered((x,), lambda x=x: repr(x)) for x in (a, b)] == [repr(a), repr(b)]


def test_another_setting_of_a_penalty_is_another_step(recordings):
    one, two = (made(penalty=penalties.Penalty(l2=l2)) for l2 in (0.1, 0.2))
    assert one is not two


def test_what_is_not_xpnets_is_recorded_anew(recordings):
    """A user's function may read a variable that has changed since."""

    class Mine(SGD):
        """An optimizer of a user's."""

    factor = [1.0]
    own = xpnet.elementwise("own", lambda xp, Z: factor[0] * Z, lambda xp, Z, A: factor[0] + 0 * Z)
    loss = xpnet.losses.Loss("own", lambda xp, A, Y: (xp.sum((A - Y) ** 2, axis=-1), 2 * (A - Y)))
    for more in ({"optimizer": Mine()}, {"activation": own}, {"loss": loss}):
        before = len(recordings)
        made(**more)
        made(**more)
        assert len(recordings) == before + 2
    factor[0] = 3.0
    assert 3.0 in made(activation=own).constants or "3.0" in made(activation=own).source


def test_an_activation_that_a_user_adds_to_the_table_is_recorded_anew(recordings, monkeypatch):
    own = xpnet.elementwise("own", lambda xp, Z: Z, lambda xp, Z, A: 1 + 0 * Z)
    monkeypatch.setitem(ACTIVATIONS, "own", own)
    assert made(activation="own") is not made(activation="own")


@needs_numba
def test_a_fit_with_the_same_shapes_trains_on_its_own_data():
    """Programs are remembered, but not arrays."""
    X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    losses = [
        [
            xpnet.Network([3, 4, 1], loss="mean_squared_error", rng=1)
            .fit(X, y, epochs=3, batch_size=8, compile=compiled)
            .loss[-1]
            for y in (X[:, :1], -X[:, :1])
        ]
        for compiled in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0][0] != pytest.approx(losses[0][1], rel=1e-2)


def test_the_number_of_remembered_programs_is_limited(recordings, monkeypatch):
    monkeypatch.setattr(remembered, "_MANY", 2)
    for n in (3, 4, 5):
        made((3, n, 2))
    assert len(remembered._programs) == 1


def test_programs_that_another_thread_forgets_meanwhile(monkeypatch):
    """A fit in another thread may find too many programs and remove them."""

    class Cleared(dict):
        def __setitem__(self, key, value):
            self.clear()

    monkeypatch.setattr(remembered, "_programs", Cleared())
    assert [remembered.remembered((1,), lambda x=x: x) for x in "ab"] == ["a", "b"]
