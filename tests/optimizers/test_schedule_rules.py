"""Schedules, compared with their equations in plain Python; no other library is needed."""

from __future__ import annotations

import math

import pytest

from xpnet.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Step,
    bind,
    observe,
    rates,
)

T = 40


def half_cosines(high, low, lengths):
    """Return half cosines from high towards low with these numbers of steps."""
    return [
        low + (high - low) * math.cos(math.pi * k / (2 * s)) ** 2 for s in lengths for k in range(s)
    ]


def one_cycle(high, s, w, a, b):
    """Return the rates: up to the peak at k = w s − 1, and down to η/(a b) at k = s − 1."""
    first, last, peak = high / a, high / a / b, w * s - 1
    found = []
    for k in range(s):
        if k <= peak:
            share, start, end = (k / peak if peak else 1.0), first, high
        else:
            share, start, end = (k - peak) / (s - 1 - peak), high, last
        found.append(start + (end - start) * math.sin(math.pi * share / 2) ** 2)
    return found + [last] * (T - s)


RULES = [
    (Constant(0.1), [0.1] * T),
    (Step(0.2, 0.3, steps=7), [0.2 * 0.3 ** (k // 7) for k in range(T)]),
    (Step(0.2, epochs=2), [0.2 * 0.1 ** (k // 10) for k in range(T)]),
    (Exponential(0.2, 0.3, steps=7), [0.2 * math.exp(math.log(0.3) * k / 7) for k in range(T)]),
    (Exponential(0.2, 0.3, epochs=3), [0.2 * math.exp(math.log(0.3) * k / 15) for k in range(T)]),
    (InverseScaling(0.2), [0.2 / math.sqrt(1 + k) for k in range(T)]),
    (InverseScaling(0.2, 0.75, 3.0), [0.2 / (1 + 3 * k) ** 0.75 for k in range(T)]),
    (Cosine(0.2, 0.02, steps=30), [*half_cosines(0.2, 0.02, [30]), *[0.02] * 10]),
    (Cosine(0.2, 0.02), half_cosines(0.2, 0.02, [T])),
    (
        Cosine(0.2, warmup=4),
        [0.04, 0.08, 0.12, 0.16, *half_cosines(0.2, 0.0, [T - 4])],
    ),
    (
        Cosine(0.2, 0.01, steps=10, restarts=True),
        half_cosines(0.2, 0.01, [10, 10, 10, 10]),
    ),
    (
        Cosine(0.2, 0.01, steps=3, warmup=1, restarts=True, growth=3),
        [0.1, *half_cosines(0.2, 0.01, [3, 9, 27])],
    ),
    (OneCycle(0.2), one_cycle(0.2, T, 0.3, 25.0, 1e4)),
    (OneCycle(0.2, steps=20, warmup=0.25, start=10.0, end=50.0), one_cycle(0.2, 20, 0.25, 10, 50)),
    (OneCycle(0.2, steps=20, warmup=0.0), one_cycle(0.2, 20, 0.0, 25.0, 1e4)),
    (OneCycle(0.2, steps=20, warmup=1.0), one_cycle(0.2, 20, 1.0, 25.0, 1e4)),
]


@pytest.mark.parametrize(("schedule", "expected"), RULES, ids=lambda x: str(x)[:60])
def test_the_rate_of_every_step(schedule, expected):
    """The fit has 40 steps, 5 per epoch."""
    found = rates(bind(schedule, T, 5), 1, T)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-17)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_cycles(steps):
    """If warm-up has at most one step, the peak is the first step."""
    schedule = OneCycle(0.2, steps=steps, warmup=1.0 / steps)
    assert schedule(1) == 0.2
    assert schedule(steps + 5) == pytest.approx(0.2 / 25e4)


@pytest.mark.parametrize(("total", "warmup", "steps"), [(10, 4, 6), (10, 10, 1), (3, 10, 1)])
def test_what_a_warm_up_leaves_of_a_fit(total, warmup, steps):
    assert bind(Cosine(0.1, warmup=warmup), total, 5).steps == steps


PLATEAUS = [
    # two epochs in a row without improvement; a reduction begins the count anew
    ({"patience": 1, "factor": 0.5}, [3, 2, 2, 2, 2, 2], [8, 8, 8, 4, 4, 2]),
    # only a gain of more than a tenth of the best counts
    ({"patience": 0, "factor": 0.5, "threshold": 0.1}, [10, 9.01, 8.9, 8.02, 7.9], [8, 4, 4, 2, 2]),
    # the first value is an improvement; NaN is not
    ({"patience": 0, "factor": 0.5}, [1e9, math.nan, 1.0], [8, 4, 4]),
    # after a reduction two epochs do not count
    ({"patience": 0, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1, 1], [8, 4, 4, 4, 2]),
    # never below the minimum, and never raised to it
    ({"patience": 0, "factor": 0.5, "minimum": 3.0}, [1, 1, 1, 1], [8, 4, 3, 3]),
    ({"patience": 0, "factor": 0.5, "minimum": 9.0}, [1, 1, 1], [8, 8, 8]),
    # for a negative best, an improvement is lower by this share
    ({"patience": 0, "factor": 0.5, "threshold": 0.1}, [-10, -10.9, -11.1], [8, 4, 4]),
    # a better value in between begins the count anew
    ({"patience": 1, "factor": 0.5}, [3, 3, 2, 2, 1, 1, 1], [8, 8, 8, 8, 8, 8, 4]),
]


@pytest.mark.parametrize(("settings", "values", "expected"), PLATEAUS, ids=str)
def test_a_reduction_on_a_plateau(settings, values, expected):
    schedule = bind(ReduceOnPlateau(8.0, **settings), T, 5)
    found = []
    for value in values:
        observe(schedule, float(value))
        found.append(schedule(1))
    assert found == expected
