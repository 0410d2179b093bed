"""Networks of the same layers, trained together: all passes have a leading axis R.

    θ (R, P), X (N, n_0)     →     A_L (R, N, n_L), losses (R,), dθ (R, P)

Every product is one batch of R products. No network depends on another.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from xpnet.backends import Backend
from xpnet.checks.keywords import explains_keywords, shares_keywords
from xpnet.equations.streams import WEIGHTS, seed_from, words
from xpnet.errors import quoted
from xpnet.layers.build import Specification
from xpnet.layers.each_rate import of_network
from xpnet.network.network import Network
from xpnet.network.stack_scores import evaluate_each
from xpnet.network.stackable import (
    OwnSettings,
    check_settings,
    merged_network,
    networks_of,
    penalties_of,
    rates_of,
)
from xpnet.pickles import Pickled
from xpnet.training.history import History
from xpnet.training.settings import Own, StackKeywords, settings
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.activation import Activation
    from xpnet.equations.streams import Rng
    from xpnet.losses import Loss
    from xpnet.metrics import Metric

__all__ = ["Stack"]


class Stack(Pickled):
    """Networks that differ only in parameters, seeds and rates of dropout, trained together.

    Parameters
    ----------
    networks : sequence of Network
        R ≥ 1, with sizes. They are copied, and do not change. ``stack[r]`` is network r as it is
        now: a `Network`, which can be saved or trained on its own. Their layers may differ in the
        rates of `Dropout`.

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
        given = networks_of(networks)
        self._own = tuple(OwnSettings(net.seed, net.initializer, net.plan) for net in given)
        self._net = merged_network(given)  # shared settings, θ (R, P) and statistics (R, …)
        self._net.__dict__.pop("_optimizer", None)  # the state of one network's optimizer
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
        net = self._member(r)
        net.take(self.parameters[r, ...], tuple(stat[r, ...] for stat in self._net.statistics))
        net.set_parameters(net.parameters)  # makes a copy
        net.set_statistics(net.statistics)
        return net

    def _member(self, r: int) -> Network:
        """A copy of the shared network, with the settings of network r."""
        net, own = copy.copy(self._net), self._own[r]
        net.seed, net._initializer, net._plan = own
        net._layers = of_network(net.layers, r)
        net._written = net._written._replace(plan=own.plan)
        return net

    def __getstate__(self) -> dict[str, Any]:
        own = [(seed, name, tuple(plan)) for seed, name, plan in self._own]
        return {"_net": copy.copy(self._net), "_own": own}  # so that a copy trains on its own

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._net = state["_net"]
        own = state["_own"]
        self._own = tuple(OwnSettings(seed, name, Specification(*plan)) for seed, name, plan in own)

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
        seeds = [own.seed for own in self._own]
        if rng is not None:
            drawn = words(seed_from(rng), WEIGHTS, (), len(self))
            seeds = [int(word) for word in drawn.tolist()]
        return Stack(self._member(r).fresh(seed) for r, seed in enumerate(seeds))

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
        *,
        rows: Sequence[ArrayLike] | None = None,
    ) -> dict[str, Host]:
        """Return the mean "loss" (R,) and each metric (R,), as `Network.evaluate`.

        With ``rows``, network r is evaluated on X[rows[r]] and Y[rows[r]], as in `fit`.
        """
        with _quiet():
            if rows is not None:
                return evaluate_each(self._net, X, Y, rows, sample_weight, batch_size, metrics)
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
            If its rows repeat some, ``validation_fraction`` sets distinct rows aside, with copies.
            All networks need the same number of steps an epoch. None: all share all rows.
        learning_rate : float, schedule or (R,), optional
            One for all networks, or a number for each.
        penalty : Penalty or R of them, optional
            One for all networks, or a list with a `Penalty`, or None, for each. Those of a list
            differ in l1 and l2 only.
        epochs : int, optional
            None as for `Network.fit`; the fit stops if no network's loss improves. With ``rows``,
            each network ends if its own loss stands still.
        compile : bool, optional
            As for `Network.fit`, with ``rows`` on NumPy. Each network is then trained by a compiled
            program, several at a time if NumPy's products have several threads. Other stacks run in
            the plain loop.
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
        rates = rates_of(given["learning_rate"], len(self))
        if rates is not None:
            given["learning_rate"] = 0.0  # the rates replace a schedule too
        penalties = penalties_of(given["penalty"], len(self))
        if penalties is not None:
            given["penalty"] = None
        chosen = settings(given)
        check_settings(chosen)
        own = None if rows is None else Own(rows, tuple(own.seed for own in self._own))
        chosen = chosen._replace(rates=rates, own=own, callbacks=chosen.callbacks.seeing(self))
        if penalties is not None:
            chosen = chosen._replace(penalty=penalties)
        with _quiet():
            return fit(self._net, X, Y, *weights, given["validation_data"], chosen)

    # --- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file with all networks (safetensors), completely or not at all.

        `xpnet.load` reads its first network, with a warning. Raises ValueError if the parameters of
        a network are no longer finite.
        """
        from xpnet.files.save import save

        nets = [self[r] for r in range(len(self))]
        save(nets[0], path, more=nets[1:])

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: Any = None,
        *,
        custom: tuple[Activation | Loss, ...] = (),
    ) -> Stack:
        """Load the networks that `save` wrote, on any backend, as `xpnet.load` loads one.

        Raises ValueError if the networks of the file are no stack: their settings differ.
        """
        from xpnet.files.load import load_all

        return cls(load_all(path, backend, device, dtype, custom=custom))


def _quiet() -> np.errstate:
    """Within this context, NumPy does not warn if a network diverges: its losses show it."""
    return np.errstate(over="ignore", invalid="ignore")
