"""The numbers of a network: θ and the layers' statistics, and how they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet import checks
from xpnet.backends import Backend, move, to_numpy
from xpnet.backends.tracked import stored
from xpnet.derivatives.gradients import fill_dense
from xpnet.equations.parameters import Layers, dense_parameters, layout
from xpnet.errors import quoted
from xpnet.pickles import Pickled
from xpnet.ranges import items
from xpnet.training.fit_owner import FitOwner
from xpnet.typing import Array, ArrayLike

__all__ = ["NetworkParameters"]


class NetworkParameters(Pickled):
    """The part of `xpnet.Network` that holds its numbers."""

    backend: Backend
    dtype: str
    epoch: int
    _layers: Layers | None
    _theta: Any
    _stats: tuple[Any, ...]

    @property
    def layers(self) -> Layers:
        """The layers, as the passes use them: widths, activation, and places of W and b in θ."""
        if self._layers is None:
            raise ValueError(
                "the network has no sizes yet: give them (xpnet.Network([4, 100, 3])) or call fit"
            )
        return self._layers

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths n_0 … n_L: the input's, and those of the dense layers."""
        dense = (layer.fan_out for layer in self.layers if layer.kind == "dense")
        return (self.layers[0].fan_in, *dense)

    @property
    def device(self) -> Any:
        """The device that holds the parameters."""
        return self.backend.device

    @property
    def parameters(self) -> Any:
        """θ (P,), weights first, on the network's device; `set_parameters` changes it."""
        _ = self.layers  # raises if there are none yet
        return self._theta

    @property
    def statistics(self) -> tuple[Any, ...]:
        """The layers' statistics across batches (batch normalisation's means and variances)."""
        return self._stats

    @property
    def weights(self) -> tuple[Any, ...]:
        """W_1 … W_L of the dense layers, each (n_l, n_{l-1}); views of θ, or slices on JAX."""
        return dense_parameters(self.backend.xp, self.layers, self._theta)[0]

    @property
    def biases(self) -> tuple[Any, ...]:
        """b_1 … b_L of the dense layers, each (n_l,); views of θ, or slices on JAX."""
        return dense_parameters(self.backend.xp, self.layers, self._theta)[1]

    def set_parameters(self, theta: Array) -> None:
        """Set θ (P,) to a copy of an array of any library."""
        self._refuse_in_a_fit()
        P = layout(self.layers).size
        theta = checks.real("θ", stored(theta))
        if tuple(theta.shape) != (P,):
            raise ValueError(
                f"the network has {P} parameters, so θ must be ({P},), not {tuple(theta.shape)}"
            )
        self._theta = self._finite_copy("θ", theta)

    def set_weights(self, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        """Set every dense layer's W_l and b_l to copies of arrays of any library."""
        self._refuse_in_a_fit()
        theta = to_numpy(self.parameters).copy()
        fill_dense(self.layers, theta, weights, biases)
        self._theta = self._finite_copy("weights and biases", theta)

    def set_statistics(self, statistics: Sequence[Any]) -> None:
        """Set the layers' statistics to copies, in the shapes of `statistics`."""
        self._refuse_in_a_fit()
        wanted = [tuple(s.shape) for s in self._stats]
        parts = items("statistics must be a list of arrays, like net.statistics", statistics)
        statistics = [checks.real(f"statistics[{k}]", s) for k, s in enumerate(parts)]
        given = [tuple(s.shape) for s in statistics]
        if given != wanted:
            raise ValueError(
                f"statistics must have the shapes {quoted(wanted)}, got {quoted(given)}"
            )
        self._stats = tuple(self._finite_copy("a statistic", s) for s in statistics)

    def _refuse_in_a_fit(self) -> None:
        owner: FitOwner | None = self.__dict__.get("_fit")
        if owner is not None and owner.is_here() and not owner.is_own():
            raise RuntimeError(
                f"the network is in a fit, {owner.where()}, whose next epoch would overwrite "
                "the new values: wait until it has ended, or change a copy (net.to())"
            )

    def _finite_copy(self, name: str, x: ArrayLike) -> Any:
        copy = self._own_copy(x)
        with self.backend.context():
            checks.check_finite(
                self.backend, name, copy, "with them, a network has no valid output"
            )
        return copy

    def _own_copy(self, theta: Array) -> Any:
        with self.backend.context():
            return self.backend.xp.asarray(move(self.backend, theta, self.dtype), copy=True)

    # --- what training does to them

    def finish_epoch(self, theta: Array, statistics: tuple[Any, ...]) -> None:
        """Set θ and the statistics after an epoch of training, and count the epoch."""
        self.__dict__.update(_theta=theta, _stats=statistics, epoch=self.epoch + 1)  # atomic

    def take(self, theta: Array, statistics: tuple[Any, ...]) -> None:
        """Set θ and the statistics, on the device, without a copy."""
        self._theta, self._stats = theta, statistics

    def copies(self) -> tuple[Any, tuple[Any, ...]]:
        """Copies of θ and of the statistics."""
        return self._own_copy(self._theta), tuple(map(self._own_copy, self._stats))
