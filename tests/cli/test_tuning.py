"""Faster BLAS kernels: when they are needed, and a command that restarts with them, once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support import helpers
from tests.support.processes import python
from xpnet import doctor
from xpnet.cli import main
from xpnet.doctor import tuning
from xpnet.doctor.tuning import Machine, better_kernels, needed

AVX512 = "avx512f avx512dq avx512cd avx512bw avx512vl"
LINUX = "Linux x86_64"
MEND = {"OPENBLAS_CORETYPE": "SkylakeX"}


def cpuinfo(flags: str, vendor: str = "AuthenticAMD", family: int = 26) -> str:
    """Return Linux's description of two processors."""
    maker = f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel name\t: A processor\n"
    one = f"{maker}flags\t\t: fpu avx avx2 {flags}\n"
    return f"processor\t: 0\n{one}\nprocessor\t: 1\n{one}"


ABLE = Machine(LINUX, cpuinfo(AVX512), "Haswell")

# --- the decision


@pytest.mark.parametrize("vendor", ["AuthenticAMD", "GenuineIntel"])
@pytest.mark.parametrize("kernels", ["Haswell", "Zen", "HASWELL", "Sandybridge", "Prescott"])
def test_kernels_below_avx512_on_a_cpu_that_has_it(vendor, kernels):
    assert better_kernels(Machine(LINUX, cpuinfo(AVX512, vendor), kernels)) == MEND


@pytest.mark.parametrize("kernels", ["SkylakeX", "SKYLAKEX", "Cooperlake", "SapphireRapids", None])
def test_kernels_with_avx512_and_another_blas_are_left(kernels):
    assert better_kernels(ABLE._replace(kernels=kernels)) == {}


@pytest.mark.parametrize(
    ("kernels", "wanted"),
    [
        ("SkylakeX", {"OPENBLAS_CORETYPE": "Zen"}),
        ("Cooperlake", {"OPENBLAS_CORETYPE": "Zen"}),
        ("Zen", {}),
        ("HASWELL", {}),
        (None, {}),
    ],
)
def test_zen_4_is_faster_without_avx512(kernels, wanted):
    """Zen 4 is AMD's family 25, Zen 5 is 26; Intel numbers its families differently."""
    assert better_kernels(Machine(LINUX, cpuinfo(AVX512, family=25), kernels)) == wanted


@pytest.mark.parametrize("family", [25, 6])
def test_zen_3_and_a_xeon_of_that_number_are_not_zen_4(family):
    zen3 = Machine(LINUX, cpuinfo("", family=family), "Zen")
    xeon = Machine(LINUX, cpuinfo(AVX512, "GenuineIntel", family), "SkylakeX")
    assert better_kernels(zen3) == better_kernels(xeon) == {}


@pytest.mark.parametrize("missing", AVX512.split())
def test_the_cpu_must_have_every_instruction_of_the_kernels(missing):
    flags = " ".join(flag for flag in AVX512.split() if flag != missing)
    assert better_kernels(ABLE._replace(cpuinfo=cpuinfo(flags))) == {}


@pytest.mark.parametrize(
    "system", ["Darwin x86_64", "Windows AMD64", "Linux aarch64", "Linux i686"]
)
def test_other_systems_are_left(system):
    assert better_kernels(ABLE._replace(system=system)) == {}


def test_an_unknown_cpu_is_left():
    assert better_kernels(ABLE._replace(cpuinfo="")) == {}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, MEND),
        ({"OPENBLAS_NUM_THREADS": "1"}, MEND),
        ({"OPENBLAS_CORETYPE": "Haswell"}, {}),
        ({"OPENBLAS_CORETYPE": ""}, {}),
        ({"XPNET_TUNED": "1"}, {}),
    ],
)
def test_a_users_choice_and_a_restarted_process_are_left(environ, wanted):
    assert needed(ABLE, environ) == wanted


def test_mend_is_the_decision_for_this_machine(monkeypatch):
    for name in ("OPENBLAS_CORETYPE", "XPNET_TUNED"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.mend() == better_kernels(tuning.this_machine())
    monkeypatch.setattr(tuning, "this_machine", lambda: ABLE)
    assert doctor.mend() == MEND
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert doctor.mend() == {}


# --- the restart, in a process that believes that this machine needs it

SITE = """
import os

print("run", os.environ.get("OPENBLAS_CORETYPE"), flush=True)
if os.environ.get("OPENBLAS_CORETYPE") == "SkylakeX":  # which this CPU may not be able to run
    del os.environ["OPENBLAS_CORETYPE"]

import xpnet.doctor.tuning as tuning  # which loads OpenBLAS

tuning.this_machine = lambda: tuning.Machine({system!r}, {cpuinfo!r}, "Haswell")
"""
SCRIPT = "import sys\nfrom xpnet.__main__ import run\nsys.exit(run())\n"
TRAIN = ("train", "digits", "--epochs", "1", "--hidden", "4", "--out", "name with a space.model")

on_posix = pytest.mark.skipif(os.name != "posix", reason="os.execve replaces a process on POSIX")


def outputs(folder: Path, form: list[str], *options: str, **environ: str) -> list[str]:
    """Return the lines of a program; every start prints which kernels are chosen."""
    (folder / "sitecustomize.py").write_text(SITE.format(system=LINUX, cpuinfo=ABLE.cpuinfo))
    left_out = dict.fromkeys(("OPENBLAS_CORETYPE", "XPNET_TUNED", "PYTHONUNBUFFERED"))
    path = os.pathsep.join([str(folder), str(helpers.ROOT)])
    run = python(*form, *options, cwd=folder, **{**left_out, "PYTHONPATH": path, **environ})
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def forms(folder: Path) -> dict[str, list[str]]:
    """Return the command as a module, and as the script that an installation writes."""
    (folder / "a script").write_text(SCRIPT)
    return {"module": ["-m", "xpnet"], "script": [str(folder / "a script")]}


@pytest.mark.slow
@on_posix
@pytest.mark.parametrize("form", ["module", "script"])
def test_training_restarts_once_with_the_kernels_and_says_so(tmp_path, form):
    lines = outputs(tmp_path, forms(tmp_path)[form], *TRAIN)
    assert [line for line in lines if line.startswith("run ")] == ["run None", "run SkylakeX"]
    said = [line for line in lines if "OPENBLAS_CORETYPE=SkylakeX" in line]
    assert len(said) == 1
    assert "--no-tune" in said[0]
    assert lines.index(said[0]) == 1  # between the two starts
    assert sum(line.startswith("test accuracy") for line in lines) == 1
    assert (tmp_path / "name with a space.model").exists()  # the options went with it


@pytest.mark.slow
@on_posix
@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ((*TRAIN, "--no-tune"), {}),
        (TRAIN, {"OPENBLAS_CORETYPE": "Haswell"}),
        (TRAIN, {"XPNET_TUNED": "1"}),
        (("doctor",), {}),
    ],
)
def test_what_runs_as_it_is(tmp_path, options, environ):
    lines = outputs(tmp_path, forms(tmp_path)["module"], *options, **environ)
    assert [line for line in lines if line.startswith("run ")] == [
        f"run {environ.get('OPENBLAS_CORETYPE')}"
    ]
    assert not any(line.startswith("restarted") for line in lines)


@pytest.fixture
def no_restart(monkeypatch):
    """A machine that needs other kernels; the test fails if the command restarts."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"restarted: {arguments}")

    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(tuning, "this_machine", lambda: ABLE)
    monkeypatch.setattr(os, "execve", refuse)


@pytest.mark.usefixtures("no_restart")
def test_main_as_a_function_never_restarts(tmp_path, capsys, monkeypatch):
    arguments = [*TRAIN[:-1], str(tmp_path / "m.safetensors")]
    assert main(arguments) == 0
    monkeypatch.setattr(sys, "argv", ["xpnet", *arguments])
    assert main() == 0
    assert "restarted" not in capsys.readouterr().out
    with pytest.raises(AssertionError, match="restarted"):
        tuning.restart_tuned()  # the fixture works


@pytest.mark.usefixtures("no_restart")
def test_products_of_another_library_are_no_reason_to_restart(tmp_path, capsys, monkeypatch):
    from xpnet.cli import console

    helpers.needed("torch")
    path = str(tmp_path / "m.safetensors")
    monkeypatch.setattr(sys, "argv", ["xpnet", *TRAIN[:-1], path, "--backend", "torch"])
    assert console() == 0
