"""The formulas that ``net.explain`` prints for f, f', losses and derivatives are the code's."""

from __future__ import annotations

import math
import re

import mpmath
import numpy as np
import pytest

from tests.support.chains import small
from tests.support.helpers import PAIRS, ROOT, network, random_targets
from xpnet.backends import get_backend
from xpnet.equations.activations import ACTIVATIONS, FORMULAS
from xpnet.losses import FORMULAS as LOSS_FORMULAS
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
)

_SAID = (
    ("∘", "*"), ("·", "*"), ("−", "-"), ("≤", "<="), ("²", "**2"), ("[", "("), ("]", ")"),
    ("N n", "N * n"), ("v n", "v * n"), ("2 n", "2 * n"),
)  # fmt: skip

DERIVATIVES = {name: row[:2] for name, row in FORMULAS.items()}


def softmax(Z):
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def evaluated(text, **values):
    """Evaluate a formula with Python; [condition] is 1 if the condition holds, otherwise 0."""
    for said, python in _SAID:
        text = text.replace(said, python)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    of_array = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))
    names = {
        "max": np.maximum, "min": np.minimum, "exp": np.exp, "ln": np.log, "tanh": np.tanh,
        "cosh": np.cosh, "abs": np.abs, "sign": np.sign, "clip": np.clip, "softmax": softmax,
        "sigmoid": sigmoid, "σ": sigmoid, "Φ": of_array, "λ": 1.0507009873554805,
        "α": 1.6732632423543772, "φ": lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
        "rowsum": lambda M: M.sum(axis=-1, keepdims=True),
    }  # fmt: skip
    return eval(text, {"__builtins__": {}}, {**names, **values})


# --- activations


@pytest.mark.parametrize("name", list(DERIVATIVES))
def test_printed_activations_are_what_is_computed(name):
    Z = np.asarray([-3.1, -0.7, -0.1, 0.2, 1.3, 4.0])
    f, (value, slope) = ACTIVATIONS[name], DERIVATIVES[name]
    A = f.f(np, Z)
    np.testing.assert_allclose(evaluated(value, Z=Z) + 0 * Z, A, rtol=1e-12, atol=1e-15)
    expected = f.vjp(np, Z, A, np.ones_like(Z))
    np.testing.assert_allclose(evaluated(slope, Z=Z, A=A) + 0 * Z, expected, rtol=1e-12)


def test_every_activation_has_a_printed_form():
    assert set(DERIVATIVES) == set(ACTIVATIONS) - {"softmax"}


@pytest.mark.parametrize(
    ("activation", "equation", "note", "read"),
    [
        ("tanh", "dA_1 ∘ tanh'(Z_1)", "tanh'(Z_1) = 1 − A_1 ∘ A_1", ["dA_1", "A_1"]),
        ("relu", "dA_1 ∘ relu'(Z_1)", "relu'(Z_1) = [Z_1 > 0]", ["dA_1", "Z_1"]),
        ("identity", "dA_1", "identity'(Z_1) = 1", ["dA_1"]),
        ("softmax", "A_1 ∘ (dA_1 − rowsum(A_1 ∘ dA_1))", "no entrywise f'", ["dA_1", "A_1"]),
    ],
)
def test_derivatives_name_the_matrices_of_their_layer(activation, equation, note, read):
    net, X, Y = small(activation=activation)
    row = net.explain(X, Y, check=False)["dZ_1"]
    assert row.equation == f"dZ_1 = {equation}"
    assert note in row.note
    assert [operand.symbol for operand in row.operands] == read
    assert row.bytes == 8 * 20 * 7 * (0 if activation == "identity" else 3)


@pytest.mark.parametrize("activation", ["tanh", "softmax", "identity"])
def test_the_printed_way_through_an_activation(activation):
    net, X, Y = small(activation=activation)
    explanation = net.explain(X, Y, check=False)
    given = {s: explanation[s].array for s in ("dA_1", "A_1", "Z_1", "dZ_1")}
    right = explanation["dZ_1"].equation.partition(" = ")[2]
    right = right.replace("tanh'(Z_1)", "(1 − A_1 ∘ A_1)")
    np.testing.assert_allclose(evaluated(right, **given), given["dZ_1"], rtol=1e-10, atol=1e-16)


# --- losses


def of_rows(A, Y, loss):
    """Return values for the letters of a loss's formulas."""
    N, n = A.shape
    letters = {"A": A, "A_2": A, "Y": Y, "N": N, "n": n, "δ": 1.0, "τ": 0.5}
    if loss == "gaussian_nll":
        mean, s = np.split(A, 2, axis=1)
        return {**letters, "μ": mean, "v": np.exp(s), "y": Y, "n": n // 2}
    R = A - Y
    return {**letters, "R": R, "C": np.clip(R, -1.0, 1.0)}


def printed_value(equation, **letters):
    factor, _, term = equation.removeprefix("loss = ").partition("Σ")
    return evaluated(factor.strip(), **letters) * np.sum(evaluated(term.strip(), **letters))


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_the_printed_loss_is_the_loss(output, loss):
    """With every output; for logits the formula contains their softmax or sigmoid."""
    net = network(get_backend("numpy"), [5, 6, 4], loss=loss, output=output)
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(6, 5)), random_targets(rng, loss, 6, 4)
    explanation = net.explain(X, Y, check=False)
    A, Y, Z = (explanation[symbol].array for symbol in ("A_2", "Y", "Z_2"))
    found = printed_value(explanation["loss"].equation, **of_rows(A, Y, loss), Z_2=Z)
    assert found == pytest.approx(explanation.loss, rel=1e-12)


def test_every_loss_has_a_printed_form():
    assert set(LOSS_FORMULAS) == set(LOSSES)
    assert {name for name, loss in LOSSES.items() if loss.of_output is not None} == _OF_OUTPUTS


_OF_OUTPUTS = {name for name, (_, slope) in LOSS_FORMULAS.items() if slope}


@pytest.mark.parametrize("name", sorted(_OF_OUTPUTS - {"gaussian_nll"}))
def test_printed_derivatives_of_losses_are_what_is_computed(name):
    A, Y = np.asarray([[0.3, 1.7, 4.0]]), np.asarray([[0.5, 1.0, 1.5]])
    _, expected = LOSSES[name].of_output(np, A, Y)
    found = evaluated(LOSS_FORMULAS[name][1], **of_rows(A, Y, name))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("squared_error", ["R = A_2 − Y"]),
        (Huber(2.0), ["R = A_2 − Y; C = clip(R, −δ, δ); δ = 2.0", "a mean over n outputs"]),
        (Quantile((0.1, 0.9)), ["R = each block of A_2 − Y; τ = [0.1, 0.9], one for each block"]),
        (GaussianNLL(0.5, full=True), ["v = exp(s) + 0.5", "a mean over n targets", "½ ln 2π"]),
        (CrossEntropy(0.1), ["Y smoothed: (1 − ε) Y + ε/n, ε = 0.1"]),
        (MultiCrossEntropy((2, 2)), ["softmax and Y in each head"]),
        (Masked(Huber(2.0)), ["δ = 2.0", "only where y is present"]),
    ],
    ids=str,
)
def test_the_letters_of_a_loss_are_explained(loss, said):
    net = network(get_backend("numpy"), [5, 6, 4], loss=loss)
    loss, rng = net.loss, np.random.default_rng(1)
    n = loss.n_targets(4)
    Y = rng.integers(0, 2, (6, n)) if loss.heads else rng.uniform(0, 1, (6, n))
    Y = Y / Y.sum(axis=1, keepdims=True) if loss.targets == "labels" else Y
    note = net.explain(rng.normal(size=(6, 5)), Y, check=False)["loss"].note
    assert all(text in note for text in said), note


@pytest.mark.parametrize(
    ("settings", "loss", "dZ"),
    [
        ({"loss": "cross_entropy"}, "−(1/N) Σ Y ∘ ln(A_2)", "(A_2 − Y) / N"),
        (
            {"loss": "cross_entropy", "output": "identity"},
            "−(1/N) Σ Y ∘ ln(softmax(Z_2))",
            "(softmax(Z_2) − Y) / N",
        ),
        (
            {"loss": "binary_cross_entropy"},
            "−(1/(N n)) Σ (Y ∘ ln(A_2) + (1 − Y) ∘ ln(1 − A_2))",
            "(A_2 − Y) / (N n)",
        ),
        ({"loss": "poisson"}, "(1/(N n)) Σ (A_2 − Y ∘ ln(A_2))", "(A_2 − Y) / (N n)"),
        ({"loss": "squared_error"}, "(1/N) Σ R ∘ R", "(∂loss_n/∂A_2) / N"),
        (
            {"loss": "squared_error", "output": "tanh"},
            "(1/N) Σ R ∘ R",
            "(∂loss_n/∂A_2) ∘ tanh'(Z_2) / N",
        ),
        (
            {"loss": "squared_error", "output": "softmax"},
            "(1/N) Σ R ∘ R",
            "A_2 ∘ (D − rowsum(A_2 ∘ D))",
        ),
    ],
)
def test_the_loss_and_its_gradient_are_spelled_out(settings, loss, dZ):
    net, X, Y = small(**settings)
    explanation = net.explain(X, Y, check=False)
    assert explanation["loss"].equation == f"loss = {loss}"
    assert explanation["dZ_2"].equation == f"dZ_2 = {dZ}"
    assert "N = 20" in explanation["dZ_2"].note


def test_softmax_with_another_loss_goes_through_its_product():
    net, X, Y = small(loss="squared_error", output="softmax")
    explanation = net.explain(X, Y, check=False)
    A, dZ = explanation["A_2"].array, explanation["dZ_2"]
    right = dZ.equation.partition(" = ")[2]
    found = evaluated(right, A_2=A, D=2 * (A - Y) / 20)
    np.testing.assert_allclose(found, dZ.array, rtol=1e-10, atol=1e-16)
    assert "D = (∂loss_n/∂A_2) / N" in dZ.note


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_the_printed_gradient_of_a_mean_and_a_variance(least):
    net, X, Y = small(loss=GaussianNLL(least))
    explanation = net.explain(X, Y[:, :2])
    note = explanation["dZ_2"].note
    assert "dμ = (μ − y) / (v n), ds = (1 − (μ − y)² / v) / (2 n)" in note
    assert ("v = exp(s) + 0.5" in note and "ds times exp(s) / v" in note) == bool(least)
    mean, s, y = explanation["A_2"].array[:, :2], explanation["A_2"].array[:, 2:], Y[:, :2]
    v = np.exp(s) + least
    ds = (1 - (mean - y) ** 2 / v) / 4 * np.exp(s) / v
    expected = np.concatenate([(mean - y) / (v * 2), ds], axis=1) / 20
    np.testing.assert_allclose(explanation["dZ_2"].array, expected, rtol=1e-10)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "poisson"])
def test_matched_losses_are_a_difference(loss):
    """The printed (A − Y) / N equals dZ_L."""
    net, X, Y = small(loss=loss)
    explanation = net.explain(X, Y)
    n = 1 if loss == "cross_entropy" else 4
    expected = (explanation["A_2"].array - explanation["Y"].array) / (20 * n)
    np.testing.assert_allclose(explanation["dZ_2"].array, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("loss", "n", "by"),
    [
        ("cross_entropy", 1, "summed from the row's other entries"),
        ("binary_cross_entropy", 2, "1 − P is sigmoid(−Z_1)"),
    ],
)
def test_the_note_says_which_form_of_a_difference_is_computed_and_why(backend, loss, n, by):
    """For a confident network A − Y is 0 in float64; the printed form has mpmath's digits."""
    net = network(backend, [1, 2], loss=loss)
    net.set_weights([np.zeros((2, 1))], [np.asarray([0.0, 40.0])])
    Y = np.asarray([1]) if loss == "cross_entropy" else np.asarray([[0.0, 1.0]])
    explanation = net.explain(np.zeros((1, 1)), Y, check=False)
    row, A = explanation["dZ_1"], explanation["A_1"].array
    form = re.search(r"as (P ∘ \(1 − Y\) − Y ∘ \(1 − P\))", row.note)
    assert form
    assert "with P = A_1" in row.note
    assert by in row.note
    with mpmath.workdps(40):
        exact = evaluated(form[1], P=1 / (1 + mpmath.exp(-40)), Y=1) / n
    assert row.array[0, 1] == pytest.approx(float(exact), rel=1e-13, abs=0.0)
    assert A[0, 1] - 1.0 == 0.0
    assert "computed from Z_1" in row.note


def test_a_loss_that_is_no_difference_does_not_speak_of_digits():
    net, X, Y = small(loss="poisson")
    assert "digits" not in net.explain(X, Y, check=False)["dZ_2"].note


# --- docs/backprop.md


def test_the_table_of_derivatives_in_the_docs_is_the_printed_one():
    text = (ROOT / "docs" / "backprop.md").read_text(encoding="utf-8")
    table = text.partition("<!-- derivatives -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert rows.pop("softmax")
    cells = {name: tuple(row.split(" | ")[:2]) for name, row in rows.items()}
    assert cells == DERIVATIVES
