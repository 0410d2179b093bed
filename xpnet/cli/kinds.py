"""The kinds of files that the command writes; it never overwrites a file of a different kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from xpnet.files.checkpoint import is_checkpoint
from xpnet.files.save import is_model
from xpnet.pages.document import is_page
from xpnet.tables.csv_files import header_of, is_csv
from xpnet.tables.formulas import safe

__all__ = ["CHECKPOINT", "MODEL", "PAGE", "TABLE", "Kind", "predictions_with"]


class Kind(NamedTuple):
    """A kind of file: its name, a test for it, and what to call a file that is replaced."""

    name: str
    fits: Callable[[Path], bool]
    older: str


def _of_several(names: Sequence[str]) -> bool:
    """Whether all columns are predictions of several targets."""
    kinds = [name.partition("_")[0] for name in names]
    alone = set(kinds) <= {"prediction", "probability", "lower", "upper"}
    return alone and kinds[:1] == ["prediction"] and kinds.count("prediction") > 1


def predictions_with(kept: Sequence[str]) -> Kind:
    """The kind of predictions that come after these columns; others are a user's own tables."""
    first = (*dict.fromkeys(name for name in kept if name), "prediction")  # "": an index
    safe_first = tuple(map(safe, first))  # by --safe-cells

    def fits(path: Path) -> bool:
        if is_page(path) or not is_csv(path, plain=True):
            return False
        names = header_of(path).names
        n = len(first) - 1
        own = names[n:] if names[:n] in (first[:-1], safe_first[:-1]) else names
        return "prediction" in (names[0], own[0] if own else "") or _of_several(own)

    return Kind("a CSV file of predictions", fits, "older predictions")


MODEL = Kind("a model file of xpnet", is_model, "an older model")
CHECKPOINT = Kind("a checkpoint of xpnet", is_checkpoint, "an older checkpoint")
PAGE = Kind("an HTML page", is_page, "an older page")
TABLE = predictions_with(())
