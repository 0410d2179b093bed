"""Gradients of single examples and their factors, bounds, and functions for torch and JAX.

The equations are in `xpnet.derivatives.per_example`, `xpnet.derivatives.kronecker` and
docs/derivatives.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpnet.network.derivatives import NetworkDerivatives
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from xpnet.derivatives.gradients import Gradients
    from xpnet.derivatives.kronecker import KroneckerFactors
    from xpnet.equations.streams import Rng

__all__ = ["NetworkPerExample"]


class NetworkPerExample(NetworkDerivatives):
    """The part of `xpnet.Network` with gradients of single examples and curvature factors."""

    def per_example_gradients(self, X: ArrayLike, Y: ArrayLike, *, training: bool = False) -> Any:
        """Return the gradient of each example's loss_n alone, not divided by N.

        dW_n = dz_n a_nᵀ and db_n = dz_n: the terms of dW = dZᵀ A before the sum over the examples.
        Their mean over n is `gradient`.

        Parameters
        ----------
        X, Y
            As for `gradient`.
        training : bool
            Whether dropout acts as in training, as in `value_and_gradient`.

        Returns
        -------
        (N, P), or (P,) for one example
            In the layout of `parameters`.

        Raises
        ------
        ValueError, TypeError
            Bad input, or ``training`` with batch normalisation, which couples the examples.
        MemoryError
            The result is larger than the memory.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([1, 1], loss="squared_error", initializer="zeros", dtype="float64")
        >>> net.per_example_gradients([[1.0], [3.0]], [[1.0], [2.0]]).tolist()  # −2 y (x, 1)
        [[-2.0, -2.0], [-12.0, -4.0]]
        """
        from xpnet.network.operators import per_example_gradients

        return per_example_gradients(self, X, Y, training)

    def per_example_norms(
        self, X: ArrayLike, Y: ArrayLike, by_layer: bool = False, *, training: bool = False
    ) -> Any:
        """Return ‖∂loss_n/∂θ‖ of each example, from factors: nothing N × P is formed.

        ‖dW_n‖² + ‖db_n‖² = ‖dz_n‖² (‖a_n‖² + 1). I. Goodfellow, "Efficient per-example gradient
        computations" (2015).

        Parameters
        ----------
        X, Y, training
            As for `per_example_gradients`.
        by_layer : bool
            Whether to return a norm for each layer that has parameters.

        Returns
        -------
        (N,) or (N, layers), without the N for one example

        Raises
        ------
        ValueError, TypeError
            As for `per_example_gradients`.
        """
        from xpnet.network.operators import per_example_norms

        return per_example_norms(self, X, Y, by_layer, training)

    def clipped_gradient(
        self, X: ArrayLike, Y: ArrayLike, clip_norm: float, *, training: bool = False
    ) -> Gradients:
        """Return Σ_n min(1, C/‖g_n‖) g_n / N, with g_n the gradient of example n.

        Two passes over factors: the norms, then dZᵀ (c ∘ A) with c_n = min(1, C/‖g_n‖) / N. M.
        Abadi et al., "Deep learning with differential privacy" (2016), clip so.

        Parameters
        ----------
        X, Y, training
            As for `per_example_gradients`.
        clip_norm : float
            C, finite and above 0: the largest norm of an example's gradient.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError, TypeError
            As for `per_example_gradients`.
        """
        from xpnet.network.operators import clipped_gradient

        return clipped_gradient(self, X, Y, clip_norm, training)

    def ntk(self, X1: ArrayLike, X2: ArrayLike | None = None) -> Any:
        """Return the empirical neural tangent kernel K[n, m] = J_n J_mᵀ, with J_n = ∂A_n/∂θ.

        From factors: a dense layer's part is ⟨dz_ni, dz_mj⟩ (⟨a_n, a_m⟩ + 1) for the outputs i and
        j. A. Jacot et al., "Neural tangent kernel" (2018). Dropout and batch normalisation act as
        in predictions.

        Parameters
        ----------
        X1 : (N1, n_0)
        X2 : (N2, n_0), optional
            None: X1.

        Returns
        -------
        (N1, N2, n_L, n_L)

        Raises
        ------
        ValueError, TypeError
            Bad input.
        MemoryError
            The result is larger than the memory.
        """
        from xpnet.network.operators import ntk

        return ntk(self, X1, X2)

    def output_bounds(self, lower: ArrayLike, upper: ArrayLike) -> tuple[Any, Any]:
        """Return bounds of the outputs for all inputs between ``lower`` and ``upper``.

        Interval propagation, ``Z_C = C Wᵀ + b`` and ``Z_R = R |W|ᵀ`` for a box of centre C and
        radius R: S. Gowal et al. (2018). The bounds hold, and are in general not the tightest. They
        are widened by more than the rounding error, so that no exact evaluation lies outside.
        Dropout and batch normalisation act as in predictions.

        Parameters
        ----------
        lower, upper : (N, n_0), or (n_0,) for one box
            In a column that an `Embedding` reads, both must be the same category.

        Returns
        -------
        lower, upper : (N, n_L), or (n_L,)

        Raises
        ------
        ValueError, TypeError
            Bad input, lower above upper, layer normalisation, or an activation of your own.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 1], dtype="float64")
        >>> net.set_weights([[[3.0, -4.0]]], [[0.0]])
        >>> [round(float(x[0]), 9) for x in net.output_bounds([0.0, 0.0], [1.0, 1.0])]
        [-4.0, 3.0]
        """
        from xpnet.network.operators import output_bounds

        return output_bounds(self, lower, upper)

    def torch_function(self) -> Callable[..., Any]:
        """Return the network as a function (X, theta=None) ↦ A_L for torch programs.

        Its derivatives are xpnet's own passes behind ``torch.autograd.Function``: `vjp` in reverse
        mode, `jvp` in forward mode, and the second derivative by X and θ in reverse mode twice. It
        is a function of the network's present parameters; ``theta`` (P,) replaces them. Dropout and
        batch normalisation act as in predictions.

        Returns
        -------
        function
            It takes tensors X (N, n_0) or (n_0,), and theta, in the network's dtype and on its
            device, if its backend is torch, otherwise on the CPU. A ValueError says what differs.
        """
        from xpnet.network.in_torch import torch_function

        return torch_function(self)

    def jax_function(self) -> Callable[..., Any]:
        """Return the network as a function (X, theta=None) ↦ A_L for JAX programs.

        Its derivative is xpnet's tangent pass behind ``jax.custom_jvp``, which JAX transposes and
        differentiates further. It works under ``jax.jit``, ``vmap``, ``grad`` and ``hessian``. It
        is a function of the network's present parameters; ``theta`` (P,) replaces them. Dropout and
        batch normalisation act as in predictions.

        Returns
        -------
        function
            It takes X (N, n_0) or (n_0,), and theta, in the network's dtype. A ValueError says what
            differs.
        """
        from xpnet.network.in_jax import jax_function

        return jax_function(self)

    def kronecker_factors(
        self, X: ArrayLike, Y: ArrayLike | None = None, kind: str = "ggn", rng: Rng = 0
    ) -> list[KroneckerFactors]:
        """Return Σ_n a_n a_nᵀ / N and Σ_n G_n / N for each dense layer, the factors of K-FAC.

        G_n = S_n S_nᵀ, where S_n are cotangents of loss_n alone, without 1/N or weights, sent back
        to z_n. J. Martens and R. Grosse (2015); A. Botev et al. (2017). The bias is folded in: a_n
        ends with a 1. For one dense layer the block G ⊗ A of kind "ggn" is the Hessian, if H_n is
        the same for every example.

        Parameters
        ----------
        X : (N, n_0)
        Y : as for `gradient`, optional
            Needed for "empirical", and for losses whose curvature depends on Y, such as huber.
        kind : {"ggn", "sampled", "empirical"}
            S_n is the square root of loss_n's Hessian (n_L columns), as for `ggnvp`; or its
            gradient for one label drawn from the network's distribution, times √k where loss_n is
            a mean over k targets, so that the mean of G_n is that of "ggn"; or that for Y.
        rng
            The source of sampled labels, as for `Network`.

        Returns
        -------
        list of KroneckerFactors (A, G)
            One for each dense layer, in the order of ``net.weights``, at its place in the chain;
            every other parameter has its own: a gain or shift with A = [[1]], a residual's
            projection, an embedding's table with the counts of its categories in A.

        Raises
        ------
        ValueError, TypeError
            Bad input, an unknown kind, Y is missing, or the loss has no distribution.
        """
        from xpnet.network.curvature import kronecker_factors

        return kronecker_factors(self, X, Y, kind, rng)
