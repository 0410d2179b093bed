"""The base of the wrappers: optimizers around an inner one, which takes the steps."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from xpnet.equations.returned import array_like, arrays_like, is_users, pair
from xpnet.errors import quoted
from xpnet.ranges import PlainSettings
from xpnet.typing import Array, Namespace

if TYPE_CHECKING:
    from xpnet.equations.parameters import Layout

__all__ = ["Wrapper", "changed", "check_named", "check_optimizer", "is_optimizer", "updated"]


class Wrapper(PlainSettings):
    """An optimizer that forwards every call; a wrapper overrides the methods that it changes.

    Its state is ``own`` arrays of the wrapper, followed by the inner optimizer's state.
    """

    __slots__ = ()
    own = 0
    optimizer: Any

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.optimizer.learning_rate

    def bind(self, layout: Layout) -> Self:
        """The same wrapper, with its inner optimizer bound to ``layout``."""
        if not hasattr(self.optimizer, "bind"):
            return self
        bound: Self = self._replace(optimizer=self.optimizer.bind(layout))
        return bound

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The inner optimizer's state."""
        state: tuple[Any, ...] = self.optimizer.init(xp, theta)
        return state

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The inner optimizer's coefficients."""
        c: tuple[float, ...] = self.optimizer.coefficients(t, rate)
        return c

    def averaged(self, state: tuple[Array, ...], theta: Array) -> Array:
        """The parameters to evaluate and return: θ, or an average kept by the inner optimizer."""
        inner = getattr(self.optimizer, "averaged", None)
        return inner(state[self.own :], theta) if inner else theta


def updated(
    optimizer: Any,
    xp: Namespace,
    c: tuple[Any, ...],
    g: Array,
    state: tuple[Array, ...],
    theta: Array,
) -> tuple[Array, tuple[Array, ...]]:
    """θ and the state after a step of any optimizer, checked if the optimizer is the user's own.

    In a recorded step, `xpnet.engines.loops.program` compares the arrays itself.

    Raises
    ------
    ValueError
        The user's optimizer returned something else than (θ, state) of the same shapes and dtypes.
    """
    found: tuple[Any, tuple[Any, ...]] = optimizer.update(xp, c, g, state, theta)
    if not is_users(optimizer):
        return found
    whose = f"update of {type(optimizer).__name__}"
    new, after = pair(whose, found, "(θ, state)")
    if not getattr(xp, "exact_sums", False) or not isinstance(after, (tuple, list)):
        array_like(whose, "θ", new, theta.shape, theta.dtype)
        arrays_like(whose, "arrays of state", after, state)
    return new, after


def is_optimizer(value: Any) -> bool:
    """Whether ``value`` is an instance with an optimizer's methods."""
    methods = ("init", "coefficients", "update")
    return not isinstance(value, type) and all(hasattr(value, name) for name in methods)


def check_optimizer(value: Any) -> None:
    """Raise a TypeError unless ``value`` is an instance of an optimizer with named settings."""
    if not is_optimizer(value):
        raise TypeError(f"optimizer must be an instance such as Adam(), got {quoted(value)}")
    check_named(value)


def check_named(value: Any) -> None:
    """Raise a TypeError unless the optimizer's settings have names and never change."""
    is_named = hasattr(value, "_asdict") or is_dataclass(value)
    if not is_named or type(value).__hash__ is None:
        raise TypeError(
            "an optimizer of your own must be a NamedTuple or a frozen dataclass of its "
            f"settings, including learning_rate, got {quoted(value)}"
        )


def changed(optimizer: Any, /, **settings: Any) -> Any:
    """A copy of a named optimizer with some settings changed."""
    if not hasattr(optimizer, "_asdict"):
        return replace(optimizer, **settings)
    return type(optimizer)(**{**optimizer._asdict(), **settings})  # calls a subclass's own checks
