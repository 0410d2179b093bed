"""The peers' own environment: torch and pytabkit in a venv in the cache folder.

torch is installed first, and then held by a constraint. Which build of torch comes depends on
pip's settings: with PIP_INDEX_URL=https://download.pytorch.org/whl/cpu it has no CUDA packages.
"""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

__all__ = ["REQUIREMENTS", "peers_python"]

REQUIREMENTS = ("torch==2.13.0", "pytabkit==1.8.0")


def peers_python(folder: Path) -> Path:
    """Return the interpreter of the environment; make the environment if it is not there.

    Raises
    ------
    OSError
        A package could not be installed; the message has pip's last line.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    wanted = "\n".join(REQUIREMENTS) + "\n"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        constraints = folder / "constraints.txt"
        constraints.write_text("", encoding="utf-8")
        for requirement in REQUIREMENTS:
            _install(python, requirement, constraints)
            constraints.write_text(wanted, encoding="utf-8")
        done.write_text(wanted, encoding="utf-8")
    return python


def _install(python: Path, requirement: str, constraints: Path) -> None:
    print(f"installing {requirement} into {python.parent.parent}", flush=True)
    command = [str(python), "-m", "pip", "install", "-c", str(constraints), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise OSError(f"pip install {requirement}: {lines[-1]}")
