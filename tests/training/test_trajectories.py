"""A whole fit, compared with torch: 100 steps from the same θ, batches and settings.

θ after every step and the loss of every batch agree to 1e-11. torch computes with its own layers,
its own losses, autograd and `torch.optim.SGD`. Because of momentum, an error of one step affects
all later ones. (tests/optimizers/test_optimizers.py compares the other optimizers. Adam would
magnify rounding errors of gradients that are zero, such as a bias's before batch normalisation.)
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.helpers import needed, network, relative
from xpnet import Penalty
from xpnet.backends import to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import layout
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
)
from xpnet.optimizers import SGD

torch = needed("torch")

from torch.nn import functional as F  # noqa: E402

from tests.support import twins  # noqa: E402

N, BATCH, EPOCHS = 46, 10, 20  # five steps per epoch; the last batch is smaller
BOUND = 1e-11

rng = np.random.default_rng(0)
NUMBERS = rng.normal(size=(N, 4))
CODES = np.stack([rng.integers(0, 5, N), rng.integers(0, 3, N)], axis=1)
X = np.concatenate([NUMBERS[:, :1], CODES[:, :1], NUMBERS[:, 1:3], CODES[:, 1:]], axis=1)
ROWS = np.stack([np.sin(2 * X[:, 0]) + X[:, 2], X[:, 3] * X[:, 0]], axis=1)
LABELS = rng.integers(0, 3, N)
PROBABILITIES = rng.dirichlet(np.ones(3), N)
BITS = (rng.uniform(size=(N, 2)) < 0.4) * 1.0
COUNTS = rng.poisson(2.0, (N, 2)) * 1.0
HEADS = np.stack([LABELS, rng.integers(0, 2, N)], axis=1)
HOLES = np.where(rng.uniform(size=(N, 2)) < 0.3, np.nan, ROWS)
WEIGHTS = rng.uniform(0.1, 2.0, N)


def tensor(array):
    return torch.tensor(np.asarray(array))


# --- the two fits


def batches():
    for epoch in range(EPOCHS):
        for start in range(0, N, BATCH):
            yield epoch, np.arange(start, min(start + BATCH, N))


def in_torch(net, X, loss, added=None, after=None, rate=0.02):
    """Return θ after every step, each step's loss, and the statistics at the end."""
    theta = tensor(to_numpy(net.parameters)).requires_grad_()
    stats = [tensor(to_numpy(stat)) for stat in net.statistics]
    sgd = torch.optim.SGD([theta], lr=rate, momentum=0.9)
    thetas, losses = [], []
    for epoch, rows in batches():
        mask = twins.mask_of(net.seed, epoch, rows)
        Z = twins.preactivation(net.layers, theta, tensor(X[rows]), stats, mask)
        value = loss(Z, rows)
        sgd.zero_grad()
        (value if added is None else value + added(theta)).backward()
        sgd.step()
        if after is not None:
            after(theta.detach())
        thetas.append(theta.detach().numpy().copy())
        losses.append(value.item())
    return thetas, losses, [stat.numpy() for stat in stats]


def in_xpnet(net, X, Y, rate=0.02, **settings):
    thetas = []

    def step_end(net, history):
        thetas.append(to_numpy(net.parameters).copy())

    history = net.fit(
        X,
        Y,
        epochs=EPOCHS,
        batch_size=BATCH,
        shuffle=False,
        optimizer=SGD(rate, momentum=0.9),
        callbacks={"step_end": step_end},
        **settings,
    )
    return thetas, history.step_loss, [to_numpy(stat) for stat in net.statistics]


def agree(net, X, Y, loss, *, added=None, after=None, rate=0.02, **settings):
    start = to_numpy(net.parameters).copy()
    expected = in_torch(net, X, loss, added, after, rate)
    found = in_xpnet(net, X, Y, rate, **settings)
    assert len(found[0]) == len(found[1]) == 100
    for one, other in zip(found, expected, strict=True):  # θ and loss at every step, statistics
        assert max((relative(a, b) for a, b in zip(one, other, strict=True)), default=0) <= BOUND
    assert relative(found[0][-1], start) > 0.05  # the fit changed θ


# --- layers

LAYERS = {
    "dense": [8, 6],
    "layer norm": [8, LayerNorm(), 6, LayerNorm(epsilon=0.1)],
    "batch norm": [8, BatchNorm(), 6, BatchNorm(momentum=0.3, epsilon=0.01)],
    "dropout": [Dropout(0.1), 12, Dropout(0.4)],
    "residual": [8, Residual([6, Dense(8, "softplus")])],
    "residual with a projection": [Residual([8, 7]), Residual([5])],
    "residual around the others": [8, Residual([LayerNorm(), 8, Dropout(0.2), BatchNorm()])],
    "residual within another": [Residual([6, Residual([6, BatchNorm()]), 4])],
    "embedding": [Embedding([5, 3], 2, columns=[1, 4]), 8],
    "embedding of one column": [Embedding(3, 4, columns=4), 8],
    "all of them": [
        Embedding([5, 3], 3, columns=[1, 4]),
        Dense(10, "silu"),
        BatchNorm(),
        Residual([Dense(10, "gelu"), Dropout(0.3)]),
        LayerNorm(),
        Residual([6]),
    ],
}


def squared(Z, rows):
    return F.mse_loss(Z, tensor(ROWS[rows]))


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    net = network("numpy", [5, *LAYERS[name], 2], activation="tanh", loss="mean_squared_error")
    agree(net, X, ROWS, squared)


def test_all_layers_on_every_backend(backend):
    layers = LAYERS["all of them"]
    net = network(backend, [5, *layers, 3], activation="tanh", loss=CrossEntropy(0.1))
    agree(net, X, LABELS, lambda Z, rows: F.cross_entropy(
        Z, tensor(LABELS[rows]), label_smoothing=0.1
    ))  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    net = network("numpy", [4, 6, 5, 2], activation=name, loss="mean_squared_error")
    agree(net, NUMBERS / 4, ROWS, squared, rate=0.005)  # a larger rate diverges with exp


# --- losses: name or object, targets, and torch's mean loss as a function of Z_L


def heads(Z, Y, **settings):
    first, second = torch.split(Z, [3, 2], dim=1)
    parts = (first, Y[:, 0]), (second, Y[:, 1])
    return sum(F.cross_entropy(part, y, **settings) for part, y in parts)


def pinball(tau):
    return lambda Z, Y: torch.maximum(tau * (Y - Z), (tau - 1) * (Y - Z)).mean()


def quantiles(Z, Y):
    return (pinball(0.1)(Z[:, :2], Y) + pinball(0.5)(Z[:, 2:4], Y) + pinball(0.9)(Z[:, 4:], Y)) / 3


def of_those_there(term):
    """Return a loss from each target's terms: the mean over targets, then over examples."""

    def loss(Z, Y):
        there = ~torch.isnan(Y)
        terms = torch.where(there, term(Z, torch.nan_to_num(Y)), torch.zeros_like(Y))
        return (terms.sum(dim=1) / there.sum(dim=1).clamp(min=1)).mean()

    return loss


def gaussian(Z, Y, **settings):
    return F.gaussian_nll_loss(Z[:, :2], Y, torch.exp(Z[:, 2:]), **settings)


LOSS_CASES = {
    "squared_error": ("squared_error", ROWS, lambda Z, Y: F.mse_loss(Z, Y) * 2),
    "mean_squared_error": ("mean_squared_error", ROWS, F.mse_loss),
    "absolute_error": ("absolute_error", ROWS, F.l1_loss),
    "huber": ("huber", ROWS, F.huber_loss),
    "Huber(0.3)": (Huber(0.3), ROWS, lambda Z, Y: F.huber_loss(Z, Y, delta=0.3)),
    "log_cosh": (
        "log_cosh",
        ROWS,
        lambda Z, Y: (torch.logaddexp(Z - Y, Y - Z) - math.log(2)).mean(),
    ),
    "quantile": ("quantile", ROWS, pinball(0.5)),
    "Quantile(0.8)": (Quantile(0.8), ROWS, pinball(0.8)),
    "Quantile of three": (Quantile((0.1, 0.5, 0.9)), ROWS, quantiles),
    "poisson": ("poisson", COUNTS, F.poisson_nll_loss),
    "gaussian_nll": ("gaussian_nll", ROWS, gaussian),
    "GaussianNLL(full)": (GaussianNLL(full=True), ROWS, lambda Z, Y: gaussian(Z, Y, full=True)),
    "binary_cross_entropy": (
        "binary_cross_entropy",
        BITS,
        F.binary_cross_entropy_with_logits,
    ),
    "cross_entropy, labels": ("cross_entropy", LABELS, F.cross_entropy),
    "cross_entropy, rows": ("cross_entropy", PROBABILITIES, F.cross_entropy),
    "CrossEntropy(0.1), labels": (
        CrossEntropy(0.1),
        LABELS,
        lambda Z, Y: F.cross_entropy(Z, Y, label_smoothing=0.1),
    ),
    "CrossEntropy(0.1), rows": (
        CrossEntropy(0.1),
        PROBABILITIES,
        lambda Z, Y: F.cross_entropy(Z, Y, label_smoothing=0.1),
    ),
    "MultiCrossEntropy": (MultiCrossEntropy((3, 2)), HEADS, heads),
    "MultiCrossEntropy(0.2)": (
        MultiCrossEntropy((3, 2), label_smoothing=0.2),
        HEADS,
        lambda Z, Y: heads(Z, Y, label_smoothing=0.2),
    ),
    "Masked(MultiCrossEntropy)": (
        Masked(MultiCrossEntropy((3, 2))),
        np.where(np.isnan(HOLES), -1, HEADS),
        lambda Z, Y: heads(Z, Y, ignore_index=-1, reduction="sum") / len(Y),
    ),
    "Masked(Huber())": (
        Masked(Huber()),
        HOLES,
        of_those_there(lambda Z, Y: F.huber_loss(Z, Y, reduction="none")),
    ),
    "Masked(binary_cross_entropy)": (
        Masked(LOSSES["binary_cross_entropy"]),
        np.where(np.isnan(HOLES), np.nan, BITS),
        of_those_there(lambda Z, Y: F.binary_cross_entropy_with_logits(Z, Y, reduction="none")),
    ),
}


def width(loss, Y):
    """Return n_L for these targets."""
    if Y is LABELS or Y is PROBABILITIES:
        return 3
    loss = LOSSES[loss] if isinstance(loss, str) else loss
    return loss.n_outputs(Y.shape[1])


@pytest.mark.parametrize("name", LOSS_CASES)
def test_losses(name):
    loss, Y, reference = LOSS_CASES[name]
    net = network("numpy", [4, 8, width(loss, Y)], activation="tanh", loss=loss)
    agree(net, NUMBERS, Y, lambda Z, rows: reference(Z, tensor(Y[rows])))


def test_every_named_loss_is_among_them():
    assert set(LOSSES) <= {loss if isinstance(loss, str) else loss.name
                           for loss, _, _ in LOSS_CASES.values()}  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "output", "reference"),
    [
        ("mean_squared_error", "tanh", lambda Z, Y: F.mse_loss(torch.tanh(Z), Y)),
        ("huber", "softplus", lambda Z, Y: F.huber_loss(F.softplus(Z), Y)),
        ("absolute_error", "softmax", lambda Z, Y: F.l1_loss(torch.softmax(Z, dim=1), Y)),
        ("poisson", "softplus", lambda Z, Y: F.poisson_nll_loss(
            F.softplus(Z), Y**2, log_input=False, eps=0.0)),
        ("binary_cross_entropy", "identity", lambda Z, Y: F.binary_cross_entropy_with_logits(
            Z, torch.sigmoid(Y))),
    ],
)  # fmt: skip
def test_losses_of_other_outputs(loss, output, reference):
    Y = {"poisson": ROWS**2, "binary_cross_entropy": 1 / (1 + np.exp(-ROWS))}.get(loss, ROWS)
    net = network("numpy", [4, 8, 2], activation="tanh", loss=loss, output=output)
    agree(net, NUMBERS, Y, lambda Z, rows: reference(Z, tensor(ROWS[rows])))


# --- weights and penalties


def test_weights_of_examples_and_classes():
    class_weight = {0: 0.5, 1: 2.0}  # class 2 has weight 1

    def loss(Z, rows):
        w = tensor((WEIGHTS * np.asarray([0.5, 2.0, 1.0])[LABELS])[rows])
        return (F.cross_entropy(Z, tensor(LABELS[rows]), reduction="none") * w).sum() / w.sum()

    net = network("numpy", [4, 8, 3], activation="tanh", loss="cross_entropy")
    agree(net, NUMBERS, LABELS, loss, sample_weight=WEIGHTS, class_weight=class_weight)


def test_class_weights_are_those_of_torch():
    def loss(Z, rows):
        return F.cross_entropy(Z, tensor(LABELS[rows]), weight=tensor([0.5, 2.0, 1.0]))

    net = network("numpy", [4, 8, 3], activation="tanh", loss="cross_entropy")
    agree(net, NUMBERS, LABELS, loss, class_weight={0: 0.5, 1: 2.0})


@pytest.mark.parametrize(
    "penalty",
    [Penalty(l2=0.03), Penalty(l1=0.01), Penalty(l1=0.01, l2=0.03), Penalty(l2=0.03, biases=True)],
)
def test_penalties(penalty):
    net = network("numpy", [4, 8, 2], activation="tanh", loss="mean_squared_error")
    end = layout(net.layers).size if penalty.biases else layout(net.layers).n_weights

    def added(theta):
        W = theta[:end]
        return penalty.l1 * W.abs().sum() + penalty.l2 / 2 * (W**2).sum()

    agree(net, NUMBERS, ROWS, squared, added=added, penalty=penalty)


def test_the_limit_on_a_neuron_s_weights():
    net = network("numpy", [4, 8, 2], activation="tanh", loss="mean_squared_error")

    def shorten(theta):
        for start, n_out, n_in in layout(net.layers).matrices:
            W = theta[start : start + n_out * n_in].reshape(n_out, n_in)
            W *= (0.7 / torch.linalg.vector_norm(W, dim=1, keepdim=True)).clamp(max=1.0)

    agree(net, NUMBERS, ROWS, squared, after=shorten, max_norm=0.7)
    assert min(np.linalg.norm(W, axis=1).max() for W in net.weights) == pytest.approx(0.7)
