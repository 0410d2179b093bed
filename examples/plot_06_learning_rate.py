"""
Which learning rate
===================

It is the one setting that always matters. How does one find it without trying ten, and is a
schedule worth its while?
"""

from matplotlib import pyplot as plt

import xpnet
from xpnet.plots import LossCurveDisplay
from xpnet.plots.axes import COLOURS, describe, legend
from xpnet.schedules import OneCycle

images, labels = xpnet.datasets.load_digits()
train, test = xpnet.datasets.stratified_split(labels)
X = images / 16


def new() -> xpnet.Network:
    """The same start for every trial."""
    return xpnet.Network([64, 64, 64, 10], rng=0)


# %%
# The range test
# --------------
# A copy of the network trains for a few epochs while the rate rises from step to step. At first
# nothing moves, then the loss falls, and in the end it jumps. What is suggested is where it falls
# most steeply.

found = xpnet.learning_rate_range(
    new(), X[train], labels[train], batch_size=32, high=10.0, steps=200
)
print(f"suggested: {found.suggestion:.2g}")

# %%
# Four trials
# -----------
# A hundredth of the suggestion is slow, a hundredfold too wild. One cycle goes up to three times
# the suggestion and comes down to nearly nothing, which takes the noise of the batches out of the
# last epochs.

rates = {
    "a hundredth": found.suggestion / 100,
    "as suggested": found.suggestion,
    "a hundredfold": found.suggestion * 100,
    "one cycle": OneCycle(3 * found.suggestion),
}
curves, accuracies = {}, {}
for name, rate in rates.items():
    net = new()
    history = net.fit(X[train], labels[train], epochs=15, batch_size=32, learning_rate=rate)
    curves[f"{name}: loss"] = history.loss
    accuracies[name] = net.evaluate(X[test], labels[test])["accuracy"]
    print(f"{name}: accuracy {accuracies[name]:.3f}")
assert curves["one cycle: loss"][-1] < curves["as suggested: loss"][-1]
assert accuracies["as suggested"] > max(accuracies["a hundredth"], accuracies["a hundredfold"])

# %%
# The picture
# -----------
# On the left the test, each step's loss by its rate; on the right what came of the four.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.semilogx(found.rates, found.losses, color=COLOURS[0], linewidth=1)
mark = left.axvline(found.suggestion, color=COLOURS[-1], linestyle=":")
left.grid(alpha=0.25)
describe(left, "Range test", "learning rate of the step", "loss of its batch")
legend(left, [mark], [f"suggested, {found.suggestion:.2g}"], "lower left")
display = LossCurveDisplay(history.epoch, curves).plot(right)
display.legend_.set_loc("lower left")  # two of the losses stay above
plt.show()
