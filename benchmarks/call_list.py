"""Every public call with valid arguments, one or two of which `benchmarks.calls` replaces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import xpnet
from xpnet.training.class_weights import class_weights

__all__ = ["Call", "Subjects", "calls", "data", "fit_arguments"]

N, WIDTHS = 12, [4, 5, 3]

Arguments = dict[str, Any]


class Subjects(NamedTuple):
    """The objects that are called: a trained network, an open one, a stack, and a model file."""

    net: xpnet.Network
    open: xpnet.Network
    stack: xpnet.Stack
    folder: Path

    @property
    def file(self) -> Path:
        """Return the path of a model file that exists."""
        return self.folder / "model.safetensors"


class Call(NamedTuple):
    """A call by its name.

    Attributes
    ----------
    function : (subjects) -> callable
    arguments : () -> dict
        Makes valid arguments for each call.
    errors : tuple of exceptions
        Documented errors besides ValueError and TypeError.
    fixed : tuple of str
        Arguments that are never replaced.
    raises_own : bool
        Whether it calls functions of the caller, which may raise any error.
    """

    name: str
    function: Callable[[Subjects], Callable[..., Any]]
    arguments: Callable[[], Arguments]
    errors: tuple[type[BaseException], ...] = ()
    fixed: tuple[str, ...] = ()
    raises_own: bool = False


def data() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return X (12, 4) and integer labels (12,) of three classes."""
    return np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32), np.arange(N) % 3


def _xy(**more: Any) -> Callable[[], Arguments]:
    return lambda: dict(zip("XY", data(), strict=True)) | more


def fit_arguments(*left_out: str) -> Callable[[], Arguments]:
    """Return what makes valid arguments of `Network.fit`, without those that are left out."""
    given = {
        "epochs": 1, "batch_size": 4, "optimizer": "adam", "learning_rate": 0.01, "shuffle": True,
        "sample_weight": None, "class_weight": None, "penalty": None, "max_norm": None,
        "validation_data": None, "validation_fraction": None, "early_stopping": None, "metrics": (),
        "callbacks": (), "progress": False, "compile": False, "stream": None,
        "checkpoint_every": "10s", "resume": "auto", "overwrite": False,
    }  # fmt: skip
    return _xy(**{name: value for name, value in given.items() if name not in left_out})


def _used(*layers: Any, **settings: Any) -> Any:
    """Make a network of these settings; return its outputs and gradient."""
    X, Y = data()
    net = xpnet.Network([4, *layers, 3], **settings)
    return net(X), net.value_and_gradient(X, Y)


def _made(kind: Any, use: Callable[[Any], Any] | None = None, **needed: Any) -> Call:
    """Return the call of a class or a maker with settings; the result is used if possible."""
    names = [name for name in inspect.signature(kind).parameters if name not in ("self", "args")]
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }

    def run(**given: Any) -> Any:
        made = kind(**given)
        return made if use is None else use(made)

    arguments = {name: needed.get(name, defaults.get(name)) for name in names}
    return Call(kind.__name__, lambda s: run, lambda: dict(arguments))


def _trained_by(optimizer: Any) -> Any:
    X, Y = data()
    net = xpnet.Network(WIDTHS, dtype="float64")
    return net.fit(X, Y, epochs=1, batch_size=6, optimizer=optimizer, compile=False)


def _at(rate: Any) -> Any:
    return xpnet.schedules.rates(xpnet.schedules.bind(rate, 10, 5), 1, 10)


def _scored(loss: Any) -> Any:
    net = xpnet.Network([4, 6], loss=loss)
    return net(data()[0])


def _settings() -> Iterator[Call]:
    """Yield the calls whose arguments are settings."""
    layers, losses = xpnet.layers, xpnet.losses
    needed: dict[str, Any] = {"units": 3, "rate": 0.5, "categories": 3, "dim": 2, "layers": [5]}
    kind: Any
    for kind in (layers.Dense, layers.Dropout, layers.LayerNorm, layers.BatchNorm, layers.Residual):
        yield _made(kind, _used, **needed)
    yield _made(layers.Embedding, **needed)
    for kind in (losses.Huber, losses.Quantile, losses.CrossEntropy, losses.GaussianNLL):
        yield _made(kind, _scored)
    yield _made(losses.MultiCrossEntropy, _scored, heads=(3, 3))
    yield _made(losses.Masked, _scored, loss=losses.Huber())
    optimizers = xpnet.optimizers
    for name, kind in (optimizers.OPTIMIZERS | optimizers.FULL_BATCH).items():
        inner: dict[str, Any] = {"optimizer": optimizers.Adam(), "norm": 1.0}
        made = _made(kind, _trained_by, **inner)
        yield made._replace(name=f"optimizers {name}", errors=(xpnet.DivergenceError,))
    for wrapper in (optimizers.Clipped, optimizers.Averaged, optimizers.Accumulated):
        made = _made(
            wrapper, _trained_by, optimizer=optimizers.Adam(), norm=1.0, decay=0.9, steps=2
        )
        yield made._replace(errors=(xpnet.DivergenceError,))
    lengths: dict[str, Any] = {"learning_rate": 0.1, "steps": 5, "factor": 0.5, "every": 3}
    for name, kind in xpnet.schedules.SCHEDULES.items():
        yield _made(kind, _at, **lengths)._replace(name=f"schedules {name}")
    yield _made(xpnet.Penalty)
    yield _made(xpnet.MaxNorm, limit=1.0)
    yield _made(xpnet.EarlyStopping)
    yield _made(xpnet.metrics.TopKAccuracy)
    yield _made(xpnet.metrics.F1)
    yield _made(xpnet.metrics.find_metric, metric="accuracy")


def _of_network() -> Iterator[Call]:
    """Yield the methods of a network and of a stack."""
    elsewhere = (ImportError, RuntimeError)
    sizes = (MemoryError,)
    network = {
        "sizes": WIDTHS, "activation": "relu", "output": None, "loss": "cross_entropy",
        "classes": None, "initializer": None, "backend": "numpy", "device": None,
        "dtype": "float32", "rng": 0,
    }  # fmt: skip
    yield Call("Network", lambda s: xpnet.Network, lambda: dict(network), (*elsewhere, *sizes))
    yield Call("Network(hidden)", lambda s: xpnet.Network, lambda: {"hidden": (5,)}, sizes)
    diverges = (xpnet.DivergenceError, *sizes)
    for _ in range(4):  # the call with the most arguments
        yield Call("fit", lambda s: s.net.fit, fit_arguments(), diverges)
    yield Call("fit, open", lambda s: s.open.fit, fit_arguments(), diverges)
    yield Call("Stack.fit", lambda s: s.stack.fit, fit_arguments(*_NOT_OF_STACKS), diverges)
    predict = {"X": data()[0], "batch_size": None}
    for name in ("net", "stack"):
        one = attrgetter(name)
        score = _xy(sample_weight=None, batch_size=None, metrics=())
        yield Call(f"{name}.evaluate", attrgetter(f"{name}.evaluate"), score)
        yield Call(f"{name}.predict", attrgetter(f"{name}.predict"), lambda: dict(predict))
        yield Call(f"{name}(X)", one, lambda: {"X": data()[0]})
    yield Call("predict_classes", lambda s: s.net.predict_classes, lambda: dict(predict))
    weighted = _xy(sample_weight=None)
    yield Call("gradient", lambda s: s.net.gradient, weighted)
    yield Call("value_and_gradient", lambda s: s.net.value_and_gradient, _xy(training=False))
    yield Call("objective", lambda s: s.net.objective, _xy(sample_weight=None, penalty=None))
    yield Call("objective()", lambda s: _objective(s), lambda: {"theta": np.ones(43)})
    yield Call("explain", lambda s: s.net.explain, _xy(example=0, entry=(1, 0, 0), check=False))
    path = lambda: {"path": "again.safetensors"}  # noqa: E731
    yield Call("save", lambda s: _in(s.folder, s.net.save), path, (OSError,))
    yield Call("set_parameters", lambda s: s.net.set_parameters, lambda: {"theta": np.ones(43)})
    yield Call("set_weights", lambda s: s.net.set_weights, _weights)
    yield Call("set_statistics", lambda s: s.net.set_statistics, lambda: {"statistics": ()})
    to = {"backend": "numpy", "device": None, "dtype": "float32"}
    yield Call("to", lambda s: s.net.to, lambda: dict(to), elsewhere)
    yield Call("fresh", lambda s: s.net.fresh, lambda: {"rng": 1})
    yield Call("Stack", lambda s: xpnet.Stack, lambda: {"networks": [xpnet.Network(WIDTHS)]})
    yield Call("Stack.fresh", lambda s: s.stack.fresh, lambda: {"rng": 1})
    yield Call("Stack[r]", lambda s: s.stack.__getitem__, lambda: {"r": 0}, (IndexError,))


_NOT_OF_STACKS = ("early_stopping", "compile", "stream")


def _weights() -> Arguments:
    return {"weights": [np.ones((5, 4)), np.ones((3, 5))], "biases": [np.ones(5), np.ones(3)]}


def _objective(s: Subjects) -> Callable[..., Any]:
    return s.net.objective(*data())


def _in(folder: Path, save: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a writer that writes every relative path into the folder."""

    def write(path: Any) -> Any:
        return save(folder / path if isinstance(path, (str, Path)) else path)

    return write


def _functions() -> Iterator[Call]:
    """Yield the functions of the package, and the displays."""
    elsewhere = (ImportError, RuntimeError)
    x = {"x": np.ones(3), "backend": "numpy", "device": None, "dtype": "float32"}
    yield Call("asarray", lambda s: xpnet.asarray, lambda: dict(x), elsewhere)
    yield Call("to_numpy", lambda s: xpnet.to_numpy, lambda: {"x": np.ones(3)})
    backend = {"name": "numpy", "device": None, "precision": None, "deterministic": None}
    yield Call("get_backend", lambda s: xpnet.get_backend, lambda: dict(backend), elsewhere)
    load = {"path": None, "backend": "numpy", "device": None, "dtype": None, "custom": ()}
    yield Call("load", _load, lambda: dict(load), (*elsewhere, OSError))
    check = _xy(
        sample_weight=None, gradient=None, training=False, directions=1, epsilon=1e-5, rng=0
    )
    yield Call("gradient_check", lambda s: _with_net(xpnet.gradient_check, s), check)
    rates = _xy(low=1e-6, high=1.0, steps=4, batch_size=6, optimizer="adam")
    yield Call("learning_rate_range", lambda s: _with_net(xpnet.learning_rate_range, s), rates)
    split = {"labels": data()[1], "fraction": 0.5, "seed": 0}
    yield Call("stratified_split", lambda s: xpnet.datasets.stratified_split, lambda: dict(split))
    weights = {"labels": data()[1], "class_weight": "balanced", "n_classes": 3}
    yield Call(
        "class_weights", lambda s: class_weights, lambda: dict(weights), fixed=("n_classes",)
    )
    own = {"name": "mine", "f": lambda xp, Z: Z * Z, "df": lambda xp, Z, A: 2 * Z}
    yield Call("elementwise", lambda s: _own_activation, lambda: dict(own), raises_own=True)


def _load(s: Subjects) -> Callable[..., Any]:
    def load(path: Any, **others: Any) -> Any:
        return xpnet.load(s.file if path is None else path, **others)

    return load


def _with_net(function: Callable[..., Any], s: Subjects) -> Callable[..., Any]:
    return lambda **given: function(s.net, **given)


def _own_activation(**given: Any) -> Any:
    return _used(5, activation=xpnet.elementwise(**given))


def calls() -> list[Call]:
    """Return all calls."""
    from benchmarks.call_fits import fit_calls  # which imports this module

    return [*_of_network(), *_functions(), *_settings(), *fit_calls()]
