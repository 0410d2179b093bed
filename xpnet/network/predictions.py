"""Predictions, losses and gradients of a network, with checks of their input."""

from __future__ import annotations

import copy
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from xpnet import checks
from xpnet.backends import move, to_numpy
from xpnet.checks.inputs import Examples, examples, features
from xpnet.derivatives.gradient import gradient
from xpnet.derivatives.gradients import Gradients
from xpnet.equations import passes
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.masks import context
from xpnet.equations.parameters import Layers, layout, n_networks, unpack
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.network.labels import decide
from xpnet.network.state import NetworkState
from xpnet.ranges import check_flag, positive_integer
from xpnet.typing import Array, ArrayLike, Host

__all__ = ["NetworkPasses"]


class NetworkPasses(NetworkState):
    """The part of `xpnet.Network` that computes; see there for the parameters."""

    def __call__(self, X: ArrayLike) -> Any:
        """Return the outputs A_L (N, n_L); for one example (n_0,) they are (n_L,)."""
        X = self.in_order(X)
        X, single = features(self.backend, self.layers, self.dtype, X)
        with self.backend.context():
            A = self._outputs(X)
        return A[..., 0, :] if single else A

    def predict(self, X: ArrayLike, batch_size: int | None = None) -> Any:
        """Return the outputs (N, n_L), computed in batches of ``batch_size`` examples.

        None: all at once, or as many as fit if a GPU has too little memory for all.
        """
        return self._in_batches(X, batch_size)

    def logits(self, X: ArrayLike, batch_size: int | None = None) -> Any:
        """Return Z_L (N, n_L), from which the output activation makes the outputs of `predict`.

        For a softmax or a sigmoid these are the logits, which keep their digits where a probability
        rounds to 0 or 1.
        """
        *hidden, last = self.layers
        same = copy.copy(self)
        same._layers = (*hidden, last._replace(activation=ACTIVATIONS["identity"]))
        return same._in_batches(X, batch_size)

    def activations(self, X: ArrayLike, layer: int = -1, batch_size: int | None = None) -> Any:
        """Return A_l (N, n_l), the output of a hidden dense layer, in predictions.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        layer : int
            Counts the hidden dense layers from 0, or from the end; −1 is the last one. Those within
            a `Residual` are not counted.
        batch_size : int, optional
            As for `predict`.

        Raises
        ------
        IndexError
            There is no such layer.
        TypeError
            ``layer`` is not an integer.
        """
        hidden = [k for k, part in enumerate(self.layers[:-1]) if part.kind == "dense"]
        if not -len(hidden) <= index(layer) < len(hidden):
            raise IndexError(
                f"there is no hidden dense layer {quoted(layer)}: the network has {len(hidden)}, "
                "counted from 0"
            )
        same = copy.copy(self)
        same._layers = self.layers[: hidden[layer] + 1]
        return same._in_batches(X, batch_size)

    def _in_batches(self, X: ArrayLike, batch_size: int | None) -> Any:
        from xpnet.engines.pieces import pieces
        from xpnet.engines.placement import home, rows_that_fit

        X = self.in_order(X)
        if batch_size is not None:
            positive_integer("batch_size", batch_size)
        elif self.backend.free_memory() is None:
            return self(X)
        place = home(self.backend, X, self.dtype)
        X, single = features(place, self.layers, self.dtype, X)
        fitting = rows_that_fit(self.backend, self.layers, self.dtype, n_networks(self._theta))
        size = batch_size or fitting or X.shape[0]
        with self.backend.context():
            parts = [self._outputs(x) for (x,) in pieces(self.backend, size, X)]
            A = self.backend.xp.concat(parts, axis=-2)
        return A[..., 0, :] if single else A

    def _outputs(self, X: ArrayLike) -> Any:
        """Compute outputs, on NumPy piece by piece: a layer's input is then still in the cache."""
        rows = self.backend.rows_in_cache
        if rows is None or X.shape[0] <= rows:
            return self._outputs_at_once(X)
        from xpnet.engines.pieces import pieces

        parts = [self._outputs_at_once(x) for (x,) in pieces(self.backend, rows, X)]
        return self.backend.xp.concat(parts, axis=-2)

    def _outputs_at_once(self, X: ArrayLike) -> Any:
        theta, views = self._theta, self._views
        if self.backend.in_place and (views is None or views[0] is not theta):
            views = self._views = theta, unpack(self.backend.xp, self.layers, theta)
        p = None if views is None else views[1]
        return passes.outputs(self.backend, self.layers, theta, X, self._stats, p)

    def losses(self, X: ArrayLike, Y: ArrayLike, batch_size: int | None = None) -> Any:
        """Return loss_n = loss(A_n, y_n) of every example, with A_n = f_L(Z_L) of its outputs.

        The weighted mean Σ w_n loss_n / Σ w_n is the loss of `evaluate` and of
        `value_and_gradient`. loss_n itself has no weight and no penalty. Dropout and batch
        normalisation act as in predictions.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        Y : (N,) labels (integers or text) or (N, n_L), or without the N for one example
            With a masked loss, a missing target adds nothing to its example's loss. With several
            heads, loss_n is the sum over the heads.
        batch_size : int, optional
            Examples computed at a time. None: as many as `evaluate` takes.

        Returns
        -------
        array (N,), or () for one example
            On the network's device, in its dtype. NaN where the outputs are NaN.

        Raises
        ------
        ValueError, TypeError
            Bad input, as in `evaluate`.

        Examples
        --------
        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 1], loss="squared_error", initializer="zeros")
        >>> net.losses(np.eye(2), [1.0, 3.0]).tolist()
        [1.0, 9.0]
        """
        from xpnet.training.evaluation import losses

        layers, loss, data = self._given(X, Y, None, batch_size)
        fixed = self.backend, layers, loss, self._theta
        each = losses(*fixed, data, batch_size, self._stats)
        return each[..., 0] if data.single else each

    def _given(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None,
        batch_size: int | None,
    ) -> tuple[Layers, Loss, Examples]:
        """Check the data of a pass in pieces; they stay on the host if the device has no room."""
        from xpnet.engines.placement import home

        if batch_size is not None:
            positive_integer("batch_size", batch_size)
        X, Y = self.in_order(X), self.encode(Y)
        layers, loss = self.decided_by(Y)
        place = home(self.backend, X, self.dtype)
        return layers, loss, examples(place, layers, loss, self.dtype, X, Y, sample_weight)

    def gradient(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> Gradients:
        """Return ∂loss/∂θ of the mean loss Σ w_n loss_n / Σ w_n.

        It unpacks: ``weight_gradients, bias_gradients = net.gradient(x, y)``. For one example x
        (n_0,) with squared error, these are what a loop over every weight returns.
        """
        return self.value_and_gradient(X, Y, sample_weight, training=training)[1]

    def value_and_gradient(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool = False,
    ) -> tuple[float, Gradients]:
        """Return the mean loss, a float, and its gradient.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        Y : (N,) integer labels or (N, n_L), or without the N for one example
        sample_weight : (N,), optional
            w ≥ 0; the loss is the weighted mean.
        training : bool
            Whether dropout and batch normalisation act as in training. The masks are then those of
            the next epoch. Statistics do not change.
        """
        check_flag("training", training)
        X, Y = self.in_order(X), self.encode(Y)
        layers, loss = self.decided_by(Y)
        X, Y, w = examples(self.backend, layers, loss, self.dtype, X, Y, sample_weight)[:3]
        scale = 1.0 / (X.shape[0] if w is None else float(w.sum()))
        with self.backend.context():
            w = None if w is None else move(self.backend, w, self.dtype)
            out = self.backend.xp.empty_like(self._theta) if self.backend.in_place else None
            ctx = context(self.backend, layers, self.seed, self.epoch, X.shape[0], training)
            total, flat, _ = gradient(
                self.backend, layers, loss, self._theta, X, Y, w, scale, out, self._stats, ctx
            )
            return float(total) * scale, Gradients(self.backend.xp, layers, flat)

    def predict_classes(self, X: ArrayLike, batch_size: int | None = None) -> Host:
        """Return the most probable class of each example, on the host; text if labels were text.

        The shape is (N,), or (N, heads) with several heads, one class each. For
        `binary_cross_entropy`, the classes are 0 or 1 by the probability or the sign of the logit:
        (N,) for one output, (N, n_L) for several labels. A NaN output is a ValueError, since it
        would otherwise become some class.
        """
        threshold = 0.5 if self.layers[-1].activation.name == "sigmoid" else 0.0
        outputs = checks.without_nan(to_numpy(self.predict(X, batch_size)))
        codes = decide(outputs, self.loss, threshold)
        return np.asarray(codes if self.classes is None else np.asarray(self.classes)[codes])

    def objective(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        penalty: Any = None,
    ) -> Callable[[Any], tuple[float, Host]]:
        """Return a function θ ↦ (mean loss, gradient), for optimizers of other libraries.

        θ and the gradient are NumPy float64 vectors. An example is
        ``scipy.optimize.minimize(f, xpnet.to_numpy(net.parameters), jac=True)``. The network does
        not change; `set_parameters` takes the θ that was found.

        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 3, 1], activation="tanh", dtype="float64")
        >>> f = net.objective(np.eye(2), np.ones(2))
        >>> value, gradient = f(xpnet.to_numpy(net.parameters))
        >>> gradient.shape
        (13,)
        """
        from xpnet.derivatives.objective import objective
        from xpnet.equations.penalties import as_penalty

        fixed, X = self.to(), self.in_order(X)
        fixed.complete(X, Y)
        assert fixed.loss is not None
        data = examples(
            fixed.backend, fixed.layers, fixed.loss, self.dtype, X, fixed.encode(Y), sample_weight
        )
        checks.check_finite(fixed.backend, "X", data.X)
        checks.check_targets(fixed.backend, "Y", data.Y, fixed.loss)
        value_and_gradient = objective(
            *(fixed.backend, fixed.layers, fixed.loss, fixed.dtype, fixed.statistics),
            data,
            as_penalty(penalty),
        )
        P = layout(fixed.layers).size

        def on_host(theta: Array) -> tuple[float, Host]:
            theta = checks.real("θ", theta)
            if tuple(theta.shape) != (P,):
                hint = checks.turned("θ", tuple(theta.shape), (P,))
                raise ValueError(f"θ must be ({P},), got {tuple(theta.shape)}{hint}")
            with fixed.backend.context():
                value, g = value_and_gradient(move(fixed.backend, theta, fixed.dtype))
                return float(value), to_numpy(g).astype(np.float64)

        return on_host
