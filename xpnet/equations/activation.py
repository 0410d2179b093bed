"""What an activation is: a function and its derivative products.

For A = f(Z) over the last axis, with tangents tZ and cotangents dA of the same shape:

    vjp     dZ  = f'(Z)ᵀ dA             what the backward pass needs
    jvp     tA  = f'(Z) tZ              what a forward derivative needs
    second  tdZ = (f''(Z) tZ)ᵀ dA       the derivative of vjp along tZ, for Hessian products
    third   f'''(Z) ∘ a ∘ b             for gradients of a Laplacian, if f acts on each entry alone

An elementwise activation is given by f, f' and f''. Every function takes the namespace first and
uses only names of the Array API standard. Z and A come from the forward pass, so no derivative
recomputes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

from xpnet.equations.built_in import is_built_in
from xpnet.equations.returned import ReturnedError, array_like
from xpnet.errors import look_up, quoted
from xpnet.pickles import Pickled, made_by
from xpnet.typing import Array, Namespace

__all__ = ["Activation", "elementwise"]


@dataclass(frozen=True, eq=False, repr=False)
class Activation(Pickled):
    """One activation: its function and three derivative products.

    Parameters
    ----------
    name : str
        The activation's name in a saved model.
    f : (xp, Z) -> A
        The function over an array (..., N, n) whose last axis holds an example's features.
    vjp : (xp, Z, A, dA) -> dZ
        f'(Z)ᵀ dA. It may overwrite dA.
    jvp : (xp, Z, A, tZ) -> tA
        f'(Z) tZ.
    second : (xp, Z, A, tZ, dA) -> tdZ, optional
        The derivative of ``vjp`` along tZ with dA held fixed.
    third : (xp, Z, A, a, b) -> f'''(Z) ∘ a ∘ b, optional
        Of an elementwise f.

    See Also
    --------
    elementwise : make an activation from f, f' and f'' of one number.
    """

    name: str
    f: Callable[[Any, Any], Any]
    vjp: Callable[[Any, Any, Any, Any], Any]
    jvp: Callable[[Any, Any, Any, Any], Any]
    second: Callable[[Any, Any, Any, Any, Any], Any] | None = None
    third: Callable[[Any, Any, Any, Any, Any], Any] | None = None

    def value(self, xp: Namespace, Z: Array) -> Array:
        """Return A = f(Z); ValueError if its shape or dtype differs from that of Z."""
        return array_like(self, "f(Z)", self.f(xp, Z), Z.shape, Z.dtype)

    def product(self, xp: Namespace, Z: Array, A: Array, dA: Array) -> Array:
        """Return f'(Z)ᵀ dA; ValueError if its shape or dtype differs from that of dA."""
        return array_like(self, "vjp", self.vjp(xp, Z, A, dA), dA.shape, Z.dtype)

    def tangent(self, xp: Namespace, Z: Array, A: Array, tZ: Array) -> Array:
        """Return tA = f'(Z) tZ; ValueError if its shape or dtype differs from that of tZ."""
        return array_like(self, "jvp", self.jvp(xp, Z, A, tZ), tZ.shape, Z.dtype)

    def second_product(self, xp: Namespace, Z: Array, A: Array, tZ: Array, dA: Array) -> Array:
        """Return (f''(Z) tZ)ᵀ dA, in the shape of tZ; an error if f'' is not known."""
        if self.second is None:
            raise ValueError(
                f"activation {self.name!r} has no second derivative, which this derivative of the "
                "network needs: give `second` to xpnet.Activation, or d2f to xpnet.elementwise"
            )
        return array_like(self, "second", self.second(xp, Z, A, tZ, dA), tZ.shape, Z.dtype)

    def second_along(self, xp: Namespace, Z: Array, A: Array, tZ: Array) -> Array:
        """Return f''(Z)[tZ, tZ], the second derivative of A along tZ.

        It is (f''(Z) tZ)ᵀ tZ if f'' is symmetric in all three indices, as it is for every f that
        acts on each entry alone, and for a softmax.
        """
        if not (isinstance(self.second, _Product) or is_built_in(self)):
            raise ValueError(
                f"activation {self.name!r} is not made by xpnet.elementwise with d2f, which a "
                "Laplacian by the inputs needs"
            )
        return self.second_product(xp, Z, A, tZ, tZ)

    def third_product(self, xp: Namespace, Z: Array, A: Array, a: Array, b: Array) -> Array:
        """Return f'''(Z) ∘ a ∘ b; an error if it is not known."""
        if self.third is None:
            raise ValueError(
                f"activation {self.name!r} has no third derivative by each entry, which the "
                "gradient of a Laplacian needs: give d3f to xpnet.elementwise"
            )
        return array_like(self, "third", self.third(xp, Z, A, a, b), Z.shape, Z.dtype)

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Activation:
        return self  # no copy: compiled steps are found by the activation's identity

    def __reduce__(self) -> Any:
        if is_built_in(self):
            return made_by(Activation.named, self.name)
        df, more = self.vjp, (self.second, self.third)
        known = all(isinstance(d, (_Product, NoneType)) for d in more)
        if self.jvp is df and isinstance(df, _Product) and known:
            factors = [d.factor if isinstance(d, _Product) else None for d in more]
            while factors and factors[-1] is None:
                factors.pop()
            return made_by(elementwise, self.name, self.f, df.factor, *factors)
        return super().__reduce__()

    @classmethod
    def named(cls, name: str) -> Activation:
        """Return xpnet's own activation of that name; pickles call this."""
        from xpnet.equations.activations import OWN  # the table is made of this class

        return look_up("activation", name, OWN)


def elementwise(
    name: str,
    f: Callable[[Any, Any], Any],
    df: Callable[[Any, Any, Any], Any],
    d2f: Callable[[Any, Any, Any], Any] | None = None,
    d3f: Callable[[Any, Any, Any], Any] | None = None,
) -> Activation:
    """Make an activation of each single number, from f(xp, Z), f'(xp, Z, A) and f''(xp, Z, A).

    f'' is needed for Hessian products and Laplacians, and d3f for the gradient of a Laplacian.

    >>> import xpnet
    >>> square = xpnet.elementwise(
    ...     "square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2 * Z, lambda xp, Z, A: 0 * Z + 2
    ... )
    >>> xpnet.Network([3, 4, 1], activation=square, rng=1).layers[0].activation
    Activation('square')
    """

    given: dict[str, object] = {"f": f, "df": df}
    given |= {name: d for name, d in (("d2f", d2f), ("d3f", d3f)) if d is not None}
    for what, function in given.items():
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"{what} must be a function of arrays, got {quoted(function)}")

    product = _Product(name, "df", df)
    second = None if d2f is None else _Product(name, "d2f", d2f)
    third = None if d3f is None else _Product(name, "d3f", d3f)
    return Activation(name, f, product, product, second, third)


@dataclass(frozen=True, eq=False)
class _Product:
    """A derivative, times one or two arrays; an object, since closures can't be pickled."""

    name: str
    what: str
    factor: Callable[[Namespace, Array, Array], Array]

    def __call__(self, xp: Namespace, Z: Array, A: Array, *t: Array) -> Array:
        found = _factor(self.name, self.what, self.factor(xp, Z, A))
        for each in t:
            found = found * each
        return found


def _factor(name: str, what: str, found: Any) -> Any:
    """Return ``found``, a derivative: an array, or one number for all entries."""
    if hasattr(found, "shape") or isinstance(found, (int, float)):
        return found
    raise ReturnedError(f"{what} of {quoted(name)} must return an array, got {quoted(found)}")
