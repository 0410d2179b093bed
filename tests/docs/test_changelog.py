"""The changelog is a list of entries, wrapped by hand."""

from __future__ import annotations

import re

from tests.support.helpers import ROOT

LINES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
WIDEST = 120


def test_no_line_is_too_wide():
    assert [f"line {i}" for i, line in enumerate(LINES, start=1) if len(line) > WIDEST] == []


def test_each_line_is_a_heading_an_entry_or_the_rest_of_one():
    lines = LINES[LINES.index("## [Unreleased]") :]
    assert [line for line in lines if not re.fullmatch(r"|##+ .+|(- |  )\S.*", line)] == []
