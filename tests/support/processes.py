"""What a fresh interpreter does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.helpers import ROOT


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after the code."""
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))
