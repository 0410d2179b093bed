"""The network that a user holds: the passes, training and files, behind checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import checks, passes
from xpnet.backends import Backend, get_backend, move, to_numpy
from xpnet.classes import decide
from xpnet.examples import examples, features
from xpnet.gradients import Gradients
from xpnet.masks import context
from xpnet.parameters import unpack
from xpnet.state import NetworkState
from xpnet.training.batches import slices
from xpnet.training.history import History
from xpnet.training.placement import home, rows_that_fit

if TYPE_CHECKING:
    from xpnet.explain import Explanation
    from xpnet.metrics import Metric

__all__ = ["Network"]


class Network(NetworkState):
    """A feed-forward network: a chain of dense layers, and others between them.

    Z_l = A_{l-1} W_lᵀ + b_l and A_l = f_l(Z_l), with A_0 = X (N, n_0), one example a row.

    Parameters
    ----------
    sizes : sequence of int and layers, optional
        The widths n_0 … n_L, input and output included; in place of a width, and between them, a
        layer of `xpnet.layers`. The last is dense. None: the first `fit` infers n_0 and n_L from
        its data, around ``hidden``.
    hidden : sequence of int and layers
        What stands between them where ``sizes`` is None; beside sizes, an error.
    activation : str, Activation, or a list of L of them
        One for the hidden dense layers, or one for each of the L dense layers with the output's
        last; a layer that names its own keeps it. Names:
        identity relu leaky_relu elu selu gelu silu tanh sigmoid softplus exp softmax.
    output : str or Activation, optional
        The output's. None follows the loss: softmax, sigmoid, exp or identity.
    loss : str or Loss, optional
        squared_error mean_squared_error absolute_error huber poisson binary_cross_entropy
        cross_entropy. None: cross_entropy for integer targets, mean_squared_error for others; until
        the first `fit` sees targets, the output is Z_L.
    initializer : str, optional
        he_uniform he_normal glorot_uniform glorot_normal lecun_uniform lecun_normal zeros. None
        follows each layer's activation. Biases start at zero.
    backend, device
        As for `xpnet.get_backend`.
    dtype : {"float32", "float64"}
        Of the parameters and all computation.
    rng : int, numpy.random.SeedSequence, numpy.random.Generator or None
        Where initial weights and the order of examples come from: the same bits on every backend.

    Raises
    ------
    ValueError, TypeError
        A width that is no positive integer, an unknown name, an output that the loss excludes.
    ImportError, RuntimeError
        The backend's package is missing, or no GPU answers.

    Examples
    --------
    >>> import numpy as np, xpnet
    >>> X = np.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> net = xpnet.Network([2, 8, 2], activation="tanh", rng=1)
    >>> history = net.fit(X, np.asarray([0, 1, 1, 0]), epochs=300, learning_rate=0.03)
    >>> net.predict(X).argmax(axis=1).tolist()
    [0, 1, 1, 0]
    """

    # --- the passes

    def __call__(self, X: Any) -> Any:
        """The outputs A_L (N, n_L); for one example (n_0,) they are (n_L,)."""
        X, single = features(self.backend, self.layers, self.dtype, X)
        with self.backend.context():
            A = self._outputs(X)
        return A[0, :] if single else A

    def predict(self, X: Any, batch_size: int | None = None) -> Any:
        """The outputs (N, n_L), in batches of so many examples.

        None: all at once, or, where a GPU has too little memory for that, as many as fit.
        """
        if batch_size is not None:
            checks.positive_integer("batch_size", batch_size)
        elif self.backend.free_memory() is None:
            return self(X)
        place = home(self.backend, X, self.dtype)
        X, single = features(place, self.layers, self.dtype, X)
        size = batch_size or rows_that_fit(self.backend, self.layers, self.dtype) or X.shape[0]
        with self.backend.context():
            parts = [
                self._outputs(move(self.backend, X[part, :])) for part in slices(X.shape[0], size)
            ]
            A = self.backend.xp.concat(parts, axis=0)
        return A[0, :] if single else A

    def _outputs(self, X: Any) -> Any:
        theta, views = self._theta, self._views
        if self.backend.in_place and (views is None or views[0] is not theta):
            views = self._views = theta, unpack(self.backend.xp, self.layers, theta)
        p = None if views is None else views[1]
        return passes.outputs(self.backend, self.layers, theta, X, self._stats, p)

    def gradient(
        self, X: Any, Y: Any, sample_weight: Any = None, *, training: bool = False
    ) -> Gradients:
        """∂loss/∂θ of the mean loss Σ w_n loss_n / Σ w_n.

        For one example x (n_0,) with squared error, ``weight_gradients, bias_gradients =
        net.gradient(x, y)`` is what a loop over every weight returns.
        """
        return self.value_and_gradient(X, Y, sample_weight, training=training)[1]

    def value_and_gradient(
        self, X: Any, Y: Any, sample_weight: Any = None, *, training: bool = False
    ) -> tuple[float, Gradients]:
        """The mean loss, a float, and its gradient.

        Parameters
        ----------
        X : (N, n_0), or (n_0,) for one example
        Y : (N,) integer labels or (N, n_L), or without the N for one example
        sample_weight : (N,), optional
            w ≥ 0; the loss is the weighted mean.
        training : bool
            Whether dropout and batch normalisation do as in training; the masks are then those of
            the next epoch. Statistics are left as they are.
        """
        Y = self.encode(Y)
        layers, loss = self.decided_by(Y)
        X, Y, w, _ = examples(self.backend, layers, loss, self.dtype, X, Y, sample_weight)
        scale = 1.0 / (X.shape[0] if w is None else float(w.sum()))
        with self.backend.context():
            w = None if w is None else move(self.backend, w, self.dtype)
            out = self.backend.xp.empty_like(self._theta) if self.backend.in_place else None
            ctx = context(self.backend, layers, self.seed, self.epoch, X.shape[0], training)
            total, flat, _ = passes.gradient(
                self.backend, layers, loss, self._theta, X, Y, w, scale, out, self._stats, ctx
            )
            return float(total) * scale, Gradients(self.backend.xp, layers, flat)

    def predict_classes(self, X: Any, batch_size: int | None = None) -> np.ndarray[Any, Any]:
        """The most probable class of each example, on the host: text where labels were text.

        (N,); with several heads one of each, (N, heads). Of `binary_cross_entropy`, 0 or 1 by the
        probability or the sign of the logit: (N,) for one output, (N, n_L) for several labels.
        ValueError where an output is NaN, which would be some class all the same.
        """
        threshold = 0.5 if self.layers[-1].activation.name == "sigmoid" else 0.0
        outputs = checks.without_nan(to_numpy(self.predict(X, batch_size)))
        codes = decide(outputs, self.loss, threshold)
        return np.asarray(codes if self.classes is None else np.asarray(self.classes)[codes])

    def objective(
        self, X: Any, Y: Any, sample_weight: Any = None, *, penalty: Any = None
    ) -> Callable[[Any], tuple[float, np.ndarray[Any, Any]]]:
        """A function θ ↦ (mean loss, gradient), on NumPy float64 vectors, for other optimizers.

        Such as ``scipy.optimize.minimize(f, xpnet.to_numpy(net.parameters), jac=True)``. The
        network is left as it is; `set_parameters` takes what was found.

        >>> import numpy as np, xpnet
        >>> net = xpnet.Network([2, 3, 1], activation="tanh", dtype="float64")
        >>> f = net.objective(np.eye(2), np.ones(2))
        >>> value, gradient = f(xpnet.to_numpy(net.parameters))
        >>> gradient.shape
        (13,)
        """
        from xpnet.training.full_batch import objective
        from xpnet.training.settings import as_penalty

        fixed = self.to()
        fixed.complete(X, Y)
        assert fixed.loss is not None
        data = examples(
            fixed.backend, fixed.layers, fixed.loss, self.dtype, X, fixed.encode(Y), sample_weight
        )
        checks.check_finite(fixed.backend, "X", data.X)
        checks.check_targets(fixed.backend, "Y", data.Y, fixed.loss)
        value_and_gradient = objective(fixed, data, as_penalty(penalty))

        def on_host(theta: Any) -> tuple[float, np.ndarray[Any, Any]]:
            with fixed.backend.context():
                value, g = value_and_gradient(move(fixed.backend, theta, fixed.dtype))
                return float(value), to_numpy(g).astype(np.float64)

        return on_host

    # --- training

    def fit(
        self,
        X: Any,
        Y: Any,
        *,
        epochs: int = 10,
        batch_size: int | None = 128,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
        penalty: Any = None,
        max_norm: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        validation_fraction: float | None = None,
        early_stopping: Any = None,
        metrics: str | Metric | Sequence[str | Metric] = (),
        callbacks: Any = (),
        progress: bool | None = None,
        compile: bool | None = None,
        stream: bool | None = None,
    ) -> History:
        """Train, from the present parameters, by minibatches.

        Parameters
        ----------
        X : (N, n_0)
            Of any array library; moved once to the network's device.
        Y : (N,) labels (integers or text) or (N, n_L)
        epochs : int
            Passes over the data. The network counts them across fits, so that no two have the same
            order of examples; the optimizer starts afresh.
        batch_size : int, optional
            Examples a step; None for all. The last batch of an epoch may be smaller.
        optimizer : str or optimizer
            A name, such as "adam", "sgd" or "lbfgs", or one of `xpnet.optimizers` with settings.
        learning_rate : float or schedule, optional
            In place of the optimizer's own; `xpnet.schedules`, or any function of the step.
        shuffle : bool
            A new order each epoch, a function of (rng, epoch) alone.
        sample_weight : (N,), optional
            w ≥ 0. Examples of weight 0 are left out before batches are made.
        class_weight : dict or "balanced", optional
            Weights of classes, which multiply those of their examples in training; validation is
            without them.
        penalty : Penalty, optional
            `xpnet.Penalty(l1=, l2=)`, added to the mean loss.
        max_norm : float or MaxNorm, optional
            The largest norm of the weights into a neuron, kept after every step.
        validation_data : (X, Y), optional
            Evaluated after every epoch.
        validation_fraction : float, optional
            In place of ``validation_data``: a share of the examples set aside, the same of every
            class, by ``rng``.
        early_stopping : EarlyStopping, int or True, optional
            `xpnet.EarlyStopping`, or its patience. The best parameters are brought back.
        metrics : sequence of str or Metric
            On the validation data, after every epoch; accuracy for classes where none is named.
        callbacks : sequence of functions, or a mapping of moments to functions
            Each takes (net, history): after every epoch, or at "fit_begin", "step_end",
            "epoch_end", "fit_end" (`xpnet.training.callbacks`). One that returns True ends the fit.
        progress : bool, optional
            Loss, validation, examples per second, time left and the losses' sparkline: live on a
            terminal, else a line an epoch, 3 s apart at least. None: on a terminal, when the fit
            takes longer than a second.
        compile : bool, optional
            Whether the steps are compiled. None: on NumPy, by numba, where that is cached or pays,
            on CuPy and JAX always. True on NumPy takes seconds once, and needs numba.
        stream : bool, optional
            Whether X and Y stay in host memory, from where every batch goes to the device while the
            one before it is computed on. None: where they would take more than half of the free
            memory of a GPU. Data that lie on a device stay there.

        Returns
        -------
        History
            Losses by epoch and step, and metrics. Ctrl-C ends the fit after the step that runs (of
            compiled loops: a tenth of a second of them), and the history of what was done is
            returned; a second one raises KeyboardInterrupt.

        Raises
        ------
        ValueError, TypeError
            Bad input, before anything changes.
        DivergenceError
            The loss is no longer finite. As with any error, the network is as it was before.
        """
        from xpnet.training.loop import fit
        from xpnet.training.settings import settings

        chosen = settings(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            shuffle=shuffle,
            penalty=penalty,
            max_norm=max_norm,
            validation_data=validation_data,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            metrics=metrics,
            callbacks=callbacks,
            progress=progress,
            compile=compile,
            stream=stream,
        )
        return fit(self, X, Y, sample_weight, class_weight, validation_data, chosen)

    def evaluate(
        self,
        X: Any,
        Y: Any,
        sample_weight: Any = None,
        batch_size: int | None = None,
        metrics: str | Metric | Sequence[str | Metric] = (),
    ) -> dict[str, float]:
        """The mean "loss" and each metric, weighted by ``sample_weight``.

        Without ``metrics``, the "accuracy" for class labels. Names: `xpnet.metrics.METRICS`.
        """
        from xpnet.training.evaluation import evaluate, metrics_for
        from xpnet.training.settings import as_metrics

        if batch_size is not None:
            checks.positive_integer("batch_size", batch_size)
        Y = self.encode(Y)
        layers, loss = self.decided_by(Y)
        place = home(self.backend, X, self.dtype)
        data = examples(place, layers, loss, self.dtype, X, Y, sample_weight)
        found = metrics_for(as_metrics(metrics), loss, layers[-1].fan_out, data.classes)
        fixed = self.backend, layers, loss, self._theta
        return evaluate(*fixed, data, batch_size, self._stats, found)

    def explain(
        self,
        X: Any,
        Y: Any,
        example: int | None = None,
        entry: tuple[int | str, int, int] | None = None,
        *,
        check: bool | None = None,
    ) -> Explanation:
        """Every equation of one pass, forward and backward: shapes, costs and values.

        ``print`` it, look at it in a notebook, or ``save("pass.html")``; its values are those of
        `gradient`, to the bit. Every array is copied to the host: give a batch, not a data set.

        Parameters
        ----------
        X, Y
            As for `gradient`.
        example : int, optional
            The one row of X and Y to take, counted from 0.
        entry : (l, i, j), optional
            Show entry (i, j) of dW_l as a dot product; l is the layer's number in `summary`, such
            as 2, or "3.1" within a residual connection.
        check : bool, optional
            Whether each layer's gradient is held against differences of the loss, on 4 of the
            examples; None does so up to 30,000 parameters.

        Raises
        ------
        ValueError, TypeError
            Bad input, an example or an entry that is not there.
        """
        from xpnet.explain import explain

        return explain(self, X, Y, example, entry, check=check)

    # --- elsewhere

    def to(
        self, backend: str | Backend | None = None, device: Any = None, dtype: Any = None
    ) -> Network:
        """A new network with the same parameters on another backend, device or dtype.

        Without a backend it stays on this one's library.
        """
        new: Network = object.__new__(Network)
        new.__dict__.update(self.__dict__, _views=None)
        if backend is not None or device is not None:
            new.backend = get_backend(self.backend.name if backend is None else backend, device)
        new.dtype = self.dtype if dtype is None else checks.dtype_name(dtype)
        new.backend.dtype(new.dtype)
        if self._theta is not None:
            new._theta = new._own_copy(self._theta)
            new.set_statistics(self._stats)
        return new

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file (safetensors), whole or not at all."""
        from xpnet.checkpoint import save

        save(self, path)

    def summary(self) -> str:
        """A table of layers: shape, activation, parameters, bytes."""
        from xpnet.summary import summary

        return summary(self)

    def __repr__(self) -> str:
        sizes = "sizes open" if self._layers is None else str(list(self.sizes))
        loss = "loss open" if self.loss is None else f"loss={self.loss.name!r}"
        return f"Network({sizes}, {loss}, backend={self.backend.name!r}, dtype={self.dtype!r})"
