"""Print activations, losses and their derivatives as formulas for people.

    A = f(Z), f'(Z) from Z or from A      `xpnet.equations.activations.FORMULAS`
    N loss from A and Y, ∂loss_n/∂A       `xpnet.losses.FORMULAS`, with R = A − Y

Letters are matrices and every operation is entry by entry; ∘ and · are products. [condition] is 1
where the condition holds and 0 elsewhere. Σ goes over all entries. A test evaluates each formula
and compares it with the library's own function.
"""

from __future__ import annotations

import re
from typing import Any

from xpnet.equations.activation import Activation
from xpnet.equations.activations import FORMULAS
from xpnet.equations.built_in import is_built_in
from xpnet.losses import FORMULAS as LOSS_FORMULAS
from xpnet.losses import Loss

__all__ = [
    "activation_note",
    "derivative_equation",
    "derivative_note",
    "derivative_reads",
    "is_known",
    "is_softmax",
    "loss_gradient",
    "loss_value",
]

_LETTERS = {
    "R": "R = {A} − Y",
    "C": "C = clip(R, −δ, δ)",
    "δ": "δ = {delta}",
    "τ": "τ = {quantiles}, one for each block",
    "v": "[μ | s] = {whole}, v = exp(s){least}, y = Y",
}
_EXACT = (
    "computed from Z_{L}, with P = {P}, as P ∘ (1 − Y) − Y ∘ (1 − P): the same as P − Y, which "
    "loses its digits where the network is sure"
)
_BY = {
    "cross_entropy": "; a 1 − P that is almost 0 is summed from the row's other entries",
    "binary_cross_entropy": "; 1 − P is sigmoid(−Z_{L})",
}


# --- activations


def is_softmax(f: Activation) -> bool:
    """Whether f is xpnet's own softmax, over all outputs or over each head."""
    return is_built_in(f) and (f.name == "softmax" or hasattr(f, "heads"))


def is_known(f: Activation) -> bool:
    """Whether f is one of xpnet's own activations, except softmax over heads."""
    return is_built_in(f) and not hasattr(f, "heads")


def activation_note(f: Activation, l: str) -> str:
    """Return the formula of f(Z_l); "" for a user's own activation, identity and tanh."""
    if is_softmax(f):
        return f"softmax: exp(z_k) / Σ_j exp(z_j) at place k, in each row{_where(f)}"
    if not is_known(f) or f.name in ("identity", "tanh"):
        return ""
    return f"{f.name}(Z_{l}) = {_of(FORMULAS[f.name][0], l)}{_constants(f)}"


def derivative_note(f: Activation, l: str) -> str:
    """Return the formula of f'(Z_l); for softmax, a note on what replaces it."""
    if is_softmax(f):
        return (
            "softmax has no entrywise f': each output depends on its whole row, so this is the "
            f"row's vector-Jacobian product; rowsum: the sum of each row{_where(f)}"
        )
    if not is_known(f):
        return "the activation's own vjp, its vector-Jacobian product"
    note = f"{f.name}'(Z_{l}) = {_of(FORMULAS[f.name][1], l)}{_constants(f)}"
    if f.name == "sigmoid":
        note += (
            f"; computed from e = exp(−|Z_{l}|) as e / (1 + e)², because 1 − A_{l} loses its digits"
        )
    return note


def derivative_equation(f: Activation, l: str) -> str:
    """Return the right side of dZ_l = …"""
    return _through(f, l, f"dA_{l}")


def derivative_reads(f: Activation, l: str) -> tuple[str, ...]:
    """Return the symbols that the right side of dZ_l = … reads besides dA_l."""
    if is_softmax(f):
        return (f"A_{l}",)
    if not is_known(f):
        return f"Z_{l}", f"A_{l}"
    slope = FORMULAS[f.name][1]
    return tuple(f"{letter}_{l}" for letter in "ZA" if letter in slope)


def _through(f: Activation, l: str, dA: str) -> str:
    """Return the vector-Jacobian product of f with ``dA``, which is the symbol to print for it."""
    if is_softmax(f):
        return f"A_{l} ∘ ({dA} − rowsum(A_{l} ∘ {dA}))"
    if not is_known(f):
        return f"vjp of {f.name}(Z_{l}, A_{l}, {dA})"
    return dA if f.name == "identity" else f"{dA} ∘ {f.name}'(Z_{l})"


def _of(text: str, l: str, A: str = "") -> str:
    """Replace A and Z in a formula by layer l's matrices."""
    letters = {"A": A or f"A_{l}", "Z": f"Z_{l}"}
    return re.sub(r"\b[AZ]\b", lambda found: letters[found[0]], text)


def _constants(f: Activation) -> str:
    """Return the meaning of the letters in f's formulas, after a semicolon."""
    letters = FORMULAS[f.name][2]
    return f"; {letters}" if letters else ""


def _where(f: Activation) -> str:
    return " of each head" if hasattr(f, "heads") else ""


# --- losses


def loss_value(loss: Loss, f: Activation, L: str) -> tuple[str, str]:
    """Return the right side of loss = …, and a note."""
    name, A = _formula(loss), _output(loss, f, L)
    if name not in LOSS_FORMULAS:
        return "(1/N) Σ_n loss_n", f"loss_n: the {loss.name} of example n"
    sign, _, term = LOSS_FORMULAS[name][0].partition("Σ")
    said = ["Σ: over all entries", *_letters(loss, term, A), *_settings(loss)]
    if f.name in loss.of_preactivation:
        said.append(f"computed from Z_{L}, because ln of an output of 0 is −∞")
    if (loss.config or {}).get("full"):
        said.append("plus ½ ln 2π")
    if (loss.config or {}).get("deviance"):
        said.append("plus y ln y − y for each target")
    return f"{sign}({_mean(loss, '1/N', '1/(N n)')}) Σ{_of(term, L, A)}", "; ".join(said)


def loss_gradient(loss: Loss, f: Activation, L: str) -> tuple[str, str]:
    """Return the right side of dZ_L = …, and a note.

    Softmax and sigmoid with the matching cross entropy, and exp with poisson, need no f'. For all
    others, ∂loss_n/∂A is taken through f and divided by N.
    """
    name = _formula(loss)
    if name and f.name in loss.of_preactivation and (name != "poisson" or f.name == "exp"):
        return _matched(name, loss, f, L)
    if name not in LOSS_FORMULAS:
        return f"∂loss/∂Z_{L}", f"as the loss {loss.name} computes it"
    slope = LOSS_FORMULAS[name][1]
    A = f"A_{L}"
    said = [f"loss_n: the loss of example n; ∂loss_n/∂{A} = {_of(slope, L)}"]
    note = "; ".join([*said, *_letters(loss, slope, A), *_settings(loss)])
    if f.name == "identity" and is_known(f):
        return f"(∂loss_n/∂{A}) / N", note
    if is_known(f) and not is_softmax(f):
        return f"(∂loss_n/∂{A}) ∘ {f.name}'(Z_{L}) / N", f"{note}; {derivative_note(f, L)}"
    return _through(f, L, "D"), f"D = (∂loss_n/∂{A}) / N; {note}; {derivative_note(f, L)}"


def _matched(name: str, loss: Loss, f: Activation, L: str) -> tuple[str, str]:
    """Return (A − Y) / N, or (A − Y) / (N n) if the loss is a mean over outputs, and a note."""
    A = _output(loss, f, L)
    said = [f"{loss.name.removeprefix('masked_')} after {f.name}: f' cancels"]
    said += _settings(loss)
    if name in _BY and not _smoothing(loss):
        said.append((_EXACT + _BY[name]).format(L=L, P=A))
    return f"({A} − Y) / {_mean(loss, 'N', '(N n)')}", "; ".join(said)


def _formula(loss: Loss) -> str:
    """Return the loss's key in `LOSS_FORMULAS`; "" for a user's own or scaled loss."""
    if not is_built_in(loss) or loss.name.startswith("scaled_"):
        return ""
    return re.sub("^(masked_)?(multi_)?", "", loss.name)


def _output(loss: Loss, f: Activation, L: str) -> str:
    """Return what the formula's A stands for; if the network returns logits, their probabilities.

    These are softmax(Z_L), or sigmoid(Z_L) for the binary cross entropy.
    """
    if f.name != "identity" or f.name not in loss.of_preactivation:
        return f"A_{L}"
    return f"{'sigmoid' if _formula(loss) == 'binary_cross_entropy' else 'softmax'}(Z_{L})"


def _mean(loss: Loss, over_examples: str, over_outputs: str) -> str:
    return over_outputs if loss.over_outputs == "mean" else over_examples


def _smoothing(loss: Loss) -> float:
    return float(_config(loss).get("label_smoothing", 0.0))


def _config(loss: Loss) -> dict[str, Any]:
    """Return the loss's settings; of a masked loss, those of the loss within it."""
    config = dict(loss.config or {})
    return dict(config.get("loss", config))


def _letters(loss: Loss, term: str, A: str) -> list[str]:
    """Return the definitions of the letters in a formula."""
    config = {"delta": 1.0, "quantiles": 0.5, "least": "", **_config(loss)}
    least = config.get("minimum_variance")
    if least:
        config["least"] = f" + {least:g}"
    used = [letter for letter in _LETTERS if re.search(rf"\b{letter}\b", term)]
    needed = [*used, *("Rδ" if "C" in used else "")]
    said = [text for letter, text in _LETTERS.items() if letter in needed]
    blocks = f"each block of {A}" if loss.outputs_per_target > 1 else A  # wider than Y
    found = [text.format(A=blocks, whole=A, **config) for text in said]
    if least and "ds" in term:
        found.append("ds times exp(s) / v, because v is more than exp(s)")
    return found


def _settings(loss: Loss) -> list[str]:
    """Return remarks on n, smoothed labels, heads and missing targets."""
    n = "targets" if loss.name.endswith("gaussian_nll") else "outputs"
    said = {
        f"a mean over n {n}": loss.over_outputs == "mean",
        f"Y smoothed: (1 − ε) Y + ε/n, ε = {_smoothing(loss):g}": bool(_smoothing(loss)),
        "softmax and Y in each head": bool(loss.heads),
        "only where y is present; n counts those entries": loss.masked,
    }
    return [text for text, holds in said.items() if holds]
