"""The order of work between CuPy's streams and devices, which only CuPy itself can show.

Every test computes on one stream what it needs on another. With the fake CUDA (ci/fake_cuda),
FAKE_CUDA_STREAMS runs streams late or out of order, so that numbers are wrong if a wait is missing.
"""

from __future__ import annotations

import gc
from importlib import import_module

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from xpnet.backends import get_backend, to_numpy

pytestmark = pytest.mark.gpu

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
LABELS = np.arange(64) % 3
LONG = 300  # operations that a stream is busy with


@pytest.fixture
def cupy():
    or_skip(open_backend("cupy"))  # without it, or a device, there are no streams
    return import_module("cupy")


@pytest.fixture
def two(cupy):
    """CuPy, where there are two devices."""
    if cupy.cuda.runtime.getDeviceCount() < 2:
        # most machines have one card; the fake CUDA has two
        pytest.skip("needs two devices")
    return cupy


def busy(cupy, x, factor=2.0):
    """Return x · factor, which the current stream computes after much other work."""
    y = x * 0.0
    for _ in range(LONG):
        y += 1.0
    return (y - LONG + x) * factor


def networks(device=None):
    """Return a network on CuPy and the same on NumPy, as its equal in float64."""
    return [
        xpnet.Network([4, 5, 3], loss="huber", backend=backend, dtype="float64", rng=3)
        for backend in (get_backend("cupy", device), "numpy")
    ]


def equal(found, expected):
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-9, atol=1e-12)


def own_stream(cupy):
    return cupy.cuda.Stream(non_blocking=True)


def test_a_network_waits_for_the_callers_stream(cupy):
    net, same = networks()
    with own_stream(cupy):
        given = busy(cupy, cupy.asarray(X, dtype="float64"))
        equal(net(given), same(X.astype("d") * 2))


def test_the_callers_stream_waits_for_a_network(cupy):
    net, same = networks()
    there = cupy.asarray(X, dtype="float64")
    cupy.cuda.Stream.null.synchronize()
    with own_stream(cupy):
        equal(net(there) + 1.0, same(X.astype("d")) + 1.0)


def test_a_stream_in_use_stays_the_current_one(cupy):
    """CuPy itself forgets it after ``with`` of any stream."""
    net, same = networks()
    stream = own_stream(cupy)
    stream.use()
    try:
        equal(net(X), same(X))
        assert cupy.cuda.get_current_stream() == stream
    finally:
        cupy.cuda.Stream.null.use()


def test_memory_that_a_network_reads_is_overwritten_afterwards(cupy):
    net, same = networks()
    with own_stream(cupy):
        there = cupy.asarray(X, dtype="float64")
        found = net(there)
        there *= 0.0
        equal(found, same(X.astype("d")))


def test_an_array_of_another_device_is_copied_after_its_streams_work(two):
    net, same = networks(1)
    with two.cuda.Device(0), own_stream(two):
        here = busy(two, two.asarray(X, dtype="float64"))
        found = net(here)
    equal(found, same(X.astype("d") * 2))


def test_an_array_of_another_device_is_overwritten_after_its_copy(two):
    with two.cuda.Device(0), own_stream(two):
        there = busy(two, two.asarray(X))
        copied = xpnet.asarray(there, "cupy", 1)
        there *= 0.0
        two.cuda.get_current_stream().synchronize()
    equal(copied, X * 2)


def test_an_array_of_a_device_that_is_not_current_is_overwritten_after_its_copy(two):
    with two.cuda.Device(1):
        stream = own_stream(two)
        with stream:
            there = busy(two, two.asarray(X))
    with two.cuda.Device(0):
        with two.cuda.Device(1):
            stream.use()
        try:
            copied = xpnet.asarray(there, "cupy", 0)
            with two.cuda.Device(1):
                there *= 0.0
            equal(copied, X * 2)
        finally:
            with two.cuda.Device(1):
                two.cuda.Stream.null.use()


def test_a_stream_of_another_device_waits_for_a_network(two):
    """The caller's device copies the result, without an event of its own."""
    net, same = networks(1)
    with two.cuda.Device(0):
        stream = own_stream(two)
        with stream:
            found = net(X)
            here = two.empty((64, 3), dtype="float64")
            here.data.copy_from_device_async(found.data, found.nbytes, stream)
            equal(here, same(X))


def test_a_network_waits_for_a_stream_of_another_device(two):
    """The caller's device writes into memory of the network's, without an event of its own."""
    net, same = networks(1)
    with two.cuda.Device(1):
        there = two.zeros((64, 4), dtype="float64")
        two.cuda.Device(1).synchronize()
    with two.cuda.Device(0):
        stream = own_stream(two)
        with stream:
            here = busy(two, two.asarray(X, dtype="float64"))
            there.data.copy_from_device_async(here.data, here.nbytes, stream)
            found = net(there)
    equal(found, same(X.astype("d") * 2))


def test_a_network_waits_for_its_devices_stream_where_another_device_is_current(two):
    net, same = networks(1)
    with two.cuda.Device(1):
        stream = own_stream(two)
        stream.use()
        try:
            there = busy(two, two.asarray(X, dtype="float64"))
            with two.cuda.Device(0):
                found = net(there)
            net.backend.wait(found)  # of its own stream alone
            equal(found, same(X.astype("d") * 2))
        finally:
            two.cuda.Stream.null.use()


@pytest.mark.parametrize("device", [0, 1])
def test_streamed_batches_arrive_before_their_steps_and_stay_until_after(two, device):
    """Three batches a lane: the host fills buffers while steps read and copies run."""
    fits = []
    for backend in (get_backend("cupy", device), "numpy"):
        net = xpnet.Network([4, 30, 3], loss="cross_entropy", backend=backend, dtype="float64")
        net.fit(X, LABELS, epochs=3, batch_size=7, stream=True, compile=backend != "numpy")
        fits.append(to_numpy(net.parameters))
    np.testing.assert_allclose(fits[0], fits[1], rtol=1e-8, atol=1e-11)


def test_memory_of_a_batch_under_way_is_used_again_after_its_copy(cupy):
    """A fit that ends in the middle leaves a copy running into memory that it gives back."""
    net, _ = networks()
    rows = np.tile(X, (50, 1))

    def stop(net, history):
        return True

    for _ in range(5):
        settings = {"batch_size": 1000, "stream": True, "epochs": 1, "shuffle": False}
        net.fit(rows, np.zeros((len(rows), 3)), callbacks={"step_end": stop}, **settings)
        gc.collect()
        with net.backend.context():
            new = [cupy.full((1000, 4), 7.0) for _ in range(4)]
        cupy.cuda.Device().synchronize()
        for x in new:
            equal(x, np.full((1000, 4), 7.0))
        del new


def test_lanes_begin_after_earlier_work_on_their_memory(cupy):
    """Memory that a network's own stream still works on is not taken for a lane too early."""
    backend = get_backend("cupy")
    for _ in range(3):
        with backend.context():
            before = busy(cupy, cupy.ones((1000, 4)))
            del before  # its memory goes back to the pool while work is under way
            lane = backend.lanes([((1000, 4), np.float64)])[0]
        (host,) = lane.host()
        host[...] = 5.0
        with backend.context():
            (there,) = lane.send(1000)
            lane.arrive()
            found = there + 0.0
            lane.free()
        equal(found, np.full((1000, 4), 5.0))
