"""The command in a process of its own, with files of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.processes import environment
from xpnet.cli import main


def command(folder: Path, *arguments: str, **settings) -> subprocess.Popen:
    """Start the command as a program, with pipes as its streams."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "xpnet", *arguments],
        cwd=folder,
        env=environment(**settings.pop("environ", {})),
        **{**streams, **settings},
    )


def status_of(arguments: list[str], capsys) -> tuple[int, str]:
    """Run a command that must fail; return its exit status and its one line on stderr."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1, err
    return status, err
