"""Backends: arrays keep their values on the way in and out, and share no memory by accident."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.backends import other
from tests.support.helpers import BACKENDS, needed, needs_jax, network
from xpnet.backends import Backend, get_backend, move, to_numpy
from xpnet.backends.numpy_backend import NumpyBackend
from xpnet.derivatives.gradient import gradient
from xpnet.equations.activations import ACTIVATIONS

rng = np.random.default_rng(0)
X = rng.normal(size=(7, 4)).astype(np.float32)
LABELS = np.arange(7) % 3
DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


def wide(*backends: Backend) -> None:
    """Turn on 64-bit numbers on JAX, as a float64 network does."""
    for backend in backends:
        backend.dtype("float64")


def dtype_of(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def is_of(backend: Backend, x: Any) -> bool:
    """Return whether x is an array of the backend's library on its device."""
    return backend.owns(x) and backend.is_here(x)


# --- choosing one


def test_a_backend_knows_its_name_namespace_and_device(backend):
    assert backend.name in BACKENDS
    with backend.context():
        made = backend.xp.ones((2, 3), device=backend.device)
    assert is_of(backend, made)
    np.testing.assert_array_equal(to_numpy(made), np.ones((2, 3)))
    assert f"{backend.name!r}" in repr(backend)
    assert str(backend.device) in repr(backend)


def test_a_backend_is_given_back_as_it_is(backend):
    assert xpnet.get_backend(backend) is backend


def test_the_same_name_and_device_is_the_same_backend(backend):
    again = xpnet.get_backend(backend.name, backend.device)
    assert again == backend
    assert hash(again) == hash(backend)
    assert all(again != other_one for other_one in ("numpy", None, backend.name))


def test_backends_of_other_libraries_and_devices_differ(backend):
    numpy = xpnet.get_backend("numpy")
    assert (backend == numpy) == (backend.name == "numpy")
    if backend.name == "array-api-strict":
        assert xpnet.get_backend("array-api-strict", "device2") != backend


@pytest.mark.parametrize("name", BACKENDS)
def test_a_device_has_a_name_as_text(name):
    chosen = other(name)
    row = next(r for r in xpnet.available_backends() if r.name == name)
    for device in row.devices:
        if device.startswith("no_"):  # array-api-strict's devices without some dtypes
            continue
        assert xpnet.get_backend(name, device).name == name
    assert chosen == xpnet.get_backend(name, row.devices[0])


def test_available_backends_lists_all_five_with_a_reason_or_a_version():
    rows = xpnet.available_backends()
    assert sorted(row.name for row in rows) == sorted(BACKENDS)
    for row in rows:
        if row.usable:
            assert row.version
            assert row.devices
            assert row.reason is None
            assert xpnet.get_backend(row.name).name == row.name
        else:
            assert row.reason
            with pytest.raises((ImportError, RuntimeError)):
                xpnet.get_backend(row.name)
    assert next(row for row in rows if row.name == "numpy").version == np.__version__


def test_auto_is_cupy_where_a_cuda_device_answers_and_else_numpy(monkeypatch):
    row = next(r for r in xpnet.available_backends() if r.name == "cupy")
    assert xpnet.get_backend("auto").name == ("cupy" if row.usable else "numpy")
    assert xpnet.get_backend() == xpnet.get_backend("auto")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert xpnet.get_backend("auto").name == "numpy"


# --- arrays in and out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BACKENDS)
def test_values_and_dtype_go_from_every_backend_to_every_other(backend, name, dtype):
    target = other(name)
    wide(backend, target)
    values = (rng.normal(size=(5, 3)) * 100).astype(dtype)
    x = xpnet.asarray(values, backend)
    assert is_of(backend, x)
    there = xpnet.asarray(x, target)
    assert is_of(target, there)
    assert tuple(there.shape) == (5, 3)
    assert dtype_of(there) == dtype
    for array in (x, there):
        host = to_numpy(array)
        assert type(host) is np.ndarray
        assert host.dtype == dtype
        np.testing.assert_array_equal(host, values)


@pytest.mark.parametrize("wanted", ["float32", "float64", "int32"])
@pytest.mark.parametrize("given", ["float32", "float64", "int32", "uint8"])
def test_dtype_converts(backend, given, wanted):
    wide(backend)
    values = rng.integers(0, 100, (4, 2)).astype(given)
    for x in (values, xpnet.asarray(values, backend), values.tolist()):
        converted = xpnet.asarray(x, backend, dtype=wanted)
        assert is_of(backend, converted)
        assert dtype_of(converted) == wanted
        np.testing.assert_array_equal(to_numpy(converted), values.astype(wanted))


@pytest.mark.usefixtures("narrow_jax")
def test_float64_that_is_asked_for_is_float64(backend):
    values = np.asarray([1 / 3, 1e300])
    x = xpnet.asarray(values, backend, dtype="float64")
    assert dtype_of(x) == "float64"
    np.testing.assert_array_equal(to_numpy(x), values)


def test_an_unknown_dtype_is_told_the_known_ones(backend):
    for x in (X, xpnet.asarray(X, backend)):
        with pytest.raises(ValueError, match=r"dtype.*'flaot32'"):
            xpnet.asarray(x, backend, dtype="flaot32")


def layouts() -> dict[str, np.ndarray[Any, Any]]:
    """Return the same numbers in every layout that a host array can have."""
    base = X.copy()
    read_only = base.copy()
    read_only.flags.writeable = False
    spaced = np.zeros((14, 12), np.float32)
    spaced[::2, 1::3] = base
    backwards = np.ascontiguousarray(base[::-1, ::-1])
    offset = np.frombuffer(b"\0" + base.tobytes(), np.float32, offset=1).reshape(base.shape)
    return {
        "C": base,
        "read-only": read_only,
        "Fortran": np.asfortranarray(base),
        "strided": spaced[::2, 1::3],
        "negative strides": backwards[::-1, ::-1],
        "transposed": np.ascontiguousarray(base.T).T,
        "broadcast": np.broadcast_to(base, (2, *base.shape))[1],
        "unaligned": offset,
        ">f4": base.astype(">f4"),
        "<f4": base.astype("<f4"),
    }


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("dtype", [None, "float32"])
def test_a_host_array_of_any_layout(backend, layout, dtype):
    given = layouts()[layout]
    x = xpnet.asarray(given, backend, dtype=dtype)
    assert is_of(backend, x)
    assert to_numpy(x).dtype.newbyteorder("=") == np.float32
    np.testing.assert_array_equal(to_numpy(x), X)


@pytest.mark.parametrize("layout", layouts())
def test_a_network_computes_the_same_from_any_layout(backend, layout):
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", backend=backend)
    given = layouts()[layout]
    before = given.tobytes()
    np.testing.assert_array_equal(to_numpy(net(given)), to_numpy(net(X)))
    loss = net.to().fit(given, LABELS, epochs=2, batch_size=3).loss
    assert loss == net.to().fit(X, LABELS, epochs=2, batch_size=3).loss
    assert given.tobytes() == before


def test_a_broadcast_array_with_strides_of_zero(backend):
    x = xpnet.asarray(np.broadcast_to(np.float32(3.0), (4, 2)), backend)
    np.testing.assert_array_equal(to_numpy(x), np.full((4, 2), 3.0))


class OnlyArray:
    """An object that supports only __array__."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(X, dtype=dtype)


class OnlyDlpack:
    """An object that supports only DLPack."""

    def __init__(self) -> None:
        self._x = X.copy()

    def __dlpack__(self, **settings: Any) -> Any:
        return self._x.__dlpack__(**settings)

    def __dlpack_device__(self) -> Any:
        return self._x.__dlpack_device__()


SOURCES = {
    "list": X.tolist(),
    "tuple": tuple(map(tuple, X.tolist())),
    "list of arrays": list(X),
    "__array__": OnlyArray(),
    "__dlpack__": OnlyDlpack(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_holds_numbers_is_taken(backend, source):
    given = SOURCES[source]
    np.testing.assert_array_equal(to_numpy(given), X)
    x = xpnet.asarray(given, backend, dtype="float32")
    assert is_of(backend, x)
    np.testing.assert_array_equal(to_numpy(x), X)
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=backend)
    np.testing.assert_array_equal(to_numpy(net(given)), to_numpy(net(X)))
    gradient = net.gradient(given, LABELS).flat
    np.testing.assert_array_equal(to_numpy(gradient), to_numpy(net.gradient(X, LABELS).flat))


def test_a_list_of_another_librarys_arrays(backend):
    rows = [xpnet.asarray(row, backend) for row in X]
    np.testing.assert_array_equal(to_numpy(rows), X)
    np.testing.assert_array_equal(xpnet.Network([4, 3])(rows), xpnet.Network([4, 3])(X))


def test_float16_is_widened(backend):
    half = X.astype(np.float16)
    x = xpnet.asarray(half, backend, dtype="float32")
    np.testing.assert_array_equal(to_numpy(x), half.astype(np.float32))
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=backend)
    expected = to_numpy(net(half.astype(np.float32)))
    np.testing.assert_array_equal(to_numpy(net(half)), expected)


@needs_jax
@pytest.mark.usefixtures("narrow_jax")
def test_integers_that_jax_would_wrap_are_refused():
    with pytest.raises(ValueError, match="need JAX's 64-bit mode"):
        xpnet.asarray(np.asarray([0, 2**31]), "jax")
    with pytest.raises(ValueError, match="need JAX's 64-bit mode"):
        xpnet.asarray(np.asarray([2**32], dtype=np.uint64), "jax")
    fits = xpnet.asarray(np.asarray([-(2**31), 2**31 - 1]), "jax")
    assert xpnet.to_numpy(fits).tolist() == [-(2**31), 2**31 - 1]
    wide(get_backend("jax"))
    assert int(xpnet.asarray(np.asarray([2**40]), "jax")[0]) == 2**40


def test_bfloat16_is_widened():
    torch = needed("torch")
    brain = torch.asarray(X).to(torch.bfloat16)
    expected = brain.to(torch.float32).numpy()
    np.testing.assert_array_equal(
        to_numpy(xpnet.asarray(brain, "torch", dtype="float32")), expected
    )
    np.testing.assert_array_equal(xpnet.asarray(brain, "numpy", dtype="float32"), expected)


def test_a_tensor_that_requires_grad_is_data_where_the_tape_stands_still():
    torch = needed("torch")
    tensor = torch.asarray(X).clone().requires_grad_(True)
    for name, mode in itertools.product(("numpy", "torch"), (torch.no_grad, torch.inference_mode)):
        net = xpnet.Network([4, 3], backend=name)
        with mode():
            np.testing.assert_array_equal(to_numpy(tensor), X)
            A = net(tensor)
        assert not getattr(A, "requires_grad", False)
        np.testing.assert_array_equal(to_numpy(A), to_numpy(net(X)))


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)])
def test_an_array_without_entries_keeps_its_shape(backend, shape):
    x = xpnet.asarray(np.zeros(shape, np.float32), backend)
    assert is_of(backend, x)
    assert tuple(x.shape) == to_numpy(x).shape == shape


@pytest.mark.parametrize("number", [2, 2.5, np.float32(2.5), np.asarray(2.5)])
def test_a_number_becomes_an_array_without_axes(backend, number):
    x = xpnet.asarray(number, backend, dtype="float32")
    assert tuple(x.shape) == ()
    assert not isinstance(x, np.generic)
    assert float(to_numpy(x)) == number


def test_an_array_that_is_there_is_given_back(backend):
    x = xpnet.asarray(X, backend)
    assert xpnet.asarray(x, backend) is x
    assert xpnet.asarray(x, backend, dtype="float32") is x
    assert move(backend, x, "float32") is x
    assert xpnet.asarray(x, backend, dtype="float64") is not x


def test_an_array_of_another_device_of_the_library_is_moved():
    needed("array_api_strict")
    here, there = (xpnet.get_backend("array-api-strict", d) for d in ("device1", "CPU_DEVICE"))
    x = xpnet.asarray(X, here)
    moved = xpnet.asarray(x, there)
    assert is_of(here, x)
    assert is_of(there, moved)
    assert not is_of(here, moved)
    np.testing.assert_array_equal(to_numpy(moved), X)


@pytest.mark.parametrize("name", BACKENDS)
def test_what_is_copied_to_another_library_shares_no_memory(backend, name):
    target = other(name)
    if target.name == backend.name:
        pytest.skip("the same library gives the array back")
    host = X.copy()
    x = xpnet.asarray(host, backend)
    there = xpnet.asarray(x, target)
    if backend.in_place:
        x *= 0.0
    if backend.name != "numpy":
        host *= 0.0
    np.testing.assert_array_equal(to_numpy(there), X)


def test_to_numpy_shares_memory_with_the_host_and_copies_nothing():
    assert to_numpy(X) is X
    torch = needed("torch")
    tensor = torch.zeros(3)
    to_numpy(tensor)[0] = 1.0
    assert float(tensor[0]) == 1.0


# --- a network shares no arrays with its caller


@pytest.mark.parametrize("name", BACKENDS)
def test_parameters_are_a_copy_of_what_was_given(backend, name):
    source = other(name)
    net = xpnet.Network([4, 5, 3], backend=backend)
    values = rng.normal(size=43).astype(np.float32)
    given = [values.copy(), xpnet.asarray(values.copy(), source)]
    if source.name == backend.name:
        given.append(xpnet.asarray(values.copy(), backend))
    for theta in given:
        net.set_parameters(theta)
        np.testing.assert_array_equal(to_numpy(net.parameters), values)
        if isinstance(theta, np.ndarray) or source.in_place:
            theta *= 0.0
            np.testing.assert_array_equal(to_numpy(net.parameters), values)
    assert is_of(backend, net.parameters)


def test_weights_are_a_copy_of_what_was_given(backend):
    net = xpnet.Network([4, 5, 3], backend=backend)
    weights = [rng.normal(size=(5, 4)).astype("f4"), rng.normal(size=(3, 5)).astype("f4")]
    biases = [rng.normal(size=5).astype("f4"), rng.normal(size=3).astype("f4")]
    expected = np.concatenate([x.reshape(-1) for x in (*weights, *biases)])
    there = [[xpnet.asarray(x.copy(), backend) for x in part] for part in (weights, biases)]
    net.set_weights(*there)
    np.testing.assert_array_equal(to_numpy(net.parameters), expected)
    net.set_weights(weights, biases)
    for array in (*weights, *biases):
        array *= 0.0
    np.testing.assert_array_equal(to_numpy(net.parameters), expected)


def test_a_single_layers_weights_are_a_copy_too(backend):
    net = xpnet.Network([3, 1], backend=backend)
    W, b = np.ones((1, 3), np.float32), np.ones(1, np.float32)
    net.set_weights([W], [b])
    W *= 0.0
    np.testing.assert_array_equal(to_numpy(net.parameters), np.ones(4))


def test_a_fit_changes_nothing_of_the_callers(backend):
    net = xpnet.Network([4, 6, 3], loss="squared_error", backend=backend)
    host = [X.copy(), rng.normal(size=(7, 3)).astype("f4"), rng.uniform(0, 1, 7).astype("f4")]
    for batch_size in (None, 3, 7):
        data = [xpnet.asarray(x, backend) for x in host]
        theta = net.parameters
        before = to_numpy(theta).copy()
        net.fit(*data[:2], sample_weight=data[2], batch_size=batch_size, epochs=2)
        net.gradient(*data)
        for array, expected in zip(data, host, strict=True):
            np.testing.assert_array_equal(to_numpy(array), expected)
        np.testing.assert_array_equal(to_numpy(theta), before)
        assert not np.array_equal(to_numpy(net.parameters), before)


def test_parameters_that_a_callback_keeps_stay_as_they_were(backend):
    """θ after each epoch: three different vectors; the last one equals the network's."""
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", backend=backend)
    kept, copies = [], []

    def keep(net: xpnet.Network, history: xpnet.History) -> None:
        kept.append(net.parameters)
        copies.append(to_numpy(net.parameters).copy())

    net.fit(X, LABELS, epochs=3, batch_size=3, callbacks=[keep])
    for theta, expected in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(to_numpy(theta), expected)


def test_a_gradient_stays_as_it_was_when_the_next_is_taken(backend):
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=backend)
    first = net.gradient(X, LABELS)
    before = to_numpy(first.flat).copy()
    net.gradient(-X, LABELS)
    np.testing.assert_array_equal(to_numpy(first.flat), before)


# --- a network on another backend


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_network_goes_from_every_backend_to_every_other(backend, name, dtype):
    target = other(name)
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", backend=backend, rng=4)
    net.fit(X, LABELS, epochs=2, batch_size=3)
    before = to_numpy(net.parameters).copy()
    moved = net.to(target, dtype=dtype)
    assert moved is not net
    assert moved.backend == target
    assert moved.dtype == dtype == dtype_of(moved.parameters)
    assert is_of(target, moved.parameters)
    assert (moved.epoch, moved.seed, moved.loss) == (2, 4, net.loss)
    np.testing.assert_array_equal(to_numpy(moved.parameters), before.astype(dtype))
    np.testing.assert_allclose(to_numpy(moved(X)), to_numpy(net(X)), rtol=1e-5)
    moved.fit(X, LABELS, epochs=1)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)
    assert (net.epoch, moved.epoch) == (2, 3)


def test_to_without_a_backend_stays_where_it_is(backend):
    net = xpnet.Network([4, 5, 3], backend=backend)
    moved = net.to(dtype="float64")
    assert moved.backend == backend
    assert moved.dtype == "float64"
    assert net.dtype == "float32"


def test_a_network_on_a_users_own_backend_goes_to_float64():
    class Mine(NumpyBackend):
        name = "mine"

    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=Mine(np, "cpu"), activation="tanh")
    assert net.to(dtype="float64").backend is net.backend
    assert max(xpnet.gradient_check(net, X, LABELS)) < 1e-7


def test_a_network_without_sizes_goes_elsewhere_too(backend):
    net = xpnet.Network(hidden=(5,), rng=2).to(backend)
    net.fit(X, LABELS, epochs=1)
    assert is_of(backend, net.parameters)
    assert net.sizes == (4, 5, 3)


@pytest.mark.parametrize("name", BACKENDS)
def test_results_stay_on_the_networks_device(backend, name):
    source = other(name)
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", backend=backend)
    x = xpnet.asarray(X, source)
    y = xpnet.asarray(LABELS.astype("int32"), source)
    gradients = net.gradient(x, y)
    results = [net(x), net.predict(x, batch_size=2), gradients.flat, net.parameters]
    results += [*net.weights, *net.biases, *gradients.weights, *gradients.biases]
    assert all(is_of(backend, result) for result in results)
    np.testing.assert_array_equal(to_numpy(net(x)), to_numpy(net(X)))


# --- matmul and take


def operands(backend: Backend, layout: str, lead: tuple[int, ...], seed: int) -> tuple[Any, ...]:
    """Return a (…, 3, 5) and b (…, 5, 4) on the device, or their transposes, and on the host."""
    numbers = np.random.default_rng(seed)
    a, b = numbers.normal(size=(*lead, 3, 5)), numbers.normal(size=(*lead, 5, 4))
    there = []
    for host, transposed in ((a, layout[0] == "T"), (b, layout[1] == "T")):
        x = xpnet.asarray(np.ascontiguousarray(host.mT) if transposed else host, backend)
        there.append(x.mT if transposed else x)
    return a, b, *there


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize("layout", ["NN", "TN", "NT", "TT"])
@pytest.mark.parametrize("buffer", ["none", "whole", "view"])
def test_matmul_is_numpys(backend, lead, layout, buffer):
    wide(backend)
    a, b, x, y = operands(backend, layout, lead, 1)
    n = 12 * (2 if lead else 1)
    flat = xpnet.asarray(np.full(n + 7, np.nan), backend)
    out = {
        "none": None,
        "whole": backend.xp.reshape(flat[:n], (*lead, 3, 4)),
        "view": backend.xp.reshape(flat[7:], (*lead, 3, 4)),
    }[buffer]
    product = backend.matmul(x, y, out=out)
    assert is_of(backend, product)
    np.testing.assert_allclose(to_numpy(product), a @ b, rtol=1e-13)
    if backend.in_place and out is not None:
        np.testing.assert_allclose(to_numpy(out), a @ b, rtol=1e-13)
        written = to_numpy(flat)[7:] if buffer == "view" else to_numpy(flat)[:n]
        np.testing.assert_allclose(written, (a @ b).reshape(-1), rtol=1e-13)
        rest = to_numpy(flat)[:7] if buffer == "view" else to_numpy(flat)[n:]
        assert np.all(np.isnan(rest))
    for given, host in ((x, a), (y, b)):
        np.testing.assert_array_equal(to_numpy(given), host)


@pytest.mark.parametrize("which", ["a", "b"])
def test_matmul_takes_one_matrix_with_a_stack(backend, which):
    wide(backend)
    a, b, x, y = operands(backend, "NN", (2,), 2)
    if which == "a":
        a, x = a[0], x[0, ...]
    else:
        b, y = b[0], y[0, ...]
    out = xpnet.asarray(np.zeros((2, 3, 4)), backend)
    np.testing.assert_allclose(to_numpy(backend.matmul(x, y)), a @ b, rtol=1e-13)
    np.testing.assert_allclose(to_numpy(backend.matmul(x, y, out=out)), a @ b, rtol=1e-13)


def test_take_gives_rows_in_the_order_of_the_index(backend):
    index = np.asarray([5, 0, 0, 6, 3])
    there = backend.from_numpy(index.astype(backend.index_dtype))
    rows = backend.take(xpnet.asarray(X, backend), there)
    assert is_of(backend, rows)
    np.testing.assert_array_equal(to_numpy(rows), X[index])
    labels = backend.take(xpnet.asarray(LABELS, backend, dtype=backend.index_dtype), there)
    np.testing.assert_array_equal(to_numpy(labels), LABELS[index])


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("loss", ["cross_entropy", "huber", "binary_cross_entropy"])
def test_a_step_on_torch_copies_no_number_to_the_device(monkeypatch, activation, loss):
    """Such a copy would wait for a GPU."""
    aliases = needed("array_api_compat.torch._aliases")
    net = network(get_backend("torch"), [4, 5, 3], activation=activation, loss=loss)
    Y = LABELS if loss == "cross_entropy" else np.eye(3)[LABELS]
    X_there, Y_there = move(net.backend, X, "float64"), move(net.backend, Y)

    def refuse(x, other):
        assert not isinstance(x, (int, float)), "a number is made a tensor"
        return x

    monkeypatch.setattr(aliases, "_scalar_to_tensor", refuse)
    gradient(net.backend, net.layers, net.loss, net.parameters, X_there, Y_there, None, 1.0 / 7)
