"""Bad calls of checkpoints, cross-validations, searches and estimators, for `benchmarks.calls`."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.call_list import Arguments, Call, Subjects, data, fit_arguments

__all__ = ["fit_calls"]

DIVERGES = (xpnet.DivergenceError, MemoryError)
FAST: Arguments = {"epochs": 1, "batch_size": 6}


def fit_calls() -> list[Call]:
    """Return the calls; those of estimators need scikit-learn."""
    found = [*_of_checkpoints(), *_of_folds()]
    return [*found, *_of_estimators()] if find_spec("sklearn") else found


def _of_checkpoints() -> Iterator[Call]:
    files = (*DIVERGES, OSError)

    def given() -> Arguments:
        return {**fit_arguments()(), "checkpoint": "run.ckpt", "checkpoint_every": 1}

    for _ in range(2):
        yield Call("fit, checkpoint", _fit_in_folder, given, files)
    yield Call("Checkpoint.read", _reading, lambda: {"path": None}, (OSError,))
    make = {"backend": "numpy", "device": None, "dtype": None, "custom": ()}
    elsewhere = (ImportError, RuntimeError)
    yield Call("Checkpoint.network", _restored, lambda: dict(make), elsewhere)
    saved = {"path": "kept.safetensors", "optimizer": False}
    has_optimizer = "optimizer" in inspect.signature(xpnet.Network.save).parameters
    if has_optimizer:
        yield Call("save, optimizer", _save_in_folder, lambda: dict(saved), (OSError,))


def _fit_in_folder(s: Subjects) -> Callable[..., Any]:
    """Return a fit that writes into the folder, where an earlier call may have left its file."""

    def fit(checkpoint: Any, **given: Any) -> Any:
        inside = isinstance(checkpoint, (str, Path)) and str(checkpoint)
        return s.net.fit(checkpoint=s.folder / checkpoint if inside else checkpoint, **given)

    return fit


def _save_in_folder(s: Subjects) -> Callable[..., Any]:
    def save(path: Any, **given: Any) -> Any:
        inside = isinstance(path, (str, Path)) and str(path)
        s.net.save(s.folder / path if inside else path, **given)

    return save


def _checkpoint(folder: Path) -> Path:
    """Return a checkpoint in the folder."""
    path = folder / "good.ckpt"
    if not path.exists():
        net = xpnet.Network([4, 5, 3], loss="cross_entropy", rng=1)
        net.fit(*data(), epochs=1, compile=False, checkpoint=path)
    return path


def _reading(s: Subjects) -> Callable[..., Any]:
    return lambda path: xpnet.Checkpoint.read(_checkpoint(s.folder) if path is None else path)


def _restored(s: Subjects) -> Callable[..., Any]:
    return xpnet.Checkpoint.read(_checkpoint(s.folder)).network


def _of_folds() -> Iterator[Call]:
    """Yield cross-validations, searches, and fits of stacks on rows of their own."""
    shared = {
        "optimizer": "adam", "learning_rate": 0.01, "shuffle": True, "sample_weight": None,
        "class_weight": None, "penalty": None, "max_norm": None, "validation_fraction": None,
        "metrics": (), "progress": False, **FAST,
    }  # fmt: skip
    X, Y = data()
    validated = {"X": X, "Y": Y, "folds": 2, "rng": 0, **shared}
    yield Call("cross_validate", _of_net(xpnet.cross_validate), lambda: dict(validated), DIVERGES)
    over = {"learning_rate": [0.01, 0.1], "penalty": [None, 0.1]}
    searched = {"over": over, "n": None, "monitor": "loss", **validated}
    for _ in range(2):
        yield Call("search", _of_net(xpnet.search), lambda: dict(searched), DIVERGES)
    values = {"learning_rate": [0.01], "penalty": [0.1], "seed": [1, 2]}
    yield Call("search, over", _over, lambda: dict(values), DIVERGES)
    yield Call("Search.refit", _refit, lambda: {"setting": {"learning_rate": 0.01}}, DIVERGES)
    rows = [np.arange(8), np.arange(4, 12)]
    own = {"X": X, "Y": Y, "rows": rows, **shared, "early_stopping": None}
    yield Call("Stack.fit, rows", lambda s: s.stack.fit, lambda: dict(own), DIVERGES)


def _of_net(function: Callable[..., Any]) -> Callable[[Subjects], Callable[..., Any]]:
    return lambda s: lambda **given: function(s.net, **given)


def _over(s: Subjects) -> Callable[..., Any]:
    return lambda **over: xpnet.search(s.net, *data(), over, n=2, folds=2, **FAST)


def _refit(s: Subjects) -> Callable[..., Any]:
    return xpnet.search(s.net, *data(), {"learning_rate": [0.01]}, folds=2, **FAST).refit


# --- estimators


def _of_estimators() -> Iterator[Call]:
    """Yield the keywords of each estimator, with which it is fitted, and its methods."""
    from xpnet import estimators

    X, Y = data()
    quick = {"max_iter": 1, "hidden_layer_sizes": (3,), "compile": False}
    tables = {"epochs": 1, "hidden": (3,)}
    kinds: tuple[tuple[Any, Arguments], ...] = (
        (estimators.MLPClassifier, quick),
        (estimators.MLPRegressor, quick),
        (estimators.TabularClassifier, tables),
        (estimators.TabularRegressor, tables),
    )
    for kind, changed in kinds:
        for _ in range(2):
            yield Call(kind.__name__, _fitted_by(kind), _defaults(kind, changed), _errors())
        methods: dict[str, Arguments] = {
            name: {"X": X} for name in ("predict", "predict_proba", "predict_interval")
        }
        methods["fit"] = {"X": X, "y": Y, "sample_weight": None}
        methods["activations"] = {"X": X, "layer": -1}
        for name, given in methods.items():
            if hasattr(kind, name):
                use = _method(kind, changed, name)
                more = {"coverage": 0.5} if name == "predict_interval" else {}
                yield Call(f"{kind.__name__}.{name}", use, partial(dict, given, **more), _errors())
    theirs = {"fitted": _theirs(), "backend": "numpy"}
    yield Call("from_sklearn", lambda s: estimators.from_sklearn, partial(dict, theirs), _errors())


def _errors() -> tuple[type[BaseException], ...]:
    return (*DIVERGES, ImportError, RuntimeError, IndexError)


def _defaults(kind: Any, changed: Arguments) -> Callable[[], Arguments]:
    parameters = inspect.signature(kind).parameters.values()
    given = {p.name: p.default for p in parameters} | changed
    return lambda: dict(given)


def _fitted_by(kind: Any) -> Callable[[Subjects], Callable[..., Any]]:
    return lambda s: lambda **given: kind(**given).fit(*data()).predict(data()[0])


def _method(kind: Any, changed: Arguments, name: str) -> Callable[[Subjects], Callable[..., Any]]:
    """Return a method of an estimator that has been fitted; after an error it must be as it was."""

    def of_subjects(s: Subjects) -> Callable[..., Any]:
        holds_out = "validation_data" in inspect.signature(kind.fit).parameters
        held = {"validation_data": data()} if holds_out else {}  # for intervals
        estimator = kind(**changed).fit(*data(), **held)
        before = estimator.predict(data()[0]).tolist()

        def call(**given: Any) -> Any:
            try:
                return getattr(estimator, name)(**given)
            except Exception:
                if estimator.predict(data()[0]).tolist() != before:
                    raise AssertionError("the estimator changed") from None
                raise

        return call

    return of_subjects


def _theirs() -> Any:
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an iteration does not converge
        return MLPClassifier((3,), max_iter=1).fit(*data())
