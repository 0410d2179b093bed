"""Penalties and the max-norm, compared with torch.autograd, differences and loops."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, needs_jax, relative
from xpnet.backends import move, to_numpy
from xpnet.equations.parameters import Layout
from xpnet.equations.parameters import layout as layout_of
from xpnet.equations.penalties import MaxNorm, Penalty

NET = xpnet.Network([4, 6, 3], dtype="float64", rng=2)
LAYOUT = layout_of(NET.layers)
PENALTIES = [
    Penalty(l1=0.3),
    Penalty(l2=0.7),
    Penalty(l1=0.3, l2=0.7),
    Penalty(l1=0.3, l2=0.7, biases=True),
]
each_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=str)


def vectors(lead=()):
    """Return θ and g of a network, with a zero among the weights."""
    rng = np.random.default_rng(4)
    theta, g = rng.normal(size=(2, *lead, LAYOUT.size))
    theta[..., 3] = 0.0
    return theta, g


def added(backend, penalty, theta, g):
    """Return (value, gradient) on the host."""
    xp = backend.xp
    theta, g = move(backend, theta), xp.asarray(move(backend, g), copy=True)
    value = penalty.value(xp, theta, LAYOUT)
    return to_numpy(value), to_numpy(
        penalty.add_gradient(xp, theta, g, LAYOUT, in_place=backend.in_place)
    )


@each_penalty
def test_value_and_gradient_equal_torch_autograd(backend, penalty):
    torch = needed("torch")
    theta, g = vectors()
    t = torch.tensor(theta, requires_grad=True)
    W = t if penalty.biases else t[: LAYOUT.n_weights]
    value = penalty.l1 * W.abs().sum() + penalty.l2 / 2 * (W**2).sum()
    value.backward()
    found, found_g = added(backend, penalty, theta, g)
    assert float(found) == pytest.approx(float(value.detach()), rel=1e-14)
    assert relative(found_g, g + t.grad.numpy()) <= 1e-15


@each_penalty
def test_gradient_equals_differences_of_the_value(backend, penalty):
    theta, g = vectors()
    theta[3] = 0.5  # away from the kink of |W|
    v = np.random.default_rng(5).choice((-1.0, 1.0), LAYOUT.size)
    h = 1e-3  # central differences of a piecewise quadratic value are exact
    values = [float(added(backend, penalty, theta + s * v * h, g)[0]) for s in (1, -1)]
    slope = (added(backend, penalty, theta, g)[1] - g) @ v
    near_zero = np.abs(theta) < h
    assert not near_zero.any()
    assert slope == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-11)


def test_biases_are_left_alone_unless_asked(backend):
    theta, g = vectors()
    n = LAYOUT.n_weights
    _, found = added(backend, Penalty(l1=1.0, l2=1.0), theta, g)
    np.testing.assert_array_equal(found[n:], g[n:])
    assert not np.isclose(found[:n], g[:n]).any(where=theta[:n] != 0)
    _, found = added(backend, Penalty(l1=1.0, l2=1.0, biases=True), theta, g)
    assert not np.isclose(found[n:], g[n:]).any()


def test_in_place_writes_into_the_gradient(backend):
    if not backend.in_place:
        pytest.skip("this library has no views")
    theta, g = (backend.xp.asarray(move(backend, x), copy=True) for x in vectors())
    assert Penalty(l2=1.0).add_gradient(backend.xp, theta, g, LAYOUT, in_place=True) is g
    pure = Penalty(l2=1.0).add_gradient(backend.xp, theta, move(backend, vectors()[1]), LAYOUT)
    np.testing.assert_array_equal(to_numpy(g), to_numpy(pure))


@each_penalty
def test_a_stack_is_its_networks_one_by_one(backend, penalty):
    theta, g = vectors(lead=(3,))
    values, gradients = added(backend, penalty, theta, g)
    assert values.shape == (3,)
    for r in range(3):
        value, gradient = added(backend, penalty, theta[r], g[r])
        assert values[r] == pytest.approx(value, rel=1e-15)
        np.testing.assert_array_equal(gradients[r], gradient)


def test_l2_is_the_weight_decay_of_torch(backend):
    torch = needed("torch")
    theta, g = vectors()
    t = torch.tensor(theta, requires_grad=True)
    sgd = torch.optim.SGD([t], lr=0.1, weight_decay=0.02)
    mine = move(backend, theta)
    penalty = Penalty(l2=0.02, biases=True)
    for _ in range(100):
        t.grad = torch.tensor(g)
        sgd.step()
        slope = backend.xp.asarray(move(backend, g), copy=True)
        mine = mine - 0.1 * penalty.add_gradient(backend.xp, mine, slope, LAYOUT)
    assert relative(mine, t.detach().numpy()) <= 1e-14


@needs_jax
def test_in_a_jitted_step():
    import jax

    backend = xpnet.get_backend("jax")
    backend.dtype("float64")
    penalty, norm = Penalty(l1=0.1, l2=0.2), MaxNorm(0.5)
    theta, g = vectors()

    def step(theta, g):
        g = penalty.add_gradient(jax.numpy, theta, g, LAYOUT)
        return norm.project(jax.numpy, theta - g, LAYOUT)

    found = jax.jit(step)(theta, g)
    plain = norm.project(np, theta - penalty.add_gradient(np, theta, g.copy(), LAYOUT), LAYOUT)
    assert relative(found, plain) <= 1e-15


# --- max-norm


def clipped(theta, limit):
    """Return θ with each neuron's row clipped, by a loop over neurons."""
    theta = theta.copy()
    for at, rows, columns in LAYOUT.matrices:
        for j in range(rows):
            row = theta[at + j * columns : at + (j + 1) * columns]
            length = np.sqrt(sum(w * w for w in row))
            if length > limit:
                row *= limit / length
    return theta


@pytest.mark.parametrize("limit", [0.5, 1.8, 100.0])
def test_max_norm_shortens_each_long_row_to_the_limit(backend, limit):
    theta, _ = vectors()
    given = backend.xp.asarray(move(backend, theta), copy=True)
    found = MaxNorm(limit).project(backend.xp, given, LAYOUT, in_place=backend.in_place)
    np.testing.assert_allclose(to_numpy(found), clipped(theta, limit), rtol=1e-15)
    if limit == 100.0:
        np.testing.assert_array_equal(to_numpy(found), theta)
    if backend.in_place:
        assert found is given


def test_some_rows_are_over_1_8_and_some_are_not():
    theta, _ = vectors()
    changed = (clipped(theta, 1.8) != theta)[: LAYOUT.n_weights]
    assert 0 < changed.sum() < LAYOUT.n_weights - 4


def test_max_norm_equals_torch_renorm():
    torch = needed("torch")
    theta, _ = vectors()
    found = MaxNorm(1.8).project(np, theta.copy(), LAYOUT)
    for at, rows, columns in LAYOUT.matrices:
        W = torch.tensor(theta[at : at + rows * columns].reshape(rows, columns))
        expected = torch.renorm(W, 2, 0, 1.8).numpy().reshape(-1)  # torch divides by ‖W‖ + 1e-7
        np.testing.assert_allclose(found[at : at + rows * columns], expected, rtol=1e-7)


def test_max_norm_of_a_stack_and_of_zero_rows(backend):
    theta, _ = vectors(lead=(3,))
    theta[1, : LAYOUT.n_weights] = 0.0
    found = MaxNorm(1.0).project(backend.xp, move(backend, theta), LAYOUT)
    for r in range(3):
        np.testing.assert_allclose(to_numpy(found)[r], clipped(theta[r], 1.0), rtol=1e-15)


# --- settings


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Penalty(l1=-1), "l1 must be a finite number ≥ 0, got -1"),
        (lambda: Penalty(l2=float("inf")), "l2 must be a finite number ≥ 0, got inf"),
        (lambda: Penalty(l2="0.1"), "l2 must be a finite number ≥ 0, got '0.1'"),
        (lambda: MaxNorm(0), "limit of max_norm must be a finite number > 0, got 0"),
        (lambda: MaxNorm(float("nan")), "limit of max_norm must be a finite number > 0, got nan"),
    ],
)
def test_settings_out_of_range(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_they_are_hashable_by_value():
    assert hash(Penalty(l2=0.1)) == hash(Penalty(l2=0.1))
    assert Penalty(l2=0.1) == Penalty(l2=0.1) != Penalty(l1=0.1)
    assert MaxNorm(2) == MaxNorm(2.0)


def test_weights_whose_norm_overflows_do_not_become_zeros(backend):
    """If ‖W_j‖² is infinite, c/∞ = 0 would silently turn a diverging network into zeros."""
    layout = layout_of(xpnet.Network([2, 2]).layers)
    theta = move(backend, np.float32([1e30, 1e30, 3.0, 4.0, 0.0, 0.0]))
    with np.errstate(over="ignore"):
        found = MaxNorm(1.0).project(backend.xp, theta, layout, backend.in_place)
    np.testing.assert_allclose(to_numpy(found)[:4], [np.nan, np.nan, 0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_sum_is_the_given_array_only_where_asked(in_place):
    penalty, layout = Penalty(l1=0.5, l2=0.25), Layout(3, 2, ((0, 1, 2),))
    theta, g = np.asarray([1.0, -2.0, 3.0]), np.asarray([0.1, 0.2, 0.3])
    given = {"in_place": True} if in_place else {}
    found = penalty.add_gradient(np, theta, g, layout, **given)
    assert (found is g) == in_place
    np.testing.assert_allclose(found, [0.1 + 0.5 + 0.25, 0.2 - 0.5 - 0.5, 0.3], rtol=1e-15)
