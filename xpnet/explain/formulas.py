"""How f, f' and the derivative of the loss are printed, for people.

An activation's row has f(z) and f'(z), with a = f(z); a loss's row ∂loss_n/∂a, with r = a − y. A
test evaluates each and holds it against the library's own function.
"""

from __future__ import annotations

from xpnet.activations import ACTIVATIONS, Activation
from xpnet.losses import Loss

__all__ = [
    "DERIVATIVES",
    "LOSS_DERIVATIVES",
    "activation_note",
    "derivative_equation",
    "derivative_note",
    "is_softmax",
    "loss_equation",
]

DERIVATIVES: dict[str, tuple[str, str]] = {
    "identity": ("z", "1"),
    "relu": ("max(z, 0)", "[z > 0]"),
    "leaky_relu": ("max(z, 0.01 · z)", "[z > 0] + 0.01 · [z ≤ 0]"),
    "elu": ("max(z, 0) + exp(min(z, 0)) − 1", "exp(min(z, 0))"),
    "selu": (
        "λ · max(z, 0) + λ · α · (exp(min(z, 0)) − 1)",
        "λ · [z > 0] + λ · α · exp(z) · [z ≤ 0]",
    ),
    "gelu": ("z · Φ(z)", "Φ(z) + z · φ(z)"),
    "silu": ("z · σ(z)", "σ(z) + z · σ(z) · (1 − σ(z))"),
    "tanh": ("tanh(z)", "1 − a²"),
    "sigmoid": ("1 / (1 + exp(−z))", "a · (1 − a)"),
    "softplus": ("ln(1 + exp(z))", "1 / (1 + exp(−z))"),
    "exp": ("exp(z)", "a"),
}
"""f(z) and f'(z) of the activations that act on each number alone."""

LOSS_DERIVATIVES: dict[str, str] = {
    "squared_error": "2 · r",
    "mean_squared_error": "2 · r / n",
    "absolute_error": "sign(r) / n",
    "huber": "clip(r, −δ, δ) / n",
    "log_cosh": "tanh(r) / n",
    "quantile": "((1 − τ) · [r > 0] − τ · [r < 0]) / n",
    "poisson": "(1 − y / a) / n",
}
"""∂loss_n/∂a for n outputs."""

_CONSTANTS = {
    "gelu": "; Φ and φ: the normal distribution and its density",
    "selu": "; λ ≈ 1.0507, α ≈ 1.6733",
    "silu": "; σ(z) = 1 / (1 + exp(−z))",
    "tanh": "; a = tanh(z)",
    "sigmoid": "; a = sigmoid(z)",
    "exp": "; a = exp(z)",
}
_WITH_VARIANCE = (
    "A = [μ | s], v = exp(s): dμ = (μ − y) / (v n), ds = (1 − (μ − y)² / v) / (2 n), n targets"
)
_WITH_LEAST_VARIANCE = "; v = exp(s) + {:g}, ds is multiplied by exp(s) / v"


# --- activations


def is_softmax(f: Activation) -> bool:
    """Whether it is xpnet's own, over all outputs or over each head."""
    return f is ACTIVATIONS["softmax"] or hasattr(f, "heads")


def activation_note(f: Activation) -> str:
    """f(z) in print; nothing for a user's own."""
    if is_softmax(f):
        return f"softmax(z)_k = exp(z_k) / Σ_j exp(z_j){_where(f)}"
    if not _is_known(f) or f.name in ("identity", "tanh"):
        return ""
    constants = _CONSTANTS.get(f.name, "")
    return f"{f.name}(z) = {DERIVATIVES[f.name][0]}" + ("" if "; a" in constants else constants)


def derivative_note(f: Activation) -> str:
    """f'(z) in print; for softmax, what its product adds up."""
    if is_softmax(f):
        return f"rowsum: over j{_where(f)}"
    if not _is_known(f):
        return "the activation's own vjp"
    return f"{f.name}'(z) = {DERIVATIVES[f.name][1]}{_CONSTANTS.get(f.name, '')}"


def derivative_equation(f: Activation, l: str) -> str:
    """The right side of dZ_l = …"""
    if is_softmax(f):
        return f"A_{l} ∘ (dA_{l} − rowsum(A_{l} ∘ dA_{l}))"
    if not _is_known(f):
        return f"vjp of {f.name}(Z_{l}, A_{l}, dA_{l})"
    return f"dA_{l} ∘ {f.name}'(Z_{l})"


def _is_known(f: Activation) -> bool:
    return ACTIVATIONS.get(f.name) is f


def _where(f: Activation) -> str:
    return ", in each row" if f is ACTIVATIONS["softmax"] else ", in each row of each head"


# --- losses


def loss_equation(loss: Loss, f: Activation, L: str) -> tuple[str, str]:
    """The right side of dZ_L = …, and a note.

    Softmax and sigmoid with the cross entropy matched to them, and exp with poisson, need no f';
    everything else is ∂loss_n/∂A ∘ f', divided by N.
    """
    name = loss.name.removeprefix("masked_")
    if loss.config is not None and f.name in loss.of_preactivation:
        return _matched(name, loss, f, L)
    if loss.config is None or name not in {*LOSS_DERIVATIVES, "gaussian_nll"}:
        return f"∂loss/∂Z_{L}", f"as the loss {loss.name} computes it"
    note = _of_output(name, loss) + _masked(loss)
    if f.name == "identity":
        return f"(∂loss_n/∂A_{L}) / N", note
    if is_softmax(f) or not _is_known(f):
        return f"(∂loss_n/∂A_{L}) / N through {f.name}", f"{note}; dZ by the vjp of {f.name}"
    return f"(∂loss_n/∂A_{L}) ∘ {f.name}'(Z_{L}) / N", f"{note}; {derivative_note(f)}"


def _of_output(name: str, loss: Loss) -> str:
    settings = (loss.config or {}).get("loss", loss.config)
    if name == "gaussian_nll":
        least = settings.get("minimum_variance", 0.0)
        return _WITH_VARIANCE + (_WITH_LEAST_VARIANCE.format(least) if least else "")
    text = f"∂loss_n/∂a = {LOSS_DERIVATIVES[name]}"
    for symbol, key in (("δ", "delta"), ("τ", "quantiles")):
        if symbol in text:
            text += f", {symbol} = {settings.get(key, 0.5)}"
    r = "" if name == "poisson" else ", r = a − y"
    return text + r + ("" if name == "squared_error" else ", n outputs")


def _matched(name: str, loss: Loss, f: Activation, L: str) -> tuple[str, str]:
    """(A − Y) / N, and over n where the loss is a mean over outputs."""
    A, epsilon = f"A_{L}", (loss.config or {}).get("label_smoothing")
    if f.name == "identity":
        A = f"{'sigmoid' if name == 'binary_cross_entropy' else 'softmax'}(Z_{L})"
    mean = loss.over_outputs == "mean"
    note = f"{name} after {f.name}: f' has cancelled"
    note += "; a mean over n outputs" if mean else ""
    note += f"; Y smoothed by ε = {epsilon:g}" if epsilon else ""
    note += "; softmax and Y in each head" if loss.heads else ""
    return f"({A} − Y) / {'(N n)' if mean else 'N'}", note + _masked(loss)


def _masked(loss: Loss) -> str:
    return "; only where y is there, n counts those" if loss.masked else ""
