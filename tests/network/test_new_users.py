"""What new users met: a call that cannot go on says what to write, and what was done is told."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend
from tests.support.helpers import ROOT, needs_numba, network
from tests.support.own import Plain
from xpnet.backends import to_numpy
from xpnet.engines.cuda.runner import CudaRunner
from xpnet.engines.loops.runner import FusedRunner
from xpnet.engines.streamed import StreamedRunner
from xpnet.optimizers import LBFGS

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
CODES = np.arange(30) % 3
NAMES = np.asarray(["ape", "bee", "cat"])[CODES]
COLUMN = r"Y has the shape \(30, 1\), but class labels have the shape \(30,\): take its column, Y\["


# --- labels


@pytest.mark.parametrize("labels", [NAMES, CODES, NAMES.astype(object)])
@pytest.mark.parametrize(
    "make",
    [
        xpnet.Network,
        lambda: xpnet.Network(loss="cross_entropy"),
        lambda: xpnet.Network([4, 5, 3]),
        lambda: xpnet.Network([4, 5, 3], loss="cross_entropy"),
    ],
)
def test_a_column_of_labels_is_told_to_be_a_vector(make, labels):
    net = make()
    with pytest.raises(ValueError, match=COLUMN):
        net.fit(X, labels[:, None])
    assert net.classes is None
    net.fit(X, labels[:, None][:, 0], epochs=1)  # as the message says


def test_a_column_of_0_and_1_is_right_for_one_output():
    net = xpnet.Network([4, 6, 1], loss="binary_cross_entropy")
    assert len(net.fit(X, (CODES[:, None] > 0) * 1, epochs=1)) == 1


@pytest.mark.parametrize("labels", [NAMES, CODES])
def test_classes_without_an_output_are_told_the_width(labels):
    with pytest.raises(ValueError, match=r"3 classes.* last width .*3 \(sizes\[-1\]\)$"):
        xpnet.Network([4, 5, 2]).fit(X, labels)
    assert len(xpnet.Network([4, 5, 3]).fit(X, labels, epochs=1)) == 1


def test_three_classes_for_one_output_are_told_the_loss_and_the_width():
    net = xpnet.Network([4, 5, 1], loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r'3 classes \(ape, bee, cat\).*"cross_entropy".* 3 \('):
        net.fit(X, NAMES)


def test_a_message_names_the_first_of_many_classes():
    many = np.asarray([f"class {k:02}" for k in range(30)])
    with pytest.raises(ValueError, match=r"30 classes \(class 00, .*class 09, … \(30 in all\)\)"):
        xpnet.Network([4, 5, 2]).fit(X, many)


# --- what a fit tells


def test_a_history_without_an_accuracy_says_which_metrics_it_has():
    history = xpnet.Network([4, 5, 3]).fit(
        X, CODES, epochs=1, metrics=["f1", "top_k_accuracy"], validation_data=(X, CODES)
    )
    match = "has validation_f1, validation_top_k_accuracy and no validation_accuracy"
    with pytest.raises(AttributeError, match=match):
        history.validation_accuracy  # noqa: B018
    assert xpnet.Network([4, 5, 3]).fit(X, CODES, epochs=1).validation_accuracy == []


def test_lbfgs_that_has_nothing_to_do_tells_its_loss_and_gradient(backend):
    net = network(backend, [4, 5, 3], loss="cross_entropy")
    before = to_numpy(net.parameters).copy()
    value, g = net.value_and_gradient(X, CODES)
    history = net.fit(X, CODES, epochs=5, optimizer=LBFGS(tolerance_gradient=100.0))
    assert history.stopped == "converged"
    assert history.epoch == [net.epoch] == [1]
    assert history.loss == pytest.approx([value], rel=1e-13)
    assert history.gradient_norm == pytest.approx(np.abs(to_numpy(g.flat)).max(), rel=1e-12)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def test_the_gradient_norm_of_lbfgs_is_that_of_its_last_point(backend):
    net = network(backend, [4, 5, 3], loss="cross_entropy")
    history = net.fit(X, CODES, epochs=4, optimizer="lbfgs")
    g = net.gradient(X, CODES).flat
    assert history.gradient_norm == pytest.approx(np.abs(to_numpy(g)).max(), rel=1e-9)
    assert len(history) == 4


def test_a_range_test_shows_its_suggestion_on_one_line():
    found = xpnet.learning_rate_range(xpnet.Network([4, 5, 3]), X, CODES, steps=20)
    n, last = len(found.rates), found.rates[-1]
    expected = f"suggestion={found.suggestion:.3g}, {n} rates from 1e-06 to {last:.3g}"
    assert repr(found) == f"RateRange({expected})"


# --- compile=True where it cannot be


def warned(match, **settings):
    """One warning in a fit with ``compile=True``, at the line of this file that calls it."""
    of_network = {k: settings.pop(k) for k in ("activation", "loss", "backend") if k in settings}
    net = xpnet.Network([4, 5, 3], **of_network)
    Y = np.eye(3)[CODES] if net.loss and net.loss.targets == "rows" else CODES
    with pytest.warns(UserWarning, match=match) as seen:
        history = net.fit(X, Y, epochs=2, compile=True, **settings)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert history.engine in ("plain", "streamed")


def test_lbfgs_is_not_compiled():
    warned("compile=True does nothing with LBFGS", optimizer="lbfgs")


@pytest.mark.parametrize("name", ["torch", "array-api-strict"])
def test_a_backend_that_compiles_nothing_says_so(name):
    backend = open_backend(name)
    if isinstance(backend, str):
        pytest.skip(backend)
    match = rf"compile=True does nothing on backend '{name}', only on numpy, cupy and jax"
    warned(match, backend=backend)


class Halving(Plain):
    """An optimizer that looks at its gradient's values."""

    def update(self, xp, c, g, state, theta):
        return (theta - c[0] * g if float(xp.max(g)) > 1.0 else theta), state


PICKY = xpnet.elementwise(
    "picky", lambda xp, Z: xp.sort(Z), lambda xp, Z, A: xp.ones_like(Z), lambda xp, Z, A: 0 * Z
)
ROUGH = xpnet.Loss(
    "rough", lambda xp, A, Y: (xp.sum(np.abs(np.asarray(A) - Y), axis=-1), xp.sign(A - Y))
)


@needs_numba
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("activation 'picky'", {"activation": PICKY}),
        ("activation 'picky'", {"activation": ["relu", PICKY], "loss": "huber"}),
        ("loss 'rough'", {"loss": ROUGH}),
        ("optimizer Halving", {"optimizer": Halving()}),
    ],
)
def test_what_cannot_be_compiled_is_named(name, settings):
    warned(rf"the steps run in the plain loop: .* \({name}\)$", **settings)


# --- what the guide says


def test_the_guide_has_the_defaults_and_the_words_of_a_history():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    settings = inspect.signature(xpnet.EarlyStopping).parameters.values()
    defaults = ", ".join(f"{s.name}={s.default!r}" for s in settings)
    assert f"`early_stopping=True` | `xpnet.EarlyStopping({defaults})`" in guide
    engines = {FusedRunner.engine, CudaRunner.engine, StreamedRunner.engine, "plain", "jit"}
    table = guide.partition("`history.engine` |")[2].partition("\n\n")[0]
    assert set(re.findall(r'`"(\w+)"` \|', table)) == engines
    told = set(re.findall(r'"([\w ]+)"', xpnet.History.__doc__.partition("stopped :")[2]
                          .partition("best_epoch :")[0]))  # fmt: skip
    table = guide.partition("`history.stopped` |")[2].partition("`history.engine` |")[0]
    assert set(re.findall(r'`"([\w ]+)"`', table)) == told
