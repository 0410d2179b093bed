"""The contenders: one documented set of settings each, which no table changes."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CONTENDERS", "OWN", "Contender"]


class Contender(NamedTuple):
    """A file of `fits`, its settings, where it runs, and the settings in words.

    ``place`` is "here" (this interpreter), "against" (the checkout of --against) or "peers" (the
    peers' environment).
    """

    module: str
    settings: dict[str, Any]
    place: str
    words: str


CONTENDERS = {
    "xpnet": Contender("with_xpnet", {}, "here", "`xpnet.tables.train`, defaults"),
    "xpnet quick": Contender("with_xpnet", {"quick": True}, "here", "`quick=True`"),
    "xpnet 5 networks": Contender("with_xpnet", {"networks": 5}, "here", "`networks=5`"),
    "xpnet 0.1 command": Contender(
        "with_command", {}, "against", "`xpnet train` of an earlier checkout, all rows"
    ),
    "scikit-learn MLP": Contender(
        "with_sklearn", {"model": "mlp"}, "here", "`MLPClassifier`, `MLPRegressor`: defaults"
    ),
    "scikit-learn MLP 256-256": Contender(
        "with_sklearn",
        {"model": "mlp", "hidden_layer_sizes": [256, 256], "early_stopping": True},
        "here",
        "the same with `hidden_layer_sizes=(256, 256)`, `early_stopping=True`",
    ),
    "HistGradientBoosting": Contender(
        "with_sklearn",
        {"model": "trees", "categorical_features": "from_dtype"},
        "here",
        "scikit-learn's boosted trees, defaults, categories and holes as they are",
    ),
    "linear": Contender(
        "with_sklearn", {"model": "linear"}, "here", "`LogisticRegression`, `Ridge`: defaults"
    ),
    "RealMLP-TD": Contender(
        "with_pytabkit", {"model": "RealMLP-TD"}, "peers", "pytabkit's tuned defaults"
    ),
    "TabM": Contender(
        "with_pytabkit",
        {"model": "TabM", "arch_type": "tabm-mini", "num_emb_type": "pwl"},
        "peers",
        "pytabkit's TabM-mini with piecewise-linear embeddings, else its defaults",
    ),
}

OWN = ("xpnet", "xpnet quick", "xpnet 5 networks")
"""Those which the targets are about, the default first."""
