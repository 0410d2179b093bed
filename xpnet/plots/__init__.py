"""Pictures of a training and of its network, as scikit-learn's Display objects (extra ``plot``).

A display holds the numbers that it draws, made by ``from_history``, ``from_network`` or
``from_predictions``; ``plot(ax=None)`` draws them with matplotlib, keeps the artists in attributes
that end in an underscore, and returns the display. matplotlib is imported when one plots.
"""

from __future__ import annotations

from xpnet.plots.calibration import CalibrationDisplay
from xpnet.plots.confusion import ConfusionDisplay
from xpnet.plots.decision_boundary import DecisionBoundaryDisplay
from xpnet.plots.first_layer import FirstLayerDisplay
from xpnet.plots.loss_curve import LossCurveDisplay
from xpnet.plots.prediction_error import PredictionErrorDisplay

__all__ = [
    "CalibrationDisplay",
    "ConfusionDisplay",
    "DecisionBoundaryDisplay",
    "FirstLayerDisplay",
    "LossCurveDisplay",
    "PredictionErrorDisplay",
]
