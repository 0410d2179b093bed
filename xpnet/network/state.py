"""The state of a network: its settings and layers, in addition to θ and the statistics."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, get_backend
from xpnet.checks.feature_names import in_order, names_of
from xpnet.checks.inputs import infer_loss, infer_widths
from xpnet.checks.keywords import explains_keywords
from xpnet.equations.activation import Activation
from xpnet.equations.parameters import Layers, check_size, layout, slots
from xpnet.equations.streams import seed_from
from xpnet.layers.build import HIDDEN, Specification, plan
from xpnet.losses import Loss
from xpnet.network.labels import (
    check_outputs,
    encode,
    encode_weights,
    find_classes,
    given_classes,
    has_names,
)
from xpnet.network.theta import NetworkParameters
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng

__all__ = ["NetworkState"]


class Written(NamedTuple):
    """Plan, loss and classes as the user gave them, before a first fit settles the open ones."""

    plan: Specification
    loss: Loss | None
    classes: tuple[str, ...] | None


class NetworkState(NetworkParameters):
    """The part of `xpnet.Network` that holds its state; see there for the parameters."""

    @explains_keywords("Network")
    def __init__(
        self,
        sizes: Sequence[Any] | None = None,
        *,
        hidden: Sequence[Any] = HIDDEN,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation | None = None,
        loss: str | Loss | None = None,
        classes: Sequence[str] | None = None,
        initializer: str | None = None,
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: Any = "float32",
        rng: Rng = 0,
    ) -> None:
        self._plan = plan(sizes, hidden, activation, output)
        self.loss = checks.find_loss(loss)
        if self.loss is not None and self._plan.output is not None:
            checks.check_outputs(self.loss, self._plan.output)
        self._classes = given_classes(classes, self.loss)
        self._initializer = checks.find_initializer(initializer)
        self.dtype = checks.dtype_name(dtype)
        self.backend = get_backend(backend, device)
        self.backend.dtype(self.dtype)  # on JAX, enables float64
        self.seed = seed_from(rng)
        self._written = Written(self._plan, self.loss, self._classes)
        self._views: tuple[Any, Sequence[Any]] | None = None  # θ and its views
        self._reset()

    def _reset(self) -> None:
        """Reset to the state that the user wrote, before any fit."""
        self._plan, self.loss, self._classes = self._written
        self._feature_names: tuple[str, ...] | None = None
        self.epoch = 0
        self._layers: Layers | None = None
        self._theta: Any = None
        self._stats: tuple[Any, ...] = ()
        self.__dict__.pop("_optimizer", None)  # `xpnet.training.kept_optimizer`
        if self._plan.n_in is not None:
            self._build()
            self._check_classes()

    def _check_classes(self) -> None:
        """Check the number of classes against the outputs, if both are known."""
        if self._classes is not None and self.loss is not None:
            check_outputs(self._classes, self.loss, self.layers[-1].fan_out)

    def _build(self) -> None:
        """Build the layers, with initial parameters and statistics."""
        self._layers = layers = self._plan.build(self.loss)
        check_size(layout(layers).size, self.dtype)
        parts = [W for layer in layers for W in layer.initial(self.seed, self._initializer)]
        theta = np.zeros(layout(layers).size, dtype=self.dtype)
        for slot, part in zip(slots(layers), parts, strict=True):
            theta[slot.offset : slot.offset + slot.size] = part.reshape(-1)
        stats = (stat for layer in layers for stat in layer.initial_stats())
        self._theta = self.backend.from_numpy(theta)
        self._stats = tuple(self.backend.from_numpy(stat.astype(self.dtype)) for stat in stats)

    def __copy__(self) -> Self:
        """A copy with the same arrays: without the views of θ, and without the mark of a fit."""
        new = object.__new__(type(self))
        new.__dict__.update({**self.__dict__, "_views": None})
        new.__dict__.pop("_fit", None)
        return new

    def __getstate__(self) -> dict[str, Any]:
        """The attributes for a pickle; bound layers are left out, since the plan makes them."""
        state = {**copy.copy(self).__dict__, "_plan": tuple(self._plan)}
        del state["_layers"]
        state.pop("_origin", None)  # of a fit of this process (`xpnet.files.origin`)
        kept = state.pop("_optimizer", None)  # a `KeptOptimizer`
        if kept is not None and kept.goes_on:
            state["_optimizer"] = tuple(kept.on_host())
        plan, *others = self._written
        return {**state, "_written": (tuple(plan), *others)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        plan, (written, *others) = Specification(*state["_plan"]), state["_written"]
        layers = None if plan.n_in is None else plan.build(state["loss"])
        self.__dict__.update(state, _plan=plan, _layers=layers)
        self._written = Written(Specification(*written), *others)
        if "_optimizer" in state:
            from xpnet.training.kept_optimizer import KeptOptimizer  # slow, and rarely needed

            self.__dict__["_optimizer"] = KeptOptimizer(*state["_optimizer"])

    @property
    def plan(self) -> Specification:
        """The layers, unbound; a first fit fills in missing widths."""
        return self._plan

    @property
    def initializer(self) -> str | None:
        """The initializer's name, or None if each layer's activation chose its own."""
        return self._initializer

    # --- classes

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names in the order of the outputs; None if labels are not text.

        They are those that the user gave, or the labels in the first fit, sorted.
        """
        return self._classes

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of X's columns in the first fit on a data frame; None before such a fit.

        Every call that takes X reorders a data frame's columns by name if needed, with a warning. A
        data frame with a missing or a new column is an error. Arrays without names are taken as
        they are.
        """
        return self._feature_names

    def in_order(self, X: ArrayLike) -> Any:
        """X itself, or with a warning an array of its columns in the order of `feature_names`."""
        return in_order(X, self._feature_names)

    def encode(self, Y: ArrayLike) -> Any:
        """Turn labels as text into 0 … n_L − 1; return everything else unchanged."""
        return encode(Y, self._classes)

    def encode_keys(self, class_weight: Any) -> Any:
        """Turn a dict's keys from class names into class numbers, if classes have names."""
        if self._classes is None or not isinstance(class_weight, Mapping):
            return class_weight
        return encode_weights(class_weight, self._classes)

    # --- what training does to it

    def complete(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Infer classes, sizes and loss from the data of a first fit, if they are open."""
        self._feature_names = self._feature_names or names_of(X)
        if has_names(self.loss):
            self._classes = self._classes or find_classes(Y)
        Y = self.encode(Y)
        if self._layers is None:
            self._plan = self._plan.sized(*infer_widths(X, Y, self.loss, self._classes))
            self._build()
        self._layers, self.loss = self.decided_by(Y)
        self._check_classes()

    def decided_by(self, Y: ArrayLike) -> tuple[Layers, Loss]:
        """The layers and the loss; if the loss is open, those that suit targets like Y."""
        layers = self.layers
        if self.loss is not None:
            return layers, self.loss
        loss = infer_loss(Y)
        return self._plan.build(loss), loss

    def restore(
        self,
        plan: Specification,
        epoch: int,
        classes: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        """Set what a model file holds besides the constructor's settings and θ (see `take`)."""
        self._plan, self._layers = plan, plan.build(self.loss)
        self.epoch = epoch
        self._classes = None if classes is None else tuple(classes)
        self._feature_names = None if feature_names is None else tuple(feature_names)
        self._written = Written(self._plan, self.loss, self._classes)

    def to(
        self, backend: str | Backend | None = None, device: Any = None, dtype: Any = None
    ) -> Self:
        """Return a new network with the same parameters on a given backend, device or dtype.

        Without ``backend``, the copy keeps this network's library and its precision.
        """
        new = copy.copy(self)
        if backend is not None:
            new.backend = get_backend(backend, device)
        elif device is not None:
            new.backend = self.backend.on(device)
        new.dtype = self.dtype if dtype is None else checks.dtype_name(dtype)
        new.backend.dtype(new.dtype)
        if "_optimizer" in self.__dict__:
            new.__dict__["_optimizer"] = self.__dict__["_optimizer"].on_host(new.dtype)
        if self._theta is not None:
            new._theta = new._own_copy(self._theta)
            new.set_statistics(self._stats)
        return new

    def fresh(self, rng: Rng = None) -> Self:
        """Return an untrained network of the same plan, with newly drawn weights.

        Sizes, loss and classes are those that the user gave; those left open are open again. Use
        it for each fold of a cross-validation, since a second `fit` goes on from the first.

        Parameters
        ----------
        rng
            As for `Network`. None keeps this network's seed, so that the new network starts from
            the same first weights.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 3, 1], rng=7)
        >>> history = net.fit(np.eye(2), np.ones(2), epochs=1)
        >>> bool(np.all(net.fresh().parameters == xpnet.Network([2, 3, 1], rng=7).parameters))
        True
        """
        new = copy.copy(self)
        new.seed = self.seed if rng is None else seed_from(rng)
        new._reset()
        return new

    def as_written(self) -> Self:
        """Return a copy whose `fresh` keeps this network's present sizes, loss and classes."""
        new = copy.copy(self)
        new._written = Written(self._plan, self.loss, self._classes)
        return new

    @contextmanager
    def unchanged_on_error(self) -> Iterator[None]:
        """Within this context, an exception restores the network as it was before.

        Use it to change a network in several steps. A fit keeps its complete epochs instead.
        """
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise
