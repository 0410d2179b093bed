"""Ctrl-C does not interrupt imports and compilation; it takes effect afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from tests.support.helpers import needs_numba
from tests.support.processes import python
from xpnet import backends
from xpnet.undisturbed import imported, undisturbed


def press():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package that presses Ctrl-C in the middle of its import."""
    (tmp_path / "pressing.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "pressing"
    sys.modules.pop("pressing", None)


def test_control_c_comes_after_an_import(package):
    with pytest.raises(KeyboardInterrupt):
        imported(package)
    assert imported(package).whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_comes_after_the_import_of_a_backends_library(package, monkeypatch):
    library = backends._Library("numpy_backend", package, "nothing")
    monkeypatch.setitem(backends._LIBRARIES, "torch", library)
    with pytest.raises(KeyboardInterrupt):
        backends.get_backend("torch")
    assert sys.modules[package].whole
    backends.get_backend("torch")


def test_control_c_comes_after_a_block_that_fails():
    def fail():
        press()
        raise ImportError

    with pytest.raises(KeyboardInterrupt) as caught, undisturbed():
        fail()
    assert isinstance(caught.value.__context__, ImportError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("times", [1, 3])
def test_the_programs_own_handler_is_called_afterwards_as_often(times):
    seen, ends = [], []

    def handler(number, frame):
        seen.append((number, bool(ends)))

    signal.signal(signal.SIGINT, handler)
    try:
        with undisturbed():
            with undisturbed():  # nested
                for _ in range(times):
                    press()
            ends.append(1)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [(signal.SIGINT, True)] * times


def test_who_ignores_control_c_goes_on_ignoring_it():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with undisturbed():
            press()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_leave_signals_alone():
    seen = []

    def work():
        with undisturbed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@needs_numba
def test_control_c_while_numba_is_imported_and_while_it_compiles(tmp_path):
    """Afterwards the process can fit compiled steps, and the network has lost nothing."""
    code = """
import os, signal, sys
import numpy as np, xpnet

class Press:
    def find_spec(self, name, *rest):
        if name in left:
            left.remove(name)
            os.kill(os.getpid(), signal.SIGINT)

left = ["numba.core.typing.templates", "numba.np.arrayobj"]
sys.meta_path.insert(0, Press())
X = np.random.default_rng(0).normal(size=(40, 4))
net = xpnet.Network([4, 2], loss="cross_entropy", rng=1)

def fit():
    try:
        print(net.fit(X, np.arange(40) % 2, epochs=2, compile=True).engine)
    except KeyboardInterrupt:
        print("interrupted", net.epoch)

fit()
assert not left
from numba.core.caching import IndexDataCacheFile  # in a process of its own (E402)
for name in [name for name in sys.modules if name.startswith("run_")]:
    del sys.modules[name]
save = IndexDataCacheFile._save_data
def pressing(*arguments):
    IndexDataCacheFile._save_data = save
    os.kill(os.getpid(), signal.SIGINT)
    return save(*arguments)
for file in os.scandir(os.environ["XPNET_CACHE"] + "/__pycache__"):
    os.unlink(file)
IndexDataCacheFile._save_data = pressing
fit()
fit()
(module,) = (m for name, m in sys.modules.items() if name.startswith("run_"))
print(sum(module.run.stats.cache_misses.values()))
"""
    kept = {"XPNET_CACHE": str(tmp_path / "cache")}
    done = python("-W", "error", "-c", code, check=True, **kept)
    assert done.stdout.splitlines() == ["interrupted 0", "interrupted 0", "fused", "1"]
