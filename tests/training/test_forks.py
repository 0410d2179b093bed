"""Processes that are forked while another thread of the parent is in a fit."""

from __future__ import annotations

import pytest

from tests.support.helpers import needs_fork, needs_numba, needs_openblas
from tests.support.processes import python

pytestmark = [needs_fork, pytest.mark.slow]

HEAD = """
import os, signal, sys, threading, time
import numpy as np, xpnet
from xpnet import undisturbed
from xpnet.backends import openblas
from xpnet.backends.openblas import blas_threads, bundled

def in_child(work, seconds=20):
    '''Run work() in a forked child; an alarm ends a child that hangs. Return its status.'''
    sys.stdout.flush()
    child = os.fork()
    if not child:
        signal.alarm(seconds)
        try:
            work()
            sys.stdout.flush()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]

def elsewhere(work):
    '''Start work() in another thread; return when it has begun.'''
    begun = threading.Event()
    threading.Thread(target=work, args=(begun,), daemon=True).start()
    assert begun.wait(100)

X = np.random.default_rng(0).normal(size=(90, 6))
Y = np.arange(90) % 3
network = lambda: xpnet.Network([6, 5, 3], loss="cross_entropy", rng=1)
"""


def printed(code, **environ):
    """Return the output of a separate process that runs this code."""
    options = "-W", "ignore::DeprecationWarning", "-c"
    return python(*options, HEAD + code, check=True, **environ).stdout


@needs_openblas
def test_a_lock_that_another_thread_holds_is_not_the_childs():
    code = """
for lock in ("openblas", "undisturbed"):
    held, undisturbed._WAIT = getattr(globals()[lock], "_lock"), 0.1
    def hold(begun):
        with held:
            begun.set()
            time.sleep(60)
    elsewhere(hold)
    def work():
        with undisturbed.undisturbed(), blas_threads(1):
            pass
        network().fit(X, Y, epochs=1)
    print(in_child(work))
"""
    assert printed(code) == "0\n0\n"


@needs_openblas
def test_the_child_has_the_usual_number_of_blas_threads():
    """It keeps the limit of its own thread's blocks, but not of another thread's."""
    code = """
bundled().set_threads(4)
def hold(begun):
    with blas_threads(1):
        begun.set()
        time.sleep(60)
elsewhere(hold)
print(in_child(lambda: print(bundled().threads, openblas.usual_threads())))
with blas_threads(2):
    child = os.fork()
    if not child: print(bundled().threads, openblas.usual_threads(), flush=True)
    else: os.waitpid(child, 0)
if not child: print(bundled().threads, openblas.usual_threads(), flush=True)
os._exit(0)
"""
    assert printed(code).splitlines() == ["4 4", "0", "2 4", "4 4"]


@needs_numba
def test_children_of_a_process_in_which_another_thread_fits_compiled_steps():
    code = """
def fit(begun):
    network().fit(X, Y, epochs=1, compile=True)
    begun.set()
    while True:
        network().fit(X, Y, epochs=200, batch_size=5, compile=True)
elsewhere(fit)
def work():
    X.T @ X
    network().fit(X, Y, epochs=2, compile=True)
print({in_child(work) for _ in range(25)})
os._exit(0)
"""
    assert printed(code) == "{0}\n"


@needs_numba
def test_a_fork_waits_for_another_threads_compilation(tmp_path):
    """Otherwise the child would inherit numba's locks and half of its state."""
    code = """
from numba.core.compiler_lock import global_compiler_lock  # in the child (E402)
from xpnet.engines.loops import cache
source = "from xpnet.engines.loops.runtime import *\\n@compiled\\ndef run(x):\\n    x[0] = 1\\n"
def compiled(before):
    def call():
        with global_compiler_lock:
            before()
            cache.load(source)(np.zeros(9))
    with undisturbed.undisturbed():
        cache.prepare(source, call)
def compile(begun):
    compiled(lambda: (begun.set(), time.sleep(0.5)))
elsewhere(compile)
print(in_child(lambda: compiled(lambda: None), 10), flush=True)
os._exit(0)
"""
    assert printed(code, XPNET_CACHE=str(tmp_path / "cache")) == "0\n"


def test_the_childs_first_control_c_is_its_own():
    """The signal handler of a fit in the parent's main thread must not take it."""
    code = """
seen = []
def press():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        print("interrupted")
def callback(net, history):
    thread = threading.Thread(target=lambda: seen.append(in_child(press)))
    thread.start()
    thread.join()
print(network().fit(X, Y, epochs=2, callbacks=[callback]).stopped, seen)
"""
    assert printed(code) == "interrupted\ninterrupted\nNone [0, 0]\n"
