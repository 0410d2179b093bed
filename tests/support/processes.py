"""Run code in a new interpreter with this checkout's xpnet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.helpers import ROOT


def environment(**environ: str | None) -> dict[str, str]:
    """Return the environment with this checkout and these variables; None removes a variable."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environ}
    return {name: value for name, value in given.items() if value is not None}


def python(
    *arguments: str, cwd: Path | None = None, check: bool = False, **environ: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a new interpreter with this checkout's xpnet; with ``check`` it must succeed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**environ),
        capture_output=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )
    assert not (check and done.returncode), done.stderr
    return done


@cache
def loaded_after(code: str) -> frozenset[str]:
    """Return the modules that a new interpreter has imported after the code."""
    listing = "import json, sys\nprint(json.dumps(list(sys.modules)))"
    run = python("-c", f"{code}\n{listing}", check=True)
    return frozenset(json.loads(run.stdout.splitlines()[-1]))
