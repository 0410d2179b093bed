"""
Regression, and which optimizer
===============================

How well can a quantity be predicted, and when is L-BFGS the better choice than Adam? For 442
people, ten measurements and how far their diabetes had progressed a year later.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes

import xpnet
from xpnet.plots import PredictionErrorDisplay
from xpnet.plots.axes import COLOURS, describe, legend

# %%
# The target runs to several hundreds. A network whose outputs start near 0 would spend its first
# epochs on getting there, so it learns the target's distance from its mean, in units of its
# deviation.

X, target = load_diabetes(return_X_y=True)
X = X / X.std(axis=0)  # the measurements come centred
order = np.random.default_rng(0).permutation(len(X))
train, test = order[:300], order[300:]
mean, deviation = target[train].mean(), target[train].std()
y = (target - mean) / deviation

# %%
# Adam takes many small steps, each on a batch. L-BFGS takes all examples at once, remembers how
# the gradient changed, and searches along a line; an epoch is one iteration. For a few hundred
# examples and a smooth activation it goes lower. What both minimise is the loss with its penalty:
# three hundred examples would be learned by heart without.

penalty = xpnet.Penalty(l2=0.05)
fits = {
    "Adam": {"optimizer": "adam", "batch_size": 32, "learning_rate": 0.003},
    "L-BFGS": {"optimizer": "lbfgs"},
}
networks, objectives = {}, {}
for name, settings in fits.items():
    net = networks[name] = xpnet.Network([10, 16, 1], activation="tanh", dtype="float64", rng=0)
    values = objectives[name] = []

    def note(net: xpnet.Network, history: xpnet.History, values: list[float] = values) -> None:
        """Loss and penalty over all training examples, after an epoch."""
        objective = net.objective(X[train], y[train], penalty=penalty)
        values.append(objective(net.parameters)[0])

    net.fit(X[train], y[train], epochs=150, penalty=penalty, callbacks=note, **settings)
    r2 = net.evaluate(X[test], y[test], metrics="r2")["r2"]
    print(f"{name}: {values[-1]:.5f} after {len(values)} epochs, R² {r2:.3f} on the others")
assert objectives["L-BFGS"][-1] < objectives["Adam"][-1]

# %%
# Least squares are the neighbour to compare with. Where a network does hardly better, the
# relation is nearly a straight line, or the examples are too few to show that it is not.

slope, *_ = np.linalg.lstsq(X[train], y[train])
line = PredictionErrorDisplay.from_predictions(y[test], X[test] @ slope)
print(f"least squares: R² {line.r2:.3f}")

# %%
# The picture
# -----------
# On the right, predicted against actual in the target's own units. The cloud is flatter than the
# diagonal: where measurements say little, the best guess lies closer to the mean.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
lines = [
    left.semilogx(range(1, len(values) + 1), values, color=colour)[0]
    for values, colour in zip(objectives.values(), COLOURS, strict=False)
]
left.grid(alpha=0.25)
describe(left, "What is minimised", "epoch", "loss with its penalty")
legend(left, lines, objectives, "upper right")

predicted = networks["L-BFGS"](X[test])[:, 0] * deviation + mean
error = PredictionErrorDisplay.from_predictions(
    target[test], predicted, target_names=["progression"]
).plot(right)
assert error.r2 > 0.35
assert predicted.std() < target[test].std()
plt.show()
