"""Random numbers that depend only on (seed, purpose, counter).

So initial weights and the order of examples are the same bits on every backend, for any number of
workers and after a resume. The numbers come from NumPy's Philox counter generator, whose raw
integers NumPy promises to keep. Results of its ``Generator`` may change, so that is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from xpnet.errors import quoted
from xpnet.typing import Host

__all__ = [
    "LARGEST",
    "MASKS",
    "ORDER",
    "SEARCH",
    "SPLIT",
    "WEIGHTS",
    "permutation",
    "seed_from",
    "uniform",
    "words",
]

WEIGHTS, ORDER, SPLIT, MASKS, SEARCH = range(5)  # the purposes; new ones are added at the end

if TYPE_CHECKING:  # numpy.random takes 10 ms to import; NumPy imports it when first used
    Rng: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


LARGEST = 2**128  # seeds are below this: a SeedSequence gives 128 bits


def seed_from(rng: object, name: str = "rng") -> int:
    """Return the seed, a non-negative integer, that ``rng`` stands for (SPEC 7).

    An integer is the seed itself. A SeedSequence gives 128 bits of its state. A Generator is drawn
    from, and so advances. None takes fresh entropy from the operating system.
    """
    if rng is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    if isinstance(rng, np.random.SeedSequence):
        high, low = rng.generate_state(2, np.uint64).tolist()
        return int(high << 64 | low)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(f"{name} must not be negative, got {quoted(rng)}")
        if rng >= LARGEST:
            raise ValueError(f"{name} must be below 2**128, got {quoted(rng)}")
        return int(rng)
    raise TypeError(
        f"{name} must be an int, a SeedSequence, a Generator or None, got {type(rng).__name__}"
    )


def words(seed: int, purpose: int, counter: tuple[int, ...], n: int) -> Host:
    """Return n raw 64-bit words of the stream (seed, purpose, counter); see `seed_from`."""
    if type(seed) is not int:  # NumPy would walk nested lists, some of them endless
        raise TypeError(
            f"a seed must be an int, got {type(seed).__name__}: make one with seed_from"
        )
    sequence = np.random.SeedSequence(seed, spawn_key=(purpose, *counter))
    words: Host = np.random.Philox(sequence).random_raw(n)
    return words


def uniform(seed: int, purpose: int, counter: tuple[int, ...], n: int) -> Host:
    """Return n float64 numbers in [0, 1): the upper 53 bits of each word, times 2⁻⁵³."""
    return (words(seed, purpose, counter, n) >> np.uint64(11)) * 2.0**-53


def permutation(seed: int, purpose: int, counter: tuple[int, ...], n: int) -> Host:
    """0 … n−1 sorted by the stream's words, with ties by index: (n,) int64."""
    return np.argsort(words(seed, purpose, counter, n), kind="stable")
