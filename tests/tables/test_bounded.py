"""Bounded columns: center, scale and knots as scikit-learn has them, and the two equations."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.helpers import needed
from xpnet.tables.bounded import Bounded, bins_for

RNG = np.random.default_rng(0)
COLUMNS = {
    "normal": RNG.normal(5, 2, 60),
    "skewed": RNG.lognormal(0, 2, 60),
    "counts": RNG.poisson(2, 60).astype(float),
    "mostly zero": np.where(RNG.random(60) < 0.7, 0.0, RNG.lognormal(size=60)),
    "rarely not zero": np.where(np.arange(60) % 7 != 3, 0.0, 1 + np.arange(60) % 5),
}


@pytest.mark.parametrize("name", ["normal", "skewed", "counts"])
def test_center_and_scale_are_those_of_robust_scaler(name):
    x = COLUMNS[name]
    scaler = needed("sklearn.preprocessing").RobustScaler().fit(x[:, None])
    rule = Bounded.fit(x)
    assert (rule.center, rule.scale) == pytest.approx((scaler.center_[0], scaler.scale_[0]))
    assert (rule.lowest, rule.highest, rule.knots, rule.width) == (x.min(), x.max(), (), 1)
    z = scaler.transform(x[:, None])[:, 0]
    np.testing.assert_allclose(rule.encode(x)[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-12)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("bins", [2, 5, 32])
def test_knots_are_the_quantiles_of_k_bins_discretizer(name, bins):
    x = COLUMNS[name]
    knots = Bounded.fit(x, bins).knots
    if len(set(np.percentile(x, np.linspace(0, 100, bins + 1)).tolist())) < 3:
        assert knots == ()
        return
    kinds = needed("sklearn.preprocessing")
    binned = kinds.KBinsDiscretizer(
        bins, encode="ordinal", strategy="quantile", quantile_method="linear", subsample=None
    )
    with warnings.catch_warnings():  # it warns of narrow bins; only their edges are compared
        warnings.filterwarnings("ignore", "Bins whose width are too small", UserWarning)
        edges = binned.fit(x[:, None]).bin_edges_[0]
    ends = np.percentile(x, (1, 99), method="closest_observation")
    within = np.unique(np.clip(edges, *ends))
    np.testing.assert_allclose(knots, within if len(within) > 2 else (), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["normal", "skewed", "counts", "mostly zero"])
def test_the_pieces_are_the_equation_and_sum_to_a_line(name):
    x = COLUMNS[name]
    rule = Bounded.fit(x, 6)
    t, e = rule.knots, rule.encode(x)
    for i, value in enumerate(x.tolist()):
        for j in range(1, len(t)):
            share = (value - t[j - 1]) / (t[j] - t[j - 1])
            assert e[i, j] == pytest.approx(2 * min(max(share, 0), 1) - 1, abs=1e-12)
    restored = t[0] + ((e[:, 1:] + 1) / 2) @ np.diff(t)  # between the knots, they lose nothing
    np.testing.assert_allclose(restored, np.clip(x, t[0], t[-1]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e9, -1e300])
@pytest.mark.parametrize(("n", "bins"), [(250, 2), (3200, 32)])
def test_a_cell_far_from_all_others_moves_no_other(n, bins, far):
    x = np.random.default_rng(3).normal(size=n)
    spoiled = np.append(x, far)
    clean, found = (Bounded.fit(values, bins).encode(x) for values in (x, spoiled))
    assert found.shape == clean.shape
    assert np.abs(found - clean).max() < 0.25


@pytest.mark.parametrize(
    ("n", "bins"), [(1, 2), (199, 2), (300, 3), (999, 9), (3199, 31), (3200, 32), (10**6, 32)]
)
def test_a_piece_for_every_hundred_rows(n, bins):
    assert bins_for(n) == bins


numbers = st.floats(-1e307, 1e307)


@given(st.lists(numbers, min_size=1, max_size=12), st.integers(0, 5), st.lists(numbers, max_size=4))
@example([0.0, 1e-300, 1.0, 1e300, 1e307], 4, [])
@example([-1e307, -1.0, 5e-324, 1e307], 3, [5e-324])
@example([5e-324, 1e-323], 2, [1e307])
@settings(deadline=None, max_examples=150)
def test_any_number_stays_within_three_and_a_hole_is_zeros(x, bins, others):
    rule = Bounded.fit(np.array(x), bins)
    everything = [*x, *others, 1.7e308, -1.7e308, 0.0, math.nan]
    e = rule.encode(np.array(everything))
    assert e.shape == (len(everything), rule.width)
    assert np.isfinite(e).all()
    assert np.abs(e[:, 0]).max() <= np.nextafter(3, 4)
    assert np.abs(e[:, 1:]).max(initial=0) <= 1
    np.testing.assert_array_equal(e[-1], 0)
    order = np.argsort(everything[:-1], kind="stable")
    assert (np.diff(e[order], axis=0) >= -1e-12).all()  # no column falls with x
    assert Bounded.restore(rule.settings()) == rule


def test_the_ends_are_the_limits_of_the_equations():
    rule = Bounded.fit(COLUMNS["normal"], 4)
    low, high = rule.encode(np.array([-1e300, 1e300]))
    np.testing.assert_allclose(low, [-3, -1, -1, -1, -1])
    np.testing.assert_allclose(high, [3, 1, 1, 1, 1])
    at_center = rule.encode(np.array([rule.center]))[0]
    assert at_center[0] == 0


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300, 12345.678])
def test_a_constant_column_becomes_zeros(value):
    rule = Bounded.fit(np.full(7, value), 4)
    assert rule == Bounded(value, 0.0, value, value)
    np.testing.assert_array_equal(rule.encode(np.array([value, 0.0, 1e300])), 0)


@pytest.mark.parametrize("ones", [1, 2, 3, 10])
def test_equal_quartiles_are_replaced_by_half_the_range_of_more_rows(ones):
    flags = np.repeat([0.0, 1.0], [60 - ones, ones])
    assert Bounded.fit(flags) == Bounded(0.0, 0.5, 0.0, 1.0)
    np.testing.assert_allclose(Bounded.fit(flags).encode(flags)[-1], 2 / math.hypot(1, 2 / 3))


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-5, 1e200, 1e306])
def test_a_scale_neither_overflows_nor_vanishes(size):
    x = size * np.array([1.0, 2.0, 4.0, 8.0])
    z = (np.array([1.0, 2.0, 4.0, 8.0]) - 3) / 3.25
    np.testing.assert_allclose(Bounded.fit(x, 3).encode(x)[:, 0], 3 * z / np.hypot(3, z), rtol=1e-2)


def test_numbers_whose_difference_overflows_are_an_error():
    for x in ([-1.5e308, 1.5e308], [-1.5e308, *range(50), 1.5e308]):
        with pytest.raises(OverflowError, match="its numbers are too large to subtract"):
            Bounded.fit(np.array(x, float), 4)


@pytest.mark.parametrize("far", [1e4, -1e4, 1e9, 1e200])
@pytest.mark.parametrize("name", COLUMNS)
def test_one_outlying_cell_changes_the_other_rows_little(name, far):
    """The median, the quartiles and the inner knots move by one order statistic at most."""
    x = COLUMNS[name]
    before, with_it = Bounded.fit(x), Bounded.fit(np.append(x, far), 10)
    moved = np.abs(before.encode(x)[:, 0] - with_it.encode(x)[:, 0])
    assert moved.max() < (0.5 if name == "rarely not zero" else 0.35)
    assert np.abs(with_it.encode(np.array([far]))).max() <= np.nextafter(3, 4)
    level, ordered = np.linspace(0, 1, 11)[1:-1] * (len(x) - 1), np.sort(x)
    quantiles = np.quantile(np.append(x, far), np.linspace(0, 1, 11)[1:-1])
    assert set(quantiles.tolist()) <= set(with_it.knots) | {with_it.lowest, with_it.highest}
    assert (quantiles >= ordered[np.maximum(np.floor(level).astype(int) - 1, 0)]).all()
    assert (quantiles <= ordered[np.minimum(np.ceil(level).astype(int) + 1, len(x) - 1)]).all()


def test_far_is_further_outside_than_the_range_is_wide():
    rule = Bounded.fit(np.array([1.0, 2.0, 3.0]))
    x = np.array([-1.0, -1.01, 5.0, 5.01, 2.0, math.nan, 1e308, -1e308])
    assert rule.is_far(x).tolist() == [False, True, False, True, False, False, True, True]
    assert Bounded.fit(np.full(3, 2.0)).is_far(np.array([2.0, 2.1])).tolist() == [False, True]
    wide = Bounded.fit(np.array([-8e307, 8e307]))
    assert not wide.is_far(np.array([1.7e308, -1.7e308])).any()


def test_each_column_has_a_name_of_its_own():
    rule = Bounded.fit(np.array([0.0, 1.0, 2.0, 4.0]), 2)
    assert rule.names("x") == ("x", "x from 0 to 1.5", "x from 1.5 to 4")
    assert Bounded.fit(np.array([1.0])).names("x") == ("x",)
