"""
How simple a boundary
=====================

Two measurements of a tumour, and a line between benign and malignant. How crooked may it be? With
enough units a network draws it around single examples; a penalty on the weights keeps it from
that.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer

import xpnet
from xpnet.plots import DecisionBoundaryDisplay

data = load_breast_cancer()
labels = data.target_names[data.target]
columns = ["mean texture", "mean smoothness"]
raw = data.data[:, [data.feature_names.tolist().index(name) for name in columns]]
train, test = xpnet.datasets.stratified_split(labels, fraction=0.5)
X = (raw - raw[train].mean(axis=0)) / raw[train].std(axis=0)

# %%
# The same network twice, trained for long enough to learn its examples by heart. The penalty is ½
# λ Σ W², added to the mean loss: a boundary with sharp bends needs large weights.

penalties = {"no penalty": None, "λ = 0.003": xpnet.Penalty(l2=3e-3)}
networks, losses = {}, {}
for name, penalty in penalties.items():
    net = networks[name] = xpnet.Network([2, 64, 64, 2], rng=0)
    net.fit(
        X[train], labels[train], epochs=400, batch_size=32, learning_rate=0.005, penalty=penalty
    )
    of_trained, of_others = (net.evaluate(X[i], labels[i]) for i in (train, test))
    losses[name] = of_trained["loss"], of_others["loss"]
    print(
        f"{name}, trained on: accuracy {of_trained['accuracy']:.3f}, loss {of_trained['loss']:.3f}"
    )
    print(f"{name}, the others: accuracy {of_others['accuracy']:.3f}, loss {of_others['loss']:.3f}")

# %%
# Better on its examples, and worse on others: that is what learning by heart looks like in
# numbers. The loss shows it more than the accuracy, since it charges most for what was sure and
# wrong.

plain, penalised = losses.values()
assert plain[0] < penalised[0]
assert plain[1] > penalised[1]

# %%
# And this is what it looks like. The points are the tumours that were set aside.

figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
for ax, (name, net) in zip(axes, networks.items(), strict=True):
    DecisionBoundaryDisplay.from_network(net, X[test], labels[test], input_names=columns).plot(ax)
    ax.set_title(f"{name}: loss {losses[name][1]:.3f} on the others")
plt.show()
