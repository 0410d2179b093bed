"""Checkpoints of a search: a file for each of its stacks, since each is a fit of its own.

The stacks of ``checkpoint="run.ckpt"`` write run.ckpt.1, run.ckpt.2, …, and a refit run.ckpt.refit.
The same search makes the same stacks, so each finds its own file again.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from typing import Any

from xpnet.errors import quoted
from xpnet.whole_file import path_text

__all__ = ["check_resumes", "own_checkpoint"]


def own_checkpoint(fit: Mapping[str, Any], name: object) -> dict[str, Any]:
    """The keywords of a fit whose checkpoint has a file of that name or number."""
    if fit["checkpoint"] is None:
        return dict(fit)
    # a search that was killed has no files of its later stacks: `check_resumes`
    resume = "auto" if fit["resume"] is True else fit["resume"]
    return {**fit, "checkpoint": f"{path_text(fit['checkpoint'])}.{name}", "resume": resume}


def check_resumes(fit: Mapping[str, Any]) -> None:
    """Raise FileNotFoundError if the search must go on, and no stack has a file."""
    if fit["checkpoint"] is None or fit["resume"] is not True:
        return
    path = path_text(fit["checkpoint"])
    if not glob.glob(f"{glob.escape(path)}.*"):
        raise FileNotFoundError(
            f"there is no checkpoint {quoted(f'{path}.1')}, nor a later one, to go on from: "
            'resume="auto" begins anew'
        )
