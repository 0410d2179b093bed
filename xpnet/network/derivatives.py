"""Derivatives of a network other than the gradient by θ, with checks of their input.

The equations are in `xpnet.derivatives` and docs/derivatives.md.
"""

from __future__ import annotations

from typing import Any

from xpnet.backends import move
from xpnet.checks.directions import check_memory, direction, directions
from xpnet.checks.inputs import examples, features
from xpnet.derivatives import first, second
from xpnet.derivatives.at import At
from xpnet.derivatives.gradients import Gradients
from xpnet.equations.masks import context
from xpnet.equations.parameters import Layers, layout, unpack
from xpnet.errors import quoted
from xpnet.losses.cut import Cut, cut
from xpnet.network.predictions import NetworkPasses
from xpnet.ranges import check_flag, is_choice
from xpnet.typing import ArrayLike

__all__ = ["NetworkDerivatives"]


class NetworkDerivatives(NetworkPasses):
    """The part of `xpnet.Network` with derivatives of the outputs, and second derivatives."""

    # --- of the outputs

    def jvp(
        self,
        X: ArrayLike,
        tX: ArrayLike | None = None,
        ttheta: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """Return A_L and its derivative tA_L = J_X tX + J_θ tθ along one direction.

        A tangent pass, tZ_l = tA_{l-1} W_lᵀ + A_{l-1} tW_lᵀ + tb_l and tA_l = f'_l(Z_l) tZ_l: the
        forward mode of R. E. Wengert, "A simple automatic derivative evaluation program" (1964).

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        tX : like X, optional
            The direction of X. None: X stays fixed.
        ttheta : (P,), optional
            The direction of θ, in the layout of `parameters`. None: θ stays fixed.
        training : bool
            Whether dropout and batch normalisation act as in training, as in `value_and_gradient`.

        Returns
        -------
        A, tA : (N, n_L), or (n_L,) for one example
            On the network's device, in its dtype.

        Raises
        ------
        ValueError, TypeError
            Bad input, or neither direction is given.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 1], dtype="float64")
        >>> net.set_weights([[[3.0, 4.0]]], [[0.0]])
        >>> A, tA = net.jvp([1.0, 1.0], tX=[1.0, -1.0])
        >>> A.tolist(), tA.tolist()
        ([7.0], [-1.0])
        """
        if tX is None and ttheta is None:
            raise ValueError("jvp needs a direction: give tX (like X), ttheta (P,), or both")
        with self.backend.context():
            at, X, single = self._at(X, training)
            tX = None if tX is None else self._like(X, "tX", tX, single)
            if ttheta is not None:
                P = (layout(at.layers).size,)
                ttheta = direction(self.backend, "ttheta", ttheta, P, self.dtype)
            A, tA = first.jvp(at, X, tX, ttheta)
        return (A[0, :], tA[0, :]) if single else (A, tA)

    def vjp(self, X: ArrayLike, U: ArrayLike, *, training: bool = False) -> tuple[Gradients, Any]:
        """Return J_θᵀ U and J_Xᵀ U: the derivatives of Σ U ∘ A_L by θ and by X.

        The backward pass, from U instead of the gradient of a loss. It returns the values
        themselves, not a function as ``jax.vjp`` does.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        U : (N, n_L), or (n_L,) for one example
        training : bool
            As for `jvp`.

        Returns
        -------
        Gradients
            J_θᵀ U, summed over the examples.
        dX : like X
            0 in integer columns of an `Embedding`, which have no derivative.

        Raises
        ------
        ValueError, TypeError
            Bad input.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 1], dtype="float64")
        >>> net.set_weights([[[3.0, 4.0]]], [[0.0]])
        >>> g, dX = net.vjp([1.0, 2.0], [1.0])
        >>> g.weights[0].tolist(), dX.tolist()
        ([[1.0, 2.0]], [3.0, 4.0])
        """
        with self.backend.context():
            at, X, single = self._at(X, training)
            shape = X.shape[0], at.layers[-1].fan_out
            U = self._rows("U", U, shape, single)
            flat, dX = first.vjp(at, X, U)
            return Gradients(self.backend.xp, at.layers, flat), dX[0, :] if single else dX

    def jacobian(self, X: ArrayLike, by: str = "inputs") -> Any:
        """Return ∂A_n/∂X_n or ∂A_n/∂θ of every example n.

        A backward pass from a unit vector for each output. Dropout and batch normalisation act as
        in predictions.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        by : {"inputs", "parameters"}

        Returns
        -------
        (N, n_L, n_0) or (N, n_L, P)
            Without the N for one example.

        Raises
        ------
        ValueError, TypeError
            Bad input.
        MemoryError
            The result is larger than the memory.
        """
        if not is_choice(by, ("inputs", "parameters")):
            raise ValueError(f'by must be "inputs" or "parameters", got {quoted(by)}')
        with self.backend.context():
            at, X, single = self._at(X)
            P = layout(at.layers).size
            shape = X.shape[0], at.layers[-1].fan_out, X.shape[1] if by == "inputs" else P
            check_memory(self.backend, "a Jacobian", shape, self.dtype)
            compute = first.jacobian_by_inputs if by == "inputs" else first.jacobian_by_parameters
            J = compute(at, X)
        return J[0, ...] if single else J

    # --- of the mean loss

    def input_gradient(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> Any:
        """Return ∂loss/∂X of the mean loss Σ w_n loss_n / Σ w_n.

        dA_0 = dZ_1 W_1, the line of the backward pass that the gradient by θ leaves out.

        Parameters
        ----------
        X, Y, sample_weight, training
            As for `value_and_gradient`.

        Returns
        -------
        dX : like X
            0 in integer columns of an `Embedding`, which have no derivative.

        Raises
        ------
        ValueError, TypeError
            Bad input.
        """
        with self.backend.context():
            at, of, X, Y, weight, single = self._of_loss(X, Y, sample_weight, training)
            B, saved = at.forward(X)
            dB = of.gradient(self.backend.xp, B, Y)[1] * weight
            dX = at.input_gradient(saved, dB)
        return dX[0, :] if single else dX

    def hvp(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        v: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> Any:
        """Return H v, with the exact Hessian H = ∂²loss/∂θ² of the mean loss.

        The tangent of the backward pass: B. A. Pearlmutter, "Fast exact multiplication by the
        Hessian" (1994). H itself is not formed. At a kink (relu at 0, huber at |r| = δ), f'' is
        the derivative of f' as the backward pass takes it, from one side: 0 for relu and
        leaky_relu, 1 for huber.

        Parameters
        ----------
        X, Y, sample_weight, training
            As for `value_and_gradient`.
        v : (P,) or (K, P)
            One vector, or K vectors, in the layout of `parameters`.

        Returns
        -------
        like v

        Raises
        ------
        ValueError, TypeError
            Bad input, or an activation or a loss of your own without a second derivative.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([1, 1], loss="squared_error", dtype="float64")
        >>> net.hvp([[1.0], [3.0]], [[0.0], [0.0]], [1.0, 0.0]).tolist()  # H = 2 mean (x, 1)(x, 1)ᵀ
        [10.0, 4.0]
        """
        return self._product(second.hvp, X, Y, v, sample_weight, training)

    def ggnvp(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        v: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> Any:
        """Return G v, with the generalised Gauss-Newton matrix G = Jᵀ H_L J of the mean loss.

        J and H_L are those of Z_L if the loss is matched with the output activation, as cross
        entropy with softmax: then G is the Fisher matrix too. Otherwise they are those of A_L. G is
        positive semidefinite. Where a likelihood is not convex, or its Hessian depends on y, H_L is
        its Fisher matrix, the mean of the Hessian over y: of gaussian_nll by (μ, ln v), and of
        poisson after softplus, sigmoid and softmax. N. N. Schraudolph, "Fast curvature
        matrix-vector products" (2002).

        Parameters, returns and errors are those of `hvp`.
        """
        return self._product(second.ggnvp, X, Y, v, sample_weight, training)

    def hessian(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> Any:
        """Return the Hessian ∂²loss/∂θ² (P, P) of the mean loss, for small networks.

        Row k is `hvp` of the unit vector k.

        Raises
        ------
        ValueError, TypeError
            As for `hvp`.
        MemoryError
            The result is larger than the memory.
        """
        P = layout(self.layers).size
        check_memory(self.backend, "a Hessian", (P, P), self.dtype)
        with self.backend.context():
            at, of, X, Y, weight, _ = self._of_loss(X, Y, sample_weight, training)
            return second.hessian(at, of, X, Y, weight)

    # --- what they share

    def _product(
        self, product: Any, X: Any, Y: Any, v: Any, sample_weight: Any, training: bool
    ) -> Any:
        """Return H v or G v."""
        with self.backend.context():
            at, of, X, Y, weight, _ = self._of_loss(X, Y, sample_weight, training)
            v = directions(self.backend, "v", v, layout(at.layers).size, self.dtype)
            return product(at, of, X, Y, weight, v)

    def _at(self, X: ArrayLike, training: bool = False) -> tuple[At, Any, bool]:
        """The layers at θ, X (N, n_0) on the device, and whether it was one example."""
        check_flag("training", training)
        X, single = features(self.backend, self.layers, self.dtype, self.in_order(X))
        return self._chain(self.layers, X.shape[0], training), X, single

    def _chain(self, layers: Layers, N: int, training: bool) -> At:
        backend = self.backend
        ctx = context(backend, layers, self.seed, self.epoch, N, training)
        return At(backend, layers, unpack(backend.xp, layers, self._theta), self._stats, ctx)

    def _of_loss(
        self, X: Any, Y: Any, sample_weight: Any, training: bool
    ) -> tuple[At, Cut, Any, Any, Any, bool]:
        """The layers up to the loss, the loss, X and Y, w_n / Σ w (N, 1) or a number, single."""
        check_flag("training", training)
        X, Y = self.in_order(X), self.encode(Y)
        layers, loss = self.decided_by(Y)
        data = examples(self.backend, layers, loss, self.dtype, X, Y, sample_weight)
        weight: Any = 1.0 / data.X.shape[0]
        if data.w is not None:
            weight = move(self.backend, data.w / data.w.sum(), self.dtype)[:, None]
        of = cut(layers, loss)
        at = self._chain(of.layers, data.X.shape[0], training)
        return at, of, data.X, data.Y, weight, data.single

    def _like(self, X: Any, name: str, x: ArrayLike, single: bool) -> Any:
        return self._rows(name, x, tuple(X.shape), single)

    def _rows(self, name: str, x: ArrayLike, shape: tuple[int, ...], single: bool) -> Any:
        """X checked to be of that shape, without its first axis for one example."""
        x = direction(self.backend, name, x, shape[1:] if single else shape, self.dtype)
        return x[None, :] if single else x
