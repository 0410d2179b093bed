"""A fit: the data are checked, and the loop or the search over all examples trains on them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, to_numpy
from xpnet.checks.inputs import Examples, examples
from xpnet.engines.placement import home
from xpnet.errors import of_validation, quoted
from xpnet.training.class_weights import class_weights
from xpnet.training.full_batch import search
from xpnet.training.history import History
from xpnet.training.holdout import hold_out
from xpnet.training.length import settled, warn_if_falling
from xpnet.training.loop import loop
from xpnet.training.one_fit import one_fit
from xpnet.training.own_rows import hold_out_each, own_examples, own_rows, weigh_each
from xpnet.training.scale import hint_at_scale
from xpnet.training.settings import Own, Settings
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["examples_of", "fit"]


def fit(
    net: NetworkState,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike,
    class_weight: Any,
    validation_data: Any,
    settings: Settings,
) -> History:
    """Train ``net``; see `Network.fit`."""
    # the keeper ends last: it notes what the network is left with, after an error too
    with _kept_in_file(settings) as keeper, one_fit(net) as kept, net.backend.context():
        if keeper is not None:
            settings = keeper.chosen(settings)
        X = net.in_order(X)
        net.complete(X, Y)
        _check_limit(settings, net.dtype)
        full_batch = getattr(settings.optimizer, "full_batch", False)
        if full_batch and settings.stream:
            name = type(settings.optimizer).__name__
            raise ValueError(f"{name} takes all examples at once: leave stream out")
        given = X, Y, sample_weight, class_weight, validation_data
        place, data, validation = examples_of(net, *given, settings)
        hint_at_scale(net, place, data, settings)
        if keeper is not None:
            keeper.begin(net, data, validation)
        if full_batch:
            history = search(net, data, validation, settled(settings, 1), kept, keeper)
        else:
            history = loop(net, place, data, validation, settings, kept, keeper)
    warn_if_falling(settings, history)  # after the fit: if raised as an error, it undoes nothing
    return history


def examples_of(
    net: NetworkState,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike,
    class_weight: Any,
    validation_data: Any,
    settings: Settings,
) -> tuple[Backend, Examples, Examples | None]:
    """Return the examples' place, those to train on and those for validation, all checked."""
    own = settings.own  # their batches are gathered on the device
    on_device = own is not None or getattr(settings.optimizer, "full_batch", False)
    place = net.backend if on_device else home(net.backend, X, net.dtype, settings.stream)
    data = _checked(net, place, X, Y, sample_weight, own)
    validation = _validation(net, validation_data, settings.stream)
    if settings.validation_fraction is not None:
        data, validation = _held_out(net, place, data, settings)
    return place, _class_weighted(net, data, class_weight), validation


def _kept_in_file(settings: Settings) -> Any:
    """A context that yields the keeper of the fit's checkpoint; None without one."""
    if settings.checkpoint is None:
        return nullcontext()
    from xpnet.files.keeper import keeping  # of use only here, and a floor above

    return keeping(settings)


def _check_limit(settings: Settings, dtype: str) -> None:
    """Raise ValueError if the limit of `MaxNorm` exceeds the largest number of the dtype."""
    largest = float(np.finfo(dtype).max)
    if settings.max_norm is not None and settings.max_norm.limit > largest:
        raise ValueError(
            f"max_norm must be at most {largest:.3g}, the largest {dtype}, got "
            f"{settings.max_norm.limit:.6g}: leave it out for no limit"
        )


def _checked(
    net: NetworkState,
    place: Backend,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    own: Own | None = None,
) -> Examples:
    """Examples at their place, the device or the host, checked for NaN and infinity.

    If networks have rows of their own, rows that none of them has are neither kept nor checked.
    """
    assert net.loss is not None
    Y = net.encode(Y)
    data = examples(place, net.layers, net.loss, net.dtype, X, Y, sample_weight)
    if own is not None:
        rows = own_rows(own.rows, len(own.seeds), data.X.shape[0])
        data = own_examples(place, data, rows, net.dtype)
    checks.check_finite(place, "X", data.X)
    checks.check_targets(place, "Y", data.Y, net.loss)
    return data


def _held_out(
    net: NetworkState, place: Backend, data: Examples, settings: Settings
) -> tuple[Examples, Examples]:
    """The examples to train on, and those set aside for validation."""
    if settings.own is None:
        return hold_out(place, data, settings.validation_fraction, net.seed, net.classes)
    return hold_out_each(data, settings.validation_fraction, settings.own.seeds, net.classes)


def _class_weighted(net: NetworkState, data: Examples, class_weight: Any) -> Examples:
    """Multiply the weights of classes into those of examples."""
    if class_weight is None:
        return data
    if not data.classes:
        raise ValueError("class_weight needs class labels as targets: give sample_weight instead")
    n_classes = max(net.layers[-1].fan_out, 2)
    chosen = net.encode_keys(class_weight)

    def weights_of(labels: Host) -> Host:
        return class_weights(labels.astype(np.int64), chosen, n_classes)

    if data.own is not None:
        return weigh_each(data, weights_of, net.dtype)
    w = weights_of(to_numpy(data.Y))
    w = w if data.w is None else w * data.w
    weights, unit = checks.example_weights(w, len(w), net.dtype)
    return data._replace(w=weights, unit=unit * data.unit)


def _validation(net: NetworkState, data: Any, stream: bool | None) -> Examples | None:
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise TypeError(f"validation_data must be (X, Y) or (X, Y, weights), got {quoted(data)}")
    with of_validation():
        X, *others = data
        X = net.in_order(X)
        place = home(net.backend, X, net.dtype, stream)
        return _checked(net, place, X, *others)
