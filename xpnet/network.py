"""The network that a user holds: settings, parameters, and the passes behind checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import checks, passes
from xpnet.activations import Activation
from xpnet.backends import Backend, get_backend, move, to_numpy
from xpnet.examples import examples, features, infer_loss, infer_widths
from xpnet.gradients import Gradients, dense_parameters
from xpnet.layers.build import Plan, plan
from xpnet.losses import Loss
from xpnet.masks import context
from xpnet.parameters import Layers, layout, slots
from xpnet.random import seed_from
from xpnet.training.batches import slices
from xpnet.training.history import History

if TYPE_CHECKING:
    from xpnet.random import Rng

__all__ = ["Network"]


class Network:
    """A feed-forward network: a chain of dense layers, and others between them.

    Z_l = A_{l-1} W_lᵀ + b_l and A_l = f_l(Z_l), with A_0 = X (N, n_0), one example a row.

    Parameters
    ----------
    sizes : sequence of int and layers, optional
        The widths n_0 … n_L, input and output included; in place of a width, and between them, a
        layer of `xpnet.layers`. The last is dense. None: the first `fit` infers n_0 and n_L from
        its data, around ``hidden``.
    hidden : sequence of int and layers
        What stands between them, used when ``sizes`` is None.
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

    def __init__(
        self,
        sizes: Sequence[Any] | None = None,
        *,
        hidden: Sequence[Any] = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation | None = None,
        loss: str | Loss | None = None,
        initializer: str | None = None,
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: Any = "float32",
        rng: Rng = 0,
    ) -> None:
        self._plan = plan(sizes, hidden, activation, output)
        self.loss = checks.find_loss(loss)
        if self.loss is not None and self._plan.output is not None:
            checks.check_outputs(self.loss, self._plan.output)
        self._initializer = checks.find_initializer(initializer)
        self.dtype = checks.dtype_name(dtype)
        self.backend = get_backend(backend, device)
        self.backend.dtype(self.dtype)  # JAX turns on what float64 needs
        self.seed = seed_from(rng)
        self.epoch = 0
        self._layers: Layers | None = None
        self._theta: Any = None
        self._stats: tuple[Any, ...] = ()
        if sizes is not None:
            self._start()

    def _start(self) -> None:
        """Build the layers, with initial parameters and statistics."""
        self._layers = layers = self._plan.build(self.loss)
        parts = [W for layer in layers for W in layer.initial(self.seed, self._initializer)]
        theta = np.zeros(layout(layers).size, dtype=self.dtype)
        for slot, part in zip(slots(layers), parts, strict=True):
            theta[slot.offset : slot.offset + slot.size] = part.reshape(-1)
        stats = (stat for layer in layers for stat in layer.initial_stats())
        self._theta = self.backend.from_numpy(theta)
        self._stats = tuple(self.backend.from_numpy(stat.astype(self.dtype)) for stat in stats)

    # --- what it is made of

    @property
    def layers(self) -> Layers:
        """The layers, as the passes take them: widths, activation, and where W and b lie in θ."""
        if self._layers is None:
            raise ValueError(
                "the network has no sizes yet: give them (xpnet.Network([4, 100, 3])) or call fit"
            )
        return self._layers

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths n_0 … n_L: the input's, and those of the dense layers."""
        dense = (layer.fan_out for layer in self.layers if layer.kind == "dense")
        return (self.layers[0].fan_in, *dense)

    @property
    def plan(self) -> Plan:
        """What it was built of, as the user wrote it."""
        return self._plan

    @property
    def initializer(self) -> str | None:
        """The initializer's name, or None where each layer's activation chose its own."""
        return self._initializer

    @property
    def device(self) -> Any:
        """The device that the parameters lie on."""
        return self.backend.device

    @property
    def parameters(self) -> Any:
        """θ (P,), weights first, on the network's device; `set_parameters` changes it."""
        _ = self.layers  # raises where there are none yet
        return self._theta

    @property
    def statistics(self) -> tuple[Any, ...]:
        """What layers keep from batch to batch (batch normalisation's means and variances)."""
        return self._stats

    @property
    def weights(self) -> tuple[Any, ...]:
        """W_1 … W_L of the dense layers, each (n_l, n_{l-1}); views of θ, or slices on JAX."""
        return dense_parameters(self.backend.xp, self.layers, self._theta)[0]

    @property
    def biases(self) -> tuple[Any, ...]:
        """b_1 … b_L of the dense layers, each (n_l,); views of θ, or slices on JAX."""
        return dense_parameters(self.backend.xp, self.layers, self._theta)[1]

    def set_parameters(self, theta: Any) -> None:
        """Take θ (P,) from any array library, by a copy."""
        P = layout(self.layers).size
        theta = checks.real("θ", theta)
        if tuple(theta.shape) != (P,):
            raise ValueError(
                f"the network has {P} parameters, so θ must be ({P},), not {tuple(theta.shape)}"
            )
        self._theta = self._own_copy(theta)

    def set_weights(self, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        """Take every dense layer's W_l and b_l from any library, by a copy."""
        weights = [checks.real(f"weights[{l}]", W) for l, W in enumerate(weights)]
        biases = [checks.real(f"biases[{l}]", b) for l, b in enumerate(biases)]
        for name, given, owned in (
            ("weights", weights, self.weights),
            ("biases", biases, self.biases),
        ):
            if len(given) != len(owned):
                raise ValueError(f"{name} must have {len(owned)} arrays, got {len(given)}")
            for l, (new, old) in enumerate(zip(given, owned, strict=True)):
                if np.shape(new) != tuple(old.shape):
                    raise ValueError(
                        f"{name}[{l}] must be {tuple(old.shape)}, got {tuple(np.shape(new))}"
                    )
        theta = to_numpy(self._theta).copy()
        for views, given in zip(
            dense_parameters(np, self.layers, theta), (weights, biases), strict=True
        ):
            for part, new in zip(views, given, strict=True):
                part[...] = to_numpy(new)
        self._theta = self._own_copy(theta)

    def set_statistics(self, statistics: Sequence[Any]) -> None:
        """Take the layers' statistics, in the shapes of `statistics`, by a copy."""
        self._stats = tuple(map(self._own_copy, statistics))

    def _own_copy(self, theta: Any) -> Any:
        with self.backend.context():
            return self.backend.xp.asarray(move(self.backend, theta, self.dtype), copy=True)

    # --- the passes

    def __call__(self, X: Any) -> Any:
        """The outputs A_L (N, n_L); for one example (n_0,) they are (n_L,)."""
        X, single = features(self.backend, self.layers, self.dtype, X)
        with self.backend.context():
            A = passes.outputs(self.backend, self.layers, self._theta, X, self._stats)
        return A[0, :] if single else A

    def predict(self, X: Any, batch_size: int | None = None) -> Any:
        """The outputs (N, n_L), in batches of so many examples where that is given."""
        if batch_size is None:
            return self(X)
        checks.positive_integer("batch_size", batch_size)
        X, single = features(self.backend, self.layers, self.dtype, X)
        fixed = self.backend, self.layers, self._theta
        with self.backend.context():
            parts = [
                passes.outputs(*fixed, X[part, :], self._stats)
                for part in slices(X.shape[0], batch_size)
            ]
            A = self.backend.xp.concat(parts, axis=0)
        return A[0, :] if single else A

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
        layers, loss = self._decided_by(Y)
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

    def _decided_by(self, Y: Any) -> tuple[Layers, Loss]:
        """Layers and loss; where the loss is open, those that targets like Y ask for."""
        layers = self.layers
        if self.loss is not None:
            return layers, self.loss
        loss = infer_loss(Y)
        return self._plan.build(loss), loss

    # --- training

    def fit(
        self,
        X: Any,
        Y: Any,
        *,
        epochs: int = 10,
        batch_size: int | None = 128,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callable[[Network, History], Any]] = (),
        progress: bool | None = None,
        compile: bool | None = None,
    ) -> History:
        """Train, from the present parameters, by minibatches.

        Parameters
        ----------
        X : (N, n_0)
            Of any array library; moved once to the network's device.
        Y : (N,) integer labels or (N, n_L)
        epochs : int
            Passes over the data. The network counts them across fits, so that no two have the same
            order of examples; the optimizer starts afresh.
        batch_size : int, optional
            Examples a step; None for all. The last batch of an epoch may be smaller.
        optimizer : str or optimizer
            "adam", "sgd", or one of `xpnet.optimizers` with settings.
        learning_rate : float, optional
            In place of the optimizer's own.
        shuffle : bool
            A new order each epoch, a function of (rng, epoch) alone.
        sample_weight : (N,), optional
            w ≥ 0. Examples of weight 0 are left out before batches are made.
        validation_data : (X, Y), optional
            Evaluated after every epoch.
        callbacks : sequence of (network, history) -> anything
            Called after every epoch.
        progress : bool, optional
            A progress bar. None: on a terminal, when the fit takes longer than a second.
        compile : bool, optional
            Whether a backend that compiles (JAX) does so; None leaves it the choice.

        Returns
        -------
        History
            Losses by epoch. Ctrl-C ends the fit after the step that runs, and the history of what
            was done is returned; a second one raises KeyboardInterrupt.

        Raises
        ------
        ValueError, TypeError
            Bad input, before anything changes.
        DivergenceError
            The loss is no longer finite. As with any error, the network is as it was before.
        """
        from xpnet.training.loop import Settings, fit

        settings = Settings(epochs, batch_size, shuffle, tuple(callbacks), progress, compile)
        return fit(self, X, Y, sample_weight, validation_data, optimizer, learning_rate, settings)

    def evaluate(
        self, X: Any, Y: Any, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """The mean "loss", and for class labels the "accuracy", weighted by ``sample_weight``."""
        from xpnet.training.evaluation import evaluate

        if batch_size is not None:
            checks.positive_integer("batch_size", batch_size)
        layers, loss = self._decided_by(Y)
        data = examples(self.backend, layers, loss, self.dtype, X, Y, sample_weight)
        return evaluate(self.backend, layers, loss, self._theta, data, batch_size, self._stats)

    def complete(self, X: Any, Y: Any) -> None:
        """Settle what was left open, sizes and loss, by the data of a first fit."""
        if self._layers is None:
            self._plan = self._plan.sized(*infer_widths(X, Y))
            self._start()
        self._layers, self.loss = self._decided_by(Y)

    def finish_epoch(self, theta: Any, statistics: tuple[Any, ...]) -> None:
        """Take θ and the statistics as an epoch of training left them, and count the epoch."""
        self._theta, self._stats = theta, statistics
        self.epoch += 1

    def restore(self, epoch: int, output_is_named: bool) -> None:
        """What a model file tells beyond the settings that a new network takes."""
        self.epoch = epoch
        self._plan = self._plan if output_is_named else self._plan._replace(output=None)

    @contextmanager
    def unchanged_on_error(self) -> Iterator[None]:
        """Within it, an exception leaves the network as it was before."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise

    # --- elsewhere

    def to(
        self, backend: str | Backend | None = None, device: Any = None, dtype: Any = None
    ) -> Network:
        """A new network with the same parameters on another backend, device or dtype.

        Without a backend it stays on this one's library.
        """
        new: Network = object.__new__(Network)
        new.__dict__.update(self.__dict__)
        new.backend = get_backend(self.backend.name if backend is None else backend, device)
        if backend is None and device is None:
            new.backend = self.backend
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
