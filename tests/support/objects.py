"""Examples, and objects with settings of every kind, for tests of copies and pickles."""

from __future__ import annotations

import numpy as np

from xpnet import optimizers, schedules
from xpnet.equations import penalties
from xpnet.equations.parameters import Layout
from xpnet.optimizers import Adam

X = np.random.default_rng(0).normal(size=(12, 4))
LABELS = np.arange(12) % 3
SCHEDULES = [
    schedules.Constant(0.1),
    schedules.Step(0.1, 0.5, steps=3),
    schedules.Step(0.1, epochs=2),
    schedules.Exponential(0.1, 0.5, steps=4),
    schedules.InverseScaling(0.1, 0.75, 2.0),
    schedules.Cosine(0.1, 0.01, steps=5, warmup=2, restarts=True, growth=2),
    schedules.OneCycle(0.1, steps=9, warmup=0.5, start=10.0, end=100.0),
    schedules.ReduceOnPlateau(0.1, 0.5, 1, threshold=0.01, cooldown=2, minimum=0.01),
]
OPTIMIZERS = [
    *(kind() for kind in optimizers.OPTIMIZERS.values()),
    optimizers.LBFGS(3, 1e-6, 1e-10),
    optimizers.SGD(0.1, momentum=0.5, nesterov=True),
    optimizers.AdamW(decay_biases=True, layout=Layout(5, 3, ((0, 1, 3),))),
    optimizers.Muon(scale="original", layout=Layout(5, 3, ((0, 1, 3),))),
    optimizers.Clipped(Adam(schedules.OneCycle(0.01)), value=1.0),
    optimizers.Averaged(Adam(), None, 2, 3),
    optimizers.Accumulated(Adam(), 3),
    penalties.Penalty(0.1, 0.2, biases=True),
    penalties.MaxNorm(2.0),
]
