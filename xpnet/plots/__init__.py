"""Plots of a training and its network, in the form of scikit-learn's Displays (extra ``plot``).

``from_history``, ``from_network`` or ``from_predictions`` makes a display, which holds the numbers
to draw. ``plot(ax=None)`` draws them with matplotlib, keeps the artists in attributes that end in
an underscore, and returns the display. matplotlib is imported only then.
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
