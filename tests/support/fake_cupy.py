"""A stand-in for CuPy: arrays in host memory, kernels by g++ (tests/support/cuda_cases.py).

`install` puts it in CuPy's place and returns the `Card`, which counts launches, synchronisations
and bytes copied. It reveals what CuPy or CUDA would refuse or get wrong:

- mixing NumPy arrays with its own, ``__array__``, and, if ``card.sealed``, a wait of the host;
- arrays of a device other than the current one;
- reading memory that another stream writes, or overwriting memory that it reads, without an event
  in between;
- writing to pinned memory while it is copied;
- reading unwritten memory, which is NaN, and writing outside an array;
- allocating more than ``card.limit`` bytes on a device.

It does not imitate CuPy's rounding and dtype rules, its memory pools, DLPack, NVRTC and its
options, concurrent blocks of a kernel, read-only arguments of kernels, the order of cuBLAS calls
(which only get addresses), implicit waits of the legacy default stream, and time. For most of these
there is CuPy itself on a fake CUDA (ci/fake_cuda). This stand-in needs no CuPy, and sees every wait
of the host.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import array_api_compat
import numpy as np

from tests.support import cuda_cases, fake_cublas
from tests.support.guarded import is_unwritten, poisoned

__all__ = ["Card", "install"]

MARGIN = 64  # numbers before and after each allocation


class Card:
    """The devices and a record of all work on them."""

    def __init__(self, n_devices: int = 1, limit: int = 2**30, capability: str = "90") -> None:
        self.n_devices, self.limit, self.capability = n_devices, limit, capability
        self.launches: Counter[str] = Counter()
        self.sources: list[str] = []  # sources of compiled kernels
        self.synchronisations = self.to_device = self.to_host = 0
        self.sealed = False
        self.used = Counter(dict.fromkeys(range(n_devices), 0))
        self.now = 0
        self.host_knows: dict[int, int] = {}  # stream: time up to which its work is done
        self.in_flight: list[tuple[int, int, Any, Any]] = []
        self.device = [0]
        self.null = [Stream(self, d) for d in range(n_devices)]
        self.streams = [[stream] for stream in self.null]

    def current(self, device: int = -1) -> Stream:
        return self.streams[self.device[-1] if device < 0 else device][-1]

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Make every wait of the host an error within this context."""
        self.sealed = True
        try:
            yield
        finally:
            self.sealed = False

    def wait(self, known: dict[int, int], what: str) -> None:
        """Let the host wait for each stream up to the given time."""
        assert not self.sealed, f"{what} makes the host wait"
        self.synchronisations += 1
        _merge(self.host_knows, known)
        for entry in list(self.in_flight):
            stream, time, host, copy = entry
            if self.host_knows.get(stream, 0) >= time:
                assert np.array_equal(host, copy), "pinned memory was overwritten during a copy"
                self.in_flight.remove(entry)

    def launch(self, name: str, reads: Any, writes: Any, stream: Stream | None = None) -> None:
        """Record work on the stream; it must come after other streams' work on these buffers."""
        stream = stream or self.current()
        assert stream.captured is None, f"{name} in a stream that is captured"
        self.now += 1
        self.launches[name] += 1
        for buffer in (*reads, *writes):
            assert buffer.device == self.device[-1], f"{name}: an array of another device"
            stream.check(name, buffer.written)
        for buffer in writes:
            for read in buffer.read.items():
                stream.check(name, read)
            buffer.written = (stream.number, self.now)
        for buffer in reads:
            buffer.read[stream.number] = self.now


class Stream:
    """A queue of work; it knows how far other streams are done before its next work."""

    made = 0

    def __init__(self, card: Card, device: int) -> None:
        Stream.made += 1
        self.card, self.device_id, self.number = card, device, Stream.made
        self.ptr = self.number
        self.known: dict[int, int] = {}
        self.captured: list[Any] | None = None  # the work of a graph under way

    def snapshot(self) -> dict[int, int]:
        return self.known | {self.number: self.card.now}

    def check(self, name: str, of: tuple[int, int]) -> None:
        other, time = of
        done = max(self.known.get(other, 0), self.card.host_knows.get(other, 0))
        assert other == self.number or done >= time, f"{name} does not wait for another stream"

    def __enter__(self) -> Stream:
        assert self.device_id == self.card.device[-1], "a stream of another device"
        self.card.streams[self.device_id].append(self)
        return self

    def __exit__(self, *error: object) -> None:
        assert self.card.streams[self.device_id].pop() is self

    def use(self) -> None:
        assert self.device_id == self.card.device[-1], "a stream of another device"
        self.card.streams[self.device_id][-1] = self

    def wait_event(self, event: Event) -> None:
        _merge(self.known, event.known)

    def synchronize(self) -> None:
        self.card.wait(self.snapshot(), "synchronize")

    def do(self, act: Any) -> None:
        """Do a piece of work, or put it into the graph that captures the stream."""
        act() if self.captured is None else self.captured.append(act)

    def begin_capture(self) -> None:
        assert self.captured is None
        self.captured = []

    def end_capture(self) -> Graph:
        nodes, self.captured = self.captured, None
        return Graph(self.card, nodes)


class Graph:
    """The launches and products of a stream while it was captured."""

    def __init__(self, card: Card, nodes: list[Any]) -> None:
        self.card, self.nodes = card, nodes

    def launch(self, stream: Stream) -> None:
        self.card.launches["graph"] += 1
        for act in self.nodes:
            act()


class Event:
    """The work that a stream had done when the event was recorded."""

    def __init__(self, card: Card) -> None:
        self.card, self.device, self.known = card, card.device[-1], {}

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or self.card.current()
        assert stream.device_id == self.device, "an event of another device"
        self.known = stream.snapshot()

    def synchronize(self) -> None:
        self.card.wait(self.known, "event.synchronize")


def _merge(known: dict[int, int], more: dict[int, int]) -> None:
    for stream, time in more.items():
        known[stream] = max(time, known.get(stream, 0))


class Device:
    """A context manager that selects a device; devices with the same number are equal."""

    def __init__(self, card: Card, number: int | None = None) -> None:
        self.card, self.id = card, card.device[-1] if number is None else number

    def __enter__(self) -> Device:
        self.card.device.append(self.id)
        return self

    def __exit__(self, *error: object) -> None:
        self.card.device.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    @property
    def mem_info(self) -> tuple[int, int]:
        return self.card.limit - self.card.used[self.id], self.card.limit

    @property
    def compute_capability(self) -> str:
        return self.card.capability


class OutOfMemoryError(MemoryError):
    def __init__(self, size: int, total: int) -> None:
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,}).")
        self._size = size


class Buffer:
    """Memory, with its last writer and readers."""

    def __init__(self, card: Card, size: int) -> None:
        self.device = card.device[-1]
        if card.used[self.device] + size > card.limit:
            raise OutOfMemoryError(size, card.used[self.device])
        card.used[self.device] += size
        weakref.finalize(self, card.used.subtract, {self.device: size})
        self.written, self.read = (card.current().number, card.now), {}
        self.margins: tuple[Any, ...] = ()


class ndarray:
    """An array on a device."""

    __array_ufunc__ = None  # so that a NumPy array on the left calls this class's operator

    def __init__(self, card: Card, host: Any, buffer: Buffer) -> None:
        self._card, self._host, self._buffer = card, host, buffer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._host, name)
        if callable(value):
            return lambda *a, **k: _call(
                self._card, name, lambda x, *b, **c: getattr(x, name)(*b, **c), (self, *a), k
            )
        return _wrap(self._card, value, [self]) if isinstance(value, np.ndarray) else value

    @property
    def device(self) -> Device:
        return Device(self._card, self._buffer.device)

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self._host.ctypes.data)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def get(self, stream: Stream | None = None) -> Any:
        """Copy to the host on the current device's stream, also from another device."""
        stream = stream or self._card.current()
        if stream in self._card.null:
            stream = self._card.null[self._buffer.device]
        ours = stream.device_id == self._buffer.device
        assert ours or self._host.flags.c_contiguous, "a stream of another device"
        with self.device:
            self._card.launch("copy to host", [self._buffer], [], stream)
            self._card.wait(stream.snapshot(), "a copy to the host")
        self._card.to_host += self._host.nbytes
        return self._host.copy()

    def set(self, host: Any, stream: Stream) -> None:
        assert type(host) is np.ndarray
        assert host.flags.c_contiguous, "a copy that is not one piece"
        assert self._host.flags.c_contiguous, "a copy that is not one piece"
        assert (host.shape, host.dtype) == (self.shape, self.dtype)
        for _, _, other, _ in self._card.in_flight:
            assert not np.may_share_memory(host, other), "pinned memory used again too early"
        self._card.launch("copy to device", [], [self._buffer], stream)
        self._card.in_flight.append((stream.number, self._card.now, host, host.copy()))
        self._card.to_device += host.nbytes
        self._host[...] = host

    def _scalar(self, kind: Any) -> Any:
        return kind(self.get())

    def __float__(self) -> float:
        return self._scalar(float)

    def __int__(self) -> int:
        return self._scalar(int)

    def __bool__(self) -> bool:
        return self._scalar(bool)

    def __index__(self) -> int:
        return self._scalar(int)

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, index: Any) -> Any:
        def entry(x: Any, i: Any) -> Any:
            """Return a view where NumPy would return a number."""
            found = x[i]
            whole = (*i, ...) if isinstance(i, tuple) else (i, ...)
            return found if isinstance(found, np.ndarray) else x[whole]

        return _call(self._card, "getitem", entry, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        _call(self._card, "setitem", lambda x, v: x.__setitem__(index, v), (self, value), {}, self)


def _operator(name: str) -> Any:
    in_place = name.startswith("__i") and name != "__invert__"

    def method(self: ndarray, *others: Any) -> Any:
        def compute(x: Any, *more: Any) -> Any:
            return getattr(x, name)(*more)

        return _call(
            self._card, name.strip("_"), compute, (self, *others), {}, self if in_place else None
        )

    return method


_BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul"
_OTHERS = "lt le gt ge eq ne neg pos abs invert"
for _name in _BINARY.split():
    for _prefix in ("", "r", "i"):
        setattr(ndarray, f"__{_prefix}{_name}__", _operator(f"__{_prefix}{_name}__"))
for _name in _OTHERS.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
ndarray.__hash__ = None  # type: ignore[assignment]
ndarray.__module__ = "cupy"


def _call(card: Card, name: str, function: Any, args: Any, kwargs: Any, target: Any = None) -> Any:
    """Call NumPy's function on the arrays' host memory: one launch, or none for a view."""
    inputs: list[ndarray] = []
    kwargs = {key: _unwrap(value, inputs) for key, value in kwargs.items() if key != "device"}
    result = function(*(_unwrap(x, inputs) for x in args), **kwargs)
    out = target
    if out is None:
        out = next((x for x in inputs if x._host is kwargs.get("out", ...)), None)
    if out is not None:
        card.launch(name, [x._buffer for x in inputs if x is not out], [out._buffer])
        return out
    if not isinstance(result, (np.ndarray, np.generic)):
        return [_wrap(card, r, inputs, name) for r in result] if _arrays(result) else result
    return _wrap(card, np.asarray(result), inputs, name)


def _unwrap(x: Any, inputs: list[ndarray]) -> Any:
    """Return an argument's host memory; add its arrays to the inputs."""
    if isinstance(x, (list, tuple)):
        return type(x)(_unwrap(y, inputs) for y in x)
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if not isinstance(x, ndarray):
        return x
    inputs.append(x)
    return x._host


def _arrays(result: Any) -> bool:
    return isinstance(result, (list, tuple)) and any(isinstance(r, np.ndarray) for r in result)


def _wrap(card: Card, host: Any, inputs: list[ndarray], name: str = "view") -> ndarray:
    """Return the result as a view of an input, which costs nothing, or in new memory."""
    for x in inputs:
        if np.may_share_memory(host, x._host):
            return ndarray(card, host, x._buffer)
    buffer = Buffer(card, host.nbytes)
    card.launch(name, [x._buffer for x in inputs], [buffer])
    return ndarray(card, host, buffer)


class _Namespace(ModuleType):
    """NumPy's functions under CuPy's name."""

    card: Card
    ndarray = ndarray
    __version__ = "14.2.0, a stand-in"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        return lambda *a, **k: _call(self.card, name, value, a, k)

    def clip(self, x: Any, **bounds: Any) -> ndarray:
        """Clip and wait, as array-api-compat does: it indexes by masks, which the host counts."""
        self.card.wait({}, "clip")
        return _call(self.card, "clip", np.clip, (x,), bounds)

    def empty(self, shape: Any, dtype: Any = None, **_: Any) -> ndarray:
        """Return unwritten memory between two margins that must stay unwritten."""
        n = int(np.prod(shape))
        whole = poisoned(n + 2 * MARGIN, dtype or np.float64)
        made = _wrap(self.card, whole[MARGIN : MARGIN + n].reshape(shape), [], "empty")
        made._buffer.margins = whole[:MARGIN], whole[MARGIN + n :]
        return made

    def asarray(
        self, x: Any, dtype: Any = None, copy: bool | None = None, order: Any = None, **_: Any
    ) -> ndarray:
        """Convert arrays of the host, of this device, or of another device."""
        if isinstance(x, ndarray) and x._buffer.device == self.card.device[-1]:
            settings = {"dtype": dtype, "copy": copy, "order": order}
            return _call(self.card, "asarray", np.asarray, (x,), settings)
        if isinstance(x, ndarray) and not x._host.flags.forc:
            raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
        host = np.array(x._host if isinstance(x, ndarray) else x, dtype=dtype, order=order or "K")
        if isinstance(x, ndarray):
            self.card.current().check("a copy between devices", x._buffer.written)
            x._buffer.read[self.card.current().number] = self.card.now + 1
        else:
            self.card.to_device += host.nbytes
        return _wrap(self.card, host, [], "asarray")


class RawModule:
    """The kernels of a source; each may write to all its arrays."""

    def __init__(self, card: Card, code: str, options: tuple[str, ...]) -> None:
        assert options == ("--std=c++17",)
        self._card, self._code = card, code

    def get_function(self, name: str) -> Any:
        if name == "probe":
            return None  # the probe is never launched
        if self._code not in self._card.sources[-1:]:
            self._card.sources.append(self._code)
        library = cuda_cases.compiled(self._code)

        def kernel(grid: Any, block: Any, arrays: Any) -> None:
            assert block == (32, 8)
            self._card.current().do(lambda: run(grid, arrays))

        def run(grid: Any, arrays: Any) -> None:
            self._card.launch(name, [], [x._buffer for x in arrays])
            cuda_cases.launch(library, name, grid, [x._host for x in arrays])
            for x in arrays:
                assert all(map(is_unwritten, x._buffer.margins)), f"{name} writes outside an array"

        kernel.kernel = kernel  # CuPy's kernels have this attribute, which saves a look-up
        return kernel


class CUDARuntimeError(RuntimeError):
    pass


def install(monkeypatch: Any, kernels: bool = False, **settings: Any) -> Card:
    """Put the stand-in in CuPy's place until the test ends.

    With ``kernels``, g++ compiles each in about a second. Without, fits run in the plain loop.
    """
    from xpnet.backends import cublas
    from xpnet.engines import choose

    if not kernels:
        monkeypatch.setattr(choose, "cuda_runner", lambda *_: None)
    card = Card(**settings)
    cupy = _Namespace("cupy")
    cupy.card, cupy.__spec__ = card, ModuleSpec("cupy", None)
    stream = type("Stream", (), {"null": card.null[0]})
    stream.__new__ = lambda cls, non_blocking: Stream(card, card.device[-1])
    runtime = SimpleNamespace(
        getDeviceCount=lambda: card.n_devices,
        getDeviceProperties=lambda n: {"name": b"Stand-in"},
        driverGetVersion=lambda: 13000,
        CUDARuntimeError=CUDARuntimeError,
    )
    cupy.cuda = SimpleNamespace(
        Device=type(
            "Device", (Device,), {"__init__": lambda s, n=None: Device.__init__(s, card, n)}
        ),
        Stream=stream,
        Event=lambda disable_timing=False: Event(card),
        get_current_stream=card.current,
        get_elapsed_time=lambda begin, end: 1.0,
        runtime=runtime,
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    )
    cupy.RawModule = lambda code, options: RawModule(card, code, options)
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0)
    cupyx = ModuleType("cupyx")
    cupyx.empty_pinned = lambda shape, dtype: np.empty(shape, dtype)
    libs = ModuleType("cupy_backends.cuda.libs")
    libs.cublas = SimpleNamespace()  # it only must be there
    made = fake_cublas.Cublas(card)
    monkeypatch.setattr(cublas, "library", lambda: made)
    monkeypatch.setattr(cublas, "WORKSPACE", 256)  # tests fill small cards
    for name, module in {
        "cupy": cupy,
        "cupyx": cupyx,
        "array_api_compat.cupy": cupy,
        "cupy_backends": ModuleType("cupy_backends"),
        "cupy_backends.cuda": ModuleType("cupy_backends.cuda"),
        "cupy_backends.cuda.libs": libs,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    # if the real CuPy was imported before, the package has it as an attribute
    monkeypatch.setattr(array_api_compat, "cupy", cupy, raising=False)
    return card
