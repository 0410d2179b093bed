"""Draw the parts of a random training step from a seed.

Widths are around 1 and around the length of a SIMD vector. Batches are ragged. Activations, losses
and optimizers may be a user's own (`benchmarks.fuzzing.own`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import xpnet
from benchmarks.fuzzing.own import own_activation, own_loss, own_optimizer
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import flatten, layout
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Loss,
    Masked,
    MultiCrossEntropy,
    Quantile,
)
from xpnet.optimizers import OPTIMIZERS, Accumulated, Averaged, Clipped

__all__ = ["Draw", "draw"]

WIDTHS = (1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 15, 16, 17)
WARPS = (31, 32, 33)
N_EXAMPLES = (2, 3, 5, 8, 9)
BATCHES = (1, 1, 2, 3, 4, 5, 7, 8, 9)


@dataclass
class Draw:
    """The training steps that a seed stands for.

    Attributes
    ----------
    net : Network
        The steps begin with its θ and statistics.
    data : (X, Y, w)
    batches : list of arrays
        The indices of each step's examples; None if every step takes all examples in order.
    steps, threads : int
    literal : bool
        Whether sizes are written into a program's source where possible.
    sources : dict of str to str
        The source of each part that is a user's own.
    """

    seed: int
    net: xpnet.Network
    data: tuple[Any, Any, Any]
    optimizer: Any
    penalty: Any
    max_norm: Any
    batches: list[np.ndarray[Any, Any]] | None
    steps: int
    threads: int
    literal: bool
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def families(self) -> tuple[str, ...]:
        """The kinds of the layers, the loss and the optimizers, for counts."""
        kinds = {f"layer {layer.kind}" for layer in flatten(self.net.layers)}
        found, optimizers = self.optimizer, set[str]()
        while found is not None:
            optimizers.add(f"optimizer {type(found).__name__.strip('_')}")
            found = getattr(found, "optimizer", None)
        return *sorted(kinds), f"loss {_loss(self.net).name}", *sorted(optimizers)

    def __str__(self) -> str:
        X, Y, w = self.data
        sizes = None if self.batches is None else [len(batch) for batch in self.batches]
        lines = [
            f"layers {self.net.plan.n_in} → {list(self.net.plan.layers)}",
            f"output {self.net.layers[-1].activation!r}, loss {_loss(self.net)!r}, {X.dtype}",
            f"optimizer {self.optimizer!r}, {self.penalty!r}, {self.max_norm!r}",
            f"X {X.shape}, Y {Y.shape} {Y.dtype}, w {w is not None}, batches {sizes}, "
            f"steps {self.steps}, threads {self.threads}, literal {self.literal}",
        ]
        return "\n".join([*lines, *(f"# {k}\n{text}" for k, text in self.sources.items())])


def _loss(net: xpnet.Network) -> Loss:
    assert net.loss is not None
    return net.loss


def draw(seed: int) -> Draw:
    """Return the draw of a seed, which is the same in every process."""
    return _Drawing(seed).made()


class _Drawing:
    """Draws the parts in turn, all from one generator."""

    def __init__(self, seed: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng(seed)
        self.sources: dict[str, str] = {}

    def made(self) -> Draw:
        """Return the complete draw."""
        dtype = "float32" if self.chance(0.2) else "float64"
        n_in, n_out = self.width(), self.width()
        loss, output, n_out = self.loss(n_out)
        first, columns = self.first(n_in)
        sizes = [n_in, *first, *self.hidden(), Dense(n_out, output)]
        net = xpnet.Network(sizes, loss=loss, dtype=dtype, rng=self.seed % 2**31)
        self.shake(net)
        N = int(self.choice(N_EXAMPLES))
        data = self.examples(N, n_in, columns, loss, n_out, dtype)
        steps = int(self.rng.integers(1, 4))
        return Draw(
            self.seed,
            net,
            data,
            self.optimizer(int(net.parameters.shape[0])),
            self.penalty(),
            xpnet.MaxNorm(float(self.choice([0.1, 0.5]))) if self.chance(0.2) else None,
            None if self.chance(0.2) else [self.batch(N) for _ in range(steps)],
            steps,
            int(self.choice([1, 1, 2, 3])),
            self.chance(0.5),
            self.sources,
        )

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < share)

    def choice(self, values: Any) -> Any:
        """Return one of the values."""
        return values[int(self.rng.integers(len(values)))]

    def width(self) -> int:
        """Return the width of a layer: mostly small, rarely about as wide as a GPU's warp."""
        if self.chance(0.02):
            return int(self.choice(WARPS))
        return int(self.choice(WIDTHS if self.chance(0.4) else WIDTHS[:8]))

    # --- layers

    def first(self, n_in: int) -> tuple[list[Any], dict[int, int]]:
        """Return an embedding, or no layer; and the number of categories of each column."""
        if not self.chance(0.2):
            return [], {}
        count = int(self.rng.integers(1, min(n_in, 3) + 1))
        columns = self.rng.permutation(n_in)[:count].tolist()
        categories = [int(self.rng.integers(1, 4)) for _ in columns]
        dims = [int(self.rng.integers(1, 4)) for _ in columns]
        return [Embedding(categories, dims, columns)], dict(zip(columns, categories, strict=True))

    def hidden(self) -> list[Any]:
        """Return up to three layers."""
        return [self.layer() for _ in range(self.rng.integers(0, 4))]

    def layer(self, depth: int = 0) -> Any:
        """Return a layer of a random kind."""
        made: list[Callable[[], Any]] = [
            self.dense,
            self.dense,
            lambda: BatchNorm(momentum=float(self.choice([0.1, 0.0, 0.5]))),
            LayerNorm,
            lambda: Dropout(float(self.choice([0.2, 0.7]))),
        ]
        if depth < 2:
            made.append(
                lambda: Residual([self.layer(depth + 1) for _ in range(self.rng.integers(1, 3))])
            )
        return self.choice(made)()

    def dense(self) -> Dense:
        """Return a dense layer with a random activation."""
        n = self.width()
        return Dense(n, self.activation(n))

    def activation(self, n: int) -> Any:
        """Return the name of an activation, or a user's own activation for n units."""
        if self.chance(0.7):
            return self.choice(list(ACTIVATIONS))
        name = f"own{len(self.sources)}"
        made, self.sources[name] = own_activation(self.rng, name, n)
        return made

    def shake(self, net: Any) -> None:
        """Move gains, biases and statistics away from their initial values."""
        rng, n_weights = self.rng, layout(net.layers).n_weights
        theta = net.parameters.copy()
        theta[n_weights:] += 0.3 * rng.normal(size=len(theta) - n_weights)
        net.set_parameters(theta)
        net.set_statistics([s + rng.uniform(0.1, 0.5, s.shape) for s in net.statistics])

    # --- loss

    def loss(self, n: int) -> tuple[Loss, Any, int]:
        """Return a loss, the output's activation, and the number of outputs."""
        made: list[Callable[[], Loss]] = [
            *(lambda row=row: row for row in LOSSES.values()),
            lambda: CrossEntropy(0.2),
            lambda: Huber(0.3),
            lambda: Quantile((0.9, 0.1, 0.5)),
            lambda: GaussianNLL(minimum_variance=0.25, full=True),
            lambda: self.heads(),
            lambda: Masked(self.heads()),
        ]
        if self.chance(0.4):
            loss, self.sources["loss"] = own_loss(self.rng, n)
        else:
            loss = self.choice(made)()
            n = sum(loss.heads) or -(-n // loss.outputs_per_target) * loss.outputs_per_target
        outputs = [name for name in loss.outputs or ACTIVATIONS if name in ACTIVATIONS]
        named = loss.outputs is not None or self.chance(0.7)
        own = loss.own_output if self.chance(0.5) else None
        return loss, own or (self.choice(outputs) if named else self.activation(n)), n

    def heads(self) -> Loss:
        """Return a loss of one to three classifications."""
        heads = [int(self.rng.integers(2, 5)) for _ in range(self.rng.integers(1, 4))]
        return MultiCrossEntropy(heads, float(self.choice([0.0, 0.1])))

    def targets(self, loss: Loss, N: int, n: int) -> np.ndarray[Any, Any]:
        """Return a Y that the loss accepts."""
        rng = self.rng
        if loss.heads:
            columns = [rng.integers(-loss.masked, k, N) for k in loss.heads]
            return np.stack(columns, axis=-1)
        if loss.targets == "labels":
            rows = rng.dirichlet(np.ones(n), N)
            return rng.integers(0, n, N) if self.chance(0.6) else rows
        shape = N, loss.n_targets(n)
        if loss.targets == "probabilities":
            return np.asarray(rng.uniform(0, 1, shape))
        return rng.poisson(2.0, shape) * 1.0 if loss.targets == "counts" else rng.normal(size=shape)

    # --- data

    def examples(
        self, N: int, n_in: int, columns: dict[int, int], loss: Loss, n_out: int, dtype: str
    ) -> tuple[Any, Any, Any]:
        """Return X, Y, and w or None."""
        X = self.rng.normal(size=(N, n_in))
        for column, n in columns.items():
            X[:, column] = self.rng.integers(0, n, N)
        if len(columns) < n_in and self.chance(0.04):
            numeric = [column for column in range(n_in) if column not in columns]
            X[0, self.choice(numeric)] = self.choice([np.nan, np.inf, -np.inf])
        Y = self.targets(loss, N, n_out)
        Y = Y.astype(dtype) if Y.dtype.kind == "f" else Y.astype(np.int64)
        w = self.rng.uniform(0.5, 2, N).astype(dtype) if self.chance(0.3) else None
        return X.astype(dtype), Y, w

    def batch(self, N: int) -> np.ndarray[Any, Any]:
        """Return the indices of a step's examples, with repetitions."""
        return self.rng.integers(0, N, int(self.choice(BATCHES)))

    # --- optimizer and penalty

    def optimizer(self, n: int) -> Any:
        """Return one of xpnet's optimizers or a user's own, sometimes wrapped."""
        made: Any
        if self.chance(0.25):
            made, self.sources["optimizer"] = own_optimizer(self.rng, n)
        else:
            made = self.choice(list(OPTIMIZERS.values()))()
            if self.chance(0.4):
                made = made._replace(**self.settings(made))
        if self.chance(0.15):
            made = Clipped(made, **self.choice([{"norm": 0.01}, {"value": 0.01}]))
        if self.chance(0.1):
            made = Averaged(made, decay=self.choice([None, 0.9]))
        return Accumulated(made, 2) if self.chance(0.1) else made

    def settings(self, optimizer: Any) -> dict[str, Any]:
        """Return new values for some of the optimizer's settings."""
        known: dict[str, Any] = {
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 0.2,
            "decay_biases": True,
            "scale": "original",
            "beta1": 0.5,
            "rho": 0.5,
        }
        fields = optimizer._asdict()
        found = {k: v for k, v in known.items() if k in fields and self.chance(0.6)}
        if found.get("nesterov") and not found.get("momentum", optimizer.momentum):
            found["momentum"] = 0.9
        return found

    def penalty(self) -> Any:
        """Return None or a random penalty."""
        if not self.chance(0.25):
            return None
        l1, l2 = self.choice([(0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
        return xpnet.Penalty(l1=l1, l2=l2, biases=self.chance(0.5))
