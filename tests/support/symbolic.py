"""A namespace whose arrays hold SymPy expressions, so that xpnet's own lines can be proved.

Arrays are NumPy arrays of objects. Symbols are real, and positive or negative, so every comparison
is decided. Numbers as large as 40 only cut off infinities in xpnet's functions: they are left out.
"""

from __future__ import annotations

import numpy as np
import sympy

from xpnet.backends.base import Backend

LARGE = 40


def _each(function):
    return np.vectorize(function, otypes=[object])


def _cut(choose):
    """Max or Min; a large number, which stands for infinity, is left out."""

    def cut(a, b):
        if isinstance(b, (int, float)) and abs(b) >= LARGE:
            return a
        return choose(a, sympy.nsimplify(b))

    return _each(cut)


class Namespace:
    """The functions of the Array API that smooth activations, losses and dense layers use."""

    float64 = object
    exp = staticmethod(_each(sympy.exp))
    tanh = staticmethod(_each(sympy.tanh))
    log1p = staticmethod(_each(lambda x: sympy.log(1 + x)))
    log = staticmethod(_each(sympy.log))
    expm1 = staticmethod(_each(lambda x: sympy.exp(x) - 1))
    abs = staticmethod(_each(sympy.Abs))
    sign = staticmethod(_each(sympy.sign))
    maximum = staticmethod(_cut(sympy.Max))
    minimum = staticmethod(_cut(sympy.Min))
    zeros_like = staticmethod(lambda x: x * 0)
    full_like = staticmethod(lambda x, v: x * 0 + v)
    sum, mean, concat = staticmethod(np.sum), staticmethod(np.mean), staticmethod(np.concat)
    reshape, stack, moveaxis = (staticmethod(f) for f in (np.reshape, np.stack, np.moveaxis))

    @staticmethod
    def where(condition, a, b):
        """Choose by a condition that SymPy has decided."""
        choose = _each(lambda c, x, y: x if bool(c) else y)
        return choose(condition, a, b)

    @staticmethod
    def astype(x, dtype):
        """Truth values as 1 and 0."""
        return _each(lambda c: sympy.Integer(bool(c)) if c in (True, False) else c)(x)

    @staticmethod
    def ones(shape, dtype=None, device=None):
        """Ones, exact."""
        return np.full(shape, sympy.Integer(1), dtype=object)


class Symbolic(Backend):
    """Matrix products of expressions."""

    name = "symbolic"

    def __init__(self):
        super().__init__(Namespace, "cpu")

    def matmul(self, a, b, out=None):
        """Return the product of arrays of expressions."""
        return np.matmul(a, b)


def symbols(name, *shape, **assumptions):
    """Return an array of symbols; positive ones, unless told otherwise."""
    assumptions = assumptions or {"positive": True}
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        letters = "_".join(map(str, place))
        found[place] = sympy.Symbol(f"{name}_{letters}", **assumptions)
    return found


def derivative(values, by, direction):
    """Return the derivatives of expressions along a direction of an array of symbols."""
    pairs = list(zip(by.reshape(-1), direction.reshape(-1), strict=True))
    return _each(lambda e: sum(sympy.diff(e, x) * t for x, t in pairs))(values)


def are_equal(found, expected):
    """Whether two arrays of expressions are the same, for all values of their symbols."""
    pairs = zip(np.ravel(found), np.ravel(expected), strict=True)
    return all(_is_zero(sympy.sympify(a) - sympy.sympify(b)) for a, b in pairs)


def _is_zero(difference):
    exact = sympy.nsimplify(difference, rational=True)
    exact = exact.rewrite(sympy.exp)
    return sympy.simplify(exact) == 0
