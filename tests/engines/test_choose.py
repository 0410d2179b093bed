"""If ``compile=True`` is not possible, a warning names the reason."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.helpers import needs_numba
from tests.support.own import Plain

X = np.random.default_rng(0).normal(size=(30, 4))
CODES = np.arange(30) % 3


def warned(match, **settings):
    """Check that a fit with ``compile=True`` gives one warning, at the line that calls it."""
    of_network = {k: settings.pop(k) for k in ("activation", "loss", "backend") if k in settings}
    net = xpnet.Network([4, 5, 3], **of_network)
    Y = np.eye(3)[CODES] if net.loss and net.loss.targets == "rows" else CODES
    with pytest.warns(UserWarning, match=match) as seen:
        history = net.fit(X, Y, epochs=2, compile=True, **settings)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert history.engine in ("plain", "streamed")


def test_lbfgs_is_not_compiled():
    warned("compile=True has no effect with LBFGS", optimizer="lbfgs")


@pytest.mark.parametrize("name", ["torch", "array-api-strict"])
def test_a_backend_that_compiles_nothing_says_so(name):
    backend = or_skip(open_backend(name))
    match = rf"compile=True has no effect on backend '{name}': it works on numpy, cupy and jax"
    warned(match, backend=backend)


class Halving(Plain):
    """An optimizer that looks at its gradient's values."""

    def update(self, xp, c, g, state, theta):
        return (theta - c[0] * g if float(xp.max(g)) > 1.0 else theta), state


PICKY = xpnet.elementwise(
    "picky", lambda xp, Z: xp.sort(Z), lambda xp, Z, A: xp.ones_like(Z), lambda xp, Z, A: 0 * Z
)
ROUGH = xpnet.Loss(
    "rough", lambda xp, A, Y: (xp.sum(np.abs(np.asarray(A) - Y), axis=-1), xp.sign(A - Y))
)


@needs_numba
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("activation 'picky'", {"activation": PICKY}),
        ("activation 'picky'", {"activation": ["relu", PICKY], "loss": "huber"}),
        ("loss 'rough'", {"loss": ROUGH}),
        ("optimizer Halving", {"optimizer": Halving()}),
    ],
)
def test_what_cannot_be_compiled_is_named(name, settings):
    warned(rf"the steps run in the plain loop: .* \({name}\)$", **settings)
