"""
The same training elsewhere
===========================

If a script runs on NumPy today and on a GPU tomorrow, is it the same training? The first weights
and the order of the examples are the same bits on every array library, and the steps agree to
rounding. Rounding grows, though: how fast, and does it matter?
"""

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet.plots.axes import COLOURS, MARKERS, describe, legend

images, labels = xpnet.datasets.load_digits()
train, test = xpnet.datasets.stratified_split(labels)
X = images / 16

# %%
# What is here
# ------------
# NumPy always is; its float64 shows what float32 rounds away. array-api-strict is left out, which
# is NumPy with fewer functions.

others = {"numpy", "array-api-strict"}
usable = [row.name for row in xpnet.available_backends() if row.usable and row.name not in others]
runs = {"numpy": {}, "numpy, float64": {"dtype": "float64"}}
runs |= {name: {"backend": name} for name in usable}
print(", ".join(runs))

# %%
# One script for all of them
# --------------------------
# Whatever a network returns lies where the network does; ``xpnet.to_numpy`` brings it home.

paths, accuracies = {}, {}
for name, where in runs.items():
    net = xpnet.Network([64, 32, 10], rng=0, **where)
    path = paths[name] = [xpnet.to_numpy(net.parameters)]

    def note(net: xpnet.Network, history: xpnet.History, path: list[np.ndarray] = path) -> None:
        """All parameters, after an epoch."""
        path.append(xpnet.to_numpy(net.parameters))

    net.fit(X[train], labels[train], epochs=15, learning_rate=0.02, callbacks=note)
    accuracies[name] = net.evaluate(X[test], labels[test])["accuracy"]
    print(f"{name}: accuracy {accuracies[name]:.3f}")

# %%
# The same bits at first, the same to rounding for a while, and as good in the end.

distances = {
    name: [
        np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(path, paths["numpy"], strict=True)
    ]
    for name, path in paths.items()
    if name != "numpy"
}
for name, distance in distances.items():
    assert np.array_equal(paths[name][0].astype(np.float32), paths["numpy"][0])
    assert distance[1] < 1e-4
    assert distance[-1] > distance[1]
    assert abs(accuracies[name] - accuracies["numpy"]) < 0.03

# %%
# The picture
# -----------
# How far all parameters are from those of NumPy in float32. The distance grows from epoch to
# epoch, as it does between any two orders of summation.

figure, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
lines = [
    ax.semilogy(range(1, len(d)), d[1:], color=colour, marker=marker, markersize=4)[0]
    for d, colour, marker in zip(distances.values(), COLOURS, MARKERS, strict=False)
]
ax.grid(alpha=0.25)
describe(ax, "Against NumPy in float32", "epoch", "‖θ − θ_numpy‖ / ‖θ_numpy‖")
legend(ax, lines, distances, "lower right")
plt.show()
