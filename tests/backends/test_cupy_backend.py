"""CuPy's backend without a GPU, on a stand-in that raises the errors of CuPy and CUDA.

The tests cover devices, streams, the order between streams, waits of the host, copies, and errors.
"""

from __future__ import annotations

import os
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet
from tests.support.fake_cupy import install
from xpnet.backends import cupy_backend, get_backend, to_numpy
from xpnet.engines.runner import PlainRunner
from xpnet.optimizers import Adam, Clipped

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TARGETS = {
    "cross_entropy": np.arange(6) % 3,
    "binary_cross_entropy": np.eye(3, dtype=np.float32)[np.arange(6) % 3],
    "poisson": np.ones((6, 3), np.float32),
    "huber": np.ones((6, 3), np.float32),
}


@pytest.fixture
def card(monkeypatch):
    """Two devices: the first is current, the second is the network's."""
    return install(monkeypatch, n_devices=2)


def equal(found, expected):
    np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


@pytest.mark.parametrize("loss", TARGETS)
def test_everything_runs_on_the_networks_device_and_stream(card, loss):
    net = xpnet.Network([4, 6, 3], loss=loss, backend="cupy", device=1)
    same = xpnet.Network([4, 6, 3], loss=loss)
    Y = TARGETS[loss]
    w = np.linspace(1, 2, 6)
    equal(net.gradient(X, Y, w).flat, same.gradient(X, Y, w).flat)
    assert net.evaluate(X, Y) == same.evaluate(X, Y)
    equal(net.predict(X, batch_size=4), same.predict(X, batch_size=4))
    for one in (net, same):
        one.fit(X, Y, epochs=2, batch_size=4, sample_weight=w, validation_data=(X, Y))
    equal(net.parameters, same.parameters)
    assert net.parameters.device.id == 1
    equal(net.to(dtype="float64").parameters, same.parameters)
    net.set_weights(same.weights, same.biases)
    equal(net(X[0]), same(X[0]))


NAMES = ["sgd", "adam", "adamw", "amsgrad", "nadam", "radam", "rmsprop", "adadelta", "muon"]
CLIPPED = Clipped(Adam(), norm=1.0, value=0.5)


def sealed_steps(monkeypatch, card):
    """From now on, a wait of the host within a step is an error."""
    plain = PlainRunner.run

    def run(self, *arguments):
        with card.sealing():
            return plain(self, *arguments)

    monkeypatch.setattr(PlainRunner, "run", run)


@pytest.mark.parametrize("optimizer", [*NAMES, CLIPPED])
def test_a_step_makes_the_host_wait_for_nothing(card, monkeypatch, optimizer):
    sealed_steps(monkeypatch, card)
    network().fit(
        X,
        TARGETS["cross_entropy"],
        epochs=2,
        batch_size=4,
        optimizer=optimizer,
        penalty=xpnet.Penalty(l1=1e-3, l2=1e-3),
        max_norm=2.0,
        sample_weight=np.linspace(1, 2, 6),
    )
    assert card.launches["matmul"] > 0


def test_a_stacks_step_makes_the_host_wait_for_nothing(card, monkeypatch):
    sealed_steps(monkeypatch, card)
    stack = xpnet.Stack(network(rng=r) for r in range(3))
    history = stack.fit(
        X,
        TARGETS["cross_entropy"],
        epochs=2,
        batch_size=4,
        optimizer=CLIPPED,
        learning_rate=[1e-3, 1e-2, 1e-1],
        penalty=xpnet.Penalty(l1=1e-3, l2=1e-3),
        max_norm=2.0,
        sample_weight=np.linspace(1, 2, 6),
    )
    assert np.isfinite(history.loss).all()


def network(**settings):
    layers = xpnet.layers
    return xpnet.Network(
        [
            4,
            layers.Dense(6),
            layers.BatchNorm(),
            layers.Dropout(0.1),
            layers.Dense(6, activation="gelu"),
            layers.LayerNorm(),
            3,
        ],
        backend="cupy",
        **settings,
    )


@pytest.mark.parametrize("loss", TARGETS)
def test_no_loss_makes_the_host_wait_in_a_step(card, monkeypatch, loss):
    sealed_steps(monkeypatch, card)
    network(loss=loss).fit(X, TARGETS[loss], epochs=1, batch_size=4)
    assert card.to_host > 0  # the losses, after the epoch


def waits(card, act):
    before = card.synchronisations
    act()
    return card.synchronisations - before


def test_the_host_waits_once_an_epoch_however_many_steps_it_has(card):
    net, Y = network(), TARGETS["cross_entropy"]
    one = waits(card, lambda: net.fit(X, Y, epochs=1, batch_size=6))
    many = waits(card, lambda: net.fit(X, Y, epochs=1, batch_size=1))
    three = waits(card, lambda: net.fit(X, Y, epochs=3, batch_size=1))
    assert (many - one, three - one) == (0, 4)  # the losses, and the statistics


def test_evaluation_waits_once_for_the_losses_and_once_a_metric(card):
    net, Y = network(loss="cross_entropy"), TARGETS["cross_entropy"]
    checks = waits(card, lambda: net.evaluate(X, Y, metrics=["accuracy", "f1"]))
    assert (
        waits(card, lambda: net.evaluate(X, Y, batch_size=1, metrics=["accuracy", "f1"])) == checks
    )
    assert checks == 3


def test_labels_reach_the_device_once_a_fit(card):
    net, Y = network(loss="cross_entropy"), TARGETS["cross_entropy"]
    net.fit(X, Y, epochs=1, batch_size=3, shuffle=False)
    one = card.to_device
    net.fit(X, Y, epochs=1, batch_size=3, shuffle=False)
    one, card.to_device = card.to_device - one, 0
    net.fit(X, Y, epochs=4, batch_size=3, shuffle=False)
    order = 6 * np.dtype(np.int64).itemsize + 4  # an epoch's, and the key of its masks
    assert card.to_device - one <= 3 * (order + 4)


def test_work_of_the_callers_stream_comes_first_and_what_it_gets_is_waited_for(card):
    import cupy

    own = cupy.cuda.Stream(non_blocking=True)
    net = xpnet.Network([4, 5, 3], loss="huber", backend="cupy")
    with own:
        A = net(cupy.asarray(X) * 2.0) + 1.0  # on the caller's stream, the network's, the caller's
        equal(A, xpnet.Network([4, 5, 3], loss="huber")(X * 2.0) + 1.0)
    assert net.backend.stream.number not in (own.number, card.null[0].number)


def test_an_array_of_another_device_is_copied_after_what_its_stream_does(card):
    import cupy

    with cupy.cuda.Device(0):
        here = cupy.asarray(X) * 2.0
    net = xpnet.Network([4, 5, 3], loss="huber", backend="cupy", device=1)
    expected = xpnet.Network([4, 5, 3], loss="huber")(X * 2.0)
    equal(net(here), expected)
    assert here.device.id == 0
    equal(cupy.asarray(net(here)), expected)  # and back, on the caller's stream


def test_a_part_of_an_array_of_another_device_is_copied(card):
    """CuPy itself cannot copy an array with gaps between devices."""
    import cupy

    with cupy.cuda.Device(0):
        here = (cupy.asarray(X) * 2.0)[:, ::2]
    equal(xpnet.asarray(here, "cupy", 1), X[:, ::2] * 2.0)


def test_an_array_of_a_third_device_is_overwritten_after_it_was_copied(monkeypatch):
    install(monkeypatch, n_devices=3)
    import cupy

    with cupy.cuda.Device(2):
        there = cupy.asarray(X) * 2.0
    copied = xpnet.asarray(there, "cupy", 1)
    with cupy.cuda.Device(2):
        there *= 0.0
    equal(copied, X * 2.0)


class Tensor:
    """The attributes of a torch tensor on a GPU that xpnet reads."""

    __module__ = "torch"
    device = SimpleNamespace(type="cuda")

    def __init__(self, there):
        self.there = there

    def detach(self):
        return self

    def contiguous(self):
        raise AssertionError("a copy that torch may overwrite before it is read")


@pytest.mark.parametrize("device", [0, 1])
def test_a_tensor_on_a_gpu_is_taken_as_it_lies(card, monkeypatch, device):
    import cupy

    monkeypatch.setattr(cupy, "from_dlpack", lambda tensor: tensor.there, raising=False)
    with cupy.cuda.Device(0):
        there = (cupy.asarray(X) * 2.0)[:, ::2]
    equal(xpnet.asarray(Tensor(there), "cupy", device), X[:, ::2] * 2.0)


def test_a_part_of_an_array_is_read_from_within_another_devices_stream(card):
    import cupy

    with cupy.cuda.Device(1):
        there = cupy.asarray(X)
    with cupy.cuda.Stream(non_blocking=True):
        equal(there.T, X.T)


@pytest.mark.parametrize("x", [X, X.T, X[0], X.reshape(-1), X.astype(">f4"), X[:, ::2]])
def test_a_large_array_goes_to_the_device_piece_by_piece(card, monkeypatch, x):
    """CuPy pins host memory for the whole array that it copies, and keeps it."""
    import cupy

    sent, plain = [], cupy.asarray
    monkeypatch.setattr(cupy_backend, "_PIECE", 40)
    monkeypatch.setattr(cupy, "asarray", lambda x, **how: sent.append(x) or plain(x, **how))
    equal(get_backend("cupy").from_numpy(x), x)
    assert all(piece.nbytes <= 40 and piece.dtype.isnative for piece in sent)


def test_an_embedding_looks_at_its_codes_on_the_networks_device(card):
    sizes = [3, xpnet.layers.Embedding(5, 2, columns=[0]), 2]
    net = xpnet.Network(sizes, loss="huber", backend="cupy", device=1)
    codes = np.arange(12.0, dtype=np.float32).reshape(4, 3) % 5
    same = xpnet.Network(sizes, loss="huber")
    equal(net(codes), same(codes))
    equal(net.predict(codes, batch_size=3), same.predict(codes, batch_size=3))


def test_products_of_two_matrices_copy_no_transpose(card):
    backend = get_backend("cupy")
    with backend.context():
        a, b = (backend.xp.asarray(X.copy()) for _ in range(2))
        card.launches.clear()
        backend.matmul(a.mT, b)
    assert card.launches == {"matmul": 1}


STACKS = [((2, 3, 5), (2, 5, 4)), ((3, 5), (2, 5, 4)), ((2, 3, 5), (5, 4)), ((2, 3, 1), (2, 1, 4))]
STACKS += [((2, 1, 5), (2, 5, 1)), ((2, 2, 3, 5), (2, 2, 5, 4))]


def stack(backend, rng, shape, transposed, dtype):
    """Return a stack of matrices, or a transposed view of one."""
    host = rng.normal(size=shape).astype(dtype)
    x = backend.xp.asarray(np.ascontiguousarray(host.mT) if transposed else host)
    return host, x.mT if transposed else x


@pytest.mark.parametrize("shapes", STACKS)
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_of_products_is_numpys_in_one_call(card, shapes, given, transposed, dtype):
    rng = np.random.default_rng(1)
    backend = get_backend("cupy")
    with backend.context():
        (a, x), (b, y) = (
            stack(backend, rng, shape, t, dtype)
            for shape, t in zip(shapes, transposed, strict=True)
        )
        out = backend.xp.full((a @ b).shape, np.nan, dtype=dtype) if given else None
        card.launches.clear()
        product = backend.matmul(x, y, out=out)
        launches = dict(card.launches)
        tolerance = 1e-14 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(to_numpy(product), a @ b, rtol=tolerance, atol=tolerance)
    assert not given or product is out
    assert (len(a.shape) == 4 or len(b.shape) == 4) or launches.get("asarray", 0) == 0
    if max(a.ndim, b.ndim) == 3:
        compute = 70 if dtype == "float64" else 68
        assert {k: n for k, n in launches.items() if k != "empty"} == {f"gemm {compute}": 1}


def test_parts_of_a_larger_array_are_multiplied_where_they_lie(card):
    rng = np.random.default_rng(2)
    backend = get_backend("cupy", precision="tf32")
    host = rng.normal(size=(2, 6, 9)).astype(np.float32)
    with backend.context():
        x = backend.xp.asarray(host)
        wide = backend.matmul(x[:, 1:4, 2:7], x[:, :5, 3:8].mT)
        odd = backend.matmul(x[:, ::2, ::2], x[0, 1:6, :])  # no axis is contiguous
        np.testing.assert_allclose(
            to_numpy(wide), host[:, 1:4, 2:7] @ host[:, :5, 3:8].mT, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            to_numpy(odd), host[:, ::2, ::2] @ host[0, 1:6, :], rtol=1e-5, atol=1e-5
        )
    assert card.launches["gemm 77"] == 1


def test_what_cublas_does_not_take_is_multiplied_all_the_same(card):
    rng = np.random.default_rng(2)
    backend = get_backend("cupy")
    xp = backend.xp
    row, column, b = (rng.normal(size=shape) for shape in ((2, 1, 5), (2, 3, 1), (2, 5, 4)))
    with backend.context():
        there = backend.xp.asarray(b)
        repeated = xp.broadcast_to(xp.asarray(row), (2, 3, 5))
        widened = xp.broadcast_to(xp.asarray(column), (2, 3, 5))
        turned = xp.empty((2, 4, 3)).mT
        found = [
            (backend.matmul(repeated, there), np.broadcast_to(row, (2, 3, 5)) @ b),
            (backend.matmul(widened, there), np.broadcast_to(column, (2, 3, 5)) @ b),
            (backend.matmul(there.mT, there, out=xp.empty((2, 4, 4)).mT), b.mT @ b),
            (backend.matmul(repeated[:, :0, :], there), np.empty((2, 0, 4))),
        ]
        assert backend.matmul(repeated, there, out=turned) is turned
        for product, expected in [*found, (turned, found[0][1])]:
            np.testing.assert_allclose(to_numpy(product), expected, rtol=1e-14, atol=1e-14)
    assert not any(name.startswith("gemm") for name in card.launches)


@given(
    ends=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    hidden=st.lists(st.integers(1, 20).map(lambda n: 4 * n), max_size=4),
)
def test_weights_begin_at_16_bytes_where_hidden_widths_are_multiples_of_four(ends, hidden):
    """Offsets count from θ's start; cuBLAS's fast kernels need this alignment."""
    net = xpnet.Network([ends[0], *hidden, ends[1]], loss="huber")
    first = min(W.ctypes.data for W in net.weights)
    assert all((W.ctypes.data - first) % 16 == 0 for W in net.weights)


def test_waiting_is_for_the_networks_stream(card):
    backend = get_backend("cupy")
    assert waits(card, lambda: backend.wait(None)) == 1
    assert backend.stream.number in card.host_knows


@pytest.mark.parametrize(
    ("precision", "compute"), [("tf32", 77), ("bfloat16", 75), ("float16", 74)]
)
def test_a_precision_is_that_of_every_product_of_a_network(card, precision, compute):
    backend = get_backend("cupy", precision=precision)
    net, same = (xpnet.Network([4, 5, 3], loss="huber", backend=b) for b in (backend, "numpy"))
    card.launches.clear()
    found = net.gradient(X, TARGETS["huber"]).flat
    np.testing.assert_allclose(
        to_numpy(found), same.gradient(X, TARGETS["huber"]).flat, rtol=1e-4, atol=1e-6
    )
    assert card.launches[f"gemm {compute}"] == 3 * 2 - 1 + 2  # and two sums over the rows
    assert card.launches["matmul"] == 0
    assert precision in repr(backend)
    assert pickle.loads(pickle.dumps(backend)) == backend != get_backend("cupy")


@pytest.mark.parametrize(
    ("capability", "precision", "also"),
    [("75", "bfloat16", '"float16"'), ("75", "tf32", '"float16"'), ("61", "float16", "6.1")],
)
def test_a_card_that_is_too_old_for_a_precision_says_so(monkeypatch, capability, precision, also):
    install(monkeypatch, capability=capability)
    with pytest.raises(RuntimeError, match="compute capability") as caught:
        get_backend("cupy", precision=precision)
    assert also in str(caught.value)


def test_an_unknown_precision_is_an_error(card):
    with pytest.raises(ValueError, match="tf32"):
        get_backend("cupy", precision="tf16")
    with pytest.raises(ValueError, match='setting of backend "cupy"'):
        get_backend("numpy", precision="tf32")
    with pytest.raises(ValueError, match="already"):
        get_backend(get_backend("numpy"), precision="tf32")


CONFIG = "CUBLAS_WORKSPACE_CONFIG"


@pytest.mark.parametrize("before", [None, ":4096:8", ":16:8"])
def test_deterministic_products_have_workspaces_of_fixed_sizes(card, monkeypatch, before):
    """cuBLAS's manual requires this for several streams, before its handle is created."""
    monkeypatch.setenv(CONFIG, before or "")  # restored after the test
    if before is None:
        monkeypatch.delenv(CONFIG)
    asked = []
    handle = sys.modules["cupy"].cuda.device.get_cublas_handle
    monkeypatch.setattr(
        sys.modules["cupy"].cuda.device,
        "get_cublas_handle",
        lambda: asked.append(os.environ.get(CONFIG)) or handle(),
    )
    backend = get_backend("cupy", precision="tf32", deterministic=True)
    xpnet.Network([4, 5, 3], loss="huber", backend=backend)(X)
    assert set(asked) == {before or ":4096:8"}
    assert "deterministic=True" in repr(backend)
    assert pickle.loads(pickle.dumps(backend)) == backend != get_backend("cupy", precision="tf32")


def test_what_is_not_deterministic_leaves_the_environment_alone(card, monkeypatch):
    monkeypatch.delenv(CONFIG, raising=False)
    assert get_backend("cupy", deterministic=False) == get_backend("cupy")
    assert CONFIG not in os.environ


def test_a_workspace_setting_that_is_not_deterministic_is_an_error(card, monkeypatch):
    monkeypatch.setenv(CONFIG, ":0:0")
    with pytest.raises(ValueError, match=r":4096:8 or :16:8.*CUBLAS_WORKSPACE_CONFIG.*':0:0'"):
        get_backend("cupy", deterministic=True)
    with pytest.raises(ValueError, match='deterministic is a setting of backend "cupy"'):
        get_backend("numpy", deterministic=True)


def test_a_network_on_another_device_keeps_its_precision(card):
    backend = get_backend("cupy", precision="tf32")
    net = xpnet.Network([4, 5, 3], loss="huber", backend=backend)
    moved = net.to(device=1).backend
    assert (moved.device.id, moved.precision) == (1, "tf32")
    assert net.to("cupy", device=1).backend.precision == "float32"  # a name means defaults


def test_a_driver_that_is_too_old_is_quoted(card, monkeypatch):
    import cupy

    def insufficient():
        raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver: …")

    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", insufficient)
    with pytest.raises(RuntimeError, match=r"InsufficientDriver.*cuda12"):
        get_backend("cupy")


def test_a_missing_device_is_named(card):
    with pytest.raises(RuntimeError, match="cuda:0, cuda:1"):
        get_backend("cupy", device=2)


def test_a_fit_that_runs_out_of_memory_says_what_it_asked_for_and_changes_nothing(card):
    net = network(loss="cross_entropy")
    before, state = to_numpy(net.parameters).copy(), net.epoch
    card.limit = card.used[0] + 1000
    with pytest.raises(
        MemoryError, match=r"[\d,]+ bytes were requested; [\d,]+ of [\d,]+ are free"
    ):
        net.fit(np.tile(X, (9, 1)), np.tile(TARGETS["cross_entropy"], 9), epochs=2)
    card.limit = 2**30
    equal(net.parameters, before)
    assert net.epoch == state
    net.fit(X, TARGETS["cross_entropy"], epochs=1)


def failure(name, status):
    """Return an error of one of CUDA's libraries."""
    return type(name, (RuntimeError,), {"status": status})("of CUDA's own")


NO_MEMORY = [("CUDARuntimeError", 2), ("CUDADriverError", 2), ("CUBLASError", 3)]


@pytest.mark.parametrize(("name", "status"), NO_MEMORY)
def test_memory_that_a_library_of_cuda_lacks_is_a_memory_error_too(card, name, status):
    backend = get_backend("cupy")
    with (
        pytest.raises(MemoryError, match=r"cuda:0 is out of memory: [\d,]+ of [\d,]+ are free"),
        backend.context(),
    ):
        raise failure(name, status)
    with pytest.raises(RuntimeError, match="of CUDA's own"), backend.context():
        raise failure(name, 700)


def test_pinned_memory_that_cannot_be_had_is_named(card, monkeypatch):
    def refused(shape, dtype):
        raise failure("CUDARuntimeError", 2)

    net = network(loss="cross_entropy")
    before = to_numpy(net.parameters).copy()
    monkeypatch.setattr(sys.modules["cupyx"], "empty_pinned", refused)
    with pytest.raises(MemoryError, match=r"64 bytes of pinned host memory.*of CUDA's own"):
        net.fit(X, TARGETS["cross_entropy"], batch_size=4, stream=True)
    equal(net.parameters, before)


def test_a_cupy_without_a_compiler_says_what_to_install(card, monkeypatch):
    import cupy

    def broken(**_):
        raise RuntimeError("Failed to find CUDA headers.\nAnd more")

    monkeypatch.setattr(cupy, "RawModule", broken)
    with pytest.raises(
        RuntimeError, match=r"cannot compute there.*CUDA headers\.\).*cuda12.*cuda13"
    ):
        get_backend("cupy")


def test_a_cupy_without_cublas_says_what_to_install(card, monkeypatch):
    monkeypatch.delattr(sys.modules["cupy_backends.cuda.libs"], "cublas")
    with pytest.raises(
        RuntimeError, match=r"cannot compute there.*ImportError.*cublas.*cuda12.*cuda13"
    ):
        get_backend("cupy")


@pytest.mark.parametrize(("name", "status"), NO_MEMORY[:2])
def test_a_full_card_is_an_error_at_once(card, monkeypatch, name, status):
    import cupy

    def full(**_):
        raise failure(name, status)

    monkeypatch.setattr(cupy, "RawModule", full)
    with pytest.raises(MemoryError, match="cuda:1 has no free memory"):
        get_backend("cupy", device=1)
    rows = {row.name: row for row in xpnet.available_backends()}
    assert not rows["cupy"].usable
    assert "no free memory" in rows["cupy"].reason


def test_memory_is_given_back(card):
    net = network(loss="cross_entropy")
    net.fit(X, TARGETS["cross_entropy"], epochs=1)
    first = card.used[0]
    net.fit(X, TARGETS["cross_entropy"], epochs=3)
    assert card.used[0] == first


def test_the_stand_in_refuses_what_cupy_refuses(card):
    import cupy

    x = cupy.asarray(X)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(x)
    with pytest.raises(TypeError, match="Unsupported type"):
        x + X
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.matmul(x, X.T)
    card.sealed = True
    with pytest.raises(AssertionError, match="makes the host wait"):
        float(cupy.sum(x))
    with pytest.raises(AssertionError, match="makes the host wait"):
        bool(x[0, 0] > 0)


def test_the_stand_in_sees_a_stream_that_does_not_wait(card):
    import cupy

    own = cupy.cuda.Stream(non_blocking=True)
    x = cupy.asarray(X)
    with own, pytest.raises(AssertionError, match="does not wait"):
        x + 1.0
    event = cupy.cuda.Event()
    event.record(cupy.cuda.get_current_stream())
    own.wait_event(event)
    with own:
        x + 1.0
    with pytest.raises(AssertionError, match="does not wait"):
        x += 1.0  # own still reads it


def test_the_stand_in_knows_another_device(card):
    import cupy

    x = cupy.asarray(X)
    with cupy.cuda.Device(1), pytest.raises(AssertionError, match="another device"):
        x + 1.0


def test_a_package_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise ImportError('libnvrtc.so.13 is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    with pytest.raises(ImportError, match=r"libnvrtc\.so\.13 is missing.*cuda12.*cuda13"):
        get_backend("cupy")
