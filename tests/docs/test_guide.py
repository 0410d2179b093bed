"""The guide's tables agree with the code's defaults and names."""

from __future__ import annotations

import inspect
import re

import xpnet
from tests.support.helpers import ROOT


def test_the_guide_has_the_defaults_and_the_words_of_a_history():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    settings = inspect.signature(xpnet.EarlyStopping).parameters.values()
    defaults = ", ".join(f"{s.name}={s.default!r}" for s in settings)
    assert f"`early_stopping=True` | `xpnet.EarlyStopping({defaults})`" in guide
    told = set(re.findall(r'"([\w ]+)"', xpnet.History.__doc__.partition("stopped :")[2]
                          .partition("best_epoch :")[0]))  # fmt: skip
    table = guide.partition("`history.stopped` |")[2].partition("`history.engine` |")[0]
    assert set(re.findall(r'`"([\w ]+)"`', table)) == told
