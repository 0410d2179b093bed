"""The offer of the logarithm of a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.command import QUICK, write
from tests.support.command import train as command
from tests.support.helpers import needed
from xpnet.cli import main
from xpnet.cli.scores import held_out_scores
from xpnet.tables import Table, train
from xpnet.tables.skewed import _skewness, is_skewed

RNG = np.random.default_rng(0)
N = 200
NORMAL = RNG.normal(size=N)
OFFER = (
    "column 'y' is positive and skewed: --log-target (log_target=) predicts its logarithm: "
    "errors count as ratios, and predictions are medians, not means"
)


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test_a_lognormal_quantity_is_skewed_in_any_unit(unit):
    assert is_skewed(np.exp(NORMAL) * unit)
    assert is_skewed(np.exp(NORMAL[:50]) * unit)
    assert not is_skewed(np.exp(NORMAL[:49]))


@pytest.mark.parametrize(
    "y",
    [
        10 + NORMAL,
        np.exp(10 - np.exp(NORMAL)),  # to the left
        RNG.uniform(1, 100, N),
        RNG.uniform(size=N) ** 4 + 1e-9,  # the logarithm is as skewed to the left
        np.append(10 + NORMAL, 1e6),  # a single cell
        np.exp(NORMAL) - np.exp(NORMAL).min(),  # 0
        np.exp(NORMAL) - 1,
        np.full(N, 3.0),
    ],
    ids=["normal", "left", "uniform", "near 0", "one cell", "zero", "negative", "equal"],
)
def test_other_quantities_are_not(y):
    assert not is_skewed(y)


def test_the_logarithm_may_leave_half_of_the_skewness_and_no_more():
    skewness = needed("scipy.stats").skew
    found = []
    for power in np.linspace(0.2, 14, 70):
        y = (NORMAL + 6) ** power
        before, after = skewness(y), skewness(np.log(y))
        assert _skewness(y) == pytest.approx(before, rel=1e-9)
        found.append(is_skewed(y))
        assert found[-1] == (before > 1 and abs(after) <= before / 2)
    assert {*found} == {True, False}


@pytest.mark.parametrize(
    ("y", "settings", "offered"),
    [
        (np.exp(NORMAL), {}, True),
        (np.exp(NORMAL), {"log_target": True}, False),
        (NORMAL, {}, False),
        (1 + (NORMAL > 1) + 40 * (NORMAL > 2), {}, False),  # classes
    ],
    ids=["skewed", "taken", "normal", "classes"],
)
def test_training_offers_it_once_and_never_takes_it(y, settings, offered):
    said: list[str] = []
    shared: dict[str, Any] = {"quick": True, "epochs": 1, "hidden": (2,), "cv": 2, **settings}
    model = train(Table({"x": NORMAL, "y": y}), "y", tell=said.append, **shared)
    assert said.count(OFFER) == offered
    assert getattr(model.schema.target, "log", False) == ("log_target" in settings)


@pytest.mark.parametrize("options", [(), ("--log-target",), ("--task", "classification")])
def test_the_command_says_it(tmp_path, capsys, options):
    y = np.exp(NORMAL).round(1) + 1
    data = write(tmp_path / "t.csv", [["x", "y"], *zip(NORMAL, y, strict=True)])
    assert main([*command(data, "y", tmp_path / "m", *QUICK), "--validation=0", *options]) == 0
    assert capsys.readouterr().out.splitlines().count(OFFER) == (not options)


def test_a_hole_in_the_target_is_no_value():
    y = np.where(np.arange(N) % 5 == 0, np.nan, np.exp(NORMAL))
    said: list[str] = []
    train(Table({"x": NORMAL, "y": y}), "y", quick=True, epochs=1, hidden=(2,), tell=said.append)
    assert said[1] == OFFER


@pytest.mark.parametrize("other", ["skewed", "normal"])
def test_of_several_targets_all_must_be_skewed(other):
    said: list[str] = []
    z = np.exp(-NORMAL) if other == "skewed" else NORMAL
    columns = {"x": NORMAL, "y": np.exp(NORMAL), "z": z}
    train(Table(columns), ["y", "z"], quick=True, epochs=1, hidden=(2,), tell=said.append)
    offer = OFFER.replace("column 'y'", "each of the columns 'y', 'z'")
    assert said == ([offer] if other == "skewed" else [])


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("log", [False, True])
def test_the_command_says_what_a_logarithm_gains(tmp_path, capsys, log, low):
    """R² of the logarithm is said if the network was trained for it, and no row has y ≤ 0."""
    rows, columns = np.arange(N), {"x": NORMAL, "y": np.exp(NORMAL)}
    train_on, test = Table(columns), Table({**columns, "y": columns["y"] - 99 * low * (rows == 3)})
    settings: dict[str, Any] = {"quick": True, "epochs": 3, "hidden": (4,), "log_target": log}
    model = train(train_on, "y", **settings)
    lines = [line for line in held_out_scores(model, train_on, test) if "logarithm" in line]
    guess, y = np.log(model.predict(test)) if log else NORMAL, NORMAL
    R2 = 1 - np.mean((guess - y) ** 2) / np.var(y)
    expected = f"R² of the logarithm: held-out {R2:.4f}, baseline 0.0000 (its mean)"
    assert [line.replace("-0.0000", "0.0000") for line in lines] == [expected] * (log and not low)
    model.save(tmp_path / "m.safetensors")
    assert main(["info", str(tmp_path / "m.safetensors")]) == 0
    assert ("of its logarithm" in capsys.readouterr().out) == log
