"""Losses and gradients at logits of ±1e4 and ±1e8, and with a class masked by −∞, in every engine.

They are compared with mpmath, in which e^(−1e8) is a number like any other.
"""

from __future__ import annotations

from functools import cache

import mpmath as mp
import numpy as np
import pytest

import xpnet
from tests.support import exact
from tests.support.backends import on_backends
from tests.support.fused_cases import Still, case, program_of, run_plain, run_source
from tests.support.helpers import PAIRS, needs_numba, random_targets
from tests.support.loss_cases import found
from xpnet.losses import LOSSES, CrossEntropy, Masked, MultiCrossEntropy, Poisson

ROWS = 5
Z = np.concatenate(
    [
        [
            [size, 0.3, -size, 1.0],
            [-size, size, size, -size],
            [-size, -size / 2, 0.5, -0.2],
            [size, size, size, size],
            [-size, -size, -size, -size],
        ]
        for size in (1e4, 1e8)
    ]
)
# e^1e4 is beyond float64: it would be an output, or 1/v
BEYOND = [("identity", "gaussian_nll"), ("leaky_relu", "gaussian_nll")]
HOSTILE = [pair for pair in PAIRS if pair[0] != "exp" and pair not in BEYOND]
MATCHED = [pair for pair in HOSTILE if pair[0] in LOSSES[pair[1]].of_preactivation]


def cdf(z: mp.mpf) -> mp.mpf:
    """Φ(z); mpmath's own takes minutes at 1e8."""
    return mp.ncdf(z) if abs(z) < 100 else mp.mpf(z > 0)


@pytest.fixture(autouse=True)
def quick_gelu(monkeypatch):
    gelu = (lambda z: z * cdf(z), lambda z: cdf(z) + z * exact.normal_pdf(z))
    monkeypatch.setitem(exact.FUNCTIONS, "gelu", gelu)


def numbers(values):
    """Return mpmath's numbers of a row, or the label itself."""
    return int(values) if np.ndim(values) == 0 else [mp.mpf(v) for v in values.tolist()]


def expected(loss, output, z, y, **settings):
    """Return the losses and dZ of mpmath, for the numbers that the backend gets."""
    with mp.workdps(60):
        rows = [
            exact.loss_and_dz(loss, output, numbers(row), numbers(target), **settings)
            for row, target in zip(z, y, strict=True)
        ]
    return np.asarray([float(v) for v, _ in rows]), np.asarray(
        [[float(v) for v in d] for _, d in rows]
    )


@cache
def targets_for(loss):
    """Return targets of each kind, at which terms vanish or do not."""
    n = len(Z)
    if loss == "cross_entropy":
        labels = [np.full(n, k) for k in range(4)]
        return [*labels, np.eye(4)[np.arange(n) % 4], np.full((n, 4), 0.25)]
    if loss == "binary_cross_entropy":
        return [np.full((n, 4), p) for p in (0.0, 1.0, 0.3)]
    return [random_targets(np.random.default_rng(3), loss, n, 4)]


def check(actual, wanted, dtype):
    """Compare losses one by one, and dZ by its largest entries."""
    eps = float(np.finfo(dtype).eps)
    values, dZ = wanted
    np.testing.assert_allclose(actual[0], values, rtol=8 * eps)
    np.testing.assert_allclose(actual[1], dZ, rtol=8 * eps, atol=4 * eps * np.max(np.abs(dZ)))


@on_backends("pair", HOSTILE, jax=MATCHED)
def test_losses_and_gradients_are_exact(backend, pair):
    output, loss = pair
    for dtype in ("float32", "float64"):
        z = Z.astype(dtype)
        for y in targets_for(loss):
            given = y if y.dtype.kind == "i" else y.astype(dtype)
            wanted = expected(loss, output, z, given)
            check(found(backend, LOSSES[loss], output, z, given, dtype), wanted, dtype)


@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_smoothed_labels_are_exact(backend, epsilon):
    loss = CrossEntropy(epsilon)
    for dtype in ("float32", "float64"):
        z = Z.astype(dtype)
        for y in targets_for("cross_entropy")[:5]:
            labels = y if y.ndim == 1 else np.argmax(y, axis=1)
            wanted = expected("cross_entropy", "softmax", z, labels, label_smoothing=epsilon)
            check(found(backend, loss, "softmax", z, y, dtype), wanted, dtype)


def test_heads_and_half_the_deviance_are_exact(backend):
    y = np.stack([np.arange(len(Z)) % 2, np.arange(len(Z)) // 2 % 2], axis=1)
    heads = MultiCrossEntropy((2, 2))
    wanted = expected("multi_cross_entropy", "", Z, y, heads=(2, 2))
    check(found(backend, heads, heads.output, Z, y), wanted, "float64")
    check(found(backend, Masked(heads), heads.output, Z, y), wanted, "float64")
    counts = targets_for("poisson")[0].astype(float)
    constant = np.mean([[t * np.log(t) - t if t else 0.0 for t in row] for row in counts], axis=1)
    for output in ("softplus", "sigmoid", "softmax"):
        values, dZ = expected("poisson", output, Z, counts)
        actual = found(backend, Poisson(deviance=True), output, Z, counts)
        check(actual, (values + constant, dZ), "float64")


@pytest.mark.parametrize("output", ["sigmoid", "softplus"])
def test_masked_targets_leave_the_others_exact(backend, output):
    counts = targets_for("poisson")[0].astype(float)
    wanted = expected("poisson", output, Z[:, :3], counts[:, :3])
    counts[:, 3] = np.nan
    values, dZ = found(backend, Masked(LOSSES["poisson"]), output, Z, counts)
    check((values, dZ[:, :3]), wanted, "float64")
    np.testing.assert_array_equal(dZ[:, 3], 0.0)


# --- a class masked by −∞


def masked(z):
    return np.concatenate([z[:, :2], np.full((len(z), 1), -np.inf), z[:, 2:]], axis=1)


SMALL = np.random.default_rng(1).normal(size=(len(Z), 3))


@pytest.mark.parametrize("z", [Z[:, :3], SMALL], ids=["hostile", "ordinary"])
@pytest.mark.parametrize("output", ["softmax", "identity"])
@pytest.mark.parametrize("kind", ["labels", "rows"])
def test_a_masked_class_is_as_if_it_were_not_there(backend, output, kind, z):
    labels = np.arange(len(z)) % 3
    y, wide = labels, labels + (labels == 2)
    if kind == "rows":
        y, wide = np.eye(3)[y] * 0.75 + 0.25 / 3, 0
        wide = np.concatenate([y[:, :2], np.zeros((len(z), 1)), y[:, 2:]], axis=1)
    loss = LOSSES["cross_entropy"]
    values, dZ = found(backend, loss, output, masked(z), wide)
    check((values, np.delete(dZ, 2, axis=1)), found(backend, loss, output, z, y), "float64")
    np.testing.assert_array_equal(dZ[:, 2], 0.0)


def test_the_loss_of_a_masked_class_is_infinite_and_its_gradient_is_the_limit(backend):
    """P_y is 0; dZ of the label's entry tends to −1, and of the others to their P."""
    z = masked(SMALL)
    for y in (np.full(len(z), 2), np.eye(4)[np.full(len(z), 2)]):
        values, dZ = found(backend, LOSSES["cross_entropy"], "softmax", z, y)
        np.testing.assert_array_equal(values, np.inf)
        P = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(dZ, P - np.eye(4)[2], rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_infinite_logits_of_sure_outputs_add_nothing(backend, sign):
    z, y = SMALL.copy(), np.random.default_rng(2).uniform(size=SMALL.shape)
    z[:, 1], y[:, 1] = sign * np.inf, float(sign > 0)
    loss = LOSSES["binary_cross_entropy"]
    values, dZ = found(backend, loss, "sigmoid", z, y)
    rest, slopes = found(backend, loss, "sigmoid", z[:, [0, 2]], y[:, [0, 2]])
    np.testing.assert_allclose(values, rest * (2 / 3), rtol=1e-14)
    np.testing.assert_allclose(dZ[:, [0, 2]], slopes * (2 / 3), rtol=1e-14)
    np.testing.assert_array_equal(dZ[:, 1], 0.0)


@pytest.mark.parametrize("output", ["exp", "softplus", "sigmoid", "softmax"])
def test_a_mean_of_zero_adds_nothing_to_the_loss_of_count_zero(backend, output):
    z, y = SMALL.copy(), np.random.default_rng(2).uniform(size=SMALL.shape)
    z[:, 1], y[:, 1] = -np.inf, 0.0
    values, dZ = found(backend, LOSSES["poisson"], output, z, y)
    rest, slopes = found(backend, LOSSES["poisson"], output, z[:, [0, 2]], y[:, [0, 2]])
    np.testing.assert_allclose(values, rest * (2 / 3), rtol=1e-14)
    np.testing.assert_allclose(dZ[:, [0, 2]], slopes * (2 / 3), rtol=1e-14)
    np.testing.assert_array_equal(dZ[:, 1], 0.0)


# --- compiled steps


class Gradient(Still):
    """Leaves θ unchanged, and keeps the gradient in its state."""

    def init(self, xp, theta):
        return (xp.zeros_like(theta),)

    def update(self, xp, c, g, state, theta):
        return theta, (g,)


def steps_of(loss, output, y, dtype):
    """Return a step for each row of Z, whose logits it is: W is 1 for the example's own input."""
    n = len(Z)
    net = xpnet.Network([n, xpnet.layers.Dense(4, output)], loss=loss, dtype=dtype, rng=0)
    net.set_weights([Z.T.astype(dtype)], [np.zeros(4, dtype)])
    made = case(net, np.eye(n, dtype=dtype), y, optimizer=Gradient(), steps=n, batch=1)
    made.order = np.arange(n)
    return made


@pytest.mark.parametrize(("output", "loss"), HOSTILE)
def test_compiled_steps_have_the_same_losses_and_gradients(output, loss):
    for dtype in ("float32", "float64"):
        for y in targets_for(loss):
            steps = steps_of(loss, output, y if y.dtype.kind == "i" else y.astype(dtype), dtype)
            plain, totals = run_plain(steps)
            state, compiled = run_source(steps, program_of(steps))
            check((compiled, state.optimizer[0]), (totals, plain.optimizer[0]), dtype)
            assert np.all(np.isfinite(totals))


def masking(name, rows):
    """Return a loss that masks its third output, for labels or for rows."""
    of_z = LOSSES[name].of_preactivation["identity"]

    def of_output(xp, A, Y):
        is_masked = xp.arange(A.shape[-1], device=getattr(A, "device", None)) == 2
        losses, dA = of_z(xp, xp.where(is_masked, -np.inf, A), Y)
        return losses, xp.where(is_masked, 0.0, dA)

    targets = "rows" if rows else LOSSES[name].targets
    return xpnet.Loss(f"masked {name}", of_output=of_output, targets=targets)


MASKS = [("cross_entropy", False), ("cross_entropy", True), ("binary_cross_entropy", True)]


def targets_of_mask(rows):
    labels = np.arange(len(Z)) % 2
    return np.eye(4)[labels] if rows else labels


@pytest.mark.parametrize(("name", "rows"), MASKS)
def test_compiled_steps_with_a_masked_class(name, rows):
    steps = steps_of(masking(name, rows), "identity", targets_of_mask(rows), "float64")
    plain, totals = run_plain(steps)
    state, compiled = run_source(steps, program_of(steps))
    check((compiled, state.optimizer[0]), (totals, plain.optimizer[0]), "float64")
    assert np.all(np.isfinite(totals))
    assert np.all(np.isfinite(plain.optimizer[0]))


@needs_numba
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "poisson", "masked"])
def test_numba_computes_them_alike(loss):
    """At weights of ±1e8 each step changes θ by a gradient of order 1, which float64 keeps."""
    output = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "softplus"}
    y = targets_of_mask(loss != "masked")
    losses = []
    for compile in (False, True):
        made = masking("cross_entropy", False) if loss == "masked" else loss
        layer = xpnet.layers.Dense(4, output.get(loss, "identity"))
        net = xpnet.Network([len(Z), layer], loss=made, dtype="float64", rng=0)
        net.set_weights([Z.T], [np.zeros(4)])
        history = net.fit(
            np.eye(len(Z)), y, epochs=3, batch_size=1, optimizer="sgd", learning_rate=1.0,
            compile=compile,
        )  # fmt: skip
        losses.append(history.step_loss.tolist())
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-13, atol=1e-15)
