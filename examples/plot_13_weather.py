"""
How warm a day gets
===================

How far off may a prediction be, and does that hold for next year too? The table has the weather of
Seattle on 1,461 days. One column holds dates. A model learns each day's highest temperature.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from xpnet.plots.axes import COLOURS, describe, legend
from xpnet.tables import Table, read_csv, train

# %%
# The table comes with a package: ``pip install vega_datasets``. The dates are text like
# ``2012/01/01``, which ``train`` recognises: the network gets the month and the weekday as points
# on circles, the year, and the days since the first one.

source = Path(find_spec("vega_datasets").origin).parent / "_data" / "seattle-weather.csv"
table = read_csv(source)
dates = table.columns["date"].tolist()
is_2015 = np.asarray([date.startswith("2015") for date in dates])


def coverage(highs: np.ndarray, intervals: np.ndarray) -> float:
    """The share of days whose highest temperature lies within its interval."""
    return float(np.mean((intervals[:, 0] <= highs) & (highs <= intervals[:, 1])))


# %%
# Days drawn at random, and a new year
# ------------------------------------
# One model does not see a quarter of the days, drawn at random from all four years. The other one
# does not see 2015. Each gives intervals that are to hold 90 % of the days. Their width comes from
# days that the training itself held out.

random = np.random.default_rng(0).random(len(table)) < 0.25
found: dict[str, tuple[Table, np.ndarray, np.ndarray]] = {}
for name, is_new in {"days drawn at random": random, "a new year": is_2015}.items():
    model = train(table.take(np.flatnonzero(~is_new)), "temp_max")
    days = table.take(np.flatnonzero(is_new & is_2015))  # the picture shows 2015
    highs = np.asarray(days.columns["temp_max"].tolist(), dtype=float)
    found[name] = days, highs, model.intervals(days, coverage=0.9)
    within = coverage(highs, found[name][2])
    print(f"{name}: R² {model.evaluate(days)['r2']:.3f}, {within:.0%} of {len(days)} days within")

# %%
# The promise is kept for days like those of the training. Those of a new year are different: 2015
# was warmer than the years before, and most of its days outside lie above their interval.

in_random, in_new_year = (coverage(highs, intervals) for _, highs, intervals in found.values())
assert in_random > 0.85
assert in_new_year < in_random
_, highs, intervals = found["a new year"]
low, high = intervals.T
assert np.sum(highs > high) > np.sum(highs < low)
all_highs = np.asarray(table.columns["temp_max"].tolist(), dtype=float)
assert all_highs[is_2015].mean() > all_highs[~is_2015].mean() + 1

# %%
# The picture
# -----------

figure, axes = plt.subplots(2, 1, figsize=(9, 6.6), sharex=True, sharey=True, layout="constrained")
for ax, (name, (days, highs, intervals)) in zip(axes, found.items(), strict=True):
    at = np.asarray([date.replace("/", "-") for date in days.columns["date"].tolist()], "M8[D]")
    low, high = intervals.T
    bars = ax.vlines(at, low, high, color=COLOURS[0], alpha=0.35, linewidth=1.6)
    points = ax.scatter(at, highs, s=9, color=COLOURS[-1], linewidths=0)
    outside = (highs < low) | (highs > high)
    missed = ax.scatter(at[outside], highs[outside], s=14, color=COLOURS[1], linewidths=0)
    ax.grid(alpha=0.25)
    title = f"{name.capitalize()}: {coverage(highs, intervals):.0%} within"
    describe(ax, title, "", "highest temperature, °C")
    labels = ["90 % interval", "the day's temperature", "outside"]
    legend(ax, [bars, points, missed], labels, "upper left")
plt.show()
