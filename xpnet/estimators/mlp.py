"""The former module of both estimators, kept for pickles that name it."""

from __future__ import annotations

from xpnet.estimators.classifier import MLPClassifier
from xpnet.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
