"""The class of a loss, and how dZ_L and the sum over a batch follow from one.

A loss is one function of the outputs A = f_L(Z_L) and the targets Y that returns, for each example,

    loss_n               (..., N)
    dA = ∂loss_n/∂A_n    (..., N, n_L)

For the output activations it is matched with, it has a second function, of Z_L, that returns loss_n
and dZ = ∂loss_n/∂Z_n directly: cross entropies are computed from Z, never from ln A, so nothing
underflows. `per_example` picks one of the functions, and `from_preactivation` applies the weights
and the scale 1/Σw, once.

For Hessian products, each function has a second derivative: tdA = (∂²loss_n/∂A_n²) tA, the
derivative of its dA along tA. tA may have a leading axis more than A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import is_built_in
from xpnet.equations.returned import array_like, pair
from xpnet.equations.sums import total
from xpnet.pickles import Pickled, made_by, outdated
from xpnet.typing import Array, Namespace

__all__ = [
    "Loss",
    "LossFunction",
    "SecondFunction",
    "checked",
    "differentiated",
    "from_preactivation",
    "per_example",
]

LossFunction = Callable[[Any, Any, Any], tuple[Any, Any]]
SecondFunction = Callable[[Any, Any, Any, Any], Any]


def differentiated(
    function: Any, second: SecondFunction | None, fisher: SecondFunction | None = None
) -> Any:
    """Attach its second derivative to a function, and return it.

    xpnet's own losses have them there: a variant of a loss by `dataclasses.replace`, with another
    function, must not keep the second derivative of the former one.
    """
    if function is not None:
        function.second, function.fisher = second, fisher
    return function


@dataclass(frozen=True, eq=False, repr=False)
class Loss(Pickled):
    """A loss: its functions, and the outputs and targets it takes.

    Parameters
    ----------
    name : str
        Its name in messages, and in a saved model if the loss is a user's own.
    of_output : (xp, A, Y) -> (losses, dA), optional
        losses has shape (..., N), dA that of A. dA is overwritten, so it must be a new array. Left
        out if only matched outputs are allowed.
    of_preactivation : mapping of str to (xp, Z, Y) -> (losses, dZ)
        For each matched output activation, by its name: the same from Z_L, without forming A_L.
    output : str
        The output activation of a network that names none.
    outputs : tuple of str, optional
        The names of the output activations it may be used with; all if left out.
    targets : {"rows", "probabilities", "counts", "labels", "head labels"}
        What Y holds, in that order: finite rows (..., N, n_targets); rows in [0, 1]; rows ≥ 0;
        integer labels (..., N) or rows that sum to 1; integers, one label a head, (..., N, heads).
    outputs_per_target : int
        n_L / n_targets. Outputs are blocks of n_targets columns, such as all means, then all ln v.
    point : int
        The index of the block that predicts y itself, for a metric such as R².
    heads : tuple of int
        For "head labels": the number of classes, and so of outputs, of each head.
    own_output : Activation, optional
        The activation called ``output``, if it is not one of `ACTIVATIONS`.
    over_outputs : {"mean", "sum", None}
        Whether losses is a mean or a sum of one term for each target; None if it is neither.
    masked : bool
        Whether NaN in Y, or −1 as a head's label, stands for a missing target.
    second_of_output : (xp, A, Y, tA) -> tdA, optional
        The derivative of dA along tA, in the shape of tA, for Hessian products. xpnet's own losses
        leave it out: their functions carry it.
    second_of_preactivation : mapping of str to (xp, Z, Y, tZ) -> tdZ
        The same for each function of ``of_preactivation``.
    fisher_of_output : (xp, A, Y, tA) -> tdA, optional
        The mean of ``second_of_output`` over targets of the distribution that A describes, for
        Gauss-Newton products of a loss that is not convex in A. None: ``second_of_output``.
    config : mapping, optional
        ``{"name": …, setting: …}`` as plain JSON data, from which `loss_from_config` returns this
        loss. None for a user's own loss. Only the config of an object that xpnet made counts: a
        variant by `dataclasses.replace` is a user's own loss, whatever its config.
    """

    name: str
    of_output: LossFunction | None = None
    of_preactivation: Mapping[str, LossFunction] = field(default_factory=dict)
    output: str = "identity"
    outputs: tuple[str, ...] | None = None
    targets: str = "rows"
    outputs_per_target: int = 1
    point: int = 0
    heads: tuple[int, ...] = ()
    own_output: Activation | None = None
    over_outputs: str | None = None
    masked: bool = False
    second_of_output: SecondFunction | None = None
    second_of_preactivation: Mapping[str, SecondFunction] = field(default_factory=dict)
    fisher_of_output: SecondFunction | None = None
    config: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        settings = "".join(f", {k}={v!r}" for k, v in (self.config or {}).items() if k != "name")
        return f"Loss({self.name!r}{settings})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Loss:
        return self  # no copy: compiled steps are found by the loss's identity

    def __reduce__(self) -> Any:
        from xpnet.losses import loss_from_config

        if self.config is None or not is_built_in(self):
            return super().__reduce__()
        return made_by(loss_from_config, dict(self.config))

    def functions(self, output: str | None) -> tuple[Any, Any, Any]:
        """The function of Z_L for that output, or of A_L if None, its second derivative, Fisher.

        The last two are None if they are not known.
        """
        if output is None:
            f, second, fisher = self.of_output, self.second_of_output, self.fisher_of_output
        else:
            f, fisher = self.of_preactivation[output], None
            second = self.second_of_preactivation.get(output)
        second = second or getattr(f, "second", None)
        return f, second, fisher or getattr(f, "fisher", None)

    @property
    def output_activation(self) -> Activation:
        """The output activation itself, for a network that names none."""
        return self.own_output or ACTIVATIONS[self.output]

    def n_outputs(self, n_targets: int) -> int:
        """Return n_L for targets of ``n_targets`` columns."""
        return sum(self.heads) or n_targets * self.outputs_per_target

    def n_targets(self, n_outputs: int) -> int:
        """Return the columns of Y for n_L outputs; ValueError if the loss cannot have that n_L."""
        if self.heads:
            if n_outputs != sum(self.heads):
                raise ValueError(
                    f"loss {self.name!r} with the heads {self.heads} takes {sum(self.heads)} "
                    f"outputs, but the last layer has {n_outputs}"
                )
            return len(self.heads)
        n_targets, rest = divmod(n_outputs, self.outputs_per_target)
        if rest:
            raise ValueError(
                f"loss {self.name!r} takes {self.outputs_per_target} outputs for each target, "
                f"but the last layer has {n_outputs}, which is not a multiple of it"
            )
        return n_targets


def _restored(config: object) -> Loss:
    """A loss's pickle called this before pickles had a version."""
    raise outdated("an earlier xpnet")


def per_example(
    xp: Namespace, loss: Loss, activation: Activation, Z: Array, Y: Array
) -> tuple[Array, Array]:
    """Each example's loss_n (..., N) and ∂loss_n/∂Z_n (..., N, n_L), without weights or scale."""
    matched = loss.of_preactivation.get(activation.name)
    if matched is not None:
        return checked(loss, matched(xp, Z, Y), Z, Y)
    assert loss.of_output is not None
    A = activation.value(xp, Z)
    losses, dA = checked(loss, loss.of_output(xp, A, Y), A, Y)
    return losses, activation.product(xp, Z, A, dA)


def checked(loss: Loss, found: Any, A: Array, Y: Array) -> tuple[Any, Any]:
    """Return the losses (..., N) and a derivative (..., N, n_L) that may be overwritten.

    Raises
    ------
    ValueError
        A shape or dtype is wrong; it would be broadcast or converted silently.
    """
    if is_built_in(loss):  # its results are right and are new arrays
        return found[0], found[1]
    losses, dA = pair(loss, found, "(losses (N,), derivative (N, n_L))")
    array_like(loss, "losses", losses, A.shape[:-1], A.dtype)
    array_like(loss, "a derivative", dA, A.shape, A.dtype)
    return losses, dA * 1.0 if dA is A or dA is Y else dA


def from_preactivation(
    xp: Namespace, loss: Loss, activation: Activation, Z: Array, Y: Array, w: Array, scale: Any
) -> tuple[Array, Array]:
    """Return Σ w_n loss_n over the examples (`sums.total`), and dZ_L = scale · w_n ∂loss_n/∂Z_n.

    Parameters
    ----------
    Z : (..., N, n_L)
    Y : (..., N) integer labels, or rows
    w : (..., N) or None
        Example weights; None stands for ones.
    scale : float or (..., 1)
        1/Σw for a mean, 1 for sums that the caller adds up.
    """
    losses, dZ = per_example(xp, loss, activation, Z, Y)
    if w is None:
        dZ *= scale
        return total(xp, losses), dZ
    dZ *= (w * scale)[..., None]
    return total(xp, losses * w), dZ
