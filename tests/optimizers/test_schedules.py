"""Schedules, compared with torch's and scikit-learn's, and the ranges of their settings."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from tests.support.helpers import needed
from xpnet.optimizers import Adam, Clipped, get_optimizer
from xpnet.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Step,
    bind,
    observe,
    rate_at,
)

EVERY = [
    Constant(0.1),
    Step(0.1, steps=10),
    Exponential(0.1, steps=10),
    Cosine(0.1, warmup=5, steps=20),
    OneCycle(0.1, steps=50),
    InverseScaling(0.1),
    ReduceOnPlateau(0.1),
]


def rates(schedule, n):
    return [schedule(t) for t in range(1, n + 1)]


def torch_rates(make, n, lr=0.1):
    """Return the rates of torch's steps t = 1 … n; the scheduler steps after each."""
    torch = needed("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    found = []
    for _ in range(n):
        found.append(optimizer.param_groups[0]["lr"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that optimizer.step() was not called
            scheduler.step()
    return found


def warm_cosine(lr, optimizer):
    warm = lr.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    down = lr.CosineAnnealingLR(optimizer, 45, eta_min=0.01)
    return lr.SequentialLR(optimizer, [warm, down], milestones=[5])


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Constant(0.1), lambda lr, o: lr.ConstantLR(o, factor=1.0)),
        (Step(0.1, 0.3, steps=7), lambda lr, o: lr.StepLR(o, 7, gamma=0.3)),
        (Exponential(0.1, 0.9, steps=1), lambda lr, o: lr.ExponentialLR(o, 0.9)),
        (Cosine(0.1, 0.01, steps=50), lambda lr, o: lr.CosineAnnealingLR(o, 50, eta_min=0.01)),
        (Cosine(0.1, 0.01, steps=45, warmup=5), warm_cosine),
        (
            Cosine(0.1, 0.02, steps=12, restarts=True),
            lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 12, eta_min=0.02),
        ),
        (
            Cosine(0.1, steps=5, restarts=True, growth=3),
            lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 5, T_mult=3),
        ),
        (
            OneCycle(0.2, steps=50),
            lambda lr, o: lr.OneCycleLR(o, 0.2, total_steps=50, cycle_momentum=False),
        ),
        (
            OneCycle(0.2, steps=50, warmup=0.0),
            lambda lr, o: lr.OneCycleLR(
                o, 0.2, total_steps=50, pct_start=0.0, cycle_momentum=False
            ),
        ),
        (
            OneCycle(0.2, steps=50, warmup=0.25, start=10.0, end=100.0),
            lambda lr, o: lr.OneCycleLR(
                o,
                0.2,
                total_steps=50,
                pct_start=0.25,
                div_factor=10.0,
                final_div_factor=100.0,
                cycle_momentum=False,
            ),
        ),
    ],
    ids=lambda value: "torch" if hasattr(value, "__code__") else str(value),
)
def test_rates_equal_torch_at_every_step(schedule, make):
    assert rates(schedule, 50) == pytest.approx(torch_rates(make, 50), rel=1e-12)


def test_inverse_scaling_is_scikit_learn_s_at_the_start_of_every_epoch():
    peer = needed("sklearn.neural_network._stochastic_optimizers")
    sgd = peer.SGDOptimizer([np.zeros(1)], 0.1, lr_schedule="invscaling", power_t=0.3)
    schedule = InverseScaling(0.1, power=0.3, scale=20)  # batches of 20, 10 per epoch
    for epoch in range(1, 6):
        sgd.iteration_ends(200 * epoch)
        assert schedule(10 * epoch + 1) == pytest.approx(sgd.learning_rate, rel=1e-14)
    assert schedule(1) == 0.1


VALUES = [3.0, 2.0, 2.0, 1.9999, 2.1, 2.0, 1.5, 1.6, 1.7, math.nan, 1.6, 1.6, 1.4, *[1.5] * 20]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "threshold": 0.1},
        {"patience": 1, "cooldown": 2, "factor": 0.3, "minimum": 0.01},
    ],
    ids=str,
)
def test_reduction_on_a_plateau_equals_torch(settings):
    torch = needed("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    names = {"minimum": "min_lr"}
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, eps=0.0, **{names.get(k, k): v for k, v in settings.items()}
    )
    schedule = bind(ReduceOnPlateau(0.1, **settings), 100, 10)
    seen = set()
    for value in VALUES:
        peer.step(value)
        observe(schedule, value)
        assert schedule(1) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        seen.add(schedule(1))
    assert len(seen) >= 3


def test_a_plateau_s_memory_is_fresh_in_each_fit_and_can_be_carried_over():
    settings = ReduceOnPlateau(0.1, patience=0)
    first = bind(settings, 100, 10)
    for value in (1.0, 1.0, 1.0):
        first.observe(value)
    assert first(7) == pytest.approx(0.001)
    assert bind(settings, 100, 10)(1) == settings(1) == 0.1
    resumed = bind(settings, 100, 10)
    resumed.memory = first.memory
    for value in (1.0, 0.5, 0.6):
        first.observe(value)
        resumed.observe(value)
        assert resumed(1) == first(1)


def test_a_negative_value_that_stands_still_is_a_plateau_too():
    """With a threshold of 1e-4, torch considers −4.9996 better than −5."""
    schedule = bind(ReduceOnPlateau(0.1, patience=1), 100, 10)
    for value in (-5.0, -4.9996, -4.9999):
        schedule.observe(value)
    assert schedule(1) == pytest.approx(0.01)


# --- lengths that the fit sets


def test_the_length_of_the_fit_fills_what_was_left_open():
    assert bind(OneCycle(0.1), 80, 8) == OneCycle(0.1, steps=80)
    assert bind(OneCycle(0.1, steps=50), 80, 8) == OneCycle(0.1, steps=50)
    assert bind(Cosine(0.1, warmup=10), 80, 8) == Cosine(0.1, warmup=10, steps=70)
    assert bind(Cosine(0.1, warmup=100), 80, 8)(81) < 0.1
    assert bind(Step(0.1, epochs=3), 80, 8) == Step(0.1, steps=24)
    assert bind(Exponential(0.1, 0.5, epochs=1), 80, 8)(9) == pytest.approx(0.05, rel=1e-15)
    assert bind(0.1, 80, 8) == 0.1
    assert bind(Constant(0.1), 80, 8) == Constant(0.1)


@pytest.mark.parametrize(
    "schedule", [OneCycle(0.1), Cosine(0.1), Step(0.1, epochs=2), Exponential(0.1, epochs=2)]
)
def test_an_open_length_is_an_error_that_says_what_to_do(schedule):
    name = type(schedule).__name__
    with pytest.raises(ValueError, match=f"{name} does not know how long the fit is: give steps"):
        schedule(1)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
def test_one_cycle_is_finite_and_in_range_for_the_shortest_fits(steps, warmup):
    found = rates(OneCycle(0.1, steps=steps, warmup=warmup), steps + 2)
    assert all(0.0999 / 25e4 <= rate <= 0.1 + 1e-16 for rate in found)
    if warmup < 1:
        assert found[-1] == pytest.approx(0.1 / 25e4)


def test_after_its_length_a_cosine_stays_at_its_minimum():
    assert rates(Cosine(0.1, 0.01, steps=10), 30)[10:] == [0.01] * 20


# --- as a learning rate


@pytest.mark.parametrize("schedule", EVERY, ids=str)
def test_a_schedule_is_a_hashable_learning_rate_of_any_optimizer(schedule):
    optimizer = get_optimizer(Clipped(Adam(), norm=1.0), learning_rate=schedule)
    assert optimizer == Clipped(Adam(learning_rate=schedule), norm=1.0)
    assert hash(optimizer) == hash(Clipped(Adam(learning_rate=schedule), norm=1.0))
    assert rate_at(optimizer.learning_rate, 3) == schedule(3)
    assert all(type(rate) is float for rate in rates(bind(schedule, 50, 5), 60))


def test_any_function_of_the_step_is_a_schedule():
    assert rate_at(Adam(learning_rate=lambda t: 1 / t).learning_rate, 4) == 0.25
    assert rate_at(0.1, 4) == 0.1
    for wrong in (math.nan, -1.0, math.inf):
        with pytest.raises(
            ValueError, match=r"gives .* at step 4: a learning rate must be a finite"
        ):
            rate_at(lambda t, wrong=wrong: wrong, 4)


def test_schedules_of_two_kinds_are_never_one_key():
    assert Step(0.1, steps=5) != Exponential(0.1, steps=5)
    assert len(set(EVERY)) == len(EVERY)
    assert sorted(SCHEDULES.values(), key=str) == sorted(map(type, EVERY), key=str)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Constant(-0.1), "learning_rate must be a finite number ≥ 0, got -0.1"),
        (lambda: OneCycle("0.1"), "learning_rate must be a finite number ≥ 0, got '0.1'"),
        (lambda: Step(0.1), "give either steps or epochs, got steps=None and epochs=None"),
        (lambda: Step(0.1, steps=3, epochs=3), "give either steps or epochs"),
        (lambda: Step(0.1, steps=0), "steps must be a positive integer, got 0"),
        (lambda: Step(0.1, 1.5, steps=1), r"factor must lie in \(0, 1\], got 1\.5"),
        (lambda: Exponential(0.1, 0.0, steps=1), r"factor must lie in \(0, 1\], got 0\.0"),
        (lambda: Exponential(0.1, epochs=-1), "epochs must be a positive integer, got -1"),
        (lambda: Cosine(0.1, 0.2), r"minimum must be ≤ learning_rate 0\.1, got 0\.2"),
        (lambda: Cosine(0.1, -0.2), "minimum must be a finite number ≥ 0"),
        (lambda: Cosine(0.1, warmup=-1), "warmup must be an integer ≥ 0, got -1"),
        (lambda: Cosine(0.1, warmup=0.1), "warmup must be an integer ≥ 0"),
        (lambda: Cosine(0.1, steps=0), "steps must be a positive integer"),
        (lambda: Cosine(0.1, restarts=True), "restarts need steps"),
        (lambda: Cosine(0.1, steps=5, growth=0), "growth must be a positive integer"),
        (lambda: OneCycle(0.1, warmup=1.5), r"warmup must lie in \[0, 1\]"),
        (lambda: OneCycle(0.1, start=0.5), "start must be a finite number ≥ 1"),
        (lambda: OneCycle(0.1, end=math.inf), "end must be a finite number ≥ 1"),
        (lambda: InverseScaling(0.1, power=-1.0), "power must be a finite number ≥ 0"),
        (lambda: InverseScaling(0.1, scale=-1.0), "scale must be a finite number ≥ 0"),
        (lambda: ReduceOnPlateau(0.1, factor=2.0), r"factor must lie in \(0, 1\]"),
        (lambda: ReduceOnPlateau(0.1, patience=-1), "patience must be an integer ≥ 0"),
        (lambda: ReduceOnPlateau(0.1, cooldown=0.5), "cooldown must be an integer ≥ 0"),
        (lambda: ReduceOnPlateau(0.1, threshold=-1.0), "threshold must be a finite number ≥ 0"),
        (lambda: ReduceOnPlateau(0.1, minimum=-1.0), "minimum must be a finite number ≥ 0"),
    ],
)
def test_settings_out_of_range_are_named(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize("length", [1.5, "3", True])
def test_a_length_that_is_no_integer_is_of_the_wrong_type(length):
    for make in (Step, OneCycle, Cosine):
        with pytest.raises(TypeError, match=f"steps must be a positive integer, got {length!r}"):
            make(0.1, steps=length)
