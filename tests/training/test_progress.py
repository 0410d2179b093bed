"""The progress of a fit: lines in a log, a live view on a terminal, a sparkline."""

from __future__ import annotations

import io
import math
import re
import sys

import numpy as np
import pytest

import xpnet
from tests.support.command import Terminal
from xpnet.training import progress
from xpnet.training.progress import Progress
from xpnet.training.sparkline import sparkline

BARS = "▁▂▃▄▅▆▇█"
LINE = re.compile(
    r"epoch (\d+): (.+) \((\d+)/(\d+) steps, ([\d,]+) examples/s, (\d:\d\d:\d\d) left\)"
)


class Clock:
    """A clock that advances only when a test sets it."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Ascii(Terminal):
    encoding = "ascii"


def epoch(number, loss, **more):
    return {"epoch": number, "step": 10 * number, "loss": loss, **more, "seconds": 1.0}


def log_of(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return [LINE.fullmatch(line) for line in err.splitlines()]


# --- lines


def test_a_line_has_the_values_the_rate_and_the_time_left(capsys, monkeypatch):
    clock = Clock(monkeypatch)
    shown = Progress(True, steps=40, examples_per_step=32.0)
    clock.now += 5.0
    for _ in range(10):
        shown.advance()
    shown.describe(epoch(1, 0.5, validation_loss=0.625, validation_top_k_accuracy=0.75))
    (line,) = log_of(capsys)
    assert line[2] == "loss 0.5; validation loss 0.625, top k accuracy 0.75"
    assert line.group(3, 4) == ("10", "40")
    assert line[5] == f"{10 * 32 / 5:,.0f}"
    assert line[6] == "0:00:15"  # 30 steps at 2 a second


def test_lines_keep_apart_but_the_first_and_the_last_are_there(capsys, monkeypatch):
    clock = Clock(monkeypatch)
    shown = Progress(True, steps=100, examples_per_step=1.0)
    for number in range(1, 101):
        shown.advance()
        shown.describe(epoch(number, 1 / number))
        clock.now += 0.5
    shown.close()
    numbers = [int(line[1]) for line in log_of(capsys)]
    assert numbers[0] == 1
    assert numbers[-1] == 100
    gaps = np.diff(numbers)
    assert gaps[:-1].min() >= progress._PAUSE / 0.5
    assert len(numbers) > 10


def test_slow_epochs_have_a_line_each_and_no_line_twice(capsys, monkeypatch):
    clock = Clock(monkeypatch)
    shown = Progress(True, steps=3, examples_per_step=1.0)
    for number in (1, 2, 3):
        clock.now += 60.0
        shown.advance()
        shown.describe(epoch(number, 1.0))
    shown.close()
    assert [int(line[1]) for line in log_of(capsys)] == [1, 2, 3]


def test_a_fits_lines_are_its_history(capsys):
    X, Y = np.eye(6), np.arange(6) % 2
    history = xpnet.Network([6, 4, 2]).fit(
        X, Y, epochs=5, batch_size=2, progress=True, validation_data=(X, Y)
    )
    last = log_of(capsys)[-1]
    assert (int(last[1]), int(last[3]), int(last[4])) == (5, 15, 15)
    assert last[2] == (
        f"loss {history.loss[-1]:.4g}; validation loss {history.validation_loss[-1]:.4g}, "
        f"accuracy {history.validation_accuracy[-1]:.4g}"
    )


# --- a live view


def on_terminal(monkeypatch, screen, wanted, seconds):
    """Return a screen's text after two epochs, each of so many seconds."""
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    clock = Clock(monkeypatch)
    shown = Progress(wanted, steps=4, examples_per_step=8.0)
    for number, loss in ((1, 0.8), (2, 0.1)):
        clock.now += seconds
        shown.advance()
        shown.describe(epoch(number, loss, validation_loss=2 * loss))
        clock.now += seconds
        shown.advance(0)
    shown.close()
    return screen.getvalue()


@pytest.mark.parametrize("wanted", [None, True])
def test_a_terminal_shows_values_sparkline_rate_and_time_left(monkeypatch, wanted):
    text = on_terminal(monkeypatch, Terminal(), wanted, seconds=2.0)
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "epoch 2: loss 0.1; validation loss 0.2" in plain
    assert "█▁  epoch 2" in plain
    assert "2/4 steps" in plain
    assert f"{2 * 8 / 8:,.0f} examples/s, 0:00:08 left" in plain
    assert text.endswith("\x1b[2K")  # the view erases itself at the end


def test_a_short_fit_on_a_terminal_shows_nothing_unless_asked(monkeypatch):
    assert on_terminal(monkeypatch, Terminal(), None, seconds=0.2) == ""
    assert "epoch 2" in on_terminal(monkeypatch, Terminal(), True, seconds=0.2)
    assert on_terminal(monkeypatch, Terminal(), False, seconds=9.0) == ""


def test_a_terminal_without_such_letters_has_no_sparkline(monkeypatch):
    text = on_terminal(monkeypatch, Ascii(), True, seconds=2.0)
    assert "epoch 2: loss 0.1" in text
    assert not set(text) & set(BARS)


@pytest.mark.parametrize("wanted", [None, True])
def test_without_rich_a_terminal_shows_lines(monkeypatch, wanted):
    monkeypatch.setitem(sys.modules, "rich", None)
    first, last = on_terminal(monkeypatch, Terminal(), wanted, seconds=2.0).splitlines()
    assert first.startswith("epoch 1: loss 0.8; validation loss 1.6 (1/4 steps")
    assert last.startswith("epoch 2: loss 0.1; validation loss 0.2 (2/4 steps")
    assert on_terminal(monkeypatch, Terminal(), None, seconds=0.2) == ""


def test_what_a_callback_prints_into_a_file_stays_there(monkeypatch):
    """The view redirects stdout only if it is a terminal, where prints would break the view."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", Terminal())
    net = xpnet.Network([2, 3, 2])
    net.fit(np.eye(2), [0, 1], epochs=3, progress=True, callbacks=lambda net, h: print("mine"))
    assert out.getvalue() == "mine\n" * 3


# --- the sparkline


def test_bars_rise_with_the_values():
    values = [2.0**k for k in range(8)]
    assert sparkline(values) == BARS  # equal factors, equal steps
    assert sparkline(values[::-1]) == BARS[::-1]
    assert sparkline([float(k) for k in range(-4, 4)]) == BARS  # linear where not all are positive
    assert sparkline([]) == ""
    assert sparkline([3.0, 3.0]) == "▁▁"


@pytest.mark.parametrize("n", [1, 5, 20, 21, 999])
def test_it_is_as_long_as_the_values_or_as_it_may_be(n):
    assert len(sparkline([1.0 + i for i in range(n)], width=20)) == min(n, 20)


def test_many_values_are_means_of_neighbours():
    values = [1.0, 3.0, 10.0, 30.0]
    assert sparkline(values, width=2) == sparkline([2.0, 20.0])
    spike = [1.0] * 50 + [100.0] + [1.0] * 49
    assert sparkline(spike, width=10).index("█") == 5  # every value counts somewhere


def test_what_is_not_finite_is_a_gap():
    assert sparkline([1.0, math.nan, math.inf, 2.0]) == "▁  █"
    assert sparkline([math.nan]) == " "
