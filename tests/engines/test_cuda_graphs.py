"""Steps launched as CUDA graphs have the bits of steps launched one by one.

The tests marked gpu need CuPy itself; the others run on the stand-in for CuPy.
"""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.chains import chained, examples
from tests.support.cuda_cases import needs_gxx
from tests.support.fake_cupy import Graph, Stream, install
from tests.support.helpers import relative
from xpnet.backends import get_backend, to_numpy
from xpnet.engines.cuda import parts
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


def fitted_twice(second):
    """Fit a network, then fit it or a fresh one; return launches of the second fit, and numbers."""
    backend = get_backend("cupy")
    X, Y = examples(ROWS, "cross_entropy")
    X, Y = (xpnet.asarray(x, backend=backend) for x in (X, Y))
    net = chained(backend, "batch norm", rng=3)
    net.fit(X, Y, epochs=1, batch_size=BATCH)
    before, copy = net.parameters, to_numpy(net.parameters).copy()
    gc.collect()  # the first fit's runner
    found = second(net, X, Y)
    np.testing.assert_array_equal(to_numpy(before), copy)  # whoever has the array keeps its numbers
    return found


@needs_gxx
def test_a_later_fit_takes_the_graphs_of_an_earlier_one(card, monkeypatch):
    captures = []
    begin = Stream.begin_capture
    monkeypatch.setattr(Stream, "begin_capture", lambda s: captures.append(s) or begin(s))

    def again(net, X, Y):
        captures.clear()
        history = net.fit(X, Y, epochs=2, batch_size=BATCH, learning_rate=0.02)
        assert history.engine == "graph"
        return to_numpy(net.parameters), history.step_loss

    theta, losses = fitted_twice(again)
    assert not captures
    monkeypatch.setattr(parts, "_MOST_BYTES", 0)  # nothing is kept
    other, before = fitted_twice(again)
    assert captures
    np.testing.assert_array_equal(theta, other)
    assert losses == before


@needs_gxx
@pytest.mark.parametrize("what", ["other data", "another batch size", "after an error"])
def test_what_does_not_fit_is_captured_anew(card, monkeypatch, what):
    captures = []
    begin = Stream.begin_capture
    monkeypatch.setattr(Stream, "begin_capture", lambda s: captures.append(s) or begin(s))

    def second(net, X, Y):
        size = BATCH + 1 if what == "another batch size" else BATCH
        if what == "other data":
            X = X + 0.0
        if what == "after an error":
            with monkeypatch.context() as patch:
                patch.setattr(Graphs, "launch", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    net.fit(X, Y, batch_size=size)
            gc.collect()
        captures.clear()
        same = chained("numpy", "batch norm")
        same.set_parameters(to_numpy(net.parameters))
        same.set_statistics([to_numpy(x) for x in net.statistics])
        settings = {"epochs": 2, "batch_size": size, "shuffle": False}
        net.fit(X, Y, **settings)
        same.fit(to_numpy(X), to_numpy(Y), compile=False, **settings)
        return relative(net.parameters.get(), same.parameters)

    assert fitted_twice(second) < 1e-10
    assert captures


@needs_gxx
def test_a_fit_within_a_fit_has_parts_of_its_own(card):
    """A callback trains a second network on the same backend."""
    backend = get_backend("cupy")
    X, Y = (xpnet.asarray(x, backend=backend) for x in examples(ROWS, "cross_entropy"))

    def trained_inside(inner):
        nets = [chained(backend, "residual", rng=r) for r in range(2)]

        def epoch_end(net, history):
            inner(nets[1])

        nets[0].fit(X, Y, epochs=3, batch_size=BATCH, callbacks=epoch_end)
        return [to_numpy(net.parameters) for net in nets]

    inside = trained_inside(lambda net: net.fit(X, Y, epochs=1, batch_size=BATCH) and None)
    alone = trained_inside(lambda net: None)
    np.testing.assert_array_equal(inside[0], alone[0])
    assert (inside[1] != alone[1]).any()


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
