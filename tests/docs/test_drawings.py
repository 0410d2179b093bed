"""The committed drawings are what their scripts draw."""

from __future__ import annotations

from docs.draw_floors import PICTURE, picture


def test_the_committed_house_is_what_the_script_draws():
    committed = PICTURE.read_text(encoding="utf-8")
    assert committed == picture(), "`python -m docs.draw_floors` draws it anew"
