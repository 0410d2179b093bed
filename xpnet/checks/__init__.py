"""Checks of what users pass in: it is right, or an error says how to fix it.

Nothing here changes a network. Functions that convert return the form that the passes take.
"""

from xpnet.checks.arrays import (
    as_array,
    check_finite,
    check_unmasked,
    example_weights,
    features,
    is_array,
    is_integer,
    labels_on_host,
    real,
    turned,
    without_nan,
)
from xpnet.checks.missing import check_present, is_missing
from xpnet.checks.names import (
    activation_list,
    check_functions,
    check_outputs,
    dtype_name,
    find_activation,
    find_initializer,
    find_loss,
)
from xpnet.checks.targets import MANY_CLASSES, check_targets, column_of_labels, targets

__all__ = [
    "MANY_CLASSES",
    "activation_list",
    "as_array",
    "check_finite",
    "check_functions",
    "check_outputs",
    "check_present",
    "check_targets",
    "check_unmasked",
    "column_of_labels",
    "dtype_name",
    "example_weights",
    "features",
    "find_activation",
    "find_initializer",
    "find_loss",
    "is_array",
    "is_integer",
    "is_missing",
    "labels_on_host",
    "real",
    "targets",
    "turned",
    "without_nan",
]
