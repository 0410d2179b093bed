"""``xpnet doctor``: what it reads and measures, and what it says about each finding."""

from __future__ import annotations

import itertools
import json
import os
import sys
from dataclasses import asdict, replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tests.support.command import Terminal
from tests.support.helpers import NO_OPENBLAS, needed, needs_openblas
from xpnet import Network, available_backends
from xpnet.backends import BackendInfo, openblas
from xpnet.cli import main
from xpnet.doctor import Report, blas, compiled, cpu, cuda, findings, products, report, steps
from xpnet.doctor.report import Tuned
from xpnet.engines.loops import cache

STEP = products.IN_A_STEP
TUNED = Tuned(
    {"OPENBLAS_CORETYPE": "SkylakeX"}, {"float32": 440.0, "float64": 200.0, STEP: 400.0}, True
)
SAME = {"float32": 236.0, STEP: 201.0}
ABSENT = BackendInfo("cupy", False, None, (), f'{"long " * 30}pip install "xpnet[cuda12]"')
REPORT = Report(
    cpu.Cpu("A processor", 4, "AVX-512", 0.1),
    blas.Blas("OpenBLAS", "0.3.31", "Haswell", 4),
    {"float32": 235.0, "float64": 120.0, STEP: 200.0},
    None,
    compiled.NumbaReport("0.61.0", "omp", 4, True),
    cuda.Cuda(None, None, (), ABSENT.reason),
    (
        steps.BackendStep("numpy", "2.4.6", "cpu", 0.00025, None),
        steps.BackendStep("cupy", None, None, None, ABSENT.reason),
    ),
)


def finding(topic: str, **changes: object) -> report.Finding:
    """Return the finding on that topic, from a report with these changes."""
    return next(row for row in findings(replace(REPORT, **changes)) if row.topic == topic)


# --- readings


def test_the_cpu_is_what_linux_writes():
    first = "model name\t: X: Y\nvmx flags\t: vnmi\nflags\t\t: fpu avx avx2\n"
    text = f"processor\t: 0\n{first}\nprocessor\t: 1\nflags\t\t: sse\n"
    assert cpu._entry(text, "model name") == "X: Y"
    assert cpu._vectors(text) == "AVX2"
    assert not cpu.has_avx512(text)
    assert cpu._vectors("") is None
    assert 1 <= cpu.describe_cpu().processors <= (os.cpu_count() or 1)


def test_openblas_tells_what_threadpoolctl_reads():
    threadpoolctl = needed("threadpoolctl")
    loaded = [row for row in threadpoolctl.threadpool_info() if "numpy.libs" in row["filepath"]]
    if not loaded:
        pytest.skip(NO_OPENBLAS)
    there = loaded[0]
    found = blas.describe_blas()
    assert (found.version, found.kernels) == (there["version"], there["architecture"])
    assert found.threads == there["num_threads"]
    assert blas.switchable_kernels() == there["architecture"]


class Library(openblas.OpenBLAS):
    """An OpenBLAS that reports a given configuration and kernels."""

    config = "OpenBLAS 0.3.30  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Zen"
    threads = 3

    def text(self, what: str) -> str:
        return {"config": self.config, "corename": "Zen"}[what]


def test_openblas_is_asked(monkeypatch):
    monkeypatch.setattr(blas, "bundled", lambda: Library("", "", ""))
    assert blas.describe_blas() == blas.Blas("OpenBLAS", "0.3.30", "Zen", 3)
    assert blas.switchable_kernels() == "Zen"


def test_an_openblas_for_one_processor_cannot_be_switched(monkeypatch):
    monkeypatch.setattr(blas, "bundled", lambda: Library("", "", ""))
    monkeypatch.setattr(Library, "config", "OpenBLAS 0.3.30 NO_AFFINITY Zen MAX_THREADS=64")
    assert blas.describe_blas().kernels == "Zen"
    assert blas.switchable_kernels() is None


@pytest.mark.parametrize("prefix", ["scipy_", ""])
@pytest.mark.parametrize("suffix", ["64_", ""])
def test_openblas_is_known_under_each_of_its_names(monkeypatch, prefix, suffix):
    function = type("Function", (), {"__call__": lambda self: b"Zen"})()
    names = (f"{prefix}{name}{suffix}" for name in ("cblas_sgemm", "openblas_get_corename"))
    opened = type("Opened", (), dict.fromkeys(names, function))()
    monkeypatch.setattr(openblas.ctypes, "CDLL", lambda path: opened)
    found = openblas._opened("there")
    assert found == openblas.OpenBLAS("there", prefix, suffix)
    assert (found.wide, found.text("corename")) == (suffix == "64_", "Zen")
    assert (found.text("config"), found.threads) == ("", None)


@needs_openblas
def test_threads_are_set_for_a_while():
    library = openblas.bundled()
    before = library.threads
    library.set_threads(2)
    try:
        with openblas.blas_threads(1) as n:
            assert (n, library.threads) == (1, 1)
        for more in (None, 5):
            with openblas.blas_threads(more) as n:
                assert (n, library.threads) == (2, 2)
        assert library.threads == 2
    finally:
        library.set_threads(before)


def test_another_blas_is_named_by_what_numpy_was_built_with(monkeypatch):
    monkeypatch.setattr(blas, "bundled", lambda: None)
    monkeypatch.setattr(blas, "find_spec", lambda name: None)
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert blas.describe_blas() == blas.Blas(built["name"], built["version"], None, None)
    assert blas.switchable_kernels() is None


def test_another_blas_is_described_by_threadpoolctl(monkeypatch):
    threadpoolctl = needed("threadpoolctl")
    rows = [
        {"user_api": "openmp", "internal_api": "openmp", "version": None, "num_threads": 9},
        {"user_api": "blas", "internal_api": "mkl", "version": "2025.1", "num_threads": 5},
    ]
    monkeypatch.setattr(blas, "bundled", lambda: None)
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: rows)
    assert blas.describe_blas() == blas.Blas("mkl", "2025.1", None, 5)


@pytest.mark.parametrize(
    ("priority", "forced", "layer"),
    [
        (["workqueue", "omp"], "default", "workqueue"),
        (["omp", "workqueue"], "workqueue", "workqueue"),
        (["missing", "workqueue"], "default", "workqueue"),
        (["missing"], "default", None),
    ],
)
def test_numbas_layer_is_the_first_that_loads(monkeypatch, priority, forced, layer):
    needed("numba")
    monkeypatch.setitem(compiled._POOLS, "missing", "missingpool")
    config = SimpleNamespace(THREADING_LAYER=forced, THREADING_LAYER_PRIORITY=priority)
    assert compiled._layer(config) == layer


def test_numba_that_is_not_here(monkeypatch):
    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    assert compiled.numba_report() == compiled.NumbaReport()


def test_numba_as_it_is_here():
    numba = needed("numba")
    found = compiled.numba_report()
    assert (found.version, found.threads) == (numba.__version__, numba.config.NUMBA_NUM_THREADS)
    assert found.layer in compiled._POOLS


def test_the_devices_that_cupy_finds(monkeypatch):
    fake = ModuleType("cupy")
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 2, getDeviceProperties=lambda i: {"name": f"GPU {i}".encode()}
    )
    fake.cuda = SimpleNamespace(
        runtime=runtime, Device=lambda i: SimpleNamespace(mem_info=(i * 2**30, 8 * 2**30))
    )
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(cuda, "_driver", lambda: "12.4")
    found = cuda.describe_cuda(BackendInfo("cupy", True, "13.6.0", ("cuda:0", "cuda:1"), None))
    assert found.devices == (cuda.Gpu("GPU 0", 2**33, 0), cuda.Gpu("GPU 1", 2**33, 2**30))
    text = finding("CUDA", cuda=found).text
    for part in ("GPU 1, 1.0 of 8.0 GiB free", "CUDA 12.4", "cupy 13.6.0"):
        assert part in text


@pytest.mark.parametrize(
    ("status", "number", "version"), [(0, 12040, "12.4"), (0, 13000, "13.0"), (3, 0, None)]
)
def test_the_drivers_version(monkeypatch, status, number, version):
    class Driver:
        def cuDriverGetVersion(self, pointer):
            pointer._obj.value = number
            return status

    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda name: Driver())
    assert cuda._driver() == version


# --- measurements, with a clock that advances a second at each reading


@pytest.fixture
def clock(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))


@pytest.mark.usefixtures("clock")
def test_a_product_is_2_n_cubed_operations(monkeypatch):
    monkeypatch.setattr(products, "SIZE", 500)
    assert products.product_rates() == {
        "float32": 0.2,  # 2.5e8 in a second, rounded
        "float64": 0.2,
        products.IN_A_STEP: 0.3,  # 3.1e8
    }


def test_a_process_of_its_own_measures_too():
    rates = products.product_rates_in({"OPENBLAS_NUM_THREADS": "1"})
    assert set(rates) == {"float32", "float64", products.IN_A_STEP}
    assert all(rate > 0 for rate in rates.values())


def test_a_process_that_fails_has_no_rates(tmp_path):
    assert products.product_rates_in({"PYTHONHOME": str(tmp_path)}) is None


def row_of(name: str) -> BackendInfo:
    return next(row for row in available_backends() if row.name == name)


def test_a_step_is_an_epochs_time_over_its_steps(backend, monkeypatch):
    row, ticks, seen = row_of(backend.name), itertools.count(), []
    fit = Network.fit

    def watched(net: Network, X: object, *arguments: object, **settings: object) -> object:
        seen.append((X.shape, settings["batch_size"], settings["epochs"]))
        return fit(net, X, *arguments, **settings)

    monkeypatch.setattr(Network, "fit", watched)
    monkeypatch.setattr(steps.time, "perf_counter", lambda: float(next(ticks)))
    before = next(ticks)
    found = steps.time_step(row, seconds=0)
    assert found.reason is None
    assert found.backend == backend.name
    assert 0 < found.seconds * steps._STEPS < next(ticks) - before
    assert set(seen) == {((20 * 64, 784), 64, 1)}
    assert len(seen) >= 2  # one of them untimed


def test_a_backend_that_fails_is_a_finding(monkeypatch):
    def broken(*arguments: object, **settings: object) -> None:
        raise KeyError("no\nkernel")

    monkeypatch.setattr(Network, "fit", broken)
    found = steps.time_step(row_of("numpy"))
    assert found.seconds is None
    assert found.reason.startswith("KeyError: ")
    assert "\n" not in found.reason


# --- findings


def test_kernels_that_are_the_best_need_nothing():
    assert finding("BLAS").remedy is None
    assert finding("BLAS").text == "OpenBLAS 0.3.31, Haswell kernels, 4 threads"


@pytest.mark.parametrize(
    ("change", "parts", "not_said"),
    [
        ({}, ["export OPENBLAS_CORETYPE=SkylakeX", "440", "by itself"], "none"),
        ({"automatic": False}, ["export OPENBLAS_CORETYPE=SkylakeX", "440"], "by itself"),
        ({"products": SAME}, ["none", "236", "--no-tune"], "export"),
        ({"products": SAME, "automatic": False}, ["none", "236"], "--no-tune"),
        ({"products": {**SAME, STEP: 220.0}}, ["export", "220 GFLOP/s"], "none"),
        ({"products": None}, ["OPENBLAS_CORETYPE=SkylakeX", "could not"], "export"),
    ],
)
def test_better_kernels_are_recommended_where_they_are_faster(change, parts, not_said):
    remedy = finding("BLAS", tuned=replace(TUNED, **change)).remedy
    assert all(part in remedy for part in parts)
    assert not_said not in remedy


def test_unknown_kernels_are_a_finding():
    unknown = finding("BLAS", blas=blas.Blas("mkl", "2025", None, None))
    assert unknown.text == "mkl 2025, kernels not known"
    assert "threadpoolctl" in unknown.remedy


@pytest.mark.parametrize(
    ("numba", "remedy"),
    [
        (compiled.NumbaReport(), 'pip install "xpnet[fast]"'),
        (compiled.NumbaReport("0.61", "omp", 2, False), "xpnet doctor --compile"),
        (compiled.NumbaReport("0.61", "omp", 2, True), None),
    ],
)
def test_numba_and_what_to_do_about_it(numba, remedy):
    assert finding("numba", numba=numba).remedy == remedy


@pytest.mark.parametrize(
    ("driver", "version", "remedy"),
    [
        (None, None, None),
        ("12.4", None, 'pip install "xpnet[cuda12]"'),
        ("13.0", None, 'pip install "xpnet[cuda13]"'),
        ("12.4", "13.6.0", None),
    ],
)
def test_cuda_and_what_to_install(driver, version, remedy):
    row = finding("CUDA", cuda=cuda.Cuda(driver, version, (), "no CUDA device answers"))
    assert row.remedy == remedy
    assert ("no CUDA device answers" in row.text) == (version is not None)


@pytest.mark.parametrize(("load", "busy"), [(None, False), (1.9, False), (2.1, True)])
def test_a_busy_machine_is_told(load, busy):
    remedy = finding("machine", cpu=replace(REPORT.cpu, load=load)).remedy
    assert (remedy is not None) == busy


def test_each_backend_has_its_line():
    rows = [row.text.split() for row in findings(REPORT) if row.topic == ""]
    assert rows[0] == ["numpy", "cpu", "250", "µs"]
    assert rows[1][0] == "cupy"
    assert ABSENT.reason.split() == rows[1][1:]


# --- the command


def test_json_is_the_report(capsys, monkeypatch):
    monkeypatch.setattr("xpnet.cli.doctor.examine", lambda: replace(REPORT, tuned=TUNED))
    assert main(["doctor", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(asdict(replace(REPORT, tuned=TUNED))))
    assert printed["tuned"]["environment"] == {"OPENBLAS_CORETYPE": "SkylakeX"}
    assert printed["steps"][0]["seconds"] == 0.00025


def test_the_findings_are_plain_lines_where_nobody_watches(capsys, monkeypatch):
    monkeypatch.setattr("xpnet.cli.doctor.examine", lambda: replace(REPORT, tuned=TUNED))
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert all(row.text in out for row in findings(REPORT))  # none is wrapped
    assert "          → export OPENBLAS_CORETYPE=SkylakeX" in out.splitlines()[3]


def test_without_rich_the_same_lines_are_plain(capsys, monkeypatch):
    monkeypatch.setattr("xpnet.cli.doctor.examine", lambda: replace(REPORT, tuned=TUNED))
    assert main(["doctor"]) == 0
    with_rich = capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == with_rich


def test_a_terminal_has_colours(monkeypatch):
    needed("rich")
    terminal = Terminal()
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("xpnet.cli.doctor.examine", lambda: REPORT)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["doctor"]) == 0
    assert "\x1b[1mmachine" in terminal.getvalue()


def test_compile_only_compiles(capsys, monkeypatch):
    monkeypatch.setattr("xpnet.cli.doctor.examine", None)
    monkeypatch.setattr("xpnet.cli.doctor.fill_cache", lambda: "done")
    assert main(["doctor", "--compile"]) == 0
    assert capsys.readouterr().out == "done\n"


@pytest.mark.slow
def test_the_cache_is_filled(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    monkeypatch.setattr(compiled, "_COMMON", ((128,),))
    assert not any(tmp_path.iterdir())
    if cache.numba_version() is None:
        assert "pip install" in compiled.fill_cache()
        return
    assert compiled.numba_report().cached is False
    head, *networks = compiled.fill_cache().splitlines()
    assert head.startswith(f"the loops of 2 networks of any width are compiled in {tmp_path}")
    losses = ("cross_entropy", "mean_squared_error")
    assert networks == [f"  hidden 128: relu, {loss}, Adam" for loss in losses]
    assert compiled.numba_report().cached is True


@pytest.mark.slow
def test_this_machine_is_examined(capsys):
    assert main(["doctor", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["products"]["float32"] > 0
    rows = {row["backend"]: row for row in printed["steps"]}
    assert set(rows) == {row.name for row in available_backends()}
    assert rows["numpy"]["seconds"] > 0
    for row in available_backends():
        assert (rows[row.name]["seconds"] is not None) == row.usable
