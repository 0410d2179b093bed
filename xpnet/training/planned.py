"""What all steps of a fit have in common: its batches, its recipe and its learning rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpnet import schedules
from xpnet.backends import Backend
from xpnet.checks.inputs import Examples
from xpnet.engines.batches import Batches
from xpnet.engines.own_batches import OwnBatches
from xpnet.engines.step import Recipe
from xpnet.equations.masks import needs_masks
from xpnet.equations.parameters import layout
from xpnet.optimizers import bind, with_learning_rate
from xpnet.training.of_networks import in_units
from xpnet.training.settings import Settings

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["batches_of", "recipe_of"]


def batches_of(
    net: NetworkState, place: Backend, data: Examples, settings: Settings
) -> Batches | OwnBatches:
    """The batches of all networks, or of each network its own."""
    size, shuffle = settings.batch_size, settings.shuffle
    if data.own is None or settings.own is None:
        n, order = data.X.shape[0], settings.order
        return Batches(place, n, size, shuffle, net.seed, data.w, order)
    masks = needs_masks(net.layers)
    return OwnBatches(place, data.own, size, shuffle, settings.own.seeds, net.dtype, masks)


def recipe_of(
    net: NetworkState, settings: Settings, data: Examples, per_epoch: int
) -> tuple[Recipe, Any]:
    """What all steps of the fit have in common, and the schedule of the learning rate."""
    assert net.loss is not None
    optimizer = bind(settings.optimizer, layout(net.layers))
    without_rate = with_learning_rate(optimizer, 0.0)  # a new rate recompiles nothing
    penalty = in_units(settings.penalty, data)
    fixed = net.backend, net.layers, net.loss, without_rate, penalty, settings.max_norm
    rate = schedules.bind(optimizer.learning_rate, settings.epochs * per_epoch, per_epoch)
    return Recipe(*fixed), rate
