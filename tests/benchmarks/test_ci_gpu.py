"""The scripts for a GPU, run with a stand-in python3 and nvidia-smi that record their calls."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import xpnet
from benchmarks import gpu
from benchmarks.workloads import GPU_WORKLOADS
from tests.support import fake_cupy
from tests.support.cuda_cases import needs_gxx
from tests.support.helpers import ROOT

SCRIPT = ROOT / "ci" / "gpu.sh"
MINUTES = {"gpu.sh": 9, "first_call.sh": 4}


def parts_of(name: str) -> list[tuple[str, str, str]]:
    """Return each part of a script: name, seconds, and the seconds after which it is killed."""
    text = (ROOT / "ci" / name).read_text(encoding="utf-8")
    return re.findall(r"^ *part (\w+) (\d+) (\d+) ", text, re.MULTILINE)


pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("timeout") is None,
    reason="needs bash and GNU timeout: apt-get install bash coreutils",
)


def stand_in(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)


def run(
    tmp_path: Path,
    python: str,
    script: Path = SCRIPT,
    ignore_interrupts: bool = False,
    **variables: str,
):
    """Run the script; ``ignore_interrupts`` ignores SIGINT, as a shell does in the background."""
    stand_in(tmp_path, "python3", python)
    stand_in(tmp_path, "nvidia-smi", "echo card")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    deaf = ["bash", "-c", 'trap "" INT; exec "$@"', "-"] if ignore_interrupts else []
    return subprocess.run(
        [*deaf, "bash", str(script), str(tmp_path / "results")],
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def copied(root: Path) -> Path:
    """Copy ci/gpu.sh and the files that it needs into another folder."""
    (root / "ci").mkdir(parents=True)
    shutil.copy(ROOT / "ci" / "parts.sh", root / "ci")
    return Path(shutil.copy(SCRIPT, root / "ci" / "gpu.sh"))


@pytest.mark.parametrize("name", MINUTES)
def test_all_parts_together_stay_below_the_minutes_that_the_script_says(name):
    assert len(parts_of(name)) > 4
    assert sum(int(limit) + int(end) for _, limit, end in parts_of(name)) <= 60 * MINUTES[name]


@pytest.mark.slow
def test_every_part_has_a_log_of_what_it_printed(tmp_path):
    done = run(tmp_path, 'echo "asked for $*"')
    assert done.returncode == 0, done.stderr
    logs = {path.stem: path.read_text() for path in (tmp_path / "results").glob("*.log")}
    assert sorted(logs) == sorted(name for name, *_ in parts_of("gpu.sh"))
    assert "-m gpu" in logs["gpu_tests"]
    assert "benchmarks gpu" in logs["gpu_benchmark"]
    assert logs["gpu_machine"] == "card\n"


@pytest.mark.slow
def test_a_part_that_fails_hides_no_other_and_is_named_at_the_end(tmp_path):
    done = run(tmp_path, 'case "$*" in *"-m pytest"*) exit 3;; esac; echo fine')
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "failed: gpu_tests"
    assert "== gpu_tests: exit status 3" in done.stdout
    assert "fine" in (tmp_path / "results" / "gpu_digits.log").read_text()


@pytest.mark.slow
def test_a_missing_package_ends_the_call_at_once(tmp_path):
    done = run(tmp_path, 'case "$*" in *html5lib*) exit 1;; esac; echo fine')
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "failed: gpu_backend"
    assert not (tmp_path / "results" / "gpu_tests.log").exists()


@pytest.mark.slow
def test_a_part_at_its_limit_is_interrupted_and_can_say_what_it_has(tmp_path):
    text = re.sub(r"^(part \w+) \d+", r"\1 2", SCRIPT.read_text(encoding="utf-8"), flags=re.M)
    script = copied(tmp_path)
    script.write_text(text, encoding="utf-8")
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('so far')\n")
    python = f'case "$*" in *"-m pytest"*) exec {sys.executable} {slow};; esac; echo fine'
    done = run(tmp_path, python, script, ignore_interrupts=True)
    assert (tmp_path / "results" / "gpu_tests.log").read_text() == "so far\n"
    assert done.stdout.splitlines()[-1] == "failed: gpu_tests"


@pytest.mark.slow
def test_some_parts_can_be_asked_for(tmp_path):
    done = run(tmp_path, "echo fine", PARTS="gpu_backend gpu_digits")
    assert done.returncode == 0
    logs = {path.stem for path in (tmp_path / "results").glob("*.log")}
    assert logs == {"gpu_backend", "gpu_digits"}


@pytest.mark.slow
def test_wheels_beside_the_script_are_importable(tmp_path):
    script = copied(tmp_path / "repository")
    (script.parent / "wheels").mkdir()
    with zipfile.ZipFile(script.parent / "wheels" / "some-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some_package.py", "print('found')")
    python = f'case "$*" in *zipfile*) exec {shutil.which("python3")} "$@";; esac\n'
    python += f"exec {shutil.which('python3')} -c 'import some_package'"
    done = run(tmp_path, python, script, PARTS="gpu_backend")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "gpu_backend.log").read_text() == "found\n"


def test_what_test_files_import_is_asked_for_before_the_tests():
    """If a file's import fails, none of its tests is collected."""
    asked = re.search(r"^import (.+)'$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    here = {"numpy", "pytest", "array_api_compat", "xpnet", "tests", "benchmarks", "docs"}
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path.parent.name == "estimators":  # not collected without scikit-learn
            continue
        text = path.read_text(encoding="utf-8")
        heads = re.findall(r"^(?:import|from) (\w+)(?!.*E402)", text, re.MULTILINE)
        found |= set(heads)  # E402 marks imports after a skip of the file
    assert asked
    assert found - here - sys.stdlib_module_names <= set(re.findall(r"\w+", asked[1]))


# --- files, modules and names in the scripts exist


def commands(name: str) -> dict[str, list[str]]:
    """Return the command of each part, from the script's dry run."""
    script = ["bash", str(ROOT / "ci" / name), "--dry-run", "/results"]
    printed = subprocess.run(script, capture_output=True, text=True, timeout=30, check=True).stdout
    found: dict[str, list[str]] = {}
    for word in printed.rstrip("\0").split("\0"):
        if word.startswith("part "):
            found[word.removeprefix("part ")] = words = []
        else:
            words.append(word)
    return found


PARTS = [(name, part) for name in MINUTES for part, *_ in parts_of(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), PARTS, ids=[f"{n}-{p}" for n, p in PARTS])
def test_every_file_module_and_name_of_a_command_exists(name, part):
    words = commands(name)[part]
    for word in words:
        if re.match(r"(tests|ci|benchmarks|xpnet)/", word):
            assert (ROOT / word).exists(), word
    for option, word in pairwise(words):
        if option == "-m" and word != "gpu":
            assert find_spec(word) is not None, word
        if option == "-c" and words[0] == "python3":
            check_imports(word)
        if option == "-k":
            check_selection(word, [str(ROOT / w) for w in words if w.endswith(".py")])


def check_imports(code: str) -> None:
    """Check that the code's imports exist or belong to CUDA, and that names of xpnet are public."""
    for node in ast.walk(ast.parse(code)):
        for alias in node.names if isinstance(node, ast.Import) else []:
            assert find_spec(alias.name.partition(".")[0]) is not None, alias.name
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "xpnet":
            assert node.attr in xpnet.__all__


def check_selection(expression: str, files: list[str]) -> None:
    """Check that pytest finds tests for the expression; its exit status is 5 if there are none."""
    collect = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "--collect-only"]
    done = subprocess.run(
        [*collect, *files, "-k", expression], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", MINUTES)
def test_the_benchmark_knows_its_options(name):
    """Wrong names of peers and shapes would otherwise be refused or ignored only on the card."""
    (words,) = [
        w for w in commands(name).values() if w[:4] == ["python3", "-m", "benchmarks", "gpu"]
    ]
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    options = parser.parse_args(words[4:])
    assert set(options.shapes or []) <= {workload.title for workload in GPU_WORKLOADS}


# --- the figures, on a stand-in for a card


def script(name: str) -> ModuleType:
    """Import a Python file of ci/."""
    spec = spec_from_file_location(name, ROOT / "ci" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@needs_gxx
def test_a_steps_figures_come_from_fits(monkeypatch):
    fake_cupy.install(monkeypatch, kernels=True)
    found = script("card_figures").step_figures((6, 8, 2), 4, 32, "float32")
    assert set(found) == {"us_a_step", "first_fit_s", "fit_of_2_epochs_ms"}
    assert found["first_fit_s"] > 0
