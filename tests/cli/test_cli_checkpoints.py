"""``xpnet train --checkpoint``: a training that is stopped or killed goes on, to the same file."""

from __future__ import annotations

import os
import pkgutil
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import xpnet
from tests.support.command import SMALL, fails, train
from tests.support.helpers import FRUIT, needs_posix
from tests.support.processes import environment
from xpnet.cli import checkpoints, main
from xpnet.datasets import load_digits
from xpnet.files.keeper import FileKeeper

TABLE = ("--epochs", "4", "--hidden", "8", "--checkpoint-every", "1")


def digits(folder: Path, *options: str) -> list[str]:
    given = ["--out", str(folder / "m"), "--checkpoint", str(folder / "run.ckpt")]
    return [*SMALL, *given, *(options or ("--checkpoint-every", "1"))]


def table(folder: Path, *options: str) -> list[str]:
    return [
        *train(FRUIT, "fruit", folder / "m", *TABLE),
        *("--checkpoint", str(folder / "run.ckpt"), *options),
    ]


def signal_after(patch: pytest.MonkeyPatch, number: int, writes: int) -> None:
    """Send the signal to this process after so many checkpoints."""
    write, left = FileKeeper.write, [writes]

    def counted(keeper, state):
        write(keeper, state)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(number)

    patch.setattr(FileKeeper, "write", counted)


@pytest.mark.parametrize(("number", "status", "why"), [
    (signal.SIGINT, 130, "Ctrl-C"),
    pytest.param(signal.SIGTERM, 143, "SIGTERM", marks=needs_posix),
])  # fmt: skip
@pytest.mark.parametrize("command", [digits, table])
def test_a_signal_stops_it_and_the_same_command_goes_on(
    tmp_path, monkeypatch, capsys, number, status, why, command
):
    alone, stopped = tmp_path / "alone", tmp_path / "stopped"
    alone.mkdir()
    stopped.mkdir()
    assert main(command(alone)) == 0
    for writes in (3, 5):
        with monkeypatch.context() as patch:
            signal_after(patch, number, writes)
            assert main(command(stopped)) == status
        out = capsys.readouterr().out
        assert "kept" not in out  # it writes no model
        last = out.splitlines()[-1]
        begin = f"stopped by {why}: the same command goes on from {stopped / 'run.ckpt'}"
        assert last.startswith(begin)
        assert not (stopped / "m").exists()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert main(command(stopped)) == 0
    out = capsys.readouterr().out.splitlines()
    (begin,) = [line for line in out if line.startswith("going on from ")]
    assert last.endswith(begin.removeprefix("going on from "))
    assert (stopped / "m").read_bytes() == (alone / "m").read_bytes()
    assert sorted(os.listdir(stopped)) == sorted(os.listdir(alone))


def test_each_epoch_is_printed_once_with_the_loss_of_all_its_steps(tmp_path, monkeypatch, capsys):
    (tmp_path / "alone").mkdir()
    assert main(digits(tmp_path / "alone")) == 0
    wanted = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    for writes in (3, 30):  # inside the first epoch, and inside the second one
        with monkeypatch.context() as patch:
            signal_after(patch, signal.SIGINT, writes)
            assert main(digits(tmp_path)) == 130
    assert main(digits(tmp_path)) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("epoch")] == wanted
    assert len(wanted) == 2


def test_every_fit_of_a_table_has_its_own_file(tmp_path, capsys):
    assert main(table(tmp_path)) == 0
    assert sorted(os.listdir(tmp_path)) == ["m", "run.ckpt", "run.ckpt.2", "run.ckpt.3"]
    model = (tmp_path / "m").read_bytes()
    before = [(tmp_path / name).read_bytes() for name in ("run.ckpt", "run.ckpt.2")]
    (tmp_path / "run.ckpt.3").unlink()
    assert main(table(tmp_path)) == 0
    assert (tmp_path / "m").read_bytes() == model
    assert [(tmp_path / name).read_bytes() for name in ("run.ckpt", "run.ckpt.2")] == before


def test_resume_no_finds_the_file_of_any_fit_before_training(tmp_path, capsys):
    assert main(table(tmp_path)) == 0
    (tmp_path / "run.ckpt").unlink()
    (tmp_path / "run.ckpt.old").write_text("")  # is none of a fit
    capsys.readouterr()
    said = fails(capsys, table(tmp_path, "--resume", "no"))
    names = ", ".join(repr(str(tmp_path / f"run.ckpt.{k}")) for k in (2, 3))
    assert f"there are checkpoints already: remove {names} to begin anew" in said
    with pytest.raises(xpnet.CheckpointError, match=rf"already: remove {names} to begin anew"):
        xpnet.tables.train(FRUIT, "fruit", checkpoint=tmp_path / "run.ckpt", resume=False)
    assert not (tmp_path / "run.ckpt").exists()


@needs_posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGALRM, 75)])
def test_a_background_job_of_a_script_is_stopped_too(tmp_path, monkeypatch, capsys, number, status):
    """The shell lets it ignore Ctrl-C."""

    def stopped_by(epochs):
        return lambda net, history: signal.raise_signal(number)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("xpnet.cli.images.progress_lines", stopped_by)
            assert main(digits(tmp_path, "--checkpoint-every", "1h")) == status
        assert "run.ckpt: 1 epoch and 0 steps" in capsys.readouterr().out
        assert main(digits(tmp_path)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


@needs_posix
def test_a_signal_that_python_drops_comes_again(tmp_path, monkeypatch, capsys):
    """An exception within a finalizer is lost, here before the fit."""

    class Finalized:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def drop():
        Finalized()
        return load_digits()

    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", dropped.append)
    monkeypatch.setattr(checkpoints, "_AGAIN", 0.01)
    monkeypatch.setattr("xpnet.cli.digits.load_digits", drop)
    assert main([*digits(tmp_path), "--epochs", "100000"]) == 143
    assert [each.exc_type for each in dropped] == [KeyboardInterrupt]
    assert "stopped by SIGTERM" in capsys.readouterr().out
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGALRM])
@pytest.mark.parametrize("command", [digits, table])
def test_a_signal_after_the_last_fit_stops_nothing(tmp_path, monkeypatch, command, number):
    def write(*given):
        signal.raise_signal(number)
        write_model(*given)
        signal.raise_signal(number)

    kind = "xpnet.network.network.Network" if command is digits else "xpnet.tables.Model"
    write_model = pkgutil.resolve_name(kind).save
    monkeypatch.setattr(f"{kind}.save", write)
    assert main(command(tmp_path)) == 0
    assert {"m", "run.ckpt"} <= {*os.listdir(tmp_path)}


@needs_posix
def test_stop_after_ends_with_a_checkpoint_and_status_75(tmp_path, monkeypatch, capsys):
    command = digits(tmp_path, "--checkpoint-every", "1", "--stop-after", "1h")
    with monkeypatch.context() as patch:
        signal_after(patch, signal.SIGALRM, 3)
        assert main(command) == 75
    assert "stopped by --stop-after" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == ["run.ckpt"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert main(command) == 0


@needs_posix
@pytest.mark.slow
def test_the_time_of_stop_after_is_a_real_one(tmp_path):
    command = [*digits(tmp_path, "--stop-after", "0.2s"), "--epochs", "1000000"]
    done = subprocess.run([sys.executable, "-m", "xpnet", *command], timeout=120, check=False)
    assert done.returncode == 75
    assert not (tmp_path / "m").exists()


@needs_posix
def test_the_end_of_the_time_waits_for_a_step(tmp_path, monkeypatch, capsys):
    """Else a job whose data take longer to read than that would be queued again for ever."""

    def slow():
        signal.raise_signal(signal.SIGALRM)
        return load_digits()

    monkeypatch.setattr(checkpoints, "_AGAIN", 0.01)
    monkeypatch.setattr("xpnet.cli.digits.load_digits", slow)
    command = digits(tmp_path, "--stop-after", "1h", "--checkpoint-every", "1h")
    assert main(command) == 0  # the signal that came before the fit has no second one
    (tmp_path / "run.ckpt").unlink()
    steps, command = [], digits(tmp_path, "--stop-after", "0.001s")
    for _ in range(2):
        assert main([*command, "--epochs", "100000"]) == 75
        steps.append(xpnet.Checkpoint.read(tmp_path / "run.ckpt").state.steps)
    assert 0 < steps[0] < steps[1]
    assert "stopped by --stop-after" in capsys.readouterr().out


def test_a_thread_has_no_signals_but_checkpoints(tmp_path):
    with ThreadPoolExecutor() as pool:
        assert pool.submit(main, digits(tmp_path)).result() == 0
    assert sorted(os.listdir(tmp_path)) == ["m", "run.ckpt"]


def test_info_describes_a_checkpoint(tmp_path, capsys):
    assert main(digits(tmp_path)) == 0
    capsys.readouterr()
    assert main(["info", str(tmp_path / "run.ckpt")]) == 0
    out = capsys.readouterr().out
    assert "2 epochs and 0 steps, 46 steps in all; the fit is finished\n" in out
    assert "network [64, 16, 10], float32\n" in out


def test_resume_yes_and_no(tmp_path, capsys):
    assert main(digits(tmp_path, "--resume", "yes")) == 1
    out, err = capsys.readouterr()
    assert "--resume yes: there is no checkpoint" in err
    assert out == ""  # before the data are read
    assert main(digits(tmp_path, "--resume", "no")) == 0
    capsys.readouterr()
    assert "run.ckpt' to begin anew" in fails(capsys, digits(tmp_path, "--resume", "no"))
    assert main(digits(tmp_path, "--resume", "yes")) == 0


def swapped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("command", [digits, table])
def test_a_damaged_file_is_found_first_and_the_command_says_what_to_remove(
    tmp_path, capsys, command
):
    assert main(command(tmp_path)) == 0
    name = "run.ckpt" if command is digits else "run.ckpt.3"
    (tmp_path / name).write_bytes(swapped((tmp_path / name).read_bytes()))
    capsys.readouterr()
    said = fails(capsys, command(tmp_path))
    assert "its checksum does not match" in said
    assert "give --checkpoint a different file, or remove " in said
    assert f"{name}' to begin anew" in said


def test_the_file_of_a_later_fit_without_those_before_it_is_of_another_training(tmp_path, capsys):
    """It was found only when the fits before it were trained."""
    assert main(table(tmp_path)) == 0
    (tmp_path / "run.ckpt").unlink()
    capsys.readouterr()
    said = fails(capsys, table(tmp_path))
    assert "run.ckpt.2' is of a different training, since" in said
    assert "run.ckpt.2', " in said
    assert "run.ckpt.3' to begin anew" in said
    with pytest.raises(xpnet.CheckpointError, match=r"since '.*run\.ckpt', which comes before it"):
        xpnet.tables.train(FRUIT, "fruit", checkpoint=tmp_path / "run.ckpt")
    assert main(table(tmp_path, "--resume", "anyway")) == 0


@pytest.mark.parametrize("command", [digits, table])
def test_another_training_is_refused_in_the_words_of_the_command(tmp_path, capsys, command):
    assert main(command(tmp_path)) == 0
    capsys.readouterr()
    assert main([*command(tmp_path), "--seed", "7"]) == 1
    out, err = capsys.readouterr()
    assert "going on" not in out  # it was not
    assert "network.seed is 7, but the checkpoint has 0" in err
    assert "give --checkpoint a different file, or remove " in err
    assert "overwrite" not in err
    assert "resume=" not in err


def test_a_training_in_python_names_its_files_too(tmp_path, capsys):
    assert main(table(tmp_path)) == 0
    with pytest.raises(xpnet.CheckpointError, match=r"remove .*ckpt', '.*3' to begin anew$"):
        xpnet.tables.train(FRUIT, "fruit", checkpoint=tmp_path / "run.ckpt", seed=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume", "auto"], "--resume needs --checkpoint FILE"),
        (["--stop-after", "1h"], "--stop-after needs --checkpoint FILE"),
        (["--checkpoint", "c", "--stop-after", "soon"], "must be a time such as 500ms"),
        (["--checkpoint", "c", "--checkpoint-every", "often"], "must be a time such as 500ms"),
        (["--checkpoint", "c", "--checkpoint-every", "0"], "must be a time such as 500ms"),
        (["--checkpoint", "m", "--out", "m"], "name two files"),
        (["--checkpoint", "nowhere/c"], "there is no folder"),
        (["--checkpoint", "c", "--resume", "maybe"], "invalid choice: 'maybe'"),
    ],
)
def test_wrong_options(tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, [*SMALL, *options])
    assert os.listdir(tmp_path) == []


def test_a_budget_of_time_and_a_file_of_another_kind(tmp_path, capsys):
    assert "give --epochs with" in fails(capsys, table(tmp_path, "--time", "5"))
    (tmp_path / "run.ckpt").write_text("mine")
    assert "is not a checkpoint of xpnet, so it is left" in fails(capsys, digits(tmp_path))
    assert (tmp_path / "run.ckpt").read_text() == "mine"


@needs_posix
@pytest.mark.slow
@pytest.mark.parametrize("command", [digits, table])
def test_it_is_killed_and_the_final_file_has_the_same_bytes(tmp_path, command):
    rng, alone, killed = random.Random(1), tmp_path / "alone", tmp_path / "killed"
    alone.mkdir()
    killed.mkdir()
    start = [sys.executable, "-m", "xpnet"]
    more = ["--no-tune"]
    subprocess.run([*start, *command(alone), *more], env=environment(), check=True, timeout=200)
    for _ in range(4):
        process = subprocess.Popen([*start, *command(killed), *more], env=environment())
        end = time.monotonic() + 60
        while not (killed / "run.ckpt").exists() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.wait()
    subprocess.run([*start, *command(killed), *more], env=environment(), check=True, timeout=200)
    assert (killed / "m").read_bytes() == (alone / "m").read_bytes()
    assert sorted(os.listdir(killed)) == sorted(os.listdir(alone))
