"""xpnet's own activations, each by f, f' and f'', and the table of their names.

`xpnet.equations.activation` says what the functions take and return. Softmax mixes the features of
an example and defines its products itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.equations.activation import Activation, elementwise
from xpnet.equations.built_in import built_in
from xpnet.equations.special import normal_cdf, normal_pdf, sigmoid
from xpnet.pickles import outdated
from xpnet.typing import Array, Namespace

__all__ = ["ACTIVATIONS", "FORMULAS", "OWN"]


# --- identity: f = z, f' = 1, f'' = 0


def _identity(xp: Namespace, Z: Array) -> Array:
    return Z


def _zero(xp: Namespace, Z: Array, A: Array, *t: Array) -> Array:
    return xp.zeros_like(Z)


def _identity_product(xp: Namespace, Z: Array, A: Array, t: Any) -> Array:
    return t


def _zero_second(xp: Namespace, Z: Array, A: Array, tZ: Array, dA: Array) -> Array:
    return xp.zeros_like(tZ)


# --- relu: f = max(z, 0), f' = [z > 0]


def _relu(xp: Namespace, Z: Array) -> Array:
    return xp.maximum(Z, 0.0)


def _relu_product(xp: Namespace, Z: Array, A: Array, t: Any) -> Array:
    return t * xp.astype(A > 0, t.dtype)  # a quarter of the time of xp.where on NumPy


# --- leaky_relu: f = max(z, 0.01 z)

_SLOPE = 0.01


def _leaky_relu(xp: Namespace, Z: Array) -> Array:
    return xp.maximum(Z, Z * _SLOPE)


def _leaky_relu_product(xp: Namespace, Z: Array, A: Array, t: Any) -> Array:
    return xp.where(A > 0, t, t * _SLOPE)


# --- elu: f = z or e^z − 1, f' = 1 or e^z, f'' = 0 or e^z (for z > 0, or else)


def _elu(xp: Namespace, Z: Array) -> Array:
    return xp.where(Z > 0, Z, xp.expm1(xp.minimum(Z, 0.0)))


def _elu_d(xp: Namespace, Z: Array, A: Array) -> Array:
    return xp.exp(xp.minimum(Z, 0.0))


def _elu_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    return xp.where(Z > 0, 0.0, xp.exp(xp.minimum(Z, 0.0)))


# --- selu: f = λz or λα(e^z − 1). Klambauer et al., "Self-normalizing neural networks" (2017)

_LAMBDA = 1.0507009873554804934
_LAMBDA_ALPHA = _LAMBDA * 1.6732632423543772848


def _selu(xp: Namespace, Z: Array) -> Array:
    return xp.where(Z > 0, Z * _LAMBDA, xp.expm1(xp.minimum(Z, 0.0)) * _LAMBDA_ALPHA)


def _selu_d(xp: Namespace, Z: Array, A: Array) -> Array:
    return xp.where(Z > 0, _LAMBDA, xp.exp(xp.minimum(Z, 0.0)) * _LAMBDA_ALPHA)


def _selu_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    return xp.where(Z > 0, 0.0, xp.exp(xp.minimum(Z, 0.0)) * _LAMBDA_ALPHA)


# --- gelu: f = z Φ(z), f' = Φ + zφ, f'' = (2 − z²)φ. Hendrycks and Gimpel (2016), the exact form


def _gelu(xp: Namespace, Z: Array) -> Array:
    return xp.maximum(Z, -40.0) * normal_cdf(xp, Z)  # Φ(−40) = 0: no −∞ · 0


def _gelu_d(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -40.0), 40.0)
    return normal_cdf(xp, z) + z * normal_pdf(xp, z)


def _gelu_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -40.0), 40.0)
    return (2.0 - z * z) * normal_pdf(xp, z)


def _gelu_d3(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -40.0), 40.0)
    return z * (z * z - 4.0) * normal_pdf(xp, z)


# --- silu: f = z σ(z), f' = σ + zσ', f'' = σ'(2 + z(1 − 2σ)) with σ' = σ(z) σ(−z)


def _silu(xp: Namespace, Z: Array) -> Array:
    return xp.maximum(Z, -1000.0) * sigmoid(xp, Z)  # σ(−1000) = 0: no −∞ · 0


def _silu_d(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -1000.0), 1000.0)
    return sigmoid(xp, z) * (z * sigmoid(xp, -z) + 1.0)


def _silu_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -1000.0), 1000.0)
    s = sigmoid(xp, z)
    return s * sigmoid(xp, -z) * (z * (1.0 - 2.0 * s) + 2.0)


def _silu_d3(xp: Namespace, Z: Array, A: Array) -> Array:
    z = xp.minimum(xp.maximum(Z, -1000.0), 1000.0)
    s = sigmoid(xp, z)
    ds, u = s * sigmoid(xp, -z), 1.0 - 2.0 * s
    return ds * (u * (z * u + 3.0) - z * ds * 2.0)


# --- tanh: f' = 1 − f², f'' = −2 f f'


def _tanh(xp: Namespace, Z: Array) -> Array:
    return xp.tanh(Z)


def _tanh_d(xp: Namespace, Z: Array, A: Array) -> Array:
    return (1.0 - A) * (A + 1.0)


def _tanh_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    return (1.0 - A) * (A + 1.0) * A * -2.0


def _tanh_d3(xp: Namespace, Z: Array, A: Array) -> Array:
    return (1.0 - A) * (A + 1.0) * (A * A * 6.0 - 2.0)


# --- sigmoid: f' = e/(1 + e)² with e = e^(−|z|), since f(1 − f) is zero too early; f'' = f'(1 − 2f)


def _sigmoid_d(xp: Namespace, Z: Array, A: Array) -> Array:
    e = xp.exp(-xp.abs(Z))
    return e / ((e + 1.0) * (e + 1.0))


def _sigmoid_d2(xp: Namespace, Z: Array, A: Array) -> Array:
    return _sigmoid_d(xp, Z, A) * (1.0 - 2.0 * A)


def _sigmoid_d3(xp: Namespace, Z: Array, A: Array) -> Array:
    return _sigmoid_d(xp, Z, A) * (A * (A - 1.0) * 6.0 + 1.0)


# --- softplus: f = ln(1 + e^z) = max(z, 0) + ln(1 + e^(−|z|)), f' = σ, f'' = σ'


def _softplus(xp: Namespace, Z: Array) -> Array:
    return xp.maximum(Z, 0.0) + xp.log1p(xp.exp(-xp.abs(Z)))


def _softplus_d(xp: Namespace, Z: Array, A: Array) -> Array:
    return sigmoid(xp, Z)


def _softplus_d3(xp: Namespace, Z: Array, A: Array) -> Array:
    return _sigmoid_d2(xp, Z, sigmoid(xp, Z))


# --- exp: f = f' = f''


def _exp(xp: Namespace, Z: Array) -> Array:
    return xp.exp(Z)


def _exp_d(xp: Namespace, Z: Array, A: Array) -> Array:
    return A


# --- softmax: P = e^(z − max) / Σ e^(z − max); its Jacobian diag(P) − P Pᵀ is symmetric


def _softmax(xp: Namespace, Z: Array) -> Array:
    E = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
    E /= xp.sum(E, axis=-1, keepdims=True)
    return E


def _softmax_product(xp: Namespace, Z: Array, A: Array, t: Any) -> Array:
    return A * (t - xp.sum(A * t, axis=-1, keepdims=True))


def _softmax_second(xp: Namespace, Z: Array, A: Array, tZ: Array, dA: Array) -> Array:
    tA = _softmax_product(xp, Z, A, tZ)
    mean = xp.sum(A * dA, axis=-1, keepdims=True)
    return tA * (dA - mean) - A * xp.sum(tA * dA, axis=-1, keepdims=True)


class _Row(NamedTuple):
    """An activation, and the formulas that `xpnet.explain` prints for it.

    ``value`` is f(Z) and ``slope`` f'(Z), from Z or from A, entry by entry; both are "" for an
    activation that mixes entries. ``letters`` explains the letters in them.
    """

    activation: Activation
    value: str = ""
    slope: str = ""
    letters: str = ""


_ROWS = (
    _Row(
        Activation(
            "identity", _identity, _identity_product, _identity_product, _zero_second, _zero
        ),
        "Z",
        "1",
    ),
    _Row(
        Activation("relu", _relu, _relu_product, _relu_product, _zero_second, _zero),
        "max(Z, 0)",
        "[Z > 0]",
    ),
    _Row(
        Activation(
            "leaky_relu",
            _leaky_relu,
            _leaky_relu_product,
            _leaky_relu_product,
            _zero_second,
            _zero,
        ),
        "max(Z, 0.01 · Z)",
        "[Z > 0] + 0.01 · [Z ≤ 0]",
    ),
    _Row(
        elementwise("elu", _elu, _elu_d, _elu_d2, _elu_d2),
        "max(Z, 0) + exp(min(Z, 0)) − 1",
        "exp(min(Z, 0))",
    ),
    _Row(
        elementwise("selu", _selu, _selu_d, _selu_d2, _selu_d2),
        "λ · max(Z, 0) + λ · α · (exp(min(Z, 0)) − 1)",
        "λ · [Z > 0] + λ · α · exp(Z) ∘ [Z ≤ 0]",
        "λ ≈ 1.0507, α ≈ 1.6733",
    ),
    _Row(
        elementwise("gelu", _gelu, _gelu_d, _gelu_d2, _gelu_d3),
        "Z ∘ Φ(Z)",
        "Φ(Z) + Z ∘ φ(Z)",
        "Φ and φ: the normal distribution and its density",
    ),
    _Row(
        elementwise("silu", _silu, _silu_d, _silu_d2, _silu_d3),
        "Z ∘ σ(Z)",
        "σ(Z) + Z ∘ σ(Z) ∘ (1 − σ(Z))",
        "σ(z) = 1 / (1 + exp(−z))",
    ),
    _Row(elementwise("tanh", _tanh, _tanh_d, _tanh_d2, _tanh_d3), "tanh(Z)", "1 − A ∘ A"),
    _Row(
        elementwise("sigmoid", sigmoid, _sigmoid_d, _sigmoid_d2, _sigmoid_d3),
        "1 / (1 + exp(−Z))",
        "A ∘ (1 − A)",
    ),
    _Row(
        elementwise("softplus", _softplus, _softplus_d, _sigmoid_d, _softplus_d3),
        "ln(1 + exp(Z))",
        "1 / (1 + exp(−Z))",
    ),
    _Row(elementwise("exp", _exp, _exp_d, _exp_d, _exp_d), "exp(Z)", "A"),
    _Row(Activation("softmax", _softmax, _softmax_product, _softmax_product, _softmax_second)),
)


def _named(name: str) -> Activation:
    """A network's or an activation's pickle called this before pickles had a version."""
    raise outdated("an earlier xpnet")


OWN = {row.activation.name: built_in(row.activation) for row in _ROWS}
"""xpnet's own activations, by name; pickles look here."""

FORMULAS = {row.activation.name: row[1:] for row in _ROWS if row.value}
"""f(Z), f'(Z) and their letters, as printed, of the activations that act on each entry alone."""

ACTIVATIONS: dict[str, Activation] = dict(OWN)
"""Every named activation, by its name."""
