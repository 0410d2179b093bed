"""Several classifications at once: the n_L outputs are split into heads, each with its softmax.

Z = [Z^1 | Z^2 | … | Z^H]          head h has n_h classes, Σ n_h = n_L
A = [softmax(Z^1) | …]             `softmax_heads`, which acts on each head separately
loss_n = Σ_h −ln P^h_{y_h}         labels Y (..., N, H), one for each head

The masked loss sums over the heads whose label is given; −1 stands for a missing label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import built_in, is_built_in, one_of_each
from xpnet.errors import quoted
from xpnet.losses.cross_entropy import (
    check_smoothing,
    cross_entropy_second,
    label_cross_entropy,
)
from xpnet.losses.loss import Loss, LossFunction, differentiated
from xpnet.pickles import made_by
from xpnet.ranges import is_count, items
from xpnet.typing import Array, Namespace

__all__ = ["MultiCrossEntropy", "head_slices", "masked_heads", "softmax_heads"]

_SOFTMAX = ACTIVATIONS["softmax"]


_HEADS = "heads must be the number of classes of each head, integers ≥ 2, as in (3, 4, 2)"


def head_slices(heads: tuple[int, ...]) -> list[slice]:
    """The columns of each head."""
    return [slice(a, b) for a, b in pairwise(accumulate(heads, initial=0))]


def _sizes(heads: object) -> tuple[int, ...]:
    sizes = tuple(items(_HEADS, heads)) if isinstance(heads, Iterable) else ()
    if not sizes or not all(is_count(n, 2) for n in sizes):
        raise ValueError(f"{_HEADS}; got {quoted(heads)}")
    return tuple(map(int, sizes))


@dataclass(frozen=True, eq=False, repr=False)
class _SoftmaxHeads(Activation):
    heads: tuple[int, ...] = ()

    def __reduce__(self) -> Any:
        if not is_built_in(self):
            return super().__reduce__()
        return made_by(softmax_heads, self.heads)  # unpickling returns the same object


def softmax_heads(heads: Iterable[int]) -> Activation:
    """The output activation of `MultiCrossEntropy`: a softmax over each head's columns.

    >>> from xpnet.losses import softmax_heads
    >>> softmax_heads((3, 4, 2))
    Activation('softmax(3,4,2)')
    """
    return _softmax_heads(_sizes(heads))


@one_of_each
def _softmax_heads(heads: tuple[int, ...]) -> Activation:
    def each(function: Callable[..., Any]) -> Callable[..., Any]:
        def of_heads(xp: Namespace, *arrays: Any) -> Array:
            parts = [function(xp, *(x[..., h] for x in arrays)) for h in head_slices(heads)]
            return xp.concat(parts, axis=-1)

        return of_heads

    product, second = each(_SOFTMAX.vjp), _SOFTMAX.second
    assert second is not None
    name = f"softmax({','.join(map(str, heads))})"
    return built_in(
        _SoftmaxHeads(name, each(_SOFTMAX.f), product, product, each(second), heads=heads)
    )


def MultiCrossEntropy(heads: Iterable[int], label_smoothing: float = 0.0) -> Loss:
    """The sum over heads of each head's cross entropy.

    Parameters
    ----------
    heads : sequence of int
        The number of classes of each head; n_L is their sum.
    label_smoothing : float
        As for `CrossEntropy`, in each head.

    Notes
    -----
    Y is (N, heads), integers. The output is `softmax_heads` or identity. With identity the outputs
    are the logits Z_L, and the loss is the same.
    """
    return _multi_cross_entropy(_sizes(heads), check_smoothing(label_smoothing), False)


def masked_heads(loss: Loss) -> Loss:
    """Return that `MultiCrossEntropy` over only the labels that are not missing (−1)."""
    assert loss.config is not None
    return _multi_cross_entropy(loss.heads, loss.config["label_smoothing"], True)


def _where_labelled(of_head: LossFunction) -> LossFunction:
    def masked(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
        losses, dZ = of_head(xp, Z, Y)  # −1 is no column: its results are replaced
        return xp.where(Y >= 0, losses, 0.0), xp.where(Y[..., None] >= 0, dZ, 0.0)

    return masked


@one_of_each
def _multi_cross_entropy(heads: tuple[int, ...], epsilon: float, masked: bool) -> Loss:
    of_head, output = label_cross_entropy(epsilon), softmax_heads(heads)
    of_head = _where_labelled(of_head) if masked else of_head

    def multi_cross_entropy(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
        parts = [of_head(xp, Z[..., s], Y[..., h]) for h, s in enumerate(head_slices(heads))]
        return sum(each for each, _ in parts), xp.concat([dZ for _, dZ in parts], axis=-1)

    def second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
        parts = []
        for h, s in enumerate(head_slices(heads)):
            tdZ = cross_entropy_second(xp, Z[..., s], Y[..., h], tZ[..., s])
            parts.append(xp.where(Y[..., h, None] >= 0, tdZ, 0.0) if masked else tdZ)
        return xp.concat(parts, axis=-1)

    differentiated(multi_cross_entropy, second)
    name = "multi_cross_entropy"
    config = {"name": name, "heads": list(heads), "label_smoothing": epsilon}
    return built_in(
        Loss(
            f"masked_{name}" if masked else name,
            of_preactivation={output.name: multi_cross_entropy, "identity": multi_cross_entropy},
            output=output.name,
            own_output=output,
            outputs=(output.name, "identity"),
            targets="head labels",
            heads=heads,
            masked=masked,
            config={"name": "masked", "loss": config} if masked else config,
        )
    )
