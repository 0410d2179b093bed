"""Derivatives of a network other than the gradient by θ.

The checks of their input are in `xpnet.network.operators`, the equations in `xpnet.derivatives` and
docs/derivatives.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpnet.network.predictions import NetworkPasses
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from xpnet.derivatives.gradients import Gradients
    from xpnet.derivatives.laplacian import Laplacian

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
        from xpnet.network.operators import jvp

        return jvp(self, X, tX, ttheta, training)

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
        from xpnet.network.operators import vjp

        return vjp(self, X, U, training)

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
        from xpnet.network.operators import jacobian

        return jacobian(self, X, by)

    def laplacian(self, X: ArrayLike, directions: ArrayLike | None = None) -> Laplacian:
        """Return A_L, its derivatives by X, and its Laplacian Σ_d ∂²A_L/∂x_d².

        One forward recurrence, of R. Li et al., "A computational framework for neural network-based
        variational Monte Carlo with forward Laplacian" (2024): lA_l = f' ∘ lZ_l + f'' ∘ Σ_d tZ_d².

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        directions : (D, n_0) or (n_0,), optional
            The directions of the derivatives. None: the n_0 inputs, so that the sum is the
            Laplacian.

        Returns
        -------
        Laplacian
            ``outputs`` (N, n_L), ``gradient`` (N, n_L, D), ``laplacian`` (N, n_L), without the N
            for one example. It unpacks.

        Raises
        ------
        ValueError, TypeError
            Bad input, or an activation of your own without a second derivative.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> square = xpnet.elementwise(
        ...     "square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2 * Z, lambda xp, Z, A: 0 * Z + 2
        ... )
        >>> net = xpnet.Network([2, 1], output=square, dtype="float64")
        >>> net.set_weights([[[1.0, 3.0]]], [[0.0]])
        >>> net.laplacian([1.0, 1.0]).laplacian.tolist()  # of (x + 3 y)²
        [20.0]
        """
        from xpnet.network.operators import laplacian

        return laplacian(self, X, directions)

    def laplacian_vjp(
        self,
        X: ArrayLike,
        U: ArrayLike,
        dU: ArrayLike,
        lU: ArrayLike,
        directions: ArrayLike | None = None,
    ) -> Gradients:
        """Return the gradient of Σ U ∘ outputs + dU ∘ gradient + lU ∘ laplacian by θ.

        If r is the residual of a differential equation, and U, dU and lU are the derivatives of
        Σ r² by the three parts of `laplacian`, this is the gradient of Σ r².

        Parameters
        ----------
        X, directions
            As for `laplacian`.
        U, lU : (N, n_L)
        dU : (N, n_L, D)

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError, TypeError
            Bad input; layer normalisation, a softmax, or an activation of your own without d3f.
        """
        from xpnet.network.operators import laplacian_vjp

        return laplacian_vjp(self, X, U, dU, lU, directions)

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
        from xpnet.network.operators import input_gradient

        return input_gradient(self, X, Y, sample_weight, training)

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
        Hessian" (1994). H itself is not formed. At a kink (relu at 0, huber at r = ±δ), f'' is
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
        from xpnet.network.operators import hvp

        return hvp(self, v, X, Y, sample_weight, training)

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
        from xpnet.network.operators import ggnvp

        return ggnvp(self, v, X, Y, sample_weight, training)

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
        from xpnet.network.operators import hessian

        return hessian(self, X, Y, sample_weight, training)
