"""Steps launched as CUDA graphs have the bits of steps launched one by one.

The tests marked gpu need CuPy itself; the others run on the stand-in for CuPy.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.chains import chained, examples
from tests.support.cuda_cases import needs_gxx
from tests.support.fake_cupy import Graph, Stream, install
from xpnet.backends import get_backend, to_numpy
from xpnet.engines.cuda.graphs import LENGTHS, Graphs
from xpnet.losses import LOSSES
from xpnet.optimizers import OPTIMIZERS, Accumulated, Adam, Clipped
from xpnet.schedules import Cosine

ROWS, BATCH = 2 * (LENGTHS[0] + 9) - 1, 2  # a whole graph, single steps, a short last batch
STEPS = (ROWS + 1) // BATCH
WEIGHTS = np.random.default_rng(7).uniform(0.5, 2, ROWS)


def paired():
    """Each optimizer with a loss and a chain of layers, so that every one occurs."""
    chains = ["dropout", "batch norm", "layer norm", "residual, projected", "embedding", "all"]
    for k, (optimizer, loss) in enumerate(zip(OPTIMIZERS, LOSSES, strict=True)):
        chain = chains[k % len(chains)]
        yield (
            f"{optimizer}, {loss}, {chain}",
            {"loss": loss, "chain": chain},
            {"optimizer": optimizer},
        )


CASES = [
    *paired(),
    ("clipped", {}, {"optimizer": Clipped(Adam(), norm=0.5, value=0.3)}),
    ("accumulated", {}, {"optimizer": Accumulated(Adam(), 3)}),
    ("penalty", {}, {"penalty": xpnet.Penalty(l1=1e-3, l2=1e-3), "max_norm": 1.0}),
    ("weights", {"chain": "all"}, {"sample_weight": WEIGHTS}),
    ("a schedule", {}, {"learning_rate": Cosine(0.05)}),
    ("float32", {"dtype": "float32", "chain": "all"}, {}),
    ("in order", {}, {"shuffle": False}),
]
BACKENDS = [{"precision": "tf32"}, {"precision": "bfloat16"}, {"precision": "float16"}]
BACKENDS.append({"deterministic": True})


def trained(backend, network=None, fit=None):
    """Return the engine and every number that a fit leaves behind."""
    network = {"chain": "residual", "loss": "cross_entropy", **(network or {})}
    X, Y = examples(ROWS, network["loss"])
    net = chained(backend, network.pop("chain"), rng=3, **network)
    history = net.fit(X, Y, **{"epochs": 2, "batch_size": BATCH, **(fit or {})})
    numbers = [net.parameters, *net.statistics]
    return history.engine, [to_numpy(x).tobytes() for x in numbers], history.step_loss


def one_by_one(monkeypatch):
    """From now on, no step is captured."""
    monkeypatch.setattr(Graphs, "launch", lambda *_: False)


def check(monkeypatch, backend, network=None, fit=None):
    graph, *captured = trained(backend, network, fit)
    one_by_one(monkeypatch)
    kernels, *launched = trained(backend, network, fit)
    assert (graph, kernels) == ("graph", "kernels")
    assert captured == launched


@pytest.mark.gpu
@pytest.mark.parametrize(("network", "fit"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_captured_fit_has_the_bits_of_a_launched_one(monkeypatch, network, fit):
    check(monkeypatch, or_skip(open_backend("cupy")), network, fit)


@pytest.mark.gpu
@pytest.mark.parametrize("settings", BACKENDS, ids=lambda s: "-".join(map(str, s.values())))
def test_in_every_precision(monkeypatch, settings):
    or_skip(open_backend("cupy"))
    monkeypatch.setitem(os.environ, "CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # restored afterwards
    check(monkeypatch, get_backend("cupy", **settings), {"dtype": "float32"})


@pytest.mark.gpu
def test_what_stays_uncaptured():
    backend = or_skip(open_backend("cupy"))
    each = {"callbacks": {"step_end": lambda net, history: None}}
    for fit, engine in (
        ({"stream": True}, "streamed"),
        (each, "kernels"),
        ({"batch_size": None}, "kernels"),
    ):
        assert trained(backend, fit=fit)[0] == engine
    assert trained(backend, fit={"compile": False})[0] == "plain"


# --- on the stand-in


@pytest.fixture
def card(monkeypatch):
    return install(monkeypatch, kernels=True)


@needs_gxx
def test_a_graph_has_many_steps_after_one_that_is_launched(card):
    assert trained("cupy")[0] == "graph"
    rest = STEPS - LENGTHS[0] - 1  # whole batches of an epoch after its graph of many steps
    assert card.launches["graph"] == 1 + (rest - 1) + 1 + rest  # the very first step is launched


@needs_gxx
def test_later_epochs_capture_nothing_and_allocate_nothing(card, monkeypatch):
    captures = []
    begin = Stream.begin_capture
    monkeypatch.setattr(Stream, "begin_capture", lambda s: captures.append(s) or begin(s))
    few = []
    for epochs in (2, 6):
        captures.clear()
        trained("cupy", fit={"epochs": epochs})
        few.append(len(captures))
    assert few == [2, 2]  # 32 steps, and one


@needs_gxx
@pytest.mark.parametrize(
    ("where", "name"), [(Stream, "begin_capture"), (Stream, "end_capture"), (Graph, "launch")]
)
def test_an_error_drops_the_graphs_and_goes_on_one_by_one(card, monkeypatch, where, name):
    """Such as a driver too old, no memory for a graph, or memory that another library took."""
    with monkeypatch.context() as patch:
        one_by_one(patch)
        _, *launched = trained("cupy")
    plain, calls = getattr(where, name), []

    def broken(self, *arguments):
        calls.append(self)
        if len(calls) == 2:  # the second time, in the middle of an epoch
            if name == "end_capture":
                plain(self)  # CUDA ends a capture that it cannot make a graph of
            raise RuntimeError("no memory\nand more")
        return plain(self, *arguments)

    monkeypatch.setattr(where, name, broken)
    with pytest.warns(UserWarning, match="one by one.*RuntimeError: no memory$") as seen:
        engine, *found = trained("cupy")
    assert (engine, len(seen)) == ("kernels", 1)
    assert found == launched


@needs_gxx
def test_what_refuses_a_capture_in_the_middle_is_named(card, monkeypatch):
    """As if a kernel of the step made the host wait."""
    from xpnet.engines.cuda.steps import Steps

    launch = Steps.launch

    def waits(self, *arguments):
        launch(self, *arguments)
        if self._backend.stream.captured is not None:
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Steps, "launch", waits)
    with pytest.warns(UserWarning, match="not permitted when stream is capturing"):
        assert trained("cupy")[0] == "kernels"
    net = xpnet.Network([4, 3], loss="huber", backend="cupy")
    assert net.backend.stream.captured is None
