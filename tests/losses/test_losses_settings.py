"""Losses with settings, compared with mpmath, torch and scikit-learn, also at extreme outputs."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import xpnet
from tests.support import exact
from tests.support.helpers import needed, needs_jax, relative
from tests.support.loss_cases import (
    CASES,
    PAIRS,
    WIDTH,
    activation_of,
    each_case,
    found,
    on_device,
    problem,
)
from xpnet.backends import get_backend, move
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Masked,
    MultiCrossEntropy,
    Quantile,
    per_example,
    softmax_heads,
)


@mp.workdps(320)
def expected(loss, name, z, y):
    """Return the losses and dZ of mpmath."""
    settings = {k: v for k, v in loss.config.items() if k != "name"}
    rows = []
    for row, t in zip(z.tolist(), y.tolist(), strict=True):
        target = [mp.mpf(v) for v in t] if isinstance(t, list) and not loss.heads else t
        point = [mp.mpf(v) for v in row]
        rows.append(exact.loss_and_dz(loss.name, name, point, target, **settings))
    values = np.asarray([float(value) for value, _ in rows])
    return values, np.asarray([[float(v) for v in dz] for _, dz in rows])


@pytest.mark.parametrize(("loss", "name"), PAIRS, ids=repr)
def test_every_pair_is_exact(backend, loss, name):
    z, y = problem(loss)
    for a, e in zip(found(backend, loss, name, z, y), expected(loss, name, z, y), strict=True):
        assert relative(a, e) <= 1e-14


@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_smoothed_rows_are_exact_and_equal_smoothed_labels(backend, epsilon):
    loss = CrossEntropy(label_smoothing=epsilon)
    z, y = problem(loss)
    rows = np.eye(WIDTH)[y]
    for a, b, e in zip(
        found(backend, loss, "softmax", z, rows),
        found(backend, loss, "softmax", z, y),
        expected(loss, "softmax", z, y),
        strict=True,
    ):
        assert relative(a, e) <= 1e-14
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


# --- torch and scikit-learn


def torch_value(loss, Z, Y):
    """Return the mean loss of torch's functions."""
    import torch
    from torch.nn import functional as F

    settings, k = dict(loss.config), Y.shape[-1]
    if loss.name == "cross_entropy":
        return F.cross_entropy(Z, Y, label_smoothing=settings["label_smoothing"])
    if loss.name == "huber":
        return F.huber_loss(Z, Y, delta=settings["delta"])
    if loss.name == "gaussian_nll":
        v = torch.exp(Z[:, k:]) + settings["minimum_variance"]
        return F.gaussian_nll_loss(Z[:, :k], Y, v, full=settings["full"])  # no clamp
    if loss.name == "multi_cross_entropy":
        epsilon, heads = settings["label_smoothing"], torch.split(Z, settings["heads"], dim=1)
        return sum(
            F.cross_entropy(z, Y[:, h], label_smoothing=epsilon) for h, z in enumerate(heads)
        )
    return None


@each_case
def test_equals_torch_autograd(backend, loss):
    torch = needed("torch")
    z, y = problem(loss)
    Z = torch.tensor(z, requires_grad=True)
    value = torch_value(loss, Z, torch.tensor(y))
    if value is None:
        pytest.skip(f"torch has no {loss.name}")
    value.backward()
    losses, dZ = found(backend, loss, "identity", z, y)
    assert losses.mean() == pytest.approx(float(value.detach()), rel=1e-13)
    assert relative(dZ / len(z), Z.grad.numpy()) <= 1e-13


@pytest.mark.parametrize("q", [0.05, 0.5, 0.8])
def test_one_quantile_equals_scikit_learn(backend, q):
    metrics = needed("sklearn.metrics")
    z, y = problem(Quantile(q))
    losses, _ = found(backend, Quantile(q), "identity", z, y)
    assert losses.mean() == pytest.approx(metrics.mean_pinball_loss(y, z, alpha=q), rel=1e-14)


def test_the_minimum_of_each_block_is_its_quantile():
    """The derivative by a constant prediction changes its sign at the sample's quantile."""
    y = np.random.default_rng(0).normal(size=(1001, 1))
    quantiles = (0.1, 0.5, 0.9)
    for shift, sign in ((-1e-9, -1), (1e-9, 1)):
        z = np.tile(np.quantile(y, quantiles) + shift, (1001, 1))
        _, dZ = found(get_backend("numpy"), Quantile(quantiles), "identity", z, y)
        assert (np.sign(dZ.sum(axis=0)) == sign).all()


def test_blocks_are_all_targets_first_quantile_then_the_second(backend):
    y = np.asarray([[1.0, 10.0]])
    losses, dZ = found(backend, Quantile((0.1, 0.9)), "identity", np.asarray([[1.0, 10, 0, 20]]), y)
    np.testing.assert_allclose(losses, [(0.9 * 1 + 0.1 * 10) / 4], rtol=1e-15)
    np.testing.assert_allclose(dZ, [[0, 0, -0.9 / 4, 0.1 / 4]], rtol=1e-15)


# --- extremes


@pytest.mark.parametrize("r", [0.0, 1e-150, 1e-9, 1e-4, 0.99, 1.01, 30.0, 1e4, 1e300])
def test_log_cosh_keeps_its_digits(backend, r):
    z = np.asarray([[r], [-r]])
    losses, dZ = found(backend, LOSSES["log_cosh"], "identity", z, np.zeros((2, 1)))
    with mp.workdps(400):
        far = mp.mpf(r) - mp.log(2)  # e^(−2r) is below every digit
        value = mp.log(mp.cosh(mp.mpf(r))) if r < 1e3 else far
        slope = mp.tanh(mp.mpf(r)) if r < 1e3 else mp.mpf(1)
        np.testing.assert_allclose(losses, [float(value)] * 2, rtol=1e-15)
        np.testing.assert_allclose(dZ[:, 0], [float(slope), -float(slope)], rtol=1e-15)


@pytest.mark.parametrize("s", [-300.0, -40.0, 40.0, 300.0])
def test_gaussian_of_tiny_and_huge_variances(backend, s):
    z, y = np.asarray([[1.0 + 1e-9, s]]), np.asarray([[1.0]])
    for loss in (GaussianNLL(), GaussianNLL(minimum_variance=1e-8)):
        values, dZ = found(backend, loss, "identity", z, y)
        exact_values, exact_dZ = expected(loss, "identity", z, y)
        np.testing.assert_allclose(values, exact_values, rtol=1e-13)
        np.testing.assert_allclose(dZ, exact_dZ, rtol=1e-13, atol=1e-140)


@pytest.mark.parametrize("margin", [12.0, 36.0, 300.0])
def test_heads_keep_their_digits_when_the_network_is_sure(backend, margin):
    z = np.asarray([[margin, 0.3, -0.2, 0.1, margin - 1], [0.1, -0.5, margin, margin, 0.2]])
    y, loss = np.asarray([[0, 1], [2, 0]]), MultiCrossEntropy((3, 2))
    values, dZ = found(backend, loss, loss.output, z, y)
    exact_values, exact_dZ = expected(loss, loss.output, z, y)
    tolerance = 4e-15 + margin * np.finfo(np.float64).eps
    np.testing.assert_allclose(values, exact_values, rtol=tolerance)
    np.testing.assert_allclose(dZ, exact_dZ, rtol=tolerance)


@pytest.mark.parametrize("margin", [12.0, 36.0, 300.0, 1e6])
def test_smoothing_of_a_sure_network(backend, margin):
    """The loss and dZ keep the part that ε adds, to the digits of z."""
    z, y = np.asarray([[margin, 0.3, -0.2], [0.1, -1.0, margin]]), np.asarray([0, 1])
    values, dZ = found(backend, CrossEntropy(0.1), "softmax", z, y)
    with np.errstate(all="ignore"):
        exact_values, exact_dZ = expected(CrossEntropy(0.1), "softmax", np.minimum(z, 700), y)
    if margin < 700:
        np.testing.assert_allclose(values, exact_values, rtol=1e-14)
    np.testing.assert_allclose(dZ, exact_dZ, rtol=2e-14)


# --- softmax_heads


@pytest.mark.parametrize("product", ["f", "vjp", "jvp", "second"])
def test_softmax_heads_is_a_softmax_of_each_head(backend, product):
    heads, softmax = (3, 2, 4), ACTIVATIONS["softmax"]
    arrays = np.random.default_rng(2).normal(size=(4, 6, 9))
    P = np.concatenate([softmax.f(np, arrays[0][:, s]) for s in np.split(np.arange(9), [3, 5])], 1)
    arrays = {
        "f": arrays[:1],
        "vjp": [arrays[0], P, arrays[2]],
        "jvp": [arrays[0], P, arrays[2]],
        "second": [arrays[0], P, *arrays[2:]],
    }[product]
    got = getattr(softmax_heads(heads), product)(backend.xp, *(move(backend, x) for x in arrays))
    parts = [
        getattr(softmax, product)(np, *(x[:, s].copy() for x in arrays))
        for s in np.split(np.arange(9), [3, 5])
    ]
    assert relative(got, np.concatenate(parts, axis=1)) <= 1e-14


# --- any backend, any shape


@each_case
def test_a_stack_is_its_members_one_by_one(backend, loss):
    z, y = problem(loss, lead=(3,))
    for name in loss.outputs or ("identity", "tanh"):
        losses, dZ = found(backend, loss, name, z, y)
        assert losses.shape == (3, 5)
        for r in range(3):
            one, slope = found(backend, loss, name, z[r], y[r])
            assert relative(losses[r], one) <= 1e-15
            assert relative(dZ[r], slope) <= 1e-15


@each_case
def test_float32_stays_float32_and_close(backend, loss):
    z, y = problem(loss)
    z, y = z.astype(np.float32), y if y.dtype.kind == "i" else y.astype(np.float32)
    y64 = y if y.dtype.kind == "i" else y.astype(np.float64)
    single = found(backend, loss, "identity", z, y, "float32")
    double = found(backend, loss, "identity", z.astype(np.float64), y64)
    for a, b in zip(single, double, strict=True):
        assert a.dtype == np.float32
        assert relative(a, b) <= 2e-6


@needs_jax
@pytest.mark.parametrize("loss", [*CASES, Masked(Quantile((0.2, 0.7))), *LOSSES.values()], ids=repr)
def test_runs_under_jit(loss):
    import jax

    backend = get_backend("jax")
    backend.dtype("float64")
    if loss.targets in ("rows", "labels", "head labels"):
        z, y = problem(loss)
    else:
        z, _ = problem(LOSSES["huber"])
        y = (z > 0).astype(np.float64)
    f = activation_of(loss, loss.output)

    def function(Z, Y):
        return per_example(jax.numpy, loss, f, Z, Y)

    arrays = move(backend, z), on_device(backend, y)
    for a, b in zip(jax.jit(function)(*arrays), function(*arrays), strict=True):
        assert relative(a, b) <= 1e-14


@each_case
def test_passes_the_gradient_check_in_a_network(backend, loss):
    net = xpnet.Network(
        [3, 6, WIDTH], activation="tanh", output=activation_of(loss, loss.output), loss=loss,
        backend=backend, dtype="float64", rng=4,
    )  # fmt: skip
    X, (_, Y) = np.random.default_rng(1).normal(size=(5, 3)), problem(loss)
    assert max(xpnet.gradient_check(net, X, Y, directions=2)) < 1e-7
