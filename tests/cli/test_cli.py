"""The command line: training on every backend, and errors of one line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support.command import SMALL, fails
from tests.support.helpers import BACKENDS, needed
from tests.support.processes import python
from xpnet.cli import main
from xpnet.datasets import load_digits, stratified_split


def accuracy(text: str) -> float:
    """Return the accuracy that the command printed."""
    found = re.search(r"test accuracy (\d\.\d+)", text)
    assert found, text
    return float(found[1])


def measured(path: Path) -> float:
    """Compute the accuracy independently from the model file: X in [0, 1], seed 0."""
    images, labels = load_digits()
    _, test = stratified_split(labels, 0.2, seed=0)
    outputs = xpnet.load(path).predict(images[test] / 16.0)
    return float(np.mean(outputs.argmax(axis=1) == labels[test]))


# --- train


def test_the_main_job_reaches_97_per_cent_and_writes_its_model(tmp_path, capsys):
    path = tmp_path / "digits.safetensors"
    assert main(["train", "digits", "--out", str(path)]) == 0
    out, err = capsys.readouterr()
    assert accuracy(out) >= 0.97
    assert abs(accuracy(out) - measured(path)) < 1e-4
    assert str(path) in out
    assert err == ""  # no progress bar without a terminal


def test_the_model_is_written_to_the_working_folder_unless_told_otherwise(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main([*SMALL]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["digits.safetensors"]
    assert accuracy(capsys.readouterr().out) > 0.1


def test_every_backend_trains_and_the_file_says_the_same_everywhere(backend, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    assert main([*SMALL, "--backend", backend.name, "--out", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"float32, {backend.name} " in out
    assert out.count("epoch ") == 2
    assert abs(accuracy(out) - measured(path)) <= 1 / 359 + 1e-4  # one image on the border
    assert xpnet.load(path).epoch == 2


def test_a_device_is_passed_on(tmp_path, capsys):
    needed("array_api_strict")
    path = str(tmp_path / "m.safetensors")
    where = ("--backend", "array-api-strict", "--device", "device2")
    assert main([*SMALL, "--epochs", "1", *where, "--out", path]) == 0
    assert "device2" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_the_models(tmp_path, capsys, dtype):
    path = tmp_path / "m.safetensors"
    assert main([*SMALL, "--dtype", dtype, "--out", str(path)]) == 0
    assert xpnet.load(path).dtype == dtype
    assert dtype in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "hidden"), [("32", (32,)), ("32,16", (32, 16)), ("8,8,8", (8,) * 3)]
)
def test_the_hidden_widths_are_the_models(tmp_path, capsys, text, hidden):
    path = tmp_path / "m.safetensors"
    assert main([*SMALL, "--hidden", text, "--out", str(path)]) == 0
    assert xpnet.load(path).sizes == (64, *hidden, 10)
    assert "-".join(map(str, (64, *hidden, 10))) in capsys.readouterr().out


@pytest.mark.parametrize("epochs", [1, 3, 7])
def test_the_epochs_are_counted_in_the_file(tmp_path, capsys, epochs):
    path = tmp_path / "m.safetensors"
    assert main([*SMALL, "--epochs", str(epochs), "--out", str(path)]) == 0
    assert xpnet.load(path).epoch == epochs
    assert f"epoch {epochs} of {epochs}: loss" in capsys.readouterr().out


def run_with_seed(folder: Path, capsys: pytest.CaptureFixture[str], seed: int) -> tuple[str, bytes]:
    path = folder / "m.safetensors"
    assert main([*SMALL, "--seed", str(seed), "--out", str(path)]) == 0
    return capsys.readouterr().out.splitlines()[-1], path.read_bytes()


def test_a_seed_decides_the_result_to_the_byte(tmp_path, capsys):
    results = {run_with_seed(tmp_path, capsys, 5) for _ in range(4)}
    assert len({result for result, _ in results}) == 1
    assert len({content for _, content in results}) == 1


def test_a_seed_decides_the_parameters(tmp_path, capsys):
    thetas = []
    for seed in (5, 5, 6):
        run_with_seed(tmp_path, capsys, seed)
        thetas.append(xpnet.load(tmp_path / "m.safetensors").parameters)
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert not np.array_equal(thetas[0], thetas[2])


# --- info, backends


def test_info_describes_what_train_wrote(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    main([*SMALL, "--hidden", "32,16", "--seed", "7", "--out", str(path)])
    capsys.readouterr()
    assert main(["info", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for part in ("32 × 64", "16 × 32", "10 × 16", "relu", "softmax", "cross_entropy", "float32"):
        assert part in out
    for number in ("2,080", "528", "170", "2,778", f"{path.stat().st_size:,}"):
        assert number in out
    assert "after 2 epochs" in out
    assert "seed 7" in out
    assert xpnet.__version__ in out


def other_files(folder: Path) -> dict[str, Path]:
    """Return files that are not xpnet models."""
    from safetensors.numpy import save_file

    files = {name: folder / name for name in ("text", "empty", "zeros", "tensors", "cut")}
    files["text"].write_text("this is a text file\n" * 50)
    files["empty"].write_bytes(b"")
    files["zeros"].write_bytes(b"\0" * 100)
    save_file({"weight": np.zeros((2, 3), np.float32)}, files["tensors"], {"format": "pt"})
    xpnet.Network([4, 3]).save(files["cut"])
    files["cut"].write_bytes(files["cut"].read_bytes()[:-4])
    files["missing"] = folder / "missing"
    return files


def test_info_says_that_a_file_has_the_optimizers_state(tmp_path, capsys):
    net = xpnet.Network([2, 3, 2])
    net.fit(np.eye(2), [0, 1], epochs=3)
    for optimizer in (True, False):
        net.save(tmp_path / "m", optimizer=optimizer)
        assert main(["info", str(tmp_path / "m")]) == 0
        line = "with the state of the optimizer 'adam', after 3 steps\n"
        assert (line in capsys.readouterr().out) is optimizer


@pytest.mark.parametrize("kind", ["text", "empty", "zeros", "tensors", "cut", "missing"])
def test_info_on_a_file_of_another_kind(tmp_path, capsys, kind):
    path = other_files(tmp_path)[kind]
    assert str(path) in fails(capsys, ["info", str(path)])


def test_info_on_a_model_with_the_users_own_activation_names_it(tmp_path, capsys):
    square = xpnet.elementwise("square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2 * Z)
    path = tmp_path / "own.safetensors"
    xpnet.Network([4, 5, 3], activation=square, loss="cross_entropy").save(path)
    status = main(["info", str(path)])
    out, err = capsys.readouterr()
    assert "square" in out + err
    assert len(err.splitlines()) == (0 if status == 0 else 1)


def test_backends_lists_all_five(capsys):
    assert main(["backends"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert tuple(sorted(rows)) == tuple(sorted(BACKENDS))
    for info in xpnet.available_backends():
        if info.usable:
            assert f"{info.version}" in rows[info.name]
            assert info.devices[0] in rows[info.name]
        else:
            assert str(info.reason) in rows[info.name]


# --- errors


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--backend", "nunpy"], "unknown backend 'nunpy': did you mean 'numpy'"),
        (["--backend", "pytorch"], "did you mean 'torch'"),
        (["--device", "cuda:7"], 'backend "numpy" has only the device "cpu"'),
        (["--hidden", "0"], "hidden.*positive integers.*'0'"),
        (["--hidden", "32,-1"], "hidden.*positive integers.*'32,-1'"),
        (["--hidden", "32;16"], "hidden.*positive integers.*'32;16'"),
        (["--hidden", ""], "hidden.*positive integers.*''"),
        (["--epochs", "0"], "epochs must be a positive integer, got 0"),
        (["--epochs", "-3"], "epochs must be a positive integer, got -3"),
        (["--epochs", "many"], "epochs.*many"),
        (["--seed", "-1"], "must not be negative, got -1"),
        (["--dtype", "float16"], "dtype.*float16.*float32.*float64"),
        (["--nonsense"], "--nonsense"),
        (["--epoch-s", "3"], "unrecognized arguments: --epoch-s 3, did you mean --epochs"),
        (["--sede=3"], "unrecognized arguments: --sede=3, did you mean --seed"),
        (["more"], r"unrecognized arguments: more \(see xpnet train --help\)"),
        (["--dtype", "flaot32"], r"invalid choice: 'flaot32'.*, did you mean float32\?"),
    ],
)
def test_a_bad_option_is_one_line(tmp_path, capsys, options, match):
    path = tmp_path / "m.safetensors"
    line = fails(capsys, ["train", "digits", "--out", str(path), *options])
    assert re.search(match, line)
    assert not path.exists()


@pytest.mark.parametrize("where", ["missing/m.safetensors", "."])
def test_a_place_that_cannot_be_written_is_found_before_training(tmp_path, capsys, where):
    path = tmp_path / where
    assert f"--out {path}" in fails(capsys, ["train", "digits", "--out", str(path)])
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_not_known_is_told_the_nearest(capsys):
    assert "'trian'" in (line := fails(capsys, ["trian", "digits"]))
    assert "did you mean train?" in line
    assert "did you mean" not in fails(capsys, ["xyzzy"])


def test_a_data_set_that_is_not_known(capsys):
    assert "digits" in fails(capsys, ["train", "mnist"])


def test_a_missing_package_is_one_line_with_its_pip_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    out = str(tmp_path / "m.safetensors")
    line = fails(capsys, ["train", "digits", "--backend", "torch", "--out", out])
    assert 'pip install "xpnet[torch]"' in line


def test_no_command_is_an_error_that_names_them(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code not in (0, None)
    assert "command" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["info", "--help"]])
def test_help(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "usage: xpnet" in capsys.readouterr().out


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"xpnet {xpnet.__version__}"


# --- as a program


@pytest.mark.slow
def test_the_module_is_the_command(tmp_path):
    run = python("-m", "xpnet", *SMALL, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert accuracy(run.stdout) > 0.1
    info = python("-m", "xpnet", "info", "digits.safetensors", cwd=tmp_path)
    assert (info.returncode, info.stderr) == (0, "")
    assert "16 × 64" in info.stdout


@pytest.mark.slow
def test_the_module_fails_with_one_line_and_a_status(tmp_path):
    run = python("-m", "xpnet", "info", "missing.safetensors", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.splitlines() == ["xpnet: there is no model file 'missing.safetensors'"]
