"""How often a checkpoint is written: how it is said, and how many steps are done before."""

from __future__ import annotations

import pytest

from xpnet.training.checkpointing import Cadence, Every, checkpoint_every, seconds_of


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1s", 1.0),
        ("0.5s", 0.5),
        ("1min", 60.0),
        ("1.5 min", 90.0),
        ("1h", 3600.0),
        ("2h", 7200.0),
        ("500ms", 0.5),
        ("1d", 86400.0),
        ("10S", 10.0),
        ("5 Min", 300.0),
    ],
)
def test_a_time_is_so_many_seconds(said, seconds):
    assert seconds_of(said) == seconds
    assert checkpoint_every("checkpoint_every", said, "f") == Every(seconds=seconds)


def test_steps_are_done_up_to_the_next_checkpoint_at_most():
    every_ten = Cadence(Every(steps=10))
    assert [every_ten.limit(steps, 100) for steps in (0, 3, 9, 10, 19)] == [10, 7, 1, 10, 1]
    assert [every_ten.limit(steps, 4) for steps in (0, 3, 9)] == [4, 4, 1]
    assert Cadence(Every()).limit(0, 10**9) == 10**9
