"""`Network`: training, evaluation and files, on top of the passes and the state."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xpnet.checks.keywords import explains_keywords
from xpnet.network.per_example import NetworkPerExample
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from xpnet.explain import Explanation
    from xpnet.metrics import Metric
    from xpnet.training.history import History

__all__ = ["Network"]


class Network(NetworkPerExample):
    """A feed-forward network: a chain of dense layers, and others between them.

    Z_l = A_{l-1} W_lᵀ + b_l and A_l = f_l(Z_l), with A_0 = X (N, n_0), one example a row.

    Parameters
    ----------
    sizes : sequence of int and layers, optional
        The widths n_0 … n_L, input and output included. A layer of `xpnet.layers` may replace a
        width or stand between two. The last is dense. None: the first `fit` infers n_0 and n_L from
        its data, around ``hidden``.
    hidden : sequence of int and layers
        The layers between n_0 and n_L if ``sizes`` is None; together with sizes, an error.
    activation : str, Activation, or a list of L of them
        One for the hidden dense layers, or a list with one for each of the L dense layers, the
        output's last. A layer that names its own keeps it. Names:
        identity relu leaky_relu elu selu gelu silu tanh sigmoid softplus exp softmax.
    output : str or Activation, optional
        The output's activation. None follows the loss: softmax, sigmoid, exp or identity.
    loss : str or Loss, optional
        squared_error mean_squared_error absolute_error huber log_cosh quantile gaussian_nll poisson
        binary_cross_entropy cross_entropy. None: cross_entropy for integer targets,
        mean_squared_error for others. Until the first `fit` sees targets, the output is Z_L.
    classes : sequence of str, optional
        The names of all classes, in the order of the outputs, for labels as text. They are needed
        if data of the first `fit` lack some. None: the labels in these data, sorted. Integer labels
        have no names.
    initializer : str, optional
        he_uniform he_normal glorot_uniform glorot_normal lecun_uniform lecun_normal zeros. None
        follows each layer's activation. Biases start at zero.
    backend, device
        As for `xpnet.get_backend`.
    dtype : {"float32", "float64"}
        The dtype of the parameters and of all computation.
    rng : int, numpy.random.SeedSequence, numpy.random.Generator or None
        The source of initial weights and of the order of examples: the same bits on every backend.

    Raises
    ------
    ValueError, TypeError
        A width that is not a positive integer, an unknown name, an output that the loss excludes.
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

    # --- training

    @explains_keywords("fit")
    def fit(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        epochs: int | None = None,
        batch_size: int | None = 128,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        penalty: Any = None,
        max_norm: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_fraction: float | None = None,
        early_stopping: Any = None,
        metrics: str | Metric | Sequence[str | Metric] = (),
        callbacks: Any = (),
        progress: bool | None = None,
        compile: bool | None = None,
        stream: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: str | int = "10s",
        resume: bool | str = "auto",
        overwrite: bool = False,
    ) -> History:
        """Train, from the present parameters, by minibatches.

        Parameters
        ----------
        X : (N, n_0)
            From any array library; moved once to the network's device.
        Y : (N,) labels (integers or text) or (N, n_L)
        epochs : int, optional
            Passes over the data. The network counts them across fits, so that no two have the same
            order of examples. The optimizer starts afresh in each fit, unless the network was
            loaded with its state (`save`). None: 5,000 steps, but between 10 and 500 epochs, and
            100 iterations for L-BFGS; with ``early_stopping`` up to ten times as many. Such a fit
            stops if the loss stands still, unless a schedule or ``early_stopping`` is given. It
            warns if the loss still falls fast at its end, or if X is far from unit scale.
        batch_size : int, optional
            Examples a step; None for all. The last batch of an epoch may be smaller.
        optimizer : str or optimizer
            A name, such as "adam", "sgd" or "lbfgs", or one of `xpnet.optimizers` with settings.
        learning_rate : float or schedule, optional
            Replaces the optimizer's own. A schedule is of `xpnet.schedules`, or any function of the
            step.
        shuffle : bool
            Whether each epoch has a new order, which depends only on (rng, epoch).
        sample_weight : (N,), optional
            w ≥ 0. Examples of weight 0 are left out before batches are made.
        class_weight : dict or "balanced", optional
            Weights of classes, which multiply the weights of their examples in training, not in
            validation.
        penalty : Penalty, optional
            `xpnet.Penalty(l1=, l2=)`, added to the mean loss.
        max_norm : float or MaxNorm, optional
            The largest norm of the weights into a neuron, enforced after every step.
        validation_data : (X, Y) or (X, Y, w), optional
            Evaluated after every epoch. With weights w (N,), losses and metrics are weighted.
        validation_fraction : float, optional
            Instead of ``validation_data``: the share of the examples to set aside, the same share
            of every class, drawn by ``rng``.
        early_stopping : EarlyStopping, int or True, optional
            `xpnet.EarlyStopping`, its patience, or True for its defaults. The best parameters are
            restored, unless it has ``restore_best=False``.
        metrics : sequence of str or Metric
            Computed on the validation data after every epoch. Default: accuracy for classes.
        callbacks : sequence of functions, or a mapping of moments to functions
            Each takes (net, history): after every epoch, or at "fit_begin", "step_end",
            "epoch_end", "fit_end" (`xpnet.training.callbacks`). One that returns True ends the fit.
        progress : bool, optional
            Whether to show loss, validation, examples per second, time left and the losses'
            sparkline: live on a terminal, else as lines at the ends of epochs, at least 3 s apart.
            None: only on a terminal, and only if the fit takes longer than a second.
        compile : bool, optional
            Whether the steps are compiled. None: on NumPy, by numba, if that is cached or pays; on
            CuPy and JAX, always. True on NumPy takes seconds once, and needs numba.
        stream : bool, optional
            Whether X and Y stay in host memory and are copied to the device batch by batch, each
            while the previous one is computed. None: if X would take more than half of the free
            memory of a GPU. Data that are on a device stay there.
        checkpoint : path, optional
            A file in which the whole state of the fit is kept, so that a fit that was killed goes
            on from there to the bit (docs/checkpoints.md).
        checkpoint_every : str or int
            How often it is written: a time such as "10s", "5min" or "1h", a number of steps, or
            "epoch". A time becomes longer if writing would take more than 2 % of it. It is also
            written at the end, and after Ctrl-C.
        resume : {"auto", True, False, "anyway"}
            "auto": go on from the file if it is there, else begin. True: it must be there. False:
            begin anew, and the file must not be there, unless ``overwrite`` is true. "anyway": as
            "auto", and go on with another engine or backend, with a warning.
        overwrite : bool
            Whether ``resume=False`` may replace a checkpoint; a file of another kind stays.

        Returns
        -------
        History
            Losses by epoch and step, and metrics. Ctrl-C ends the fit after the current step (in
            compiled loops, after about a tenth of a second of steps) and the history so far is
            returned. A second Ctrl-C raises KeyboardInterrupt. Ctrl-C waits while steps are
            compiled.

        Raises
        ------
        ValueError, TypeError
            Bad input, before anything changes.
        RuntimeError
            The network is in a fit already, in another thread or in the fit whose callback this is.
        CheckpointError
            The checkpoint is damaged, in use, or of a different fit; the message says what differs.
        OSError
            There is no folder for the checkpoint, or it cannot be written to.
        DivergenceError
            The loss, or a statistic of batch normalisation, is no longer finite. The network is as
            it was before.
        others
            Any exception of a callback, and KeyboardInterrupt: the network keeps the complete
            epochs, and a note on the error says how many.
        """
        from xpnet.training.fit import fit
        from xpnet.training.settings import settings

        chosen = settings(locals())  # has a row for each keyword, by name
        return fit(self, X, Y, sample_weight, class_weight, validation_data, chosen)

    def evaluate(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        batch_size: int | None = None,
        metrics: str | Metric | Sequence[str | Metric] = (),
    ) -> dict[str, float]:
        """Return the mean "loss" and each metric, weighted by ``sample_weight``.

        Without ``metrics``, class labels get "accuracy". Names: `xpnet.metrics.METRICS`.
        """
        from xpnet.training.evaluation import evaluate, metrics_for
        from xpnet.training.settings import as_metrics

        layers, loss, data = self._given(X, Y, sample_weight, batch_size)
        found = metrics_for(as_metrics(metrics), loss, layers[-1].fan_out, data.classes)
        fixed = self.backend, layers, loss, self._theta
        return evaluate(*fixed, data, batch_size, self._stats, found)

    def explain(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        example: int | None = None,
        entry: tuple[int | str, int, int] | None = None,
        *,
        check: bool | None = None,
    ) -> Explanation:
        """Explain every equation of one pass, forward and backward: shapes, costs and values.

        ``print`` the result, look at it in a notebook, or ``save("pass.html")``. Its values are
        those of `gradient`, to the bit. Every array is copied to the host, so give a batch, not a
        data set.

        Parameters
        ----------
        X, Y
            As for `gradient`.
        example : int, optional
            The single row of X and Y to take, counted from 0.
        entry : (l, i, j), optional
            Show entry (i, j) of dW_l as a dot product. l is the layer's number in `summary`, such
            as 2, or "3.1" within a residual connection.
        check : bool, optional
            Whether each layer's gradient is compared with differences of the loss, on 4 of the
            examples. None does so up to 30,000 parameters.

        Raises
        ------
        ValueError, TypeError
            Bad input, or an example or an entry that does not exist.
        """
        from xpnet.explain import explain

        return explain(self, X, Y, example, entry, check=check)

    # --- elsewhere

    def save(self, path: str | os.PathLike[str], *, optimizer: bool = False) -> None:
        """Write a model file (safetensors), completely or not at all.

        Parameters
        ----------
        path : path
        optimizer : bool
            Whether the file also has the state of the last fit's optimizer. Fits of the loaded
            network go on with it, if they have the same optimizer; the learning rate may differ.

        Raises
        ------
        ValueError
            The parameters are not finite. Or there is no state of an optimizer: no fit came before,
            or one of L-BFGS.
        OSError
            The file cannot be written.
        """
        from xpnet.files.save import save

        save(self, path, optimizer=optimizer)

    def summary(self) -> str:
        """Return a table of the layers: shape, activation, parameters, bytes."""
        from xpnet.network.summary import summary

        return summary(self)

    def __repr__(self) -> str:
        sizes = "sizes open" if self._layers is None else str(list(self.sizes))
        loss = "loss open" if self.loss is None else f"loss={self.loss.name!r}"
        return f"Network({sizes}, {loss}, backend={self.backend.name!r}, dtype={self.dtype!r})"
