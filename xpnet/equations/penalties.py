"""Penalties on θ, and the limit on a neuron's weights.

The penalised mean loss is, for any batch,

    Σ_n w_n loss_n / Σ_n w_n + λ₁ Σ|W| + ½ λ₂ Σ W²         g ← g + λ₁ sign(W) + λ₂ W

over all weights: θ[:n_weights], one slice of the flat vector. The penalty is added to the *mean*
loss, so its strength does not depend on the batch size. In other libraries, λ₂ is the
``weight_decay`` of torch's SGD and Adam (there of biases too), twice Keras's ``l2``, and
scikit-learn's ``alpha`` divided by the batch size. With ``of_sum``, the penalty is added to the sum
of the batch's losses instead, as scikit-learn does:

    (Σ_n w_n loss_n + λ₁ Σ|W| + ½ λ₂ Σ W²) / Σ_n w_n

`MaxNorm` is not a term of the loss: after the step, each row of each W that is longer than the
limit is scaled to that length.

As in an optimizer, arguments may be overwritten: use only the returned arrays. ``in_place`` says
whether slices are views that can be written to (`Backend.in_place`): then only the weights are
touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from xpnet.equations.parameters import Layout
from xpnet.equations.sums import of_squares, total
from xpnet.ranges import PlainSettings, check_flag, check_not_negative, check_positive, instance
from xpnet.typing import Array, Namespace

__all__ = ["EachPenalty", "MaxNorm", "Penalty", "as_penalty"]


class _Terms:
    """The value and the gradient of λ₁ Σ|W| + ½ λ₂ Σ W²; λ₁ and λ₂ are numbers, or (R, 1)."""

    __slots__ = ()
    l1: Any
    l2: Any
    biases: bool

    def value(self, xp: Namespace, theta: Array, layout: Layout) -> Array:
        """``λ₁ Σ|W| + ½ λ₂ Σ W²`` (...,), of θ (..., P)."""
        W = theta[..., : self._end(layout)]
        value = of_squares(xp, W) * (0.5 * _one_each(self.l2))
        return value + total(xp, xp.abs(W)) * _one_each(self.l1) if _is_there(self.l1) else value

    def add_gradient(
        self,
        xp: Namespace,
        theta: Array,
        g: Array,
        layout: Layout,
        in_place: bool = False,
        scale: Any = 1.0,
    ) -> Array:
        """g + scale (λ₁ sign(W) + λ₂ W) at the weights, and g elsewhere; (..., P)."""
        end = self._end(layout)
        W, dW = theta[..., :end], g[..., :end]
        if _is_there(self.l2):
            dW += W * (scale * self.l2)
        if _is_there(self.l1):
            dW += xp.sign(W) * (scale * self.l1)
        return g if in_place else xp.concat([dW, g[..., end:]], axis=-1)

    def _end(self, layout: Layout) -> int:
        return layout.size if self.biases else layout.n_weights


def _is_there(term: Any) -> bool:
    """Whether a λ is not the number 0."""
    return not isinstance(term, float) or term != 0


def _one_each(term: Any) -> Any:
    """A λ as a number, or (R,)."""
    return term if isinstance(term, float) else term[..., 0]


@dataclass(frozen=True, slots=True)
class Penalty(_Terms, PlainSettings):
    """``λ₁ Σ|W| + ½ λ₂ Σ W²``, added to the mean loss; the elastic net if both are above 0.

    Parameters
    ----------
    l1, l2 : float
        λ₁ and λ₂, finite and ≥ 0. The gradient of ``|W|`` at 0 is taken as 0.
    biases : bool
        Penalise all of θ, including biases and gains; otherwise only the weights.
    of_sum : bool
        Add the penalty to the sum of a batch's losses, not to their mean. Its strength then depends
        on the batch size, and the losses that a fit reports include it.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.equations.parameters import Layout
    >>> from xpnet.equations.penalties import Penalty
    >>> theta, layout = np.asarray([1.0, -2.0, 5.0]), Layout(3, 2, ((0, 1, 2),))  # two weights
    >>> penalty = Penalty(l1=0.1, l2=0.01)
    >>> round(float(penalty.value(np, theta, layout)), 6)
    0.325
    >>> penalty.add_gradient(np, theta, np.zeros(3), layout).round(6).tolist()
    [0.11, -0.12, 0.0]
    """

    l1: float = 0.0
    l2: float = 0.0
    biases: bool = False
    of_sum: bool = False

    def _check(self) -> None:
        check_not_negative("l1", self.l1)
        check_not_negative("l2", self.l2)
        check_flag("biases", self.biases)
        check_flag("of_sum", self.of_sum)

    def in_unit(self, unit: float) -> Self:
        """The penalty for weights w that are those of the user times ``unit``."""
        if not self.of_sum or unit == 1.0:
            return self
        return self._replace(l1=self.l1 * unit, l2=self.l2 * unit)


@dataclass(frozen=True, slots=True)
class EachPenalty(PlainSettings):
    """A `Penalty` for each network of a stack.

    Parameters
    ----------
    l1, l2 : tuple of R float
    biases, of_sum : bool
        The same for all networks.
    """

    l1: tuple[float, ...]
    l2: tuple[float, ...]
    biases: bool = False
    of_sum: bool = False

    @classmethod
    def of(cls, each: Sequence[Penalty]) -> Self:
        """The penalties of R networks, with the same ``biases`` and ``of_sum``."""
        biases, of_sum = each[0].biases, each[0].of_sum
        return cls(tuple(p.l1 for p in each), tuple(p.l2 for p in each), biases, of_sum)

    def in_unit(self, unit: float) -> Self:
        """Each network's penalty, as `Penalty.in_unit`."""
        return self.in_units([unit] * len(self.l1))

    def in_units(self, units: Sequence[float]) -> Self:
        """The same for networks whose weights w_r are those of the user times units[r]."""
        return self.of([self[r].in_unit(unit) for r, unit in enumerate(units)])

    def __getitem__(self, r: int) -> Penalty:
        """The penalty of network r."""
        return Penalty(self.l1[r], self.l2[r], self.biases, self.of_sum)

    def on(self, column: Callable[[tuple[float, ...]], Any]) -> _Columns:
        """The penalty with λ₁ and λ₂ on the device, where ``column`` puts them, (R, 1)."""
        l1, l2 = (column(each) if any(each) else 0.0 for each in (self.l1, self.l2))
        return _Columns(l1, l2, self.biases)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns(_Terms):
    """λ₁ and λ₂ of each network, (R, 1) on the device; 0.0 if no network has the term."""

    l1: Any
    l2: Any
    biases: bool


@dataclass(frozen=True, slots=True)
class MaxNorm(PlainSettings):
    """‖W_j‖ ≤ c for the weights W_j into each neuron j: a longer row is scaled to length c.

    N. Srebro and A. Shraibman, "Rank, trace-norm and max-norm" (2005), in the form of
    N. Srivastava et al., "Dropout" (2014).

    Parameters
    ----------
    limit : float
        c, finite and above 0.
    """

    limit: float

    def _check(self) -> None:
        check_positive("the limit of max_norm", self.limit)

    def project(self, xp: Namespace, theta: Array, layout: Layout, in_place: bool = False) -> Array:
        """θ (..., P) with no row of a weight matrix longer than c; the rest unchanged."""
        pieces, end = [], 0
        for start, rows, columns in sorted(layout.matrices):
            pieces.append(theta[..., end:start])
            end = start + rows * columns
            flat = theta[..., start:end]
            W = xp.reshape(flat, (*flat.shape[:-1], rows, columns))
            W *= self._factors(xp, W)
            pieces.append(xp.reshape(W, flat.shape))
        return theta if in_place else xp.concat([*pieces, theta[..., end:]], axis=-1)

    def _factors(self, xp: Namespace, W: Array) -> Array:
        """c / max(‖W_j‖, c), (..., rows, 1); NaN if ‖W_j‖² overflows, since W has diverged."""
        norms = xp.sqrt(xp.sum(W * W, axis=-1, keepdims=True))
        factors = self.limit / xp.maximum(norms, self.limit)  # c/∞ = 0 would hide the divergence
        return xp.where(xp.isfinite(norms), factors, float("nan"))


def as_penalty(value: Any) -> Penalty | None:
    """Return ``value``, which must be a `Penalty` or None."""
    found: Penalty | None = instance("penalty", value, Penalty, "xpnet.Penalty(l2=1e-4)")
    return found
