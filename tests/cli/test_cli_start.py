"""Ctrl-C while the command begins: one line and status 130, as promised, not a traceback."""

from __future__ import annotations

import tomllib

import pytest

from tests.support.helpers import ROOT
from tests.support.processes import python

PRESSED = """
import runpy, sys

class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Pressed())
sys.argv = ["xpnet", "backends"]
"""
MODULE = 'runpy.run_module("xpnet", run_name="__main__", alter_sys=True)'
SCRIPT = "from {module} import {name}; sys.exit({name}())"


def script() -> str:
    """The program that pip makes of the entry point."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        module, _, name = tomllib.load(file)["project"]["scripts"]["xpnet"].partition(":")
    return SCRIPT.format(module=module, name=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xpnet.cli", "xpnet.cli.columns", "xpnet.doctor.tuning"])
@pytest.mark.parametrize("begin", [MODULE, script()], ids=["module", "script"])
def test_ctrl_c_during_the_imports_is_one_line(name, begin):
    done = python("-c", PRESSED.format(name=name) + begin)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "xpnet: interrupted\n")
