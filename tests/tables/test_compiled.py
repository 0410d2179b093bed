"""Whether the fits on a table are compiled: as many widths as the answer needs are counted."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.engines.choose import pays_in_all
from xpnet.engines.loops import cache
from xpnet.tables import Table
from xpnet.tables.fits import Job
from xpnet.tables.procedure import Procedure
from xpnet.tables.recipe import recipe_for
from xpnet.tables.targets import silent

N = 1280  # ten steps an epoch
RNG = np.random.default_rng(0)
TABLE = Table(
    {
        **{f"x{i}": RNG.normal(size=N) for i in range(20)},
        "kind": np.arange(N) % 7,
        "few": (np.arange(N) % 2).astype(str),
        "many": (np.arange(N) % 100).astype(str),
    }
)
WIDE = ("many", {}, frozenset({"few"}))
NARROW = ("few", {"kind": None}, frozenset(TABLE.names) - {"kind", "few"})
QUICK = Procedure(True, 1, silent)


@pytest.fixture(autouse=True)
def has_numba(monkeypatch):
    """Let compiling be possible, whether numba is installed or not."""
    monkeypatch.setattr(cache, "numba_version", lambda: "1.0")


def job(epochs: int, target: str, embed: dict[str, None], ignore: frozenset[str]) -> Job:
    asked = {"text": frozenset({"kind"}), "embed": embed, "ignore": ignore, "missing": ()}
    made = {"seed": 0, "backend": "numpy", "device": None, "dtype": "float32"}
    recipe = recipe_for(N, quick=True, epochs=epochs)
    return Job(TABLE, np.arange(N), (target,), "classification", asked, recipe, made, None, {})


@pytest.mark.parametrize("asked", [WIDE, NARROW], ids=["wide", "embedded"])
def test_the_answer_is_that_of_the_whole_network(asked):
    """So it is for numbers of epochs at which the widths, or an embedding, decide."""
    whole = job(1, *asked).network(job(1, *asked).schema(np.arange(N), pieces=True))
    smallest, answers = job(1, *asked).smallest(), set()
    for epochs in range(50, 1000, 25):
        pays, least = (pays_in_all(net.layers, 128, 10 * epochs) for net in (whole, smallest))
        assert ("compile" in QUICK.compiled(job(epochs, *asked)).keywords) == pays
        answers.add((pays, least))
    assert len(answers) == 3  # both, none, and one of them


def test_a_long_fit_counts_no_columns(monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a schema was fitted only to count its columns")

    monkeypatch.setattr(Job, "schema", never)
    assert QUICK.compiled(job(1000, *WIDE)).keywords == {"compile": True}
    with pytest.raises(AssertionError):
        QUICK.compiled(job(50, *WIDE))
