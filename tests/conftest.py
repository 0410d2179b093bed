"""Every numerical test takes ``backend`` and runs on each installed array library.

array-api-strict runs in its strictest form: on a device that is not the host, without boolean
indexing and data-dependent shapes. A missing library is skipped; the summary says why.

``nox -s cupy`` runs the tests on CuPy without a GPU, on a fake CUDA (ci/fake_cuda).
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

# compiled loops from the user's cache would change the last bits of a fit
os.environ["XPNET_CACHE"] = tempfile.mkdtemp(prefix="xpnet-tests-")
atexit.register(shutil.rmtree, os.environ["XPNET_CACHE"], ignore_errors=True)

# set before NumPy loads: products in tests are small, and the tests themselves run in parallel
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# JAX compiles each operation for each shape, which takes most of the suite's time: all processes
# of a run and later runs share a cache
_CACHE = Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

from importlib import import_module

import pytest

from tests.support.backends import OF_BACKEND, narrow_jax, open_backend, opened, or_skip
from tests.support.browser import chromium
from tests.support.command import fruit
from tests.support.cuda_cases import needs_gxx
from tests.support.helpers import BACKENDS, needs_jax, needs_numba
from xpnet.backends import Backend

SLOW_FIXTURES = {"chromium", "site"}
SLOW_MARKS = (needs_gxx.mark, needs_jax.mark, needs_numba.mark)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests as slow that open a browser, build the site, use JAX, or compile C++ or loops."""
    for item in items:
        uses = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if uses or any(mark in SLOW_MARKS for mark in item.iter_markers()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def control_c() -> None:
    """Restore SIGINT's handler: a shell starts background processes with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of pytest-xdist's worker process; "master" without xdist."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "master"))


@pytest.fixture(scope="session", autouse=True)
def hostile_strict() -> None:
    """Turn off the parts of array-api-strict that some array libraries lack."""
    if isinstance(open_backend("array-api-strict"), Backend):
        import_module("array_api_strict").set_array_api_strict_flags(
            boolean_indexing=False, data_dependent_shapes=False
        )


@pytest.fixture(params=[pytest.param(n, marks=OF_BACKEND.get(n, ())) for n in BACKENDS])
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend of each array library in turn."""
    return or_skip(open_backend(request.param))


def pytest_terminal_summary(terminalreporter) -> None:
    """Print a line with the backends that ran, and one for each that did not.

    If tests run in several processes, this process has not opened any backend yet.
    """
    for name in BACKENDS:
        open_backend(name)
    ran = [
        f"{name} {import_module(b.packages[0]).__version__}"
        for name, b in opened.items()
        if isinstance(b, Backend)
    ]
    terminalreporter.write_line(f"backends that ran: {', '.join(ran) or 'none'}")
    for name, reason in opened.items():
        if isinstance(reason, str):
            terminalreporter.write_line(f"backend {name} was skipped: {reason}")
