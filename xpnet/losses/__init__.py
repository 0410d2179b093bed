"""Losses and their gradients, by name or, with settings, as objects.

`LOSSES` has every loss that can be given by name. Functions with capital letters make a loss from
its settings. The same settings give the same object, so that steps compiled for it are reused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xpnet.errors import look_up, quoted
from xpnet.losses.cross_entropy import BINARY_CROSS_ENTROPY, CrossEntropy
from xpnet.losses.heads import MultiCrossEntropy, softmax_heads
from xpnet.losses.likelihood import GaussianNLL, Poisson
from xpnet.losses.loss import Loss, from_preactivation, per_example
from xpnet.losses.regression import (
    ABSOLUTE_ERROR,
    LOG_COSH,
    MEAN_SQUARED_ERROR,
    SQUARED_ERROR,
    Huber,
    Quantile,
)
from xpnet.when_used import when_used

if TYPE_CHECKING:
    from xpnet.losses.masked import Masked
    from xpnet.losses.scaled import Scaled

__all__ = [
    "LOSSES",
    "CrossEntropy",
    "GaussianNLL",
    "Huber",
    "Loss",
    "Masked",
    "MultiCrossEntropy",
    "Poisson",
    "Quantile",
    "Scaled",
    "from_preactivation",
    "loss_from_config",
    "per_example",
    "softmax_heads",
]

_ROWS = (
    SQUARED_ERROR,
    MEAN_SQUARED_ERROR,
    ABSOLUTE_ERROR,
    Huber(),
    LOG_COSH,
    Quantile(),
    Poisson(),
    GaussianNLL(),
    BINARY_CROSS_ENTROPY,
    CrossEntropy(),
)

LOSSES: dict[str, Loss] = {row.name: row for row in _ROWS}
"""Every named loss, by its name."""

FORMULAS: dict[str, tuple[str, str]] = {
    "squared_error": ("Σ R ∘ R", "2 · R"),
    "mean_squared_error": ("Σ R ∘ R", "2 · R / n"),
    "absolute_error": ("Σ |R|", "sign(R) / n"),
    "huber": ("Σ C ∘ (R − C / 2)", "C / n"),
    "log_cosh": ("Σ ln(cosh(R))", "tanh(R) / n"),
    "quantile": ("Σ max(−τ · R, (1 − τ) · R)", "((1 − τ) · [R > 0] − τ · [R < 0]) / n"),
    "poisson": ("Σ (A − Y ∘ ln(A))", "(1 − Y / A) / n"),
    "gaussian_nll": (
        "Σ (ln(v) + (μ − y)² / v) / 2",
        "[dμ | ds]: dμ = (μ − y) / (v n), ds = (1 − (μ − y)² / v) / (2 n)",
    ),
    "binary_cross_entropy": ("−Σ (Y ∘ ln(A) + (1 − Y) ∘ ln(1 − A))", ""),
    "cross_entropy": ("−Σ Y ∘ ln(A)", ""),
}
"""The formulas that `xpnet.explain` prints, with R = A − Y: N times the loss, and ∂loss_n/∂A.

If the loss is a mean over n outputs, the first is N n times the loss. The second is "" if the loss
is only computed together with its output activation.
"""

_WITH_SETTINGS: dict[str, Callable[..., Loss]] = {
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "gaussian_nll": GaussianNLL,
    "cross_entropy": CrossEntropy,
    "multi_cross_entropy": MultiCrossEntropy,
}


def loss_from_config(config: str | Mapping[str, Any]) -> Loss:
    """Return the loss with this ``config``; a name alone stands for its default settings.

    Raises
    ------
    ValueError
        The name is unknown, or the loss does not have these settings.

    Examples
    --------
    >>> from xpnet.losses import Huber, loss_from_config
    >>> loss_from_config({"name": "huber", "delta": 2.0}) is Huber(delta=2.0)
    True
    """
    if not isinstance(config, Mapping):
        return look_up("loss", config, LOSSES)
    settings = {key: value for key, value in config.items() if key != "name"}
    name = config.get("name")
    if name == "masked" and set(settings) == {"loss"}:
        return _masked_from(settings["loss"])
    if name == "scaled" and set(settings) == {"loss", "factor"}:
        return _scaled_from(**settings)
    if isinstance(name, str) and name in LOSSES and not settings:
        return LOSSES[name]
    make = look_up("loss with settings", name, _WITH_SETTINGS)
    try:
        return make(**settings)
    except TypeError as error:
        raise ValueError(
            f"loss {quoted(name)} does not have the settings {quoted(settings)}"
        ) from error


def _masked_from(inner: Any) -> Loss:
    from xpnet.losses.masked import Masked
    from xpnet.losses.scaled import names_within

    if names_within(inner, "masked"):
        raise ValueError("a masked loss cannot be masked again")
    return Masked(loss_from_config(inner))


def _scaled_from(loss: Any, factor: Any) -> Loss:
    from xpnet.losses.scaled import Scaled, names_within

    if names_within(loss, "scaled"):
        raise ValueError("a scaled loss cannot be scaled again")
    return Scaled(loss_from_config(loss), factor)


if not TYPE_CHECKING:
    __getattr__ = when_used(__name__, (), {"Masked": "masked", "Scaled": "scaled"})
