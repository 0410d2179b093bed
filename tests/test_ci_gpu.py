"""ci/gpu.sh, with a python3 and an nvidia-smi that only note what they are asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "ci" / "gpu.sh"
PARTS = re.findall(r"^part (\w+) (\d+) (\d+) ", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
NAMES = [name for name, *_ in PARTS]

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("timeout") is None,
    reason="bash or GNU timeout is missing",
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
    """The script; a shell in the background would have it ignore interrupts."""
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


def test_all_parts_together_stay_below_nine_minutes():
    assert len(PARTS) > 4
    assert sum(int(limit) + int(grace) for _, limit, grace in PARTS) <= 9 * 60


def test_every_part_has_a_log_of_what_it_printed(tmp_path):
    done = run(tmp_path, 'echo "asked for $*"')
    assert done.returncode == 0, done.stderr
    logs = {path.stem: path.read_text() for path in (tmp_path / "results").glob("*.log")}
    assert sorted(logs) == sorted(NAMES)
    assert "-m gpu" in logs["gpu_tests"]
    assert "benchmarks gpu" in logs["gpu_benchmark"]
    assert logs["gpu_machine"] == "card\n"


def test_a_part_that_fails_hides_no_other_and_is_named_at_the_end(tmp_path):
    done = run(tmp_path, 'case "$*" in *"-m pytest"*) exit 3;; esac; echo fine')
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "failed: gpu_tests"
    assert "== gpu_tests: exit status 3" in done.stdout
    assert "fine" in (tmp_path / "results" / "gpu_digits.log").read_text()


def test_a_part_at_its_limit_is_interrupted_and_can_say_what_it_has(tmp_path):
    text = re.sub(r"^(part \w+) \d+", r"\1 2", SCRIPT.read_text(encoding="utf-8"), flags=re.M)
    (tmp_path / "ci").mkdir()
    script = tmp_path / "ci" / "gpu.sh"
    script.write_text(text, encoding="utf-8")
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('so far')\n")
    python = f'case "$*" in *"-m pytest"*) exec {sys.executable} {slow};; esac; echo fine'
    done = run(tmp_path, python, script, ignore_interrupts=True)
    assert (tmp_path / "results" / "gpu_tests.log").read_text() == "so far\n"
    assert done.stdout.splitlines()[-1] == "failed: gpu_tests"


def test_some_parts_can_be_asked_for(tmp_path):
    done = run(tmp_path, "echo fine", PARTS="gpu_backend gpu_digits")
    assert done.returncode == 0
    logs = {path.stem for path in (tmp_path / "results").glob("*.log")}
    assert logs == {"gpu_backend", "gpu_digits"}


def test_wheels_beside_the_script_are_importable(tmp_path):
    root = tmp_path / "repository"
    (root / "ci" / "wheels").mkdir(parents=True)
    script = shutil.copy(SCRIPT, root / "ci" / "gpu.sh")
    with zipfile.ZipFile(root / "ci" / "wheels" / "some-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some_package.py", "print('found')")
    python = f'case "$*" in *zipfile*) exec {shutil.which("python3")} "$@";; esac\n'
    python += f"exec {shutil.which('python3')} -c 'import some_package'"
    done = run(tmp_path, python, Path(script), PARTS="gpu_backend")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "gpu_backend.log").read_text() == "found\n"


def test_what_test_files_import_is_asked_for_before_the_tests():
    """A file whose import fails is not collected, whichever of its tests need a GPU."""
    asked = re.search(r"^import (.+)'$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    here = {"numpy", "pytest", "array_api_compat", "xpnet", "tests", "benchmarks", "docs"}
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        heads = re.findall(r"^(?:import|from) (\w+)(?!.*E402)", text, re.MULTILINE)
        found |= set(heads)  # E402: behind what skips the file where the package is missing
    assert asked
    assert found - here - sys.stdlib_module_names <= set(re.findall(r"\w+", asked[1]))
