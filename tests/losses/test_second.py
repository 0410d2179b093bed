"""Second derivatives of losses: differences of slopes, exact values, and losses within losses."""

from __future__ import annotations

import dataclasses

import mpmath as mp
import numpy as np
import pytest

from tests.support.helpers import on_device, random_targets, relative
from tests.support.loss_cases import CASES, WIDTH
from tests.support.loss_cases import problem as problem_with_settings
from xpnet.backends import move, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import Slot
from xpnet.layers.dense import DenseLayer
from xpnet.losses import LOSSES, Huber, Masked, MultiCrossEntropy, Poisson, Scaled
from xpnet.losses.cut import Cut, cut

SMOOTH = [
    *(row for row in LOSSES.values()),
    *CASES,
    Poisson(deviance=True),
    Scaled(LOSSES["gaussian_nll"], 0.3),
    Scaled(LOSSES["cross_entropy"], 0.3),
]
each_loss = pytest.mark.parametrize("loss", SMOOTH, ids=repr)


class Place(Cut):
    """A cut, and the name of the output activation."""

    def __new__(cls, *parts):
        """Keep the name beside the parts of the cut."""
        new = super().__new__(cls, *parts[:-1])
        new.name = parts[-1]
        return new


def places(loss):
    """Return the cut of the loss after each kind of output: matched, and not, if it has both."""
    names = [*loss.of_preactivation]
    names += ["gelu"] if loss.of_output and loss.targets != "counts" else []
    slot = Slot("", (1, 1), 0, True)
    for name in names:
        f = ACTIVATIONS.get(name) or loss.output_activation
        yield Place(*cut((DenseLayer(1, 1, f, 0, slot, slot),), loss), name)


def problem(loss):
    """Return B (5, 12), positive for counts, and Y; no residual lies at a kink."""
    B, Y = problem_with_settings(loss)
    if loss.targets == "counts":
        rng = np.random.default_rng(3)
        return np.abs(B) + 0.2, random_targets(rng, "poisson", 5, WIDTH)
    if loss.targets == "probabilities":
        return B, np.random.default_rng(3).uniform(0, 1, B.shape)
    return B, Y


@each_loss
def test_it_is_the_difference_of_slopes(backend, loss):
    B, Y = problem(loss)
    tB = np.random.default_rng(0).normal(size=(2, *B.shape))
    for of in places(loss):
        xp, y = backend.xp, on_device(backend, Y)

        def slope(at, of=of, xp=xp, y=y):
            return to_numpy(of.gradient(xp, move(backend, at), y)[1])

        found = to_numpy(of.hessian(xp, move(backend, B), y, move(backend, tB)))
        h = 1e-5
        for t, f in zip(tB, found, strict=True):
            near, far = (slope(B + k * t) - slope(B - k * t) for k in (h, 2 * h))
            expected = (8 * near - far) / (12 * h)
            assert np.linalg.norm(f - expected) <= 1e-9 * max(np.linalg.norm(expected), 1)


@each_loss
def test_it_is_symmetric_and_the_curvature_has_no_negative_eigenvalue(loss):
    B, Y = problem(loss)
    units = np.broadcast_to(np.eye(WIDTH)[:, None, :], (WIDTH, *B.shape))
    for of in places(loss):
        for product, least in ((of.hessian, -np.inf), (of.curvature, -1e-15)):
            H = np.moveaxis(product(np, B, Y, units), 0, 1)  # (N, n, n)
            assert relative(H, np.swapaxes(H, 1, 2)) <= 1e-15
            assert np.linalg.eigvalsh(H).min() >= least


def test_cross_entropy_of_rows_counts_their_sum(backend):
    """dZ = s P − Y, so the second derivative is s times that of a label."""
    loss = LOSSES["cross_entropy"]
    Z = np.random.default_rng(0).normal(size=(3, 4))
    (of, _) = places(loss)
    args = backend.xp, move(backend, Z)
    t = move(backend, Z + 1)
    rows = of.hessian(*args, move(backend, np.full((3, 4), 0.5)), t)
    labels = of.hessian(*args, on_device(backend, np.zeros(3, dtype=np.int64)), t)
    assert relative(rows, 2 * to_numpy(labels)) <= 1e-15


def test_a_confident_cross_entropy_keeps_its_digits(backend):
    """P_y is 1 − 1e-17; mpmath has the exact product."""
    z, t = [0.0, -40.0, -39.0], [0.7, -0.3, 0.2]
    with mp.workdps(60):
        e = [mp.exp(v) for v in z]
        P = [v / sum(e) for v in e]
        mean = sum(p * v for p, v in zip(P, t, strict=True))
        exact = [float(p * (v - mean)) for p, v in zip(P, t, strict=True)]
    (of, _) = places(LOSSES["cross_entropy"])
    Z, T = (move(backend, np.asarray([v])) for v in (z, t))
    found = to_numpy(of.hessian(backend.xp, Z, on_device(backend, np.asarray([0])), T))
    np.testing.assert_allclose(found[0], exact, rtol=1e-14)


def test_a_certain_sigmoid_and_log_cosh_keep_their_digits(backend):
    (of, _) = places(LOSSES["binary_cross_entropy"])
    one = move(backend, np.ones((1, 1)))
    Z = move(backend, np.full((1, 1), 50.0))
    assert float(of.hessian(backend.xp, Z, one, one)[0, 0]) == pytest.approx(np.exp(-50), 1e-14)
    (of,) = places(LOSSES["log_cosh"])
    assert float(of.hessian(backend.xp, Z, one * 0, one)[0, 0]) == pytest.approx(
        4 * np.exp(-100), 1e-14
    )


@pytest.mark.parametrize("inner", [l for l in SMOOTH if l.over_outputs == "mean"], ids=repr)
def test_masked_equals_the_inner_loss_of_the_targets_there(backend, inner):
    if inner.name.startswith("scaled"):
        pytest.skip("a scaled loss is masked inside: Scaled(Masked(loss), factor)")
    B, Y = problem(inner)
    tB = np.random.default_rng(0).normal(size=(2, *B.shape))
    there = np.random.default_rng(1).uniform(size=Y.shape) < 0.6
    there[0], there[-1] = True, False
    missing = np.where(there, Y, np.nan)
    inners = (place for place in places(inner) if place.name != "softmax")  # masked only from A
    for of, alone in zip(places(Masked(inner)), inners, strict=True):
        args = (move(backend, x) for x in (B, missing, tB))
        found = to_numpy(of.hessian(backend.xp, *args))
        assert not found[:, -1].any()
        for n, row in enumerate(there[:-1]):
            c = np.tile(row, inner.outputs_per_target)
            if row.any():
                of_row = alone.hessian(np, B[n : n + 1, c], Y[n : n + 1, row], tB[:, n : n + 1, c])
                assert relative(found[:, n, c], of_row[:, 0]) <= 1e-13
            assert not found[:, n, ~c].any()


def test_a_missing_head_has_no_curvature():
    loss = Masked(MultiCrossEntropy((3, 2)))
    of = next(iter(places(loss)))
    Z = np.random.default_rng(0).normal(size=(1, 5))
    found = of.hessian(np, Z, np.asarray([[2, -1]]), np.ones((1, 5)) * Z)
    assert found[0, :3].any()
    assert not found[0, 3:].any()


def test_scaled_is_a_multiple(backend):
    (of,), (half,) = places(Huber(0.7)), places(Scaled(Huber(0.7), 0.5))
    B, Y, tB = (move(backend, x) for x in (*problem(Huber(0.7)), np.ones((5, WIDTH))))
    whole = to_numpy(of.hessian(backend.xp, B, Y, tB))
    assert relative(half.hessian(backend.xp, B, Y, tB), whole / 2) <= 1e-15
    assert whole.any()


def test_cut_is_at_z_for_a_matched_output_and_at_a_otherwise():
    kinds = [[of.layers[-1].activation.name for of in places(LOSSES[name])] for name in LOSSES]
    found = dict(zip(LOSSES, kinds, strict=True))
    assert found["poisson"] == ["identity"] * 4
    assert found["huber"] == ["gelu"]


@pytest.mark.parametrize("name", ["exp", "softplus", "sigmoid", "softmax"])
def test_curvature_of_poisson_is_its_hessian_at_the_mean_count(backend, name):
    """The Hessian is linear in y, so its mean over y is its value at y = a."""
    (of,) = (c for c in places(LOSSES["poisson"]) if c.name == name)
    Z = np.random.default_rng(0).normal(size=(5, 4)) * 3
    xp, z, t = backend.xp, move(backend, Z), move(backend, Z[::-1] * 1.0)
    mean = ACTIVATIONS[name].value(xp, z)
    assert relative(of.curvature(xp, z, z, t), to_numpy(of.hessian(xp, z, mean, t))) <= 1e-14


@pytest.mark.parametrize("name", ["exp", "softplus", "sigmoid", "softmax"])
def test_second_derivatives_of_poisson_are_finite_where_a_underflows(name):
    (of,) = (c for c in places(LOSSES["poisson"]) if c.name == name)
    Z = np.asarray([[-1e4, 1.0, -60.0]])
    for product in (of.hessian, of.curvature):
        assert np.isfinite(product(np, Z, np.asarray([[2.0, 0.0, 1.0]]), Z)).all()


def test_a_variant_with_another_function_does_not_keep_the_second_derivative():
    """It would be the derivative of a function that the variant no longer has."""
    whole = LOSSES["mean_squared_error"]
    variant = dataclasses.replace(whole, of_output=lambda xp, A, Y: whole.of_output(xp, A, Y))
    (of,) = places(variant)
    with pytest.raises(ValueError, match="has no second derivative"):
        of.hessian(np, np.ones((1, 2)), np.zeros((1, 2)), np.ones((1, 2)))
    given = dataclasses.replace(variant, second_of_output=lambda xp, A, Y, tA: 7.0 * tA)
    for loss, factor in ((given, 7), (Scaled(given, 0.5), 3.5), (Masked(given), 3.5)):
        (of,) = places(loss)
        assert (of.hessian(np, np.ones((1, 2)), np.zeros((1, 2)), np.ones((1, 2))) == factor).all()
