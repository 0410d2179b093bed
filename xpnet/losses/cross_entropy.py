"""Cross entropies, computed from Z_L.

    binary_cross_entropy   mean over the outputs of −y ln σ(z) − (1 − y) ln σ(−z)     dZ = σ(z) − y
    cross_entropy          −Σ_k y_k ln P_k with P = softmax(Z)                        dZ = P − Y

With label smoothing ε, y_k becomes (1 − ε) y_k + ε/n_L: C. Szegedy et al., "Rethinking the
Inception architecture for computer vision" (2016).
"""

from __future__ import annotations

from typing import Any

from xpnet.equations.built_in import built_in, one_of_each
from xpnet.equations.special import sigmoid
from xpnet.losses.loss import Loss, LossFunction, differentiated
from xpnet.ranges import check_fraction
from xpnet.typing import Array, Namespace

__all__ = [
    "BINARY_CROSS_ENTROPY",
    "CrossEntropy",
    "check_smoothing",
    "cross_entropy_second",
    "label_cross_entropy",
    "row_cross_entropy",
]


# --- binary_cross_entropy, by −ln σ(z) = ln(1 + e^(−z))
#     dZ = σ(z) − y = (1 − y) σ(z) − y σ(−z), which loses no digits if σ(z) is close to y


def _binary_cross_entropy(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    rising = xp.where(Y == 1.0, 0.0, xp.maximum(Z, 0.0))  # 0 · ∞ is 0: Z may be infinite
    falling = xp.where(Y == 0.0, 0.0, xp.minimum(Z, 0.0))
    losses = (1.0 - Y) * rising - Y * falling
    losses += xp.log1p(xp.exp(-xp.abs(Z)))
    dZ = (1.0 - Y) * sigmoid(xp, Z) - Y * sigmoid(xp, -Z)
    return xp.mean(losses, axis=-1), dZ * (1.0 / Z.shape[-1])


def _binary_cross_entropy_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    e = xp.exp(-xp.abs(Z))  # σ'(z) = e/(1 + e)²
    return tZ * (e / ((e + 1.0) * (e + 1.0)) * (1.0 / Z.shape[-1]))


differentiated(_binary_cross_entropy, _binary_cross_entropy_second)
BINARY_CROSS_ENTROPY = built_in(
    Loss(
        "binary_cross_entropy",
        of_preactivation={"sigmoid": _binary_cross_entropy, "identity": _binary_cross_entropy},
        output="sigmoid",
        outputs=("sigmoid", "identity"),
        targets="probabilities",
        over_outputs="mean",
        config={"name": "binary_cross_entropy"},
    )
)


# --- cross_entropy: −Σ_k y_k ln P_k with P = softmax(Z)


def CrossEntropy(label_smoothing: float = 0.0) -> Loss:
    """−Σ_k y_k ln P_k, for integer labels or rows that sum to 1.

    Parameters
    ----------
    label_smoothing : float
        ε in [0, 1): y_k is taken as (1 − ε) y_k + ε/n_L, as in torch.

    Examples
    --------
    >>> from xpnet.losses import CrossEntropy
    >>> CrossEntropy(label_smoothing=0.1)
    Loss('cross_entropy', label_smoothing=0.1)
    """
    return _cross_entropy_loss(check_smoothing(label_smoothing))


def check_smoothing(epsilon: Any) -> float:
    """Return ε as a float, which must be in [0, 1)."""
    check_fraction("label_smoothing", epsilon)
    return float(epsilon)


@one_of_each
def _cross_entropy_loss(epsilon: float) -> Loss:
    of_labels = label_cross_entropy(epsilon)

    def cross_entropy(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
        if Y.ndim < Z.ndim:
            return of_labels(xp, Z, Y)
        return row_cross_entropy(xp, Z, smoothed(Z, Y))

    def second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
        tdZ = cross_entropy_second(xp, Z, Y, tZ)
        return tdZ if Y.ndim < Z.ndim else tdZ * xp.sum(smoothed(Z, Y), axis=-1, keepdims=True)

    def smoothed(Z: Array, Y: Array) -> Array:
        return Y * (1.0 - epsilon) + epsilon / Z.shape[-1] if epsilon else Y

    differentiated(cross_entropy, second)
    return built_in(
        Loss(
            "cross_entropy",
            of_preactivation={"softmax": cross_entropy, "identity": cross_entropy},
            output="softmax",
            outputs=("softmax", "identity"),
            targets="labels",
            config={"name": "cross_entropy", "label_smoothing": epsilon},
        )
    )


@one_of_each
def label_cross_entropy(epsilon: float) -> LossFunction:
    """The cross entropy of integer labels (..., N), smoothed by ε."""

    def smoothed(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
        return _of_smoothed_labels(xp, Z, Y, epsilon)

    return smoothed if epsilon else _of_labels


def _of_labels(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    """loss_n = max z − z_y + ln(1 + R + (e_y − 1)), dZ_k = P_k, and dZ_y = −Σ_{k≠y} P_k.

    E = e^(z − max z), with sum S, is split into the label's entry e_y and R, the sum of the others.
    For a confident network e_y = 1 exactly; then loss = ln(1 + R) and dZ_y = −R/S keep every digit
    of R. ln P_y and P_y − 1 would lose them.
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


def _of_smoothed_labels(xp: Namespace, Z: Array, Y: Array, epsilon: float) -> tuple[Array, Array]:
    """Smooth by ε: add ε/n_L Σ_k (z_y − z_k) to loss_n, −ε/n_L to dZ_k, ε − ε/n_L to dZ_y.

    For a confident network the parts of `_of_labels` vanish, and keep their digits; ε's do not.
    """
    losses, dZ = _of_labels(xp, Z, Y)
    is_label = Y[..., None] == _columns(xp, Z)
    share = epsilon / Z.shape[-1]
    z_y = xp.sum(xp.where(is_label, Z, 0.0), axis=-1, keepdims=True)
    dZ = xp.where(is_label, dZ + (epsilon - share), dZ - share)
    return losses + xp.sum(z_y - Z, axis=-1) * share, dZ


def row_cross_entropy(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    """loss_n = Σ_k y_k (ln S − d_k), dZ = s P − Y = P (s − Y) − Y (1 − P), with s = Σ_k y_k.

    s is 1 except for rounding; the gradient includes that rounding, as the loss does.
    d = z − max z. S = Σ e^d is 1 + R, where R sums all but the (first) largest entry. 1 − P of that
    entry is R/S, so no digits are lost if P is close to Y. 0 ln 0 is 0, as for a class that is
    masked by z_k = −∞.
    """
    D = Z - xp.max(Z, axis=-1, keepdims=True)
    E = xp.exp(D)
    is_largest = _columns(xp, Z) == xp.argmax(Z, axis=-1, keepdims=True)
    R = xp.sum(xp.where(is_largest, 0.0, E), axis=-1, keepdims=True)
    P = E / (R + 1.0)
    one_minus_P = xp.where(is_largest, R / (R + 1.0), 1.0 - P)
    losses = xp.sum(Y * (xp.log1p(R) - xp.where(Y == 0.0, 0.0, D)), axis=-1)
    return losses, P * (xp.sum(Y, axis=-1, keepdims=True) - Y) - Y * one_minus_P


def cross_entropy_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    """tdZ = P ∘ (tZ − Σ_k P_k tZ_k), for labels, or for rows that sum to 1.

    A number added to all of tZ_n changes nothing. Subtracting the entry at the largest P_k makes
    its own term 0, so no digits are lost if P_k is close to 1.
    """
    P = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
    P = P / xp.sum(P, axis=-1, keepdims=True)
    is_largest = _columns(xp, Z) == xp.argmax(Z, axis=-1, keepdims=True)
    tZ = tZ - xp.sum(xp.where(is_largest, tZ, 0.0), axis=-1, keepdims=True)
    return P * (tZ - xp.sum(P * tZ, axis=-1, keepdims=True))


def _columns(xp: Namespace, Z: Array) -> Array:
    """0 … n_L − 1 on the device of Z; within ``jax.jit`` arrays have no device."""
    return xp.arange(Z.shape[-1], device=getattr(Z, "device", None))
