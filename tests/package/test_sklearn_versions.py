"""The versions of scikit-learn are the same in the tasks, the workflow and the package."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.helpers import ROOT

if not (ROOT / "noxfile.py").exists():
    pytest.skip("needs the checkout, with its tasks", allow_module_level=True)

VERSIONS = ["1.6", "1.7", "1.8", "1.9"]


def test_the_task_runs_each():
    body = ast.parse((ROOT / "noxfile.py").read_text()).body
    (table,) = (
        x for x in body if isinstance(x, ast.Assign) and "SKLEARN" in ast.dump(x.targets[0])
    )
    assert list(ast.literal_eval(table.value)) == VERSIONS


def test_the_workflow_calls_each():
    path = ROOT / ".github" / "workflows" / "test.yml"
    if not path.exists():
        pytest.skip("needs the repository: the sdist has no workflows")
    assert re.findall(r"^ +version: (\[.*\])", path.read_text(), re.M)[0] == str(VERSIONS).replace(
        "'", '"'
    )


def test_the_package_needs_the_oldest():
    assert f'"scikit-learn>={VERSIONS[0]}"' in (ROOT / "pyproject.toml").read_text()
