"""Checks at the public edge: what comes in is right, or an error says what to do about it.

Nothing here changes a network. Each function returns its argument in the form that the passes take.
"""

from xpnet.checks.arrays import (
    as_array,
    check_finite,
    example_weights,
    features,
    is_integer,
    real,
    without_nan,
)
from xpnet.checks.for_loss import MANY_CLASSES, check_targets, column_of_labels, targets
from xpnet.checks.settings import (
    activation_list,
    check_outputs,
    dtype_name,
    find_activation,
    find_initializer,
    find_loss,
    learning_rate,
    positive_integer,
)

__all__ = [
    "MANY_CLASSES",
    "activation_list",
    "as_array",
    "check_finite",
    "check_outputs",
    "check_targets",
    "column_of_labels",
    "dtype_name",
    "example_weights",
    "features",
    "find_activation",
    "find_initializer",
    "find_loss",
    "is_integer",
    "learning_rate",
    "positive_integer",
    "real",
    "targets",
    "without_nan",
]
