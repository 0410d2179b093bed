"""What an estimator adds to a model's file: the names of all columns of X, and the labels of y."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.estimators.tabular_input import Labels
from xpnet.files.container import blaming
from xpnet.files.jsonable import check_known, flag_of, list_of, loads, mapping, names_of, text_of
from xpnet.tables import Model
from xpnet.tables.targets import Classes
from xpnet.typing import Host

__all__ = ["entry_of", "restored"]


def entry_of(names: Sequence[str], named: bool, labels: Sequence[Labels]) -> str:
    """The entry as JSON; ``named`` says whether X was a data frame with these names."""
    each = [{"dtype": _dtype(own.values), "values": own.values.tolist()} for own in labels]
    return json.dumps({"columns": list(names), "named": named, "labels": each}, allow_nan=False)


def restored(model: Model, path: str) -> tuple[tuple[str, ...], bool, list[Labels]]:
    """The columns' names, whether X had them, and the labels of each target; FileError if damaged.

    A file of another source has only the columns that the model uses, as names of a data frame.
    """
    classes = [target for target in model.schema.targets if isinstance(target, Classes)]
    if not model.estimator:
        return model.columns, True, [Labels(own.labels(), own.classes) for own in classes]
    with blaming(path, "has an estimator's entry that can't be used"):
        found = mapping(loads(model.estimator), "the estimator")
        names, named = tuple(names_of(found, "columns", 1)), flag_of(found, "named")
        labels = [_labels(mapping(own, "labels")) for own in list_of(found, "labels")]
        check_known(dict(found), json.loads(entry_of(names, named, labels)), "the estimator")
        if not set(model.columns) <= set(names):
            raise ValueError("its columns lack some that the model uses")
        if len(labels) != len(classes):
            raise ValueError(f"it has labels of {len(labels)} targets, the model {len(classes)}")
        pairs = zip(labels, classes, strict=True)
        if not all(set(target.classes) <= set(own.names) for own, target in pairs):
            raise ValueError("its labels lack some of the model's classes")
        return names, named, labels


def _dtype(values: Host) -> str:
    """The name of the labels' dtype; of text without the width, which follows from the longest."""
    return "U" if values.dtype.kind == "U" else values.dtype.str


def _labels(found: Mapping[str, Any]) -> Labels:
    """The labels in a file: truth values, numbers or text."""
    name, values = text_of(found, "dtype"), list_of(found, "values")
    if np.dtype(name).kind not in "biufO" and name != "U":
        raise ValueError(f"labels have the dtype {name}")
    if name == "|O" and not all(isinstance(value, str) for value in values):
        raise ValueError("labels of the dtype object must be text")
    labels = np.array(values, name)
    if not np.array_equal(labels, np.unique(labels)):
        raise ValueError("labels must be sorted, and different")
    return Labels.of(labels)
