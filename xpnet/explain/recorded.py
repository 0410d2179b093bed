"""Wrap layers so that they compute as before and record their equations.

A recorded layer takes the layer's place in `xpnet.equations.passes.chain` and `chain_gradients`. It
calls the layer's own ``forward`` and ``gradients`` and returns their results. For a dense layer it
calls the functions that these consist of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import Backend
from xpnet.equations.protocol import BoundLayer, Context, Stats
from xpnet.explain import dense
from xpnet.explain.record import Log
from xpnet.typing import Array

__all__ = ["Recorded", "recorded"]

Result = tuple[Any, Any, Stats]


def recorded(layers: Sequence[BoundLayer], inside: str, log: Log) -> list[Any]:
    """Wrap the layers, numbered 1, 2, … after the prefix ``inside``, each on the one before it."""
    return [
        _KINDS.get(layer.kind, Recorded)(layer, f"{inside}{l}", f"{inside}{l - 1}", log)
        for l, layer in enumerate(layers, start=1)
    ]


class Recorded:
    """Any layer l on the output of layer k.

    An unknown kind of layer is recorded as a function of A_k and of the parameters in its slots.
    """

    def __init__(self, layer: Any, l: str, k: str, log: Log) -> None:
        self.layer, self.l, self.k, self.log = layer, l, k, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> Result:
        """Run the layer's ``forward`` and record it with `tell_forward`."""
        result, seconds = self.log.timed(self.layer.forward, backend, p, stats, A, ctx)
        B, saved, after = result
        self.tell_forward(p, A, B, saved, seconds)
        return B, saved, after

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Any], Any]:
        """Run the layer's ``gradients`` and record them with `tell_gradients`."""
        shape = tuple(dB.shape)
        run = self.layer.gradients, backend, p, saved, dB, g, needed
        (dp, dA), seconds = self.log.timed(*run)
        self.tell_gradients(p, saved, shape, dp, dA, seconds)
        return dp, dA

    def tell_forward(
        self, p: Sequence[Array], A: Array, B: Array, saved: Any, seconds: float
    ) -> None:
        """Record A_l = kind(A_k, parameters)."""
        operands = [(f"A_{self.k}", A.shape), *self.own(p)]
        right = f"{self.layer.kind}({', '.join(name for name, _ in operands)})"
        self.log.forward(self.l, f"A_{self.l}", right, B, operands, flops=None, seconds=seconds)

    def tell_gradients(
        self,
        p: Sequence[Array],
        saved: Any,
        shape: tuple[int, ...],
        dp: Sequence[Array],
        dA: Array,
        seconds: float,
    ) -> None:
        """Record d<parameter> = ∂loss/∂<parameter>, and dA_k."""
        dB = [(f"dA_{self.l}", shape)]
        for (name, _), d in zip(self.own(p), dp, strict=True):
            right = f"∂loss/∂{name}"
            self.log.backward(self.l, f"d{name}", right, d, dB, flops=None)
        if dA is not None:
            right, symbol = f"∂loss/∂A_{self.k}", f"dA_{self.k}"
            self.log.backward(self.l, symbol, right, dA, dB, flops=None, seconds=seconds)

    def own(self, p: Sequence[Array]) -> list[tuple[str, Any]]:
        """Return the symbols and shapes of the layer's own parameters."""
        slots = self.layer.slots
        return [(symbol(slot.name, self.l), x.shape) for slot, x in zip(slots, p, strict=True)]


_SYMBOLS = {"weight": "W", "bias": "b", "gain": "γ", "shift": "β", "projection": "P"}


def symbol(name: str, l: str) -> str:
    """Return the symbol of a parameter of layer l; E_1:4 is layer 1's table of column 4."""
    if name.startswith("embedding_"):
        return f"E_{l}:{name.removeprefix('embedding_')}"
    return f"{_SYMBOLS.get(name, name)}_{l}"


class RecordedDense(Recorded):
    """A dense layer, by the five functions of `xpnet.explain.dense`, each with its own rows."""

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> Result:
        """Record Z_l and A_l; return A_l, and (A_k, Z_l, A_l) for the backward pass."""
        Z = dense.preactivation(self.log, self.l, self.k, A, *p)
        A_l = dense.activation(self.log, self.l, self.layer.activation, Z)
        return A_l, (A, Z, A_l), ()

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Any], Any]:
        """Record dZ_l, dW_l, db_l and dA_k; return [dW_l, db_l] and dA_k."""
        A, Z, A_l = saved
        f = self.layer.activation
        dZ = dense.preactivation_gradient(self.log, self.l, f, Z, A_l, dB)
        dp = dense.gradients(self.log, self.l, self.k, A, dZ, g)
        return dp, dense.input_gradient(self.log, self.l, self.k, dZ, p[0]) if needed else None


class RecordedDropout(Recorded):
    """Dropout, which has no effect outside training."""

    def tell_forward(
        self, p: Sequence[Array], A: Array, B: Array, saved: Any, seconds: float
    ) -> None:
        """Record A_l = A_k."""
        note = f"dropout ({self.layer.rate:g}) acts only in training"
        of_k = ((f"A_{self.k}", A.shape),)
        self.log.forward(self.l, f"A_{self.l}", f"A_{self.k}", B, of_k, seconds=seconds, note=note)

    def tell_gradients(
        self,
        p: Sequence[Array],
        saved: Any,
        shape: tuple[int, ...],
        dp: Sequence[Array],
        dA: Array,
        seconds: float,
    ) -> None:
        """Record dA_k = dA_l."""
        of_l = ((f"dA_{self.l}", shape),)
        self.log.backward(self.l, f"dA_{self.k}", f"dA_{self.l}", dA, of_l, seconds=seconds)


class RecordedNorm(Recorded):
    """X̂_l = (A_k − μ_l) / s_l and A_l = γ_l ∘ X̂_l + β_l; a batch norm's μ and s are constants."""

    def tell_forward(
        self, p: Sequence[Array], A: Array, B: Array, saved: Any, seconds: float
    ) -> None:
        """Record X̂_l, then A_l."""
        l, k, n, shape = self.l, self.k, self.log.size(A), A.shape
        over = "the features of each example"
        if self.layer.kind == "batch norm":
            over = "the training batches so far"
        note = f"μ: mean, s = √(variance + {self.layer.epsilon:g}), over {over}"
        self.log.forward(
            l, f"X̂_{l}", f"(A_{k} − μ_{l}) / s_{l}", saved[0], ((f"A_{k}", shape),), flops=2 * n,
            seconds=seconds, note=note,
        )  # fmt: skip
        read = ((f"X̂_{l}", shape), *self.own(p))
        self.log.forward(l, f"A_{l}", f"γ_{l} ∘ X̂_{l} + β_{l}", B, read, flops=2 * n)

    def tell_gradients(
        self,
        p: Sequence[Array],
        saved: Any,
        shape: tuple[int, ...],
        dp: Sequence[Array],
        dA: Array,
        seconds: float,
    ) -> None:
        """Record dγ_l and dβ_l, then dA_k."""
        l, k, ones = self.l, self.k, ("1ᵀ", (1, shape[-2]))
        n, dB, X_hat = self.log.size(saved[0]), (f"dA_{l}", shape), (f"X̂_{l}", shape)
        right = f"1ᵀ (dA_{l} ∘ X̂_{l})"
        self.log.backward(
            l, f"dγ_{l}", right, dp[0], (ones, dB, X_hat), flops=3 * n, seconds=seconds
        )
        self.log.backward(l, f"dβ_{l}", f"1ᵀ dA_{l}", dp[1], (ones, dB), flops=2 * n)
        if dA is None:
            return
        read = (dB, X_hat, (f"γ_{l}", p[0].shape))
        if self.layer.kind == "batch norm":
            right, note, flops = f"γ_{l} ∘ dA_{l} / s_{l}", "μ and s are constants here", 2 * n
        else:
            right = f"(D − mean(D) − X̂_{l} ∘ mean(D ∘ X̂_{l})) / s_{l}"
            note, flops = (
                f"D = γ_{l} ∘ dA_{l}; means over the features, because μ and s depend on A_{k}",
                8 * n,
            )
        self.log.backward(l, f"dA_{k}", right, dA, read, flops=flops, note=note)


class RecordedEmbedding(Recorded):
    """Vectors for integer columns, as products with one-hot rows O."""

    def tell_forward(
        self, p: Sequence[Array], A: Array, B: Array, saved: Any, seconds: float
    ) -> None:
        """Record A_l = [numeric columns | O E | …]."""
        names = [name for name, _ in self.own(p)]
        parts = [f"{name.replace('E', 'O', 1)} {name}" for name in names]
        if self.layer.numeric:
            parts.insert(0, f"numeric columns of A_{self.k}")
        note = "O_1:c: the one-hot rows of column c, E_1:c: a vector for each of its categories"
        flops = sum(2 * self.log.size(O) * E.shape[-1] for O, E in zip(saved, p, strict=True))
        read = [(f"A_{self.k}", A.shape), *self.own(p)]
        self.log.forward(
            self.l, f"A_{self.l}", f"[{' | '.join(parts)}]", B, read, flops=flops, seconds=seconds,
            note=note,
        )  # fmt: skip

    def tell_gradients(
        self,
        p: Sequence[Array],
        saved: Any,
        shape: tuple[int, ...],
        dp: Sequence[Array],
        dA: Array,
        seconds: float,
    ) -> None:
        """Record dE = Oᵀ dA_l for each table E, with the columns of dA_l that belong to E."""
        start = len(self.layer.numeric)
        for O, (name, E), dE in zip(saved, self.own(p), dp, strict=True):
            end = start + E[-1]
            part = (f"dA_{self.l}[:, {start}:{end}]", (*shape[:-1], E[-1]))
            read = ((f"{name.replace('E', 'O', 1)}ᵀ", O.mT.shape), part)
            self.log.product(self.l, f"d{name}", dE, read, "N", seconds if dE is dp[0] else None)
            start = end


class RecordedResidual(Recorded):
    """F(A_k) + A_k: the layers within record themselves; F's input is A_l.0."""

    def __init__(self, layer: Any, l: str, k: str, log: Log) -> None:
        within = recorded(layer.children, f"{l}.", log)
        super().__init__(layer._replace(children=tuple(within)), l, k, log)
        self.inner, self.first = f"{l}.{len(within)}", f"{l}.0"

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> Result:
        """Record the layers within, then the sum."""
        of_k, n = (f"A_{self.k}", A.shape), self.log.size
        self.log.forward(
            self.l, f"A_{self.first}", f"A_{self.k}", A, (of_k,), note="enters the layers within"
        )
        B, saved, after = self.layer.forward(backend, p, stats, A, ctx)
        read, flops = [(f"A_{self.inner}", B.shape), of_k], n(B)
        around = f"A_{self.k}"
        if self.layer.projection is not None:
            around, P = f"A_{self.k} P_{self.l}ᵀ", p[-1]
            read.append((f"P_{self.l}ᵀ", P.mT.shape))
            flops += 2 * n(A) * P.shape[-2]
        right = f"A_{self.inner} + {around}"
        self.log.forward(self.l, f"A_{self.l}", right, B, read, flops=flops)
        return B, saved, after

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Any], Any]:
        """Record the layers within, then dP and the sum."""
        l, of_l, A = self.l, (f"dA_{self.l}", tuple(dB.shape)), saved[1]
        self.log.backward(
            l,
            f"dA_{self.inner}",
            f"dA_{l}",
            dB,
            (of_l,),
            note="enters the layers within, from their end",
        )
        dp, dA = self.layer.gradients(backend, p, saved, dB, g, needed)
        if self.layer.projection is not None:
            transposed = (f"dA_{l}ᵀ", (*of_l[1][:-2], of_l[1][-1], of_l[1][-2]))
            self.log.product(l, f"dP_{l}", dp[-1], (transposed, (f"A_{self.k}", A.shape)), "N")
        if dA is None:  # the first layer: dA_0 is not needed
            return dp, None
        around, read, flops = f"dA_{l}", [(f"dA_{self.first}", dA.shape), of_l], self.log.size(dA)
        if self.layer.projection is not None:
            around = f"dA_{l} P_{l}"
            read.append((f"P_{l}", p[-1].shape))
            flops += 2 * self.log.size(A) * p[-1].shape[-2]
        self.log.backward(l, f"dA_{self.k}", f"dA_{self.first} + {around}", dA, read, flops=flops)
        return dp, dA


_KINDS: dict[str, type[Recorded]] = {
    "dense": RecordedDense,
    "dropout": RecordedDropout,
    "layer norm": RecordedNorm,
    "batch norm": RecordedNorm,
    "embedding": RecordedEmbedding,
    "residual": RecordedResidual,
}
