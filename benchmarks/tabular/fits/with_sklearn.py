"""scikit-learn: its MLP, gradient-boosted trees, and linear models.

The MLP and the linear models get standardised numbers, with the median and a flag for holes, and
one-hot categories. The MLP's quantities are standardised too. The trees take holes and categories
as they are.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tabular.fits.frames import features, predictor, target, with_categories
from benchmarks.tabular.job import Job, Predict

__all__ = ["fit"]


def fit(train: Path, job: Job) -> Predict:
    """Train the model that ``settings["model"]`` names: mlp, trees or linear."""
    settings = dict(job.settings)
    model = MODELS[settings.pop("model")](job, settings)
    X, y = features(train, job), target(train, job)
    trees = isinstance(model, HistGradientBoostingClassifier | HistGradientBoostingRegressor)

    def taken(frame: Any) -> Any:
        return with_categories(X, frame, job) if trees else frame

    model.fit(taken(X), y)
    return predictor(model, taken, job)


def _mlp(job: Job, settings: dict[str, Any]) -> Any:
    library = import_module(settings.pop("library", "sklearn.neural_network"))
    settings = {"random_state": job.seed, **settings}
    if job.classes:
        return make_pipeline(_encoded(job), library.MLPClassifier(**settings))
    model = make_pipeline(_encoded(job), library.MLPRegressor(**settings))
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def _trees(job: Job, settings: dict[str, Any]) -> Any:
    kind = HistGradientBoostingClassifier if job.classes else HistGradientBoostingRegressor
    return kind(random_state=job.seed, **settings)


def _linear(job: Job, settings: dict[str, Any]) -> Any:
    model = LogisticRegression(max_iter=1000) if job.classes else Ridge()
    return make_pipeline(_encoded(job), model)


def _encoded(job: Job) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    text = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float64)
    return ColumnTransformer([("text", text, job.text)], remainder=numbers)


MODELS = {"mlp": _mlp, "trees": _trees, "linear": _linear}
