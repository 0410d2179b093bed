"""pytabkit: RealMLP-TD and TabM on torch, on one thread of the CPU.

Both take categories as they are. Neither takes missing numbers: they get the median and a flag.
"""

from __future__ import annotations

from pathlib import Path

from pytabkit import (
    RealMLP_TD_Classifier,
    RealMLP_TD_Regressor,
    TabM_D_Classifier,
    TabM_D_Regressor,
)

from benchmarks.tabular.fits.frames import Filled, features, predictor, target
from benchmarks.tabular.job import Job, Predict

__all__ = ["fit"]

MODELS = {
    "RealMLP-TD": (RealMLP_TD_Regressor, RealMLP_TD_Classifier),
    "TabM": (TabM_D_Regressor, TabM_D_Classifier),
}


def fit(train: Path, job: Job) -> Predict:
    """Train the model that ``settings["model"]`` names."""
    settings = dict(job.settings)
    kind = MODELS[settings.pop("model")][job.classes]
    model = kind(device="cpu", n_threads=1, random_state=job.seed, **settings)
    X = features(train, job)
    filled = Filled(X, job)
    model.fit(filled(X), target(train, job), cat_col_names=job.text)
    return predictor(model, filled, job)
