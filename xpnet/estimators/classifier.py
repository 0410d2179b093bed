"""`MLPClassifier`: scikit-learn's, with xpnet's network inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from xpnet.estimators.callbacks import with_callbacks
from xpnet.estimators.classes import ClassTargets
from xpnet.estimators.heads import HeadLabels, joint_accuracy
from xpnet.estimators.parameters import keep_parameters
from xpnet.estimators.placement import in_library_of_X, on_host
from xpnet.estimators.probabilities import above_zero, log_probabilities, probabilities
from xpnet.estimators.settings import OF_CLASSIFIER
from xpnet.estimators.undone import undone_on_error
from xpnet.typing import Host

__all__ = ["MLPClassifier"]

_FROM_LOGITS = ("softmax", "logistic")
"""The output activations whose probabilities, and their logarithms, are made from the logits."""


class MLPClassifier(ClassifierMixin, ClassTargets):
    """A network for classes, with the parameters of scikit-learn's MLPClassifier and more.

    With the same ``random_state`` it takes the same steps as scikit-learn's, to rounding.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The widths of the hidden layers.
    activation : str, Activation, or a list of them, default="relu"
        "identity", "logistic", "tanh", "relu", or any other of `xpnet.Network`; a list has one for
        each hidden layer.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        lbfgs takes all examples at once: SciPy's L-BFGS-B on NumPy, xpnet's own elsewhere.
    alpha : float, default=1e-4
        The penalty ½ α Σ W² is added to the sum of a batch's losses, which is then divided by the
        batch's size, or by its sum of weights. So its strength depends on the batch size;
        ``penalty`` does not.
    batch_size : int or "auto", default="auto"
        Examples a step; "auto" is min(200, N).
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For sgd. After an epoch, invscaling sets η to η₀/(t + 1)^power_t, with t examples seen.
        adaptive divides η by 5 instead of stopping, until it is at most 1e-6.
    learning_rate_init : float, default=1e-3
        η₀.
    power_t : float, default=0.5
    max_iter : int, default=200
        The largest number of epochs, or of iterations of lbfgs.
    shuffle : bool, default=True
        Whether each epoch has a new order of examples.
    random_state : int, RandomState or None, default=None
        The source of initial weights, of the examples that are set aside, and of the orders.
    tol : float, default=1e-4
        An epoch is an improvement if it lowers the loss, or raises the score, by ``tol``.
    verbose : bool, default=False
        Whether to print a line for each epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present weights.
    momentum : float, default=0.9
        For sgd, in [0, 1].
    nesterovs_momentum : bool, default=True
        For sgd.
    early_stopping : bool, default=False
        Whether to watch the accuracy, or ``monitor``, of examples that are set aside, and restore
        the best weights.
    validation_fraction : float, default=0.1
        The share of examples that are set aside.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        For adam; ε is added to √v, before its bias is corrected.
    n_iter_no_change : int or inf, default=10
        The fit stops after more than this number of epochs without an improvement.
    max_fun : int, default=15000
        For lbfgs on NumPy: the largest number of evaluations.
    loss : str or Loss, default="log_loss"
        A cross entropy of `xpnet.losses` in place of scikit-learn's log loss.
    layers : sequence of int and layers, optional
        The hidden layers, as in ``Network(hidden=…)``, in place of ``hidden_layer_sizes``.
    dropout : float, default=0.0
        The rate of dropout after each hidden layer; not with ``layers``.
    optimizer : str or optimizer, optional
        One of `xpnet.optimizers` in place of ``solver``. A name takes the rate
        ``learning_rate_init``, an object keeps its own.
    schedule : schedule, optional
        One of `xpnet.schedules`, or a function of the step, as the learning rate; not for lbfgs.
    penalty : Penalty, optional
        An `xpnet.Penalty` in place of ``alpha``.
    class_weight : dict, list of dicts, "balanced" or None, default=None
        Weights of classes, which multiply the weights of their examples in training.
    monitor : str or function, optional
        What early stopping watches: the name of a scorer of scikit-learn, such as
        "neg_log_loss", a function of (estimator, X, y) whose larger values are better, or "loss",
        the loss of the examples, with its sign changed. None: the accuracy. With several columns of
        classes, scorers' names are an error. A score that is always NaN is a ConvergenceWarning.
    n_ensemble : int, default=1
        The number of networks. They are trained together, on the same batches, from initial weights
        of their own. Probabilities are means over them. Losses are means, too, and the networks end
        together.
    callbacks : function, sequence of functions or mapping, optional
        As for `xpnet.Network.fit`: each takes (network, history), of an ensemble (stack, history).
        Not for lbfgs.
    backend, device
        As for `xpnet.get_backend`.
    dtype : {"float32", "float64"}, optional
        The dtype of the network; None takes that of X.
    compile : bool, optional
        As for `xpnet.Network.fit`.

    Attributes
    ----------
    classes_ : array, or list of arrays
    coefs_, intercepts_ : list of arrays
        W_lᵀ (fan_in, fan_out) and b_l (fan_out,), NumPy's; with a leading axis n_ensemble if there
        are several networks.
    network_ : Network
        The network itself.
    stack_ : Stack
        The networks of an ensemble, which has no ``network_``.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_
        As in scikit-learn. Losses include the penalty.
    stopped_ : bool
        Whether the last fit ended because its loss, or its score, no longer improved.
    validation_loss_curve_ : list of float, or None
        The loss of ``validation_data`` after each epoch.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.estimators import MLPClassifier
    >>> X = np.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = MLPClassifier((8,), "tanh", solver="lbfgs", random_state=1)
    >>> model.fit(X, ["no", "yes", "yes", "no"]).predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    _parameter_constraints = OF_CLASSIFIER

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        layers: Any = None,
        dropout: float = 0.0,
        optimizer: Any = None,
        schedule: Any = None,
        penalty: Any = None,
        class_weight: Any = None,
        monitor: Any = None,
        n_ensemble: int = 1,
        callbacks: Any = None,
        backend: Any = "numpy",
        device: Any = None,
        dtype: Any = None,
        compile: bool | None = None,
    ) -> None:
        keep_parameters(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    @undone_on_error
    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Any:
        """Fit the network, from newly drawn weights unless ``warm_start``.

        Parameters
        ----------
        X : array, data frame or sparse matrix (N, n_features)
        y : array (N,), (N, labels) or (N, T)
            Labels of any kind, labels of 0 and 1, or columns of classes. A data frame may have text
            in one column and numbers in another.
        sample_weight : (N,), optional
        validation_data : (X, y) or (X, y, sample_weight), optional
            Examples whose loss is recorded after each epoch. Early stopping watches them instead of
            setting some of X aside.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, False, validation_data)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    @undone_on_error
    @with_callbacks
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        validation_data: Any = None,
    ) -> Any:
        """Do one epoch on these examples, from the present weights and optimizer state.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        classes : array, optional
            All classes, which the first call needs; for columns of classes a list of arrays.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Examples whose loss is recorded. Early stopping needs them here, and scores them after
            each call. Once ``stopped_`` is true, the weights of the best score are restored, and
            further calls would train on from them.

        Returns
        -------
        self
        """
        self._take_first_labels(y, classes)
        return self._fit(X, y, sample_weight, True, validation_data)

    @in_library_of_X
    def predict(self, X: Any) -> Any:
        """Return the most probable class of each example, (N,).

        Of yes-or-no labels, (N, labels) of 0 and 1; of T columns of classes, (N, T).
        """
        return self._predict(X)

    @in_library_of_X
    def predict_proba(self, X: Any) -> Host | list[Host]:
        """Return the probability of each class, (N, classes), in the order of ``classes_``.

        No probability is 0: the smallest is the smallest normal number of the dtype. Of several
        columns of classes, a list has an array for each.
        """
        check_is_fitted(self)
        if isinstance(self._labels, HeadLabels):
            return self._labels.each(probabilities, self._logits(X))
        if self.out_activation_ not in _FROM_LOGITS:
            return above_zero(self._mean_outputs(X))
        return probabilities(self._logits(X), self.out_activation_ == "softmax")

    @in_library_of_X
    def predict_log_proba(self, X: Any) -> Host | list[Host]:
        """Return the logarithm of each probability, (N, classes) or a list, never −∞.

        Logarithms of probabilities below ½ come from the logits, which keep their digits.
        """
        check_is_fitted(self)
        if isinstance(self._labels, HeadLabels):
            return self._labels.each(log_probabilities, self._logits(X))
        if self.out_activation_ not in _FROM_LOGITS:
            return np.log(above_zero(self._mean_outputs(X)))
        return log_probabilities(self._logits(X), self.out_activation_ == "softmax")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of examples whose label, or labels, are all right.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        """
        found, y = on_host(self.predict(X)), on_host(y)
        metric = joint_accuracy if isinstance(self._labels, HeadLabels) else accuracy_score
        return float(metric(y, found, sample_weight=on_host(sample_weight)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = tags.target_tags.multi_output = True
        return tags
