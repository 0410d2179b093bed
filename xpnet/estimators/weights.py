"""A network's parameters as scikit-learn's lists ``coefs_`` and ``intercepts_``.

coefs_[l] (fan_in, fan_out) is the transpose of W_{l+1}. The lists hold views of θ where the array
library has views on the host. An entry that a user replaces reaches the network before it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.network import Network
from xpnet.typing import Array, Host

__all__ = ["NOT_FINITE", "Weights", "check_finite", "read_only_copy"]

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class Weights:
    """A network, and the lists that show its parameters.

    Without a network, the lists are those that a user has set before any fit.
    """

    def __init__(self, net: Network | None = None) -> None:
        self._net = net
        self._theta: Any = None  # that the lists show
        self._shown: list[Host] = []
        self._coefs: list[Host] = []
        self._intercepts: list[Host] = []

    @property
    def state(self) -> Network | None:
        """The network, if there is one, without entries that were replaced since."""
        return self._net

    @property
    def has_network(self) -> bool:
        """Whether there is a network."""
        return self._net is not None

    @property
    def coefs(self) -> list[Host]:
        """W_1ᵀ … W_Lᵀ of the dense layers; the list and its entries may be replaced."""
        self._refresh()
        return self._coefs

    @coefs.setter
    def coefs(self, value: list[Host]) -> None:
        self._refresh()
        self._coefs = value

    @property
    def intercepts(self) -> list[Host]:
        """b_1 … b_L; the list and its entries may be replaced."""
        self._refresh()
        return self._intercepts

    @intercepts.setter
    def intercepts(self, value: list[Host]) -> None:
        self._refresh()
        self._intercepts = value

    @property
    def network(self) -> Network:
        """The network, with every entry that was replaced."""
        if self._net is None:
            raise AttributeError("the estimator has weights, but no network before fit")
        if self._theta is self._net.parameters and not self._are_shown():
            self.give(self._net)
        return self._net

    def give(self, net: Network) -> None:
        """Set the lists' values in the network, and keep it."""
        net.set_weights([to_numpy(W).T for W in self._coefs], self._intercepts)
        self._net = net
        self._refresh()

    def _are_shown(self) -> bool:
        given = [*self._coefs, *self._intercepts]
        return len(given) == len(self._shown) and all(map(_is, given, self._shown))

    def _refresh(self) -> None:
        """Fill the lists anew if the network has other parameters than they show."""
        net = self._net
        if net is None or self._theta is net.parameters:
            return
        show = _view if net.backend.name == "numpy" else read_only_copy
        self._theta = net.parameters
        self._coefs = [show(W).T for W in net.weights]
        self._intercepts = [show(b) for b in net.biases]
        self._shown = [*self._coefs, *self._intercepts]

    def __getstate__(self) -> dict[str, Any]:
        if self._net is None:
            return self.__dict__.copy()
        return {**Weights(self.network).__dict__}  # the lists are made from θ again

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _is(a: Any, b: Any) -> bool:
    return a is b


def _view(x: Array) -> Host:
    return to_numpy(x)


def read_only_copy(x: Array) -> Host:
    """A copy on the host; read-only, since a change would not reach the network."""
    found = to_numpy(x).copy()
    found.flags.writeable = False
    return found


def check_finite(theta: Host) -> None:
    """Raise ValueError, as scikit-learn does, if a parameter is not finite."""
    if not np.all(np.isfinite(theta)):
        raise ValueError(NOT_FINITE)
