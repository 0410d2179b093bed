"""
Two kinds of mistakes
=====================

A tumour that is missed is worse than a false alarm. How does one tell a network, what does it
cost, and can its probabilities still be believed? Tumours from Wisconsin, benign and malignant.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer

import xpnet
from xpnet import plots

# %%
# Of the thirty measurements of a tumour take three, so that there are mistakes to weigh. They
# have units of their own, so each is brought to mean 0 and deviation 1: by the training examples
# alone, since the others stand for what will come. Labels may be text.

data = load_breast_cancer()
labels = data.target_names[data.target]
raw = data.data[:, [0, 1, 4]]  # mean radius, mean texture, mean smoothness
train, test = xpnet.datasets.stratified_split(labels, fraction=0.5)
X = (raw - raw[train].mean(axis=0)) / raw[train].std(axis=0)

# %%
# How long to train is not known beforehand. So a fifth of the training examples is set aside, of
# every class alike, and when their loss has not fallen for 20 epochs, the parameters of the best
# epoch come back. The second network is told that a malignant tumour counts as much as ten benign
# ones.

networks = {}
for name, weights in {"equal weights": None, "malignant × 10": {"malignant": 10.0}}.items():
    net = networks[name] = xpnet.Network(hidden=(16,), rng=0)
    history = net.fit(
        X[train],
        labels[train],
        epochs=300,
        batch_size=32,
        learning_rate=0.003,
        class_weight=weights,
        validation_fraction=0.2,
        early_stopping=xpnet.EarlyStopping(patience=20),
    )
    print(f"{name}: {len(history)} epochs, the best was {history.best_epoch}")

# %%
# What it costs
# -------------
# Weights move the border towards the benign side, and the probabilities with it: they are those
# of a world with ten times as many malignant tumours. Where probabilities are right, the costs
# can wait until one decides: with ten to one, malignant is whatever is so with more than one in
# eleven.

ways = {name: (net, 1 / 2) for name, net in networks.items()}
ways["equal weights, then 1/11"] = networks["equal weights"], 1 / 11
missed, false_alarms = {}, {}
is_malignant = labels[test] == "malignant"
for name, (net, threshold) in ways.items():
    suspected = net(X[test])[:, net.classes.index("malignant")] > threshold
    missed[name] = 1 - suspected[is_malignant].mean()
    false_alarms[name] = suspected[~is_malignant].mean()
    print(f"{name}: {missed[name]:.1%} missed, {false_alarms[name]:.1%} false alarms")
assert missed["malignant × 10"] < missed["equal weights"]
assert missed["equal weights, then 1/11"] < missed["equal weights"]
assert min(false_alarms, key=false_alarms.get) == "equal weights"

# %%
# The picture
# -----------
# Above, what is taken for what; below, whether 0.8 means 8 of 10.

figure, axes = plt.subplots(2, 2, figsize=(9, 8.2), layout="constrained")
errors = []
for (above, below), (name, net) in zip(axes.T, networks.items(), strict=True):
    confusion = plots.ConfusionDisplay.from_network(net, X[test], labels[test]).plot(above)
    calibration = plots.CalibrationDisplay.from_network(
        net, X[test], labels[test], of="malignant", bins=5
    ).plot(below)
    above.set_title(f"{name}: accuracy {confusion.accuracy:.3f}")
    below.set_title(f"{name}: calibration error {calibration.error:.3f}")
    errors.append(calibration.error)
assert errors[0] < errors[1]
plt.show()
