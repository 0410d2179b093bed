"""Teams of threads: what each has of the work, how they wait, and what a fit does with them.

That a team's program does what the plain step does stands in test_fused.py, beside one thread's.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

import xpnet
from tests.helpers import relative
from xpnet.fused.cache import numba_version
from xpnet.layers import BatchNorm, Dense, Dropout, LayerNorm
from xpnet.openblas import bundled
from xpnet.training import choose, threads
from xpnet.training.threads import team_for

needs_numba = pytest.mark.skipif(
    numba_version() is None, reason='numba is not installed: pip install "xpnet[fast]"'
)


class Library:
    """An OpenBLAS of so many threads."""

    def __init__(self, n):
        self.threads = n


@pytest.mark.parametrize(
    ("sizes", "batch", "available", "team"),
    [
        ([784, 128, 10], 64, 2, 2),
        ([784, 256, 10], 40, 16, 4),
        ([784, 256, 10], 25, 16, 2),  # 5 million multiplications
        ([784, 128, 10], 32, 16, 1),
        ([784, 10], 1024, 16, 1),  # ten units
        ([1024, 2048, 1000], 512, 16, 16),
        ([1024, 2048, 1000], 512, 1, 1),
        ([1024, 192, 10], 512, 16, 3),
        ([1024, 2048, 1000], 512, None, 1),
    ],
)
def test_a_team_is_a_function_of_the_shapes(monkeypatch, sizes, batch, available, team):
    monkeypatch.setattr(threads, "bundled", lambda: Library(available))
    assert team_for(xpnet.Network(sizes).layers, batch) == team


@needs_numba
def test_shares_are_whole_cache_lines_and_nobody_is_left_out():
    from xpnet.fused.barrier import share

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

    from xpnet.fused.barrier import meet

    @numba.njit(nogil=True)
    def rounds(rank, threads, barrier, seen, n):
        """In each round everybody counts up, and then looks at what all have."""
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
    from xpnet.fused.barrier import meet
    from xpnet.fused.teamwork import Team

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


@needs_numba
def test_a_team_trains_as_the_plain_loop_does_and_twice_to_the_bit(monkeypatch):
    before = bundled().threads
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
    assert bundled().threads == before


@needs_numba
def test_products_outside_the_steps_keep_their_threads(monkeypatch):
    library = bundled()
    before, seen = library.threads, []
    monkeypatch.setattr(threads, "_ONE_THREAD", 0)
    watch = {"step_end": lambda net, history: seen.append(library.threads)}
    fitted(monkeypatch, 2, callbacks=watch)
    assert set(seen) == {before}


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
