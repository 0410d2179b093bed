"""How sure a model is: the temperature beside SciPy's, intervals by their definition."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tests.support.helpers import needed
from xpnet.datasets import stratified_split
from xpnet.tables.calibration import half_width, order_statistics, quantity_scores, temperature
from xpnet.tables.splitting import folds
from xpnet.tables.targets import Classes


def drawn(T: float, n: int = 400, K: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities p, and labels drawn from softmax(ln p / T)."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, K)) * 2
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (z, z / T))
    return p, (q.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


@pytest.mark.parametrize("T", [0.5, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_temperature_is_that_of_the_least_log_loss(T, dtype):
    p, labels = drawn(T)
    p = p.astype(dtype)

    def loss(x: float) -> float:
        q = p.astype(float) ** (1 / x)
        return float(-np.log(q[np.arange(len(q)), labels] / q.sum(axis=1)).mean())

    found = temperature(p, labels)
    best = needed("scipy.optimize").minimize_scalar(loss, bounds=(0.25, 4), method="bounded",
                                                    options={"xatol": 1e-8})  # fmt: skip
    assert found == pytest.approx(best.x, rel=1e-4)
    assert loss(found) <= best.fun + 1e-9
    assert found == pytest.approx(T, rel=0.25)


def test_the_temperature_stays_within_a_quarter_and_four():
    p, labels = np.tile([0.6, 0.4], (50, 1)), np.zeros(50, np.int64)
    assert temperature(p, labels) == pytest.approx(0.25, rel=1e-3)
    assert temperature(p, 1 - labels) == pytest.approx(4, rel=1e-3)
    certain = np.tile(np.float32([1.0, 0.0]), (50, 1))  # ln 0
    assert temperature(certain, labels) <= 4
    assert temperature(certain, 1 - labels) == pytest.approx(4, rel=1e-3)


def test_probabilities_are_those_of_the_logits_over_the_temperature():
    z = np.random.default_rng(1).normal(size=(20, 4)) * 5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    found = Classes("y", tuple("abcd"), 2.5).answers(p)
    q = np.exp(z / 2.5)
    np.testing.assert_allclose(found, q / q.sum(axis=1, keepdims=True), rtol=1e-9)
    np.testing.assert_array_equal(found.argmax(axis=1), p.argmax(axis=1))
    assert Classes("y", ("a", "b")).answers(p) is p
    exact = Classes("y", ("a", "b"), 0.25).answers(np.float32([[1, 0], [1e-30, 1]]))
    np.testing.assert_allclose(exact, [[1, 0], [0, 1]], atol=1e-100)


@pytest.mark.parametrize("n", [1, 9, 10, 19, 40, 99, 100])
@pytest.mark.parametrize("coverage", ["0.1", "0.5", "0.8", "0.9", "0.95"])
def test_the_half_width_is_the_order_statistic_of_its_definition(n, coverage):
    residuals = np.random.default_rng(n).normal(size=n)
    k = math.ceil((n + 1) * Fraction(coverage))
    found = half_width(order_statistics(residuals), float(coverage))
    assert found == (sorted(abs(residuals).tolist())[k - 1] if k <= n else math.inf)


def test_no_residuals_have_no_width():
    assert half_width((), 0.5) == math.inf


@pytest.mark.parametrize("n", [1000, 1001, 5003, 20_000])
@pytest.mark.parametrize("coverage", [0.01, 0.1, 0.25, 0.3336, 0.4495, 0.5, 0.9, 0.95, 0.99])
def test_a_file_keeps_enough_of_many_residuals(n, coverage):
    """The kept ones are no less wide than those of all rows, and hardly wider."""
    residuals = np.random.default_rng(0).permutation(n) + 1.0  # the ranks themselves
    kept = order_statistics(residuals)
    assert len(kept) == min(n, 1000)
    assert list(kept) == sorted(kept)
    k = math.ceil((n + 1) * Fraction(str(coverage)))
    assert k <= half_width(kept, coverage) <= k + n / 1000 + 2


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("n", [19, 200, 3000])
def test_intervals_cover_new_rows_as_often_as_they_say(coverage, n):
    """The share over many draws is at least the coverage, within four standard errors."""
    rng = np.random.default_rng(7)
    covered, draws = 0, 400
    for _ in range(draws):
        errors = rng.standard_t(3, n + 1)
        covered += abs(errors[-1]) <= half_width(order_statistics(errors[:-1]), coverage)
    least = coverage - 4 * math.sqrt(coverage * (1 - coverage) / draws)
    most = coverage + 2 / n + 4 * math.sqrt(coverage * (1 - coverage) / draws)
    assert least <= covered / draws <= most


# --- the parts of the rows


@pytest.mark.parametrize("k", [2, 3, 5, 7])
@pytest.mark.parametrize("kind", ["rows", "classes", "rare"])
def test_folds_are_a_partition_and_have_of_every_class_its_share(k, kind):
    n = 53
    labels = {
        "rows": None,
        "classes": np.array(["a", "b", "c"])[np.arange(n) % 3],
        "rare": np.array(["a", "b"])[(np.arange(n) < 2).astype(int)],
    }[kind]
    parts = folds(labels, n, k)
    assert len(parts) == k
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert {len(part) for part in parts} <= {n // k, n // k + 1}
    assert all((np.diff(part) > 0).all() for part in parts)
    for name in () if labels is None else set(labels.tolist()):
        counts = [int(np.count_nonzero(labels[part] == name)) for part in parts]
        assert max(counts) - min(counts) <= 1, (name, counts)
    again = folds(labels, n, k)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    others = folds(labels, n, k, seed=3)
    assert not all(np.array_equal(a, b) for a, b in zip(parts, others, strict=True))


def test_there_are_no_more_folds_than_rows():
    assert [part.tolist() for part in sorted(folds(None, 3, 3), key=min)] == [[0], [1], [2]]
    with pytest.raises(ValueError, match="2 rows are too few for 3 parts"):
        folds(None, 2, 3)


def test_folds_are_another_draw_than_the_rows_held_out():
    labels = np.arange(60) % 2
    held = stratified_split(labels, 0.2, 0)[1]
    assert not any(np.array_equal(held, part) for part in folds(labels, 60, 5))


# --- scores


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e200, 1e307])
def test_scores_of_a_quantity_are_those_of_the_numbers_in_any_unit(unit):
    y, guess = np.random.default_rng(0).normal(size=(2, 40))
    found = quantity_scores(guess * unit, y * unit)
    metrics = needed("sklearn.metrics")
    assert pytest.approx(metrics.r2_score(y, guess)) == found["r2"]
    assert found["rmse"] / unit == pytest.approx(metrics.root_mean_squared_error(y, guess))
    assert math.isnan(quantity_scores(np.zeros(3), np.full(3, 0.1))["r2"])
    assert quantity_scores(np.zeros(2), np.zeros(2))["rmse"] == 0
