"""Losses and their gradients.

A loss is one function of the outputs A = f_L(Z_L) and the targets Y that returns, for each example,

    loss_n               (..., N)
    dA = ∂loss_n/∂A_n    (..., N, n_L)

and, for the outputs it is matched with, a second one of the pre-activations Z_L that returns loss_n
and dZ = ∂loss_n/∂Z_n directly: cross entropies come from Z, never from ln A, so that nothing
underflows. `from_preactivation` picks the one or the other; weights and the scale 1/Σw are applied
there, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xpnet.activations import ACTIVATIONS, Activation
from xpnet.special import sigmoid

__all__ = ["LOSSES", "Loss", "from_preactivation", "per_example"]

LossFunction = Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Loss:
    """A loss: its function, and what it goes with.

    Parameters
    ----------
    name : str
        What a saved model calls it.
    of_output : (xp, A, Y) -> (losses, dA), optional
        losses has shape (..., N), dA that of A. It is overwritten, so it must be a new array. Left
        out where only matched outputs are allowed.
    of_preactivation : mapping of str to (xp, Z, Y) -> (losses, dZ)
        By the name of a matched output activation: the same from Z_L, without forming A_L.
    output : str
        The output activation that a network takes when none is named.
    outputs : tuple of str, optional
        The output activations it may be used with; all where left out.
    targets : {"rows", "probabilities", "counts", "labels"}
        What Y holds: any finite rows (..., N, n_L); rows in [0, 1]; rows ≥ 0; or integer labels
        (..., N) or rows that sum to 1.
    """

    name: str
    of_output: LossFunction | None = None
    of_preactivation: Mapping[str, LossFunction] = field(default_factory=dict)
    output: str = "identity"
    outputs: tuple[str, ...] | None = None
    targets: str = "rows"

    def __repr__(self) -> str:
        return f"Loss({self.name!r})"


def per_example(xp: Any, loss: Loss, activation: Activation, Z: Any, Y: Any) -> tuple[Any, Any]:
    """Each example's loss_n (..., N) and ∂loss_n/∂Z_n (..., N, n_L): no weight, no scale yet."""
    matched = loss.of_preactivation.get(activation.name)
    if matched is not None:
        return matched(xp, Z, Y)
    assert loss.of_output is not None
    A = activation.f(xp, Z)
    losses, dA = loss.of_output(xp, A, Y)
    return losses, activation.vjp(xp, Z, A, dA)


def from_preactivation(
    xp: Any, loss: Loss, activation: Activation, Z: Any, Y: Any, w: Any, scale: Any
) -> tuple[Any, Any]:
    """Σ w_n loss_n over the examples, and dZ_L = scale · w_n ∂loss_n/∂Z_n.

    Parameters
    ----------
    Z : (..., N, n_L)
    Y : (..., N) integer labels, or (..., N, n_L)
    w : (..., N) or None
        Example weights; None stands for ones.
    scale : float or (..., 1)
        1/Σw for a mean, 1 for sums that are added up elsewhere.
    """
    losses, dZ = per_example(xp, loss, activation, Z, Y)
    if w is None:
        dZ *= scale
        return xp.sum(losses, axis=-1), dZ
    dZ *= (w * scale)[..., None]
    return xp.sum(losses * w, axis=-1), dZ


# --- squared errors: Σ (a − y)², or its mean over the n_L outputs


def _squared_error(xp: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    R = A - Y
    return xp.sum(R * R, axis=-1), R * 2.0


def _mean_squared_error(xp: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    R = A - Y
    return xp.mean(R * R, axis=-1), R * (2.0 / A.shape[-1])


# --- absolute_error: mean of |a − y|; its gradient at a = y is taken as 0


def _absolute_error(xp: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    R = A - Y
    return xp.mean(xp.abs(R), axis=-1), xp.sign(R) * (1.0 / A.shape[-1])


# --- huber: mean of r²/2 where |r| ≤ 1, else |r| − 1/2. With c = r cut to [−1, 1]: c (r − c/2)


def _huber(xp: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    R = A - Y
    C = xp.minimum(xp.maximum(R, -1.0), 1.0)
    return xp.mean(C * (R - C * 0.5), axis=-1), C * (1.0 / A.shape[-1])


# --- poisson: mean of a − y ln a (the constant ln y! is left out); with a = e^z: e^z − y z


def _poisson(xp: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    mean = xp.where(Y == 0, 1.0, A)  # 0 · ln 0 and 0/0 are 0 here, even where A underflows
    return xp.mean(A - Y * xp.log(mean), axis=-1), (1.0 - Y / mean) * (1.0 / A.shape[-1])


def _poisson_exp(xp: Any, Z: Any, Y: Any) -> tuple[Any, Any]:
    A = xp.exp(Z)
    return xp.mean(A - Y * Z, axis=-1), (A - Y) * (1.0 / Z.shape[-1])


# --- binary_cross_entropy: mean of −y ln σ(z) − (1 − y) ln σ(−z), by −ln σ(z) = ln(1 + e^(−z))
#     dZ = σ(z) − y = (1 − y) σ(z) − y σ(−z), which loses no digit where σ(z) is close to y


def _binary_cross_entropy(xp: Any, Z: Any, Y: Any) -> tuple[Any, Any]:
    losses = (1.0 - Y) * xp.maximum(Z, 0.0) - Y * xp.minimum(Z, 0.0)
    losses += xp.log1p(xp.exp(-xp.abs(Z)))
    dZ = (1.0 - Y) * sigmoid(xp, Z) - Y * sigmoid(xp, -Z)
    return xp.mean(losses, axis=-1), dZ * (1.0 / Z.shape[-1])


# --- cross_entropy: −Σ_k y_k ln P_k with P = softmax(Z)


def _cross_entropy(xp: Any, Z: Any, Y: Any) -> tuple[Any, Any]:
    if Y.ndim < Z.ndim:
        return _label_cross_entropy(xp, Z, Y)
    return _row_cross_entropy(xp, Z, Y)


def _label_cross_entropy(xp: Any, Z: Any, Y: Any) -> tuple[Any, Any]:
    """loss_n = max z − z_y + ln(1 + R + (e_y − 1)), dZ_k = P_k, and dZ_y = −Σ_{k≠y} P_k.

    E = e^(z − max z) is split into the label's entry e_y and R, the sum of the others: for a
    confident network e_y = 1 exactly, and loss = ln(1 + R) and dZ_y = −R/S keep every digit of R,
    which ln P_y and P_y − 1 would lose.
    """
    is_label = Y[..., None] == _columns(xp, Z)
    D = Z - xp.max(Z, axis=-1, keepdims=True)
    E = xp.exp(D)
    d_y = xp.sum(xp.where(is_label, D, 0.0), axis=-1)
    e_y = xp.exp(d_y)
    others = xp.where(is_label, 0.0, E)
    R = xp.sum(others, axis=-1)
    dZ = xp.where(is_label, -R[..., None], others) / (R + e_y)[..., None]
    return xp.log1p(R + (e_y - 1.0)) - d_y, dZ


def _row_cross_entropy(xp: Any, Z: Any, Y: Any) -> tuple[Any, Any]:
    """loss_n = Σ_k y_k (ln S − d_k), dZ = P − Y = P (1 − Y) − Y (1 − P), for rows that sum to 1.

    d = z − max z. S = Σ e^d is 1 + R with R the sum without the (first) largest entry, whose 1 − P
    is R/S: no digit is lost where P is close to Y.
    """
    D = Z - xp.max(Z, axis=-1, keepdims=True)
    E = xp.exp(D)
    is_largest = _columns(xp, Z) == xp.argmax(Z, axis=-1, keepdims=True)
    R = xp.sum(xp.where(is_largest, 0.0, E), axis=-1, keepdims=True)
    P = E / (R + 1.0)
    one_minus_P = xp.where(is_largest, R / (R + 1.0), 1.0 - P)
    losses = xp.sum(Y * (xp.log1p(R) - D), axis=-1)
    return losses, P * (1.0 - Y) - Y * one_minus_P


def _columns(xp: Any, Z: Any) -> Any:
    """0 … n_L − 1 on the device of Z; within ``jax.jit`` an array has none."""
    return xp.arange(Z.shape[-1], device=getattr(Z, "device", None))


_POSITIVE = ("exp", "softplus", "sigmoid", "softmax")

_ROWS = (
    Loss("squared_error", _squared_error),
    Loss("mean_squared_error", _mean_squared_error),
    Loss("absolute_error", _absolute_error),
    Loss("huber", _huber),
    Loss("poisson", _poisson, {"exp": _poisson_exp}, "exp", _POSITIVE, targets="counts"),
    Loss(
        "binary_cross_entropy",
        of_preactivation={"sigmoid": _binary_cross_entropy, "identity": _binary_cross_entropy},
        output="sigmoid",
        outputs=("sigmoid", "identity"),
        targets="probabilities",
    ),
    Loss(
        "cross_entropy",
        of_preactivation={"softmax": _cross_entropy, "identity": _cross_entropy},
        output="softmax",
        outputs=("softmax", "identity"),
        targets="labels",
    ),
)

LOSSES: dict[str, Loss] = {row.name: row for row in _ROWS}
"""Every named loss, by its name."""

assert all(row.output in ACTIVATIONS for row in _ROWS)
