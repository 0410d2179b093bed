"""Examine the machine, as data, and as findings for people, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xpnet.backends import available_backends
from xpnet.doctor.blas import Blas, describe_blas
from xpnet.doctor.compiled import NumbaReport, numba_report
from xpnet.doctor.cpu import Cpu, describe_cpu
from xpnet.doctor.cuda import Cuda, describe_cuda, missing_extra
from xpnet.doctor.products import IN_A_STEP, SIZE, product_rates, product_rates_in
from xpnet.doctor.steps import BATCH, SIZES, BackendStep, time_step
from xpnet.doctor.tuning import better_kernels, mend, this_machine

__all__ = ["Finding", "Report", "Tuned", "examine", "findings"]

_BUSY = 0.5  # share of the processors in use at the start, from which the machine is busy
_WORTH = 1.05  # least ratio of two rates that is not noise


@dataclass(frozen=True)
class Tuned:
    """The environment that selects better kernels, and GFLOP/s in a process with it.

    ``automatic`` says whether `xpnet train` sets it by itself. It does not if the user has chosen.
    """

    environment: dict[str, str]
    products: dict[str, float] | None
    automatic: bool


@dataclass(frozen=True)
class Report:
    """All results; ``tuned`` is None if there are no better kernels to select."""

    cpu: Cpu
    blas: Blas
    products: dict[str, float]
    tuned: Tuned | None
    numba: NumbaReport
    cuda: Cuda
    steps: tuple[BackendStep, ...]


class Finding(NamedTuple):
    """A finding for people; ``remedy`` says what to do about it, if anything."""

    topic: str
    text: str
    remedy: str | None = None


def examine() -> Report:
    """Measure this machine, in a few seconds, most of them to import every array library.

    Products are measured first, before other libraries start their threads.
    """
    cpu, blas, products = describe_cpu(), describe_blas(), product_rates()
    tuned = _tuned()
    rows = available_backends()
    cuda = describe_cuda(next(row for row in rows if row.name == "cupy"))
    steps = tuple(map(time_step, rows))
    return Report(cpu, blas, products, tuned, numba_report(), cuda, steps)


def _tuned() -> Tuned | None:
    environment = better_kernels(this_machine())
    if not environment:
        return None
    return Tuned(environment, product_rates_in(environment), bool(mend()))


def findings(report: Report) -> Iterator[Finding]:
    """Yield the findings of a report, in the order in which to print them."""
    yield Finding("machine", _machine(report.cpu), _busy(report.cpu))
    about = f"NumPy, {SIZE} × {SIZE}, and of a layer's batch"
    yield Finding("products", f"{_rates(report.products)} ({about})")
    yield Finding("BLAS", _blas(report.blas), _better(report))
    yield _of_numba(report.numba)
    yield _of_cuda(report.cuda)
    shape = "-".join(map(str, SIZES))
    yield Finding("step", f"one training step of {shape}, batch {BATCH}, float32, with Adam:")
    for step in report.steps:
        yield Finding("", _step(step))


def _machine(cpu: Cpu) -> str:
    vectors = "" if cpu.vectors is None else f", {cpu.vectors}"
    return f"{cpu.name}, {cpu.processors} processor{'s' * (cpu.processors != 1)}{vectors}"


def _busy(cpu: Cpu) -> str | None:
    """Return a remedy if other work slows the machine.

    It lowers every figure. BLAS threads suffer most, since each waits for the slowest.
    """
    if cpu.load is None or cpu.load < _BUSY * cpu.processors:
        return None
    alone = "export OPENBLAS_NUM_THREADS=1 while it lasts" if cpu.processors > 1 else "wait"
    return f"other programs are running (load {cpu.load:.1f}), which lowers every figure: {alone}"


def _rates(products: Mapping[str, float]) -> str:
    return ", ".join(f"{dtype} {rate:.0f} GFLOP/s" for dtype, rate in products.items())


def _blas(blas: Blas) -> str:
    kernels = "kernels not known" if blas.kernels is None else f"{blas.kernels} kernels"
    threads = "" if blas.threads is None else f", {blas.threads} thread{'s' * (blas.threads != 1)}"
    return f"{blas.name} {blas.version}, {kernels}{threads}"


def _better(report: Report) -> str | None:
    """Return what to do about the kernels, if anything."""
    if report.tuned is None:
        unknown = report.blas.kernels is None
        return "pip install threadpoolctl, to see the kernels" if unknown else None
    line = " ".join(f"{name}={value}" for name, value in report.tuned.environment.items())
    if report.tuned.products is None:
        return (
            f"{line}, which this CPU can run, could not be tried: NumPy did not start with this "
            "setting"
        )
    rates = _rates(report.tuned.products)
    by_itself = report.tuned.automatic
    if not _faster(report.tuned.products, report.products):
        against = "; xpnet train --no-tune leaves the kernels alone" if by_itself else ""
        return f"none: {line} gives {rates}, which is no faster{against}"
    return f"export {line}  # {rates}{'; xpnet train does so by itself' if by_itself else ''}"


def _faster(tuned: Mapping[str, float], found: Mapping[str, float]) -> bool:
    """Whether the tuned rates would make training faster."""
    return any(tuned[rate] >= _WORTH * found[rate] for rate in ("float32", IN_A_STEP))


def _of_numba(numba: NumbaReport) -> Finding:
    if numba.version is None:
        return Finding("numba", "not installed", 'pip install "xpnet[fast]"')
    text = f"{numba.version}, threading layer {numba.layer}, {numba.threads} threads"
    if not numba.cached:
        return Finding("numba", f"{text}; nothing is in the cache", "xpnet doctor --compile")
    return Finding("numba", f"{text}; compiled code is in the cache")


def _of_cuda(cuda: Cuda) -> Finding:
    if cuda.devices:
        gpus = ", ".join(f"{gpu.name}, {_memory(gpu.free, gpu.memory)}" for gpu in cuda.devices)
        return Finding("CUDA", f"{gpus}; the driver runs CUDA {cuda.driver}, cupy {cuda.cupy}")
    extra = missing_extra(cuda)
    if extra is not None:
        text = f"the driver runs CUDA {cuda.driver}; cupy is not installed"
        return Finding("CUDA", text, f'pip install "xpnet[{extra}]"')
    return Finding("CUDA", "no NVIDIA driver found" if cuda.driver is None else str(cuda.reason))


def _memory(free: int, memory: int) -> str:
    return f"{free / 2**30:.1f} of {memory / 2**30:.1f} GiB free"


def _step(step: BackendStep) -> str:
    if step.seconds is None:
        return f"{step.backend:18}{step.reason}"
    device = step.device or ""
    return f"{step.backend:18}{device:14}{step.seconds * 1e6:10,.0f} µs"
