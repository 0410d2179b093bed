"""The fits that lead to a model, and what surrounds them: a budget of time, a cross-validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from xpnet.engines.choose import pays_in_all
from xpnet.equations.streams import LARGEST
from xpnet.errors import counted
from xpnet.network import Network
from xpnet.ranges import check_positive, positive_integer
from xpnet.tables.assembled import model_of
from xpnet.tables.fits import Fitted, Job, chosen, on_all, without
from xpnet.tables.model import Model
from xpnet.tables.splitting import folds
from xpnet.tables.targets import silent

__all__ = ["Procedure"]

_FEW = 8  # epochs below which a budget of time is too short


@dataclass(frozen=True)
class Procedure:
    """The way to a model: one short fit, two fits that choose, or a network for each fold.

    Attributes
    ----------
    quick : bool
    networks : int
    tell : function of str
        Called with sentences for the user.
    """

    quick: bool
    networks: int
    tell: Callable[[str], None]

    def trained(self, job: Job) -> Model:
        """The model of all rows of the job."""
        if self.networks > 1:
            return self._averaged(job)
        if self.quick:
            return model_of(job.recipe, [on_all(job, pieces=True)], [])
        found = chosen(job)
        if found is None:
            self.tell("too few rows to choose by: half of the epochs, without pieces")
            half = max(1, job.recipe.epochs // 2)
            return model_of(job.recipe, [on_all(job, False, half)], [])
        if not found.interrupted:
            are = "is" if found.epochs == 1 else "are"
            self.tell(f"{found} {are} best for a fifth of the training rows")
        return model_of(job.recipe, [self._last(job, found)], [found])

    def _last(self, job: Job, found: Fitted) -> Fitted:
        """The fit of all rows, as was found to be best; after Ctrl-C, what was found itself."""
        if found.interrupted:
            best = "the best network so far, trained on four fifths of the rows"
            self._tell_kept(job, best)
            return found
        with suppress(KeyboardInterrupt):  # before the first epoch
            last = on_all(job, found.schema.has_pieces, found.epochs)
            if not last.interrupted:
                return last
        self._tell_kept(job, "the network trained on four fifths of the rows")
        return replace(found, interrupted=True)

    def _tell_kept(self, job: Job, what: str) -> None:
        """Tell what an interrupted training has kept; checkpoints have kept all of it."""
        if job.checkpoints.path is None:
            self.tell(f"interrupted: kept {what}")

    def _averaged(self, job: Job) -> Model:
        """A network for each fold, trained on the others; no row that judges it trains it."""
        found: list[Fitted] = []
        stopped = False
        for k, part in enumerate(folds(job.labels(), len(job.rows), self.networks)):
            made = {**job.made, "seed": (job.made["seed"] + k) % LARGEST}  # of weights and order
            try:
                best = without(replace(job, made=made), job.rows[part], self.quick or None)
            except KeyboardInterrupt:  # before the first epoch
                stopped = True
                break
            found += [best] if best.epochs else []
            stopped = best.interrupted
            if not (stopped and job.checkpoints.path):  # else its last epoch is only a part
                self.tell(f"network {len(found)} of {self.networks}: {best}, loss {best.loss:.4g}")
            if stopped:
                break
        if stopped:
            self._tell_kept(job, f"{len(found)} of {self.networks} networks")
        return replace(model_of(job.recipe, found, found), interrupted=stopped)

    def within(self, job: Job, seconds: float, parts: int) -> Job:
        """The job with as many epochs as fit into the seconds, but no more than without them.

        A fit of n epochs takes a + b n seconds, found from fits of one and of three epochs.
        """
        check_positive("seconds", seconds)
        self._seconds(job, 1)  # not timed: what happens only once, such as an import
        one, three = self._seconds(job, 1), self._seconds(job, 3)
        b = max((three - one) / 2, 1e-9)
        a, share, most = max(one - b, 0.0), seconds / (parts + 1), job.recipe.epochs
        epochs = max(1, min(most, int((share - a * self._fits()) / (b * self._passes()))))
        few = ": too few, so give more seconds" if epochs < min(_FEW, most) else ""
        n = counted(epochs, "epoch")
        self.tell(f"{n} at most, for a budget of {seconds:g} s (--epochs {epochs}){few}")
        return replace(job, recipe=replace(job.recipe, epochs=epochs))

    def _seconds(self, job: Job, epochs: int) -> float:
        """The seconds of a fit of all rows."""
        began = time.perf_counter()
        if on_all(job, pieces=True, epochs=epochs).interrupted:
            raise KeyboardInterrupt
        return time.perf_counter() - began

    def compiled(self, job: Job) -> Job:
        """The job, with compiled steps if all of its fits together pay for compiling.

        More inputs and outputs make a step slower, and compiling takes as long. So a schema is
        fitted, to count them, only if compiling would not pay with one of each. An embedding is a
        further layer, which takes time to compile.
        """
        net = job.smallest()
        if net.backend.compiled_as != "loops":
            return job
        if job.asked["embed"] or not self._compiling_pays(job, net):
            net = job.network(job.schema(job.rows, pieces=True))
        if not self._compiling_pays(job, net):
            return job
        return replace(job, keywords={**job.keywords, "compile": True})

    def _compiling_pays(self, job: Job, net: Network) -> bool:
        per_epoch = job.recipe.steps_per_epoch(len(job.rows))
        steps = int(self._passes() * job.recipe.epochs * per_epoch)
        return pays_in_all(net.layers, job.recipe.batch, steps)

    @property
    def _each(self) -> int:
        """The fits for each set of rows: with pieces, and also without to choose."""
        return 1 if self.quick else 2

    def _passes(self) -> float:
        """How often all rows are passed over for each epoch of the recipe, at most."""
        if self.networks > 1:
            return self._each * (self.networks - 1)
        return 1 if self.quick else self._each * 0.8 + 1  # four fifths to choose, then all rows

    def _fits(self) -> int:
        """The number of fits."""
        last = 0 if self.quick or self.networks > 1 else 1
        return self._each * self.networks + last

    def cross_validated(self, job: Job, k: int) -> dict[str, float]:
        """Means and standard deviations of the scores of k parts, each by a model of the others."""
        if positive_integer("cv", k) < 2:
            raise ValueError(f"cv must be 2 or more parts, got {k}")
        each: list[dict[str, float]] = []
        quiet = replace(self, tell=silent)
        for held in (job.rows[part] for part in folds(job.labels(), len(job.rows), k)):
            model = quiet.trained(replace(job, rows=np.setdiff1d(job.rows, held)))
            if model.interrupted:
                raise KeyboardInterrupt
            each.append(model.evaluated(job.table.take(held), job.weights.column))
        found: dict[str, float] = {}
        for name in each[0]:
            values = [scores[name] for scores in each if not math.isnan(scores[name])]
            if values:  # R² of a part of equal targets is NaN
                spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
                found[name], found[f"{name}_sd"] = float(np.mean(values)), float(spread)
        said = (f"{n} {found[n]:.4g} ± {found[f'{n}_sd']:.2g}" for n in each[0] if n in found)
        self.tell(f"each of {k} parts, predicted from the others: {', '.join(said)}")
        return found
