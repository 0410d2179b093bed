"""
How sure a prediction is
========================

How far off may a prediction be? Two losses learn that with it: quantiles, and a mean with a
variance. The relation is between the body mass index of 442 people and how far their diabetes had
progressed a year later.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes

import xpnet
from xpnet.losses import GaussianNLL, Quantile
from xpnet.plots.axes import COLOURS, describe, legend

data = load_diabetes(scaled=False)
all_bmi, target = data.data[:, data.feature_names.index("bmi")], data.target
order = np.random.default_rng(1).permutation(len(target))
train, test = order[:300], order[300:]
mean, deviation = target[train].mean(), target[train].std()
y = (target - mean) / deviation


def as_input(bmi: np.ndarray) -> np.ndarray:
    """(N, 1), of mean 0 and deviation 1 over the training examples."""
    return ((bmi - all_bmi[train].mean()) / all_bmi[train].std())[:, None]


# %%
# Two ways to a band
# ------------------
# ``Quantile((0.1, 0.5, 0.9))`` has three outputs for a target: below each of them lies so large a
# share of it, whatever its distribution. ``GaussianNLL()`` has two, the mean and the logarithm of
# the variance: less free, so that it needs fewer examples, but wrong where the spread is not
# symmetric. Of a normal distribution 80 % lie within 1.28 deviations.

settings = {"epochs": 200, "batch_size": 50, "learning_rate": 0.005}
networks = {}
for name, loss in {"quantiles": Quantile((0.1, 0.5, 0.9)), "normal": GaussianNLL()}.items():
    net = networks[name] = xpnet.Network(hidden=(16,), activation="tanh", loss=loss, rng=0)
    net.fit(as_input(all_bmi[train]), y[train], **settings)


def bands(bmi: np.ndarray) -> dict[str, np.ndarray]:
    """Low, middle and high (3, N) of each network, in the target's own units."""
    center, log_variance = networks["normal"](as_input(bmi)).T
    spread = 1.2816 * np.exp(log_variance / 2)
    normal = np.stack([center - spread, center, center + spread])
    quantiles = networks["quantiles"](as_input(bmi)).T
    return {"quantiles": quantiles * deviation + mean, "normal": normal * deviation + mean}


# %%
# Whether the bands keep their promise
# ------------------------------------
# Eight of ten people who were not trained on should lie within, up to chance.

for name, (low, _, high) in bands(all_bmi[test]).items():
    within = np.mean((low < target[test]) & (target[test] < high))
    print(f"{name}: {within:.0%} of {len(test)} lie within, mean width {np.mean(high - low):.0f}")
    assert 0.7 < within < 0.9

# %%
# The picture
# -----------
# The points are the people who were set aside. Both bands are narrow on the left: one number for
# everybody's error would be too large there. On the far right hardly anybody was trained on,
# which no band here shows: they tell how much people differ, not how little is known.

grid = np.linspace(all_bmi.min(), all_bmi.max(), 200)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
for ax, (name, (low, middle, high)), colour in zip(
    axes, bands(grid).items(), COLOURS, strict=False
):
    band = ax.fill_between(grid, low, high, color=colour, alpha=0.2, linewidth=0)
    (line,) = ax.plot(grid, middle, color=colour)
    points = ax.scatter(all_bmi[test], target[test], s=14, color=COLOURS[-1], linewidths=0)
    ax.grid(alpha=0.25)
    title = {"quantiles": "Three quantiles", "normal": "Mean and variance"}[name]
    describe(ax, title, "body mass index", "progression after a year")
    legend(ax, [points, line, band], ["a person", "the middle", "80 %"], "upper left")

for low, _, high in bands(np.asarray([20.0, 30.0])).values():
    assert (high - low)[0] < 0.8 * (high - low)[1]
plt.show()
