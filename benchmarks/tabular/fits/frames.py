"""CSV files as pandas frames, for the peers: numbers as float64, categories as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tabular.job import Classes, Job, Predict, Quantities

__all__ = ["Filled", "features", "predictor", "target", "with_categories"]


def features(path: Path, job: Job) -> Any:
    """Return the columns other than the target; holes are NaN in numbers and "" in text."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = frame.drop(columns=job.target, errors="ignore")
    for name in frame.columns.difference(job.text):
        frame[name] = frame[name].replace("", "nan").to_numpy(object).astype(np.float64)
    return frame


def target(path: Path, job: Job) -> Any:
    """Return the classes as text, or the quantities as float64 (N,)."""
    cells = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=[job.target])[job.target]
    return cells.to_numpy(dtype=str if job.classes else np.float64)


def with_categories(train: Any, frame: Any, job: Job) -> Any:
    """Return the frame with its text as categories of the training rows; others become NaN."""
    frame = frame.copy()
    for name in job.text:
        known = sorted(set(train[name]) - {""})
        frame[name] = pd.Categorical(frame[name].where(frame[name].isin(known)), categories=known)
    return frame


class Filled:
    """Fills holes in numbers with the training rows' median, and flags them in a new column."""

    def __init__(self, train: Any, job: Job) -> None:
        numbers = train[train.columns.difference(job.text, sort=False)]
        self.medians = numbers.median().fillna(0.0)
        self.flagged = [name for name in numbers.columns if numbers[name].isna().any()]

    def __call__(self, frame: Any) -> Any:
        """Return a frame without holes in its numbers."""
        flags = {f"{name} is missing": frame[name].isna().astype(float) for name in self.flagged}
        return frame.fillna(self.medians).assign(**flags)


def predictor(model: Any, taken: Callable[[Any], Any], job: Job) -> Predict:
    """Return the predictions of a fitted model, which takes what ``taken`` makes of a frame."""

    def predict(path: Path) -> Classes | Quantities:
        frame = taken(features(path, job))
        if job.classes:
            return Classes(model.classes_, model.predict_proba(frame))
        return Quantities(model.predict(frame))

    return predict
