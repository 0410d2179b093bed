"""Teams of threads: how they share work, how they wait, and how a fit uses them.

tests/engines/test_loops.py compares a team's results with the plain step's.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_fork, needs_numba, needs_openblas, relative
from tests.support.poison import poison_memory
from tests.support.processes import python
from xpnet.backends.openblas import blas_threads, bundled
from xpnet.engines import choose, threads
from xpnet.engines.loops.cache import numba_version
from xpnet.engines.loops.teamwork import Team
from xpnet.engines.threads import team_for
from xpnet.layers import BatchNorm, Dense, Dropout, LayerNorm


@pytest.fixture(autouse=True)
def poison(monkeypatch):
    if numba_version() is not None:
        poison_memory(monkeypatch)


@pytest.fixture
def two_threads():
    """Give NumPy's BLAS two threads; the tests' environment sets one."""
    library = bundled()
    before = library.threads
    library.set_threads(2)
    yield library
    library.set_threads(before)


@pytest.mark.parametrize(
    ("sizes", "batch", "available", "team"),
    [
        ([784, 128, 10], 64, 2, 2),
        ([784, 256, 10], 40, 16, 8),
        ([784, 256, 10], 25, 16, 5),  # 5.02 million multiplications
        ([784, 128, 10], 32, 16, 3),
        ([784, 128, 10], 19, 16, 1),
        ([784, 63, 10], 64, 16, 1),
        ([784, 10], 1024, 16, 1),  # ten units
        ([1024, 2048, 1000], 512, 16, 16),
        ([1024, 2048, 1000], 512, 1, 1),
        ([1024, 192, 10], 512, 16, 6),
        ([1024, 2048, 1000], 512, None, 1),
    ],
)
def test_a_team_is_a_function_of_the_shapes(monkeypatch, sizes, batch, available, team):
    monkeypatch.setattr(threads, "usual_threads", lambda: available)
    assert team_for(xpnet.Network(sizes).layers, batch) == team


@needs_openblas
def test_another_fits_limit_does_not_change_the_team(two_threads):
    """A fit in another thread sometimes limits the BLAS to one thread."""
    layers = xpnet.Network([784, 128, 10]).layers
    with blas_threads(1):
        assert (two_threads.threads, team_for(layers, 64)) == (1, 2)


# --- the threads themselves, with work in plain Python


def test_all_have_ended_when_a_call_fails():
    """A thread still running would write to the arrays of the next call."""
    ended = []

    def run(rank, threads, barrier, shared):
        if rank == 1:
            raise MemoryError("no room")
        time.sleep(0.1 * rank)
        ended.append(rank)

    with pytest.raises(MemoryError, match="no room"):
        Team(3).together(run, 0)()
    assert ended == [0, 2]


def test_a_thread_that_cannot_be_started_leaves_nobody_waiting(monkeypatch):
    start, started, gone = threading.Thread.start, [], []

    def start_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    def run(rank, threads, barrier, shared):
        """Wait at the barrier until a thread has failed, or for five seconds."""
        for _ in range(500):
            if barrier[8]:
                gone.append(rank)
                return
            time.sleep(0.01)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(RuntimeError, match="new thread"):
        Team(3).together(run, 0)()
    assert gone == [1]


def test_the_threads_end_with_their_team():
    before = set(threading.enumerate())
    team = Team(3)
    team.together(lambda *arguments: None, 0)()
    own = set(threading.enumerate()) - before
    assert len(own) == 2
    del team
    for thread in own:
        thread.join(5)
    assert not any(thread.is_alive() for thread in own)


def printed(code):
    """Return the output of a separate process that runs this code."""
    head = (
        "import os, signal, threading, time\n"
        "from xpnet.engines.loops.teamwork import Team\n"
        "done = []\n"
        "together = Team(2).together(lambda rank, *rest: done.append(rank), 0)\n"
    )
    return python("-c", head + code, check=True).stdout


@pytest.mark.slow
def test_a_fit_goes_on_when_the_main_thread_has_ended():
    code = (
        "def fit():\n"
        "    threading.main_thread().join()\n"
        "    time.sleep(0.2)\n"
        "    together()\n"
        "    print(sorted(done))\n"
        "threading.Thread(target=fit).start()\n"
    )
    assert printed(code) == "[0, 1]\n"


@pytest.mark.slow
@needs_fork
def test_a_fork_in_the_middle_has_threads_of_its_own():
    code = (
        "together()\n"
        "child = os.fork()\n"
        "if not child: signal.alarm(20)\n"  # ends a child that waits for ever
        "together()\n"
        "if child: print(os.waitpid(child, 0)[1], sorted(done))\n"
    )
    assert printed(code) == "0 [0, 0, 1, 1]\n"


@needs_numba
def test_windows_offers_the_core_by_another_name(monkeypatch):
    """A missing name would end the process as soon as the program is linked."""
    import llvmlite.binding

    from xpnet.engines.loops import barrier

    loaded = []
    monkeypatch.setattr(llvmlite.binding, "load_library_permanently", loaded.append)
    monkeypatch.setattr(sys, "platform", "win32")
    assert barrier._system_yield().symbol == "SwitchToThread"
    assert loaded == ["kernel32.dll"]


@needs_numba
def test_shares_are_whole_cache_lines_and_nobody_is_left_out():
    from xpnet.engines.loops.barrier import share

    for n in (*range(70), 784, 1000, 4096):
        for size in range(1, 6):
            bounds = [tuple(map(int, share(n, rank, size))) for rank in range(size)]
            assert [first for first, _ in bounds[1:]] == [stop for _, stop in bounds[:-1]]
            assert (bounds[0][0], bounds[-1][1]) == (0, n)
            assert all(stop % 16 == 0 or stop == n for _, stop in bounds)
            lengths = [stop - first for first, stop in bounds]
            assert max(lengths) - min(lengths) <= 2 * 16


@needs_numba
def test_nobody_passes_a_meeting_before_all_have_come():
    import numba

    from xpnet.engines.loops.barrier import meet

    @numba.njit(nogil=True)
    def rounds(rank, threads, barrier, seen, n):
        """In each round every thread counts up, and then reads all counts."""
        met, wrong = 0, 0
        for k in range(n):
            seen[8 * rank] += 1
            met = meet(barrier, met, threads)
            for other in range(threads):
                wrong += seen[8 * other] != k + 1
            met = meet(barrier, met, threads)
        return wrong

    size, n = 3, 2000
    barrier, seen, wrong = np.zeros(16, np.int64), np.zeros(8 * size, np.int64), [None] * size
    rounds(0, 1, barrier.copy(), seen.copy(), 0)

    def work(rank):
        wrong[rank] = rounds(rank, size, barrier, seen, n)

    workers = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == [0] * size
    assert barrier[0] == 2 * n * size


@needs_numba
@pytest.mark.parametrize("failing", [0, 1])
def test_a_thread_that_fails_is_not_waited_for(failing):
    from xpnet.engines.loops.barrier import meet

    def run(rank, threads, barrier, shared):
        if rank == failing:
            raise MemoryError("no room")
        meet(barrier, 0, threads)

    meet(np.zeros(16, np.int64), 0, 1)
    together = Team(2).together(run, 0)
    for _ in range(2):
        with pytest.raises(MemoryError, match="no room"):
            together()


def fitted(monkeypatch, team, dtype="float64", **settings):
    monkeypatch.setattr(choose, "team_for", lambda layers, batch: team)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(90, 6)), rng.integers(0, 3, 90)
    layers = [6, Dense(96, "gelu"), LayerNorm(), Dropout(0.2), Dense(64), BatchNorm(), 3]
    net = xpnet.Network(layers, loss="cross_entropy", dtype=dtype, rng=4)
    return net, net.fit(X, Y, epochs=3, batch_size=16, **{"compile": True, **settings})


@needs_openblas
@needs_numba
def test_a_team_trains_as_the_plain_loop_does_and_twice_to_the_bit(monkeypatch, two_threads):
    plain, expected = fitted(monkeypatch, 1, compile=False)
    for team in (2, 3):
        net, history = fitted(monkeypatch, team)
        assert (history.engine, history.threads) == ("fused", team)
        assert relative(net.parameters, plain.parameters) < 1e-10
        assert relative(history.step_loss, expected.step_loss) < 1e-10
        for a, b in zip(net.statistics, plain.statistics, strict=True):
            assert relative(a, b) < 1e-10
        again, _ = fitted(monkeypatch, team)
        assert again.parameters.tobytes() == net.parameters.tobytes()
    assert two_threads.threads == 2


@needs_openblas
@needs_numba
def test_products_outside_the_steps_keep_their_threads(monkeypatch, two_threads):
    seen = []
    monkeypatch.setattr(threads, "_ONE_THREAD", 0)
    watch = {"step_end": lambda net, history: seen.append(two_threads.threads)}
    fitted(monkeypatch, 2, callbacks=watch)
    assert set(seen) == {2}


@needs_numba
def test_two_fits_at_once_do_not_meet_each_other(monkeypatch):
    expected, _ = fitted(monkeypatch, 2)
    nets = []
    fits = [
        threading.Thread(target=lambda: nets.append(fitted(monkeypatch, 2)[0])) for _ in range(2)
    ]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert [net.parameters.tobytes() for net in nets] == [expected.parameters.tobytes()] * 2


@needs_numba
def test_a_team_in_float32(monkeypatch):
    plain, _ = fitted(monkeypatch, 1, dtype="float32", compile=False)
    net, _ = fitted(monkeypatch, 2, dtype="float32")
    assert relative(net.parameters, plain.parameters) < 1e-4
