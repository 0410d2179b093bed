"""The networks of an estimator: one, or ``n_ensemble`` that are trained as one stack.

All networks of an ensemble see the same batches. They differ in their initial weights, which are
drawn one network after another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from xpnet.estimators.weights import Weights, read_only_copy
from xpnet.network import Network, Stack

__all__ = ["AnyWeights", "EnsembleWeights", "rebuilt", "weights_of"]


class Ensemble(Stack):
    """A stack whose estimator trains and reads all networks at once."""

    @property
    def state(self) -> Network:
        """The networks' shared settings, with θ (R, P) and statistics (R, …) of all."""
        return self._net


class EnsembleWeights:
    """What `Weights` is to one network; the lists are tuples, and cannot be set."""

    has_network = True

    def __init__(self, stack: Ensemble) -> None:
        self.stack = stack

    @property
    def state(self) -> Network:
        """The networks' shared settings, with all parameters."""
        return self.stack.state

    @property
    def network(self) -> Network:
        """There is no one network."""
        raise AttributeError(
            f"an ensemble has {len(self.stack)} networks: stack_[r] is a copy of network r"
        )

    @property
    def coefs(self) -> Any:
        """W_1ᵀ … W_Lᵀ, each (R, fan_in, fan_out) and read-only."""
        return tuple(read_only_copy(W).mT for W in self.state.weights)

    @coefs.setter
    def coefs(self, value: Any) -> NoReturn:
        raise AttributeError("the weights of an ensemble cannot be set: stack_[r] is a copy")

    @property
    def intercepts(self) -> Any:
        """b_1 … b_L, each (R, fan_out) and read-only."""
        return tuple(read_only_copy(b) for b in self.state.biases)

    @intercepts.setter
    def intercepts(self, value: Any) -> NoReturn:
        raise AttributeError("the weights of an ensemble cannot be set: stack_[r] is a copy")

    def members(self) -> list[Network]:
        """A copy of each network."""
        return [self.stack[r] for r in range(len(self.stack))]

    def take(self, networks: list[Network]) -> None:
        """Set all parameters and statistics to those of these networks."""
        new = Ensemble(networks).state
        self.state.take(new.parameters, new.statistics)


AnyWeights = Weights | EnsembleWeights


def weights_of(networks: list[Network]) -> AnyWeights:
    """The weights of these networks."""
    return Weights(networks[0]) if len(networks) == 1 else EnsembleWeights(Ensemble(networks))


def rebuilt(old: AnyWeights, make: Callable[[], Network]) -> AnyWeights:
    """Return new networks of the same layers, with the parameters, counts and seeds of the old."""
    nets = old.members() if isinstance(old, EnsembleWeights) else [old.network]
    found = [make() for _ in nets]
    for new, net in zip(found, nets, strict=True):
        new.set_parameters(net.parameters)
        new.set_statistics(net.statistics)
        new.epoch, new.seed = net.epoch, net.seed
    return weights_of(found)
