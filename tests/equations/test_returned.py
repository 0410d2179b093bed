"""Every engine checks the values that users' functions return: shapes, dtypes and types."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_numba
from xpnet.backends import to_numpy
from xpnet.layers import Residual
from xpnet.optimizers import Accumulated, Averaged, Clipped

X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.random.default_rng(1).normal(size=(20, 3))


def half_square(xp, A, Y):
    return xp.sum((A - Y) * (A - Y), axis=-1) * 0.5, A - Y


def square(xp, A, Y):
    return xp.sum((A - Y) * (A - Y), axis=-1), (A - Y) * 2.0


LOSSES = {
    "reduced": (lambda xp, A, Y: (xp.mean((A - Y) * (A - Y)), A - Y), r"losses of the shape"),
    "a column": (
        lambda xp, A, Y: (xp.sum((A - Y) * (A - Y), axis=-1, keepdims=True), A - Y),
        r"losses of the shape \(\d+,\), got the shape \(\d+, 1\)",
    ),
    "over examples": (
        lambda xp, A, Y: (xp.sum((A - Y) * (A - Y), axis=0), A - Y),
        r"losses of the shape \(\d+,\), got the shape \(3,\)",
    ),
    "a derivative's column": (
        lambda xp, A, Y: (half_square(xp, A, Y)[0], xp.sum(A - Y, axis=-1, keepdims=True)),
        r"a derivative of the shape \(\d+, 3\), got the shape \(\d+, 1\)",
    ),
    "a derivative's row": (
        lambda xp, A, Y: (half_square(xp, A, Y)[0], xp.sum(A - Y, axis=-1)),
        r"a derivative of the shape \(\d+, 3\), got the shape \(\d+,\)",
    ),
    "another dtype": (
        lambda xp, A, Y: (half_square(xp, A, Y)[0], xp.astype(A - Y, xp.float32)),
        r"a derivative of dtype .*float64.*got .*float32",
    ),
    "integers": (
        lambda xp, A, Y: (xp.astype(half_square(xp, A, Y)[0], xp.int32), A - Y),
        r"losses of dtype .*float64.*got .*int32",
    ),
    "one array": (lambda xp, A, Y: A - Y, r"must return a pair \(losses \(N,\), derivative"),
    "a number": (lambda xp, A, Y: (1.0, A - Y), r"losses of the shape \(\d+,\), got 1\.0"),
    "nothing": (lambda xp, A, Y: None, r"must return a pair .*, got None"),
}


def trained(net: xpnet.Network, **settings: Any) -> None:
    """Run a fit; if it fails, check that the network is unchanged."""
    before = to_numpy(net.parameters).tobytes(), net.epoch
    try:
        net.fit(X, Y, epochs=1, batch_size=8, **settings)
    finally:
        after = to_numpy(net.parameters).tobytes(), net.epoch
        assert (after == before) or after[1] == 1


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_another_shape_or_dtype_is_refused(backend, name):
    function, match = LOSSES[name]
    for where in ({"of_output": function}, {"of_preactivation": {"identity": function}}):
        loss = xpnet.Loss("mine", outputs=("identity",), **where)
        net = xpnet.Network([4, 5, 3], loss=loss, backend=backend, dtype="float64")
        for use in (
            lambda net=net: trained(net),
            lambda net=net: trained(net, optimizer="lbfgs"),
            lambda net=net: net.gradient(X, Y),
            lambda net=net: net.evaluate(X, Y),
            lambda net=net: net.explain(X[:7], Y[:7], check=False),
            lambda net=net: net.objective(X, Y)(to_numpy(net.parameters)),
        ):
            with pytest.raises(ValueError, match=rf"Loss\('mine'\) must return.*{match}|{match}"):
                use()
        with pytest.raises(ValueError, match=r"Loss\('mine'\) must return"):
            xpnet.Stack([net]).fit(X, Y, epochs=1)


@needs_numba
@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_loss_is_an_error_before_any_warning_of_compiled_steps(name):
    function, match = LOSSES[name]
    net = xpnet.Network([4, 5, 3], loss=xpnet.Loss("mine", of_output=function), dtype="float64")
    with pytest.raises(ValueError, match=match):
        trained(net, compile=True)


def test_a_right_loss_of_ones_own_trains_as_xpnets_does(backend):
    nets = [
        xpnet.Network([4, 5, 3], loss=loss, backend=backend, dtype="float64", rng=1)
        for loss in ("squared_error", xpnet.Loss("mine", of_output=square))
    ]
    for net in nets:
        trained(net)
    np.testing.assert_allclose(*(to_numpy(net.parameters) for net in nets), rtol=1e-12)


def test_a_derivative_that_is_the_targets_themselves_does_not_change_them(backend):
    """loss = ⟨A, Y⟩ has the derivative Y; steps that scale it in place would change the targets."""
    loss = xpnet.Loss("linear", of_output=lambda xp, A, Y: (xp.sum(A * Y, axis=-1), Y))
    net = xpnet.Network([4, 3], loss=loss, backend=backend, dtype="float64")
    targets = xpnet.asarray(Y, backend, dtype="float64")
    first = to_numpy(net.gradient(X, targets).flat).copy()
    np.testing.assert_array_equal(to_numpy(targets), Y)
    np.testing.assert_array_equal(to_numpy(net.gradient(X, targets).flat), first)
    net.fit(X, targets, epochs=2, batch_size=None, shuffle=False)
    np.testing.assert_array_equal(to_numpy(targets), Y)


@pytest.mark.parametrize(
    ("f", "df", "match"),
    [
        (lambda xp, Z: xp.sum(Z, axis=-1), lambda xp, Z, A: Z, r"f\(Z\) of the shape"),
        (lambda xp, Z: xp.astype(Z, xp.float32), lambda xp, Z, A: Z, r"f\(Z\) of dtype"),
        (lambda xp, Z: Z, lambda xp, Z, A: xp.sum(Z, axis=0), None),
        (lambda xp, Z: Z, lambda xp, Z, A: xp.sum(Z, axis=1), r"vjp of the shape|broadcast|size"),
        (lambda xp, Z: Z, lambda xp, Z, A: None, "df of 'mine' must return an array, got None"),
        (lambda xp, Z: 1.0, lambda xp, Z, A: Z, r"f\(Z\) of the shape .*, got 1\.0"),
    ],
)
def test_an_activation_keeps_shape_and_dtype(backend, f, df, match):
    own = xpnet.elementwise("mine", f, df)
    net = xpnet.Network(
        [4, 5, 3], activation=own, loss="squared_error", backend=backend, dtype="float64"
    )
    if match is None:  # (5,) is one row for all examples, which broadcasts
        trained(net)
        return
    with pytest.raises((ValueError, RuntimeError, TypeError), match=match):
        trained(net)


def metric(statistics, value=lambda parts: parts.sum()):
    return xpnet.metrics.Metric("mine", statistics, value, ("rows",))


@pytest.mark.parametrize(
    ("own", "match"),
    [
        (metric(lambda xp, A, Y, w, loss: xp.sum(A)), "statistics of Metric"),
        (metric(lambda xp, A, Y, w, loss: 1.0), "statistics of Metric.* got 1.0"),
        (metric(lambda xp, A, Y, w, loss: A), "statistics of Metric.* got the shape"),
        (metric(lambda xp, A, Y, w, loss: A[0, :], lambda parts: None), "value of Metric.* None"),
        (metric(lambda xp, A, Y, w, loss: A[0, :], lambda parts: "0.5"), "value of Metric.*'0.5'"),
        (metric(lambda xp, A, Y, w, loss: A[0, :], lambda parts: parts), "value of Metric"),
    ],
)
def test_a_metric_returns_numbers(backend, own, match):
    net = xpnet.Network([4, 3], loss="squared_error", backend=backend, dtype="float64")
    for use in (
        lambda: net.evaluate(X, Y, metrics=[own]),
        lambda: trained(net, validation_data=(X, Y), metrics=[own]),
    ):
        with pytest.raises(ValueError, match=match):
            use()


@pytest.mark.parametrize("rate", [None, "0.1", [0.1, 0.2], np.nan, -1.0, 10**400, 1j])
def test_a_schedule_gives_a_finite_number(rate):
    net = xpnet.Network([4, 3], loss="squared_error")
    with pytest.raises(
        ValueError, match=r"gives .* at step 1: a learning rate must be a finite number"
    ):
        trained(net, learning_rate=lambda t: rate)


@pytest.mark.parametrize("rate", [lambda: 0.1, lambda a, b: 0.1, float])
def test_a_schedule_is_a_function_of_the_step(rate):
    with pytest.raises(TypeError, match="learning_rate must be a number or a schedule"):
        trained(xpnet.Network([4, 3], loss="squared_error"), learning_rate=rate)


def test_an_array_of_any_library_is_no_answer_of_a_callback(backend):
    net = xpnet.Network([4, 3], loss="squared_error")
    one = xpnet.asarray(1.0, backend)
    with pytest.raises(
        TypeError, match="a callback must return True to end the fit, or else nothing"
    ):
        net.fit(X, Y, epochs=1, callbacks=lambda net, history: one)


@pytest.mark.parametrize("answer", [1, "stop", 0.0, np.ones(2), np.int64(1)])
def test_a_callback_returns_true_or_nothing(answer):
    net = xpnet.Network([4, 3], loss="squared_error")
    for moment in ("fit_begin", "step_end", "epoch_end", "fit_end"):
        done = moment in ("epoch_end", "fit_end")  # the network keeps whole epochs
        before = net.epoch
        with pytest.raises(
            TypeError, match="a callback must return True to end the fit, or else nothing"
        ):
            net.fit(X, Y, epochs=1, callbacks={moment: lambda net, history: answer})
        assert net.epoch == before + done


def test_a_callback_may_return_numpys_true():
    net = xpnet.Network([4, 3], loss="squared_error")
    history = net.fit(X, Y, epochs=3, callbacks=lambda net, history: np.True_)
    assert (len(history), history.stopped) == (1, "callback")
    assert len(net.fit(X, Y, epochs=3, callbacks=lambda net, history: np.False_)) == 3


def test_what_a_logger_returns_means_nothing():
    net = xpnet.Network([4, 3], loss="squared_error")
    assert len(net.fit(X, Y, epochs=2, callbacks=lambda net, history: [history])) == 2


def test_a_callback_takes_two_arguments():
    with pytest.raises(TypeError, match=r"a callback must be a function of \(net, history\)"):
        trained(xpnet.Network([4, 3], loss="squared_error"), callbacks=lambda net: None)


class Own(NamedTuple):
    """An optimizer with one array of state and a given update."""

    update: Any
    init: Any = lambda xp, theta: (xp.zeros_like(theta),)
    learning_rate: Any = 0.1

    def coefficients(self, t, rate):
        return (rate,)


OPTIMIZERS = {
    "longer state": (
        lambda xp, c, g, s, t: (t - c[0] * g, (s[0][:3],)),
        r"state\[0\] of the shape",
    ),
    "more state": (
        lambda xp, c, g, s, t: (t - c[0] * g, (s[0], s[0])),
        "a tuple of 1 arrays of state, got a tuple of 2",
    ),
    "a list of nothing": (
        lambda xp, c, g, s, t: (t - c[0] * g, None),
        "a tuple of 1 arrays of state, got None",
    ),
    "shorter θ": (lambda xp, c, g, s, t: (t[:3], s), "θ of the shape"),
    "another dtype": (
        lambda xp, c, g, s, t: (xp.astype(t, xp.float32), s),
        "θ of dtype .*float64",
    ),
    "θ alone": (lambda xp, c, g, s, t: t - c[0] * g, r"must return a pair \(θ, state\)"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_returns_what_it_was_given(backend, name):
    update, match = OPTIMIZERS[name]
    net = xpnet.Network([4, 3], loss="squared_error", backend=backend, dtype="float64")
    with pytest.raises(ValueError, match=match):
        trained(net, optimizer=Own(update), compile=False)


@needs_numba
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_wrong_optimizer_is_an_error_before_any_warning_of_compiled_steps(name):
    update, match = OPTIMIZERS[name]
    net = xpnet.Network([4, 3], loss="squared_error", dtype="float64")
    with pytest.raises(ValueError, match=match):
        trained(net, optimizer=Own(update), compile=True)


WRAPPERS = [
    lambda inner: Clipped(inner, norm=1.0),
    lambda inner: Accumulated(inner, steps=1),
    lambda inner: Averaged(inner, decay=0.9),
]


@pytest.mark.parametrize("wrapped", WRAPPERS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_within_another_returns_what_it_was_given(name, wrapped):
    update, match = OPTIMIZERS[name]
    net = xpnet.Network([4, 3], loss="squared_error", dtype="float64")
    with pytest.raises(ValueError, match=match):
        trained(net, optimizer=wrapped(Own(update)), compile=False)


@pytest.mark.parametrize("state", [None, [], 3, (1.0,)])
def test_an_optimizers_state_is_a_tuple_of_arrays(state):
    own = Own(lambda xp, c, g, s, t: (t, s), lambda xp, theta: state)
    with pytest.raises(ValueError, match="init of Own must return a tuple of arrays"):
        trained(xpnet.Network([4, 3], loss="squared_error"), optimizer=own)


class Gain:
    """A layer B = γ ∘ A that returns dγ as a new array, whatever buffer it is given."""

    def bind(self, fan_in, allocator, defaults):
        allocator.number()
        return BoundGain(fan_in, fan_in, (allocator.row("gain", fan_in),))

    def config(self):
        return {"layer": "gain"}


class BoundGain(NamedTuple):
    fan_in: int
    fan_out: int
    slots: tuple[Any, ...]
    kind: str = "gain"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    def forward(self, backend, p, stats, A, ctx):
        return A * p[0], A, ()

    def gradients(self, backend, p, saved, dB, g, needed):
        return [backend.xp.sum(dB * saved, axis=-2, keepdims=True)], dB * p[0]

    def initial(self, seed, initializer):
        return [np.full((1, self.fan_in), 0.5)]

    def initial_stats(self):
        return ()


@pytest.mark.parametrize("layers", [[Gain()], [Residual([Gain()])]], ids=["alone", "within"])
def test_a_gradient_that_a_layer_returns_as_a_new_array_counts(backend, layers):
    settings = {"loss": "squared_error", "backend": backend, "dtype": "float64"}
    net = xpnet.Network([4, 5, *layers, 3], **settings)
    assert max(xpnet.gradient_check(net, X[:5], Y[:5])) < 1e-6


class Scale:
    """A layer B = 2 A whose forward and gradients may be replaced."""

    def __init__(self, forward=None, gradients=None):
        self.given = forward, gradients

    def bind(self, fan_in, allocator, defaults):
        return BoundScale(fan_in, fan_in, allocator.number(), *self.given)

    def config(self):
        return {"layer": "scale"}


class BoundScale(NamedTuple):
    fan_in: int
    fan_out: int
    number: int
    own_forward: Any
    own_gradients: Any
    kind: str = "scale"
    slots: tuple[Any, ...] = ()
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    def forward(self, backend, p, stats, A, ctx):
        return (A * 2.0, None, ()) if self.own_forward is None else self.own_forward(A)

    def gradients(self, backend, p, saved, dB, g, needed):
        return ([], dB * 2.0) if self.own_gradients is None else self.own_gradients(dB)

    def initial(self, seed, initializer):
        return []

    def initial_stats(self):
        return ()


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (Scale(lambda A: A), "forward of layer BoundScale must return"),
        (Scale(lambda A: (A[:, :1], None, ())), "layer BoundScale must return B of the shape"),
        (Scale(lambda A: (A[:1, :], None, ())), "layer BoundScale must return B of the shape"),
        (Scale(lambda A: (A, None, (A,))), "must return 0 statistics, got 1"),
        (Scale(None, lambda dB: dB), "gradients of layer BoundScale must return a pair"),
        (Scale(None, lambda dB: ([dB], dB)), "must return 0 gradients, got 1"),
        (Scale(None, lambda dB: ([], dB[:, :1])), "layer BoundScale must return dA of the shape"),
        (Scale(None, lambda dB: ([], None)), "layer BoundScale must return dA of the shape"),
    ],
)
def test_a_layer_of_ones_own_returns_its_shapes(backend, layer, match):
    net = xpnet.Network([4, 5, layer, 3], loss="squared_error", backend=backend, dtype="float64")
    with pytest.raises(ValueError, match=match):
        net.gradient(X, Y)


def test_a_right_layer_of_ones_own_has_a_right_gradient(backend):
    right = xpnet.Network(
        [4, 5, Scale(), 3], loss="squared_error", backend=backend, dtype="float64"
    )
    assert max(xpnet.gradient_check(right, X[:5], Y[:5])) < 1e-4


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (xpnet.Loss("mine"), TypeError, "of_output of Loss.* must be a function, got None"),
        (
            xpnet.Loss("mine", of_output=3),
            TypeError,
            "of_output of Loss.* must be a function, got 3",
        ),
        (
            xpnet.Loss("", of_output=half_square),
            ValueError,
            "the name of a user's own loss must be text",
        ),
        (xpnet.Loss("z" * 500, of_output=half_square), ValueError, "at most 100 characters"),
        (xpnet.Loss("mine", half_square, targets="x"), ValueError, "targets of Loss.* must be one"),
        (xpnet.Loss("mine", of_preactivation=3), TypeError, "must be a dict, got 3"),
    ],
)
def test_a_loss_of_ones_own_is_whole(loss, error, match):
    with pytest.raises(error, match=match), warnings.catch_warnings():
        xpnet.Network([4, 3], loss=loss)


@pytest.mark.parametrize("function", [None, 3, "tanh", float])
def test_an_activation_of_ones_own_is_of_functions(function):
    own = xpnet.Activation("mine", function, half_square, half_square)
    with pytest.raises(TypeError, match="must be a function"):
        xpnet.Network([4, 5, 3], activation=own)
    with pytest.raises(TypeError, match="must be a function"):
        xpnet.elementwise("mine", lambda xp, Z: Z, function)


class Bare:
    """An optimizer that is not a NamedTuple."""

    learning_rate = 0.1
    init = coefficients = update = staticmethod(lambda *args: ())


@pytest.mark.parametrize("wrapped", WRAPPERS)
def test_an_optimizer_within_another_is_a_named_tuple_too(wrapped):
    with pytest.raises(TypeError, match="must be a NamedTuple or a frozen dataclass"):
        wrapped(Bare())
