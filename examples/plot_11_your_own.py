"""
An activation and an optimizer of your own
==========================================

What if the paper you read is not in the library yet? An activation is its function and its
derivative, an optimizer three small functions of the parameter vector. Both run on every backend,
and are compiled where the library's are.
"""

from typing import Any, NamedTuple

from matplotlib import pyplot as plt

import xpnet
from xpnet.plots import LossCurveDisplay

images, labels = xpnet.datasets.load_digits()
train, test = xpnet.datasets.stratified_split(labels)
X = images / 16

# %%
# The activation
# --------------
# f(z) = z / √(1 + z²) levels off as tanh does, but without exponentials (B. Carlile and others,
# 2017). Its derivative is (1 + z²)^(−3/2); it may use Z or A, both of which are at hand. ``xp``
# is whichever array library the network computes with.

isru = xpnet.elementwise(
    "isru",
    lambda xp, Z: Z / xp.sqrt(1 + Z * Z),
    lambda xp, Z, A: 1 / ((1 + Z * Z) * xp.sqrt(1 + Z * Z)),
)

# %%
# The derivative is yours, so have it checked.

net = xpnet.Network([64, 64, 10], activation=isru, rng=0)
check = xpnet.gradient_check(net, X[:20], labels[:20])
print(check)
assert max(check) < 1e-8

# %%
# The optimizer
# -------------
# Lion (X. Chen and others, 2023) steps by the sign of a running mean of gradients, so that every
# parameter moves by the same amount. Its settings are the fields of a tuple; what depends on the
# step goes into ``coefficients``, and ``update`` is plain arithmetic on arrays. All parameters
# are one vector, so there is no loop over layers.


class Lion(NamedTuple):
    """u = sign(β₁ m + (1 − β₁) g), θ ← θ − η u, m ← β₂ m + (1 − β₂) g."""

    learning_rate: Any = 3e-4
    beta1: float = 0.9
    beta2: float = 0.99

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """m = 0."""
        return (xp.zeros_like(theta),)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """η."""
        return (rate,)

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """One step."""
        (m,) = state
        u = xp.sign(self.beta1 * m + (1 - self.beta1) * g)
        return theta - c[0] * u, (self.beta2 * m + (1 - self.beta2) * g,)


# %%
# Beside Adam
# -----------
# From the same start, with the same batches.

curves = {}
for name, optimizer in {"Lion": Lion(), "Adam": xpnet.optimizers.Adam()}.items():
    net = xpnet.Network([64, 64, 10], activation=isru, rng=0)
    history = net.fit(X[train], labels[train], epochs=30, batch_size=32, optimizer=optimizer)
    curves[f"{name}: loss"] = history.loss
    accuracy = net.evaluate(X[test], labels[test])["accuracy"]
    print(f"{name}: accuracy {accuracy:.3f}, by the {history.engine} engine")
    assert accuracy > 0.95

LossCurveDisplay(history.epoch, curves).plot()
plt.show()
