"""Networks of the same layers, trained together: all passes have a leading axis R.

    θ (R, P), X (N, n_0)     →     A_L (R, N, n_L), losses (R,), dθ (R, P)

Every product is one batch of R products. No network depends on another.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from operator import attrgetter, index
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, to_numpy
from xpnet.checks.keywords import explains_keywords, shares_keywords
from xpnet.equations.streams import WEIGHTS, seed_from, words
from xpnet.errors import quoted
from xpnet.network.network import Network
from xpnet.pickles import Pickled
from xpnet.ranges import items
from xpnet.training.history import History
from xpnet.training.settings import Own, Settings, StackKeywords, settings
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng
    from xpnet.metrics import Metric

__all__ = ["Stack"]

_ALIKE = (
    "sizes",
    "layers",
    "loss",
    "plan.output",
    "backend",
    "dtype",
    "epoch",
    "classes",
    "feature_names",
)


class Stack(Pickled):
    """Networks that differ only in their parameters and seeds, trained together.

    Parameters
    ----------
    networks : sequence of Network
        R ≥ 1, with sizes. They are copied, and do not change. ``stack[r]`` is network r as it is
        now: a `Network`, which can be saved or trained on its own.

    Raises
    ------
    ValueError, TypeError
        No networks, or networks with different layers, loss, output, backend, dtype, classes,
        feature names or count of epochs.

    Notes
    -----
    A fit gives every network the same batches. The order of examples, the masks of dropout and the
    examples held out follow from the first network's seed. To rounding, network r is trained as it
    would be on its own with that seed. ``fit(rows=…)`` gives each network batches of its own rows,
    by its own seed.

    Examples
    --------
    >>> import numpy as np, xpnet
    >>> X = np.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> stack = xpnet.Stack(xpnet.Network([2, 8, 2], activation="tanh", rng=r) for r in range(5))
    >>> history = stack.fit(X, np.asarray([0, 1, 1, 0]), epochs=300, learning_rate=0.03)
    >>> stack(X).mean(axis=0).argmax(axis=1).tolist()  # the mean of five networks
    [0, 1, 1, 0]
    >>> np.shape(history.loss)
    (300, 5)
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        given = _networks(networks)
        self._own = tuple((net.seed, net.initializer) for net in given)
        self._net = given[0].as_written()  # shared settings, θ (R, P) and statistics (R, …)
        with self.backend.context():
            stack = self.backend.xp.stack
            theta = stack([net.parameters for net in given])
            stats = zip(*(net.statistics for net in given), strict=True)
            self._net.take(theta, tuple(stack(parts) for parts in stats))

    def __len__(self) -> int:
        return len(self._own)

    def __getitem__(self, r: int) -> Network:
        """Return a copy of network r, counted from 0.

        Raises TypeError if r is not an integer, IndexError if there is no such network, and
        ValueError if its parameters are no longer finite.
        """
        r, R = index(r), len(self)
        if not -R <= r < R:
            raise IndexError(f"there is no network {quoted(r)}: the stack has {R}, counted from 0")
        net = copy.copy(self._net)
        net.seed, net._initializer = self._own[r]
        net.take(self.parameters[r, ...], tuple(stat[r, ...] for stat in self._net.statistics))
        net.set_parameters(net.parameters)  # makes a copy
        net.set_statistics(net.statistics)
        return net

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_net": copy.copy(self._net)}  # so that a copy trains on its own

    def __repr__(self) -> str:
        return f"Stack({len(self)} × {self._net!r})"

    def fresh(self, rng: Rng = None) -> Stack:
        """Return an untrained stack of the same plan, with newly drawn weights.

        Loss and classes are those that the networks had when the stack was made.

        Parameters
        ----------
        rng
            The source of the networks' seeds, as for `Network`. None keeps their own seeds, so that
            each network starts again from its first weights.
        """
        seeds = [seed for seed, _ in self._own]
        if rng is not None:
            drawn = words(seed_from(rng), WEIGHTS, (), len(self))
            seeds = [int(word) for word in drawn.tolist()]
        networks = []
        for seed, (_, initializer) in zip(seeds, self._own, strict=True):
            net = copy.copy(self._net)
            net._initializer = initializer
            networks.append(net.fresh(seed))
        return Stack(networks)

    @property
    def backend(self) -> Backend:
        """The backend of all networks."""
        return self._net.backend

    @property
    def parameters(self) -> Any:
        """θ (R, P), one network a row, on the networks' device."""
        return self._net.parameters

    @property
    def epoch(self) -> int:
        """Epochs of training so far."""
        return self._net.epoch

    def __call__(self, X: ArrayLike) -> Any:
        """Return the outputs A_L (R, N, n_L); for one example (n_0,) they are (R, n_L)."""
        with _quiet():
            return self._net(X)

    def predict(self, X: ArrayLike, batch_size: int | None = None) -> Any:
        """Return the outputs (R, N, n_L) in batches of ``batch_size``, as `Network.predict`."""
        with _quiet():
            return self._net.predict(X, batch_size)

    def losses(self, X: ArrayLike, Y: ArrayLike, batch_size: int | None = None) -> Any:
        """Return loss_n of every example for each network, (R, N), as `Network.losses`."""
        with _quiet():
            return self._net.losses(X, Y, batch_size)

    def evaluate(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        batch_size: int | None = None,
        metrics: str | Metric | Sequence[str | Metric] = (),
    ) -> dict[str, Host]:
        """Return the mean "loss" (R,) and each metric (R,), as `Network.evaluate`."""
        with _quiet():
            found: dict[str, Any] = self._net.evaluate(X, Y, sample_weight, batch_size, metrics)
        return found

    @explains_keywords("Stack.fit")
    @shares_keywords(Network.fit, StackKeywords.__annotations__)
    def fit(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        rows: Sequence[ArrayLike] | None = None,
        **keywords: Unpack[StackKeywords],
    ) -> History:
        """Train all networks, from their present parameters: on the same batches, or on their own.

        Parameters
        ----------
        rows : sequence of R integer arrays, optional
            The rows of X and Y that network r is trained on, such as a fold or a bootstrap sample.
            Network r then becomes, to rounding, ``stack[r]`` after a fit on X[rows[r]], Y[rows[r]]:
            its order, masks and held-out examples follow from its own seed. No other row is read.
            All networks need the same number of steps an epoch. None: all share all rows.
        learning_rate : float, schedule or (R,), optional
            One for all networks, or a number for each.
        epochs : int, optional
            None as for `Network.fit`; the fit stops if no network's loss improves. With ``rows``,
            each network ends if its own loss stands still.
        early_stopping : EarlyStopping, int or True, optional
            Each network ends by its own values, keeps its state of then (or of its best epoch), and
            has NaN in the history from then on. The fit ends when all have.
        callbacks
            Each takes (stack, history).
        others
            As for `Network.fit`.

        Returns
        -------
        History
            Every value is a list of R numbers: ``np.asarray(history.loss)`` is (epochs, R).
            ``history.of(r)`` is network r's. ``progress`` and the history's repr show the median.

        Raises
        ------
        ValueError, TypeError
            Bad input, before anything changes; also L-BFGS, or a schedule that watches one loss.
        DivergenceError
            No network's loss is finite any more. All networks are as they were before. If only some
            diverge, the fit goes on, and their losses and metrics are NaN: `numpy.nanargmax` leaves
            them out.
        others
            As for `Network.fit`: the complete epochs are kept.
        """
        from xpnet.training.fit import fit

        given: dict[str, Any] = {**keywords}
        weights = given["sample_weight"], given["class_weight"]
        rates = _rates(given["learning_rate"], len(self))
        if rates is not None:
            given["learning_rate"] = 0.0  # the rates replace a schedule too
        chosen = settings(given)
        _check(chosen)
        own = None if rows is None else Own(rows, tuple(seed for seed, _ in self._own))
        chosen = chosen._replace(rates=rates, own=own, callbacks=chosen.callbacks.seeing(self))
        with _quiet():
            return fit(self._net, X, Y, *weights, given["validation_data"], chosen)


def _quiet() -> np.errstate:
    """Within this context, NumPy does not warn if a network diverges: its losses show it."""
    return np.errstate(over="ignore", invalid="ignore")


def _networks(networks: Any) -> tuple[Network, ...]:
    """Return the networks; raise if their settings differ."""
    if isinstance(networks, Network) or not isinstance(networks, Iterable):
        raise TypeError(f"a Stack takes a sequence of networks, got {quoted(networks)}")
    given = tuple(items("a Stack takes a sequence of networks", networks))
    if not given:
        raise ValueError("a Stack needs at least one network")
    for r, net in enumerate(given):
        if not isinstance(net, Network):
            raise TypeError(f"networks[{r}] must be an xpnet.Network, got {quoted(net)}")
        for name in _ALIKE:
            first, own = map(attrgetter(name), (given[0], net))
            if first != own:
                raise ValueError(
                    f"networks[{r}] has a different {name.removeprefix('plan.')} than "
                    f"networks[0]: {quoted(own)}, not {quoted(first)}; the networks of a stack "
                    "may differ only in their parameters and seeds"
                )
    return given


def _rates(learning_rate: Any, n: int) -> Host | None:
    """A learning rate for each of n networks, a column (n, 1); None if there is one for all."""
    if callable(learning_rate) or np.ndim(learning_rate) == 0:
        return None
    rates = to_numpy(checks.real("learning_rate", learning_rate)).astype(np.float64)
    if rates.shape != (n,):
        raise ValueError(
            f"learning_rate must be one number, a schedule, or ({n},), one for each network; got "
            f"the shape {rates.shape}"
        )
    if not np.all(np.isfinite(rates)) or np.any(rates < 0):
        raise ValueError(f"learning rates must be finite and ≥ 0, got {quoted(rates.tolist())}")
    return rates[:, None]


def _check(settings: Settings) -> None:
    """Raise ValueError for settings that depend on the loss of a single network."""
    from xpnet import schedules

    optimizer = settings.optimizer
    name = type(optimizer).__name__
    if getattr(optimizer, "full_batch", False):
        raise ValueError(
            f"{name} needs a separate line search for each network, so it cannot train a stack. "
            "Use an optimizer that takes batches, or train each stack[r] separately"
        )
    if hasattr(schedules.bind(optimizer.learning_rate, 1, 1), "observe"):
        raise ValueError(
            f"{type(optimizer.learning_rate).__name__} watches the loss of one network: give a "
            "stack a different schedule, or a learning rate for each network"
        )
