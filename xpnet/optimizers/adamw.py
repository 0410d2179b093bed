"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xpnet.optimizers.moments import adam_coefficients, adam_step
from xpnet.ranges import (
    PlainSettings,
    check_flag,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

if TYPE_CHECKING:
    from xpnet.equations.parameters import Layout

__all__ = ["AdamW"]


@dataclass(frozen=True, slots=True)
class AdamW(PlainSettings):
    """Adam, with weights that also shrink by a fixed fraction at every step.

        w ← (1 − η λ) w                       weights; with decay_biases, all of θ
        θ ← θ − η m̂ / (√v̂ + ε)                m̂ and v̂ as in Adam, without the decay

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). As in PyTorch, Keras and
    optax, the decay is scaled by the learning rate (the paper's is not), so a schedule scales both.
    ε is used as in Adam. By default only the weights decay, not the biases and gains that follow
    them in θ. In PyTorch, that takes a separate parameter group.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        ε ≥ 0.
    weight_decay : float
        λ ≥ 0.
    decay_biases : bool
        Whether all of θ decays, not only the weights.
    layout : Layout, optional
        Where the weights lie in θ; `fit` sets it by `bind`.
    """

    learning_rate: Any = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    decay_biases: bool = False
    layout: Layout | None = None
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("epsilon", self.epsilon)
        check_not_negative("weight_decay", self.weight_decay)
        check_flag("decay_biases", self.decay_biases)

    def bind(self, layout: Layout) -> AdamW:
        """The same optimizer, told by ``layout`` where the weights lie."""
        return self._replace(layout=layout)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: m = v = 0."""
        if self.layout is None and not self.decay_biases:
            raise ValueError(
                "AdamW decays only the weights and does not know where they are in θ: call "
                "bind(layout) as fit does, or set decay_biases=True to decay all of θ"
            )
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """Adam's coefficients, then 1 − η λ."""
        adam = adam_coefficients(t, rate, self.beta1, self.beta2, self.epsilon)
        return *adam, 1.0 - rate * self.weight_decay

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, Array], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten, and one more vector of its size is needed."""
        step, state = adam_step(xp, c[:2], g, state, self.beta1, self.beta2)
        if self.decay_biases or self.layout is None:
            theta *= c[2]
        else:
            theta = _scale_head(xp, theta, self.layout.n_weights, c[2])
        theta -= step
        return theta, state


def _scale_head(xp: Namespace, theta: Array, n: int, factor: Any) -> Array:
    """θ with its first n numbers multiplied by ``factor``, in place if the array is writable."""
    try:
        theta[..., :n] *= factor
    except TypeError:  # JAX arrays are immutable
        theta = xp.concat([theta[..., :n] * factor, theta[..., n:]], axis=-1)
    return theta
