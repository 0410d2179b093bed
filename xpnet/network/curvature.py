"""Kronecker factors of a network, from cotangents of the kind that a user asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.derivatives.at import At
from xpnet.derivatives.kronecker import KroneckerFactors, factors_of, square_root
from xpnet.equations.streams import seed_from
from xpnet.errors import quoted
from xpnet.losses import LOSSES
from xpnet.losses.cut import Cut, cut
from xpnet.losses.sampled import root_factor, sample
from xpnet.network.operators import problem
from xpnet.ranges import is_choice
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["kronecker_factors"]

_KINDS = ("ggn", "sampled", "empirical")


def kronecker_factors(
    net: NetworkPasses, X: Any, Y: Any, kind: str, rng: Any
) -> list[KroneckerFactors]:
    """See `xpnet.Network.kronecker_factors`."""
    if not is_choice(kind, _KINDS):
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}, got {quoted(kind)}")
    if kind == "sampled" or (Y is None and kind == "ggn"):
        Y = _drawn(net, X, seed_from(rng))
    if Y is None:
        raise ValueError('kind="empirical" takes the gradients for Y: give Y')
    with net.backend.context():
        at, of, X, Y, _, _ = problem(net, X, Y, None, False)
        B, saved = at.forward(X)
        return factors_of(at, saved, _roots(at, of, B, Y, kind))


def _roots(at: At, of: Cut, B: Array, Y: Array, kind: str) -> Any:
    """S (n_L, N, n_L) or (N, n_L), the cotangents of B whose squares are the curvature."""
    xp = at.backend.xp
    if kind == "ggn":
        return square_root(at, of, B, Y)
    if kind == "empirical":
        return of.gradient(xp, B, Y)[1]
    if of.loss.name == "cross_entropy":  # of the likelihood, which has no smoothing
        of = cut(at.layers, LOSSES["cross_entropy"])
    return of.gradient(xp, B, Y)[1] * root_factor(of.loss, B.shape[-1])


def _drawn(net: NetworkPasses, X: Any, seed: int) -> Any:
    """Targets from the network's distribution; the curvature of "ggn" is the same for all."""
    if net.loss is None:
        raise ValueError("the loss is still open: give it to xpnet.Network, or give Y")
    random = np.random.Generator(np.random.Philox(seed))
    Z = to_numpy(net.logits(X))
    Y = sample(net.loss, net.layers[-1].activation, np.atleast_2d(Z), random)
    if net.classes is not None and net.loss.targets == "labels":
        Y = np.asarray(net.classes)[Y]
    return Y[0] if Z.ndim == 1 else Y
