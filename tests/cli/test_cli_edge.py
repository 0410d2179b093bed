"""Edge cases of the command line: warnings, options, arguments, interrupts and numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import xpnet
from tests.support.command import QUICK, fails, predict, rows_of, train, write
from tests.support.command_files import command, status_of
from tests.support.helpers import FRUIT, needs_posix
from xpnet.cli import console, main
from xpnet.datasets.split import stratified_sample
from xpnet.doctor import tuning
from xpnet.tables import Table, explained, read_schema, read_table

# --- warnings are lines


def test_what_the_training_rows_had_not_is_a_line_each(tmp_path, capsys):
    rows = [["key", "x", "c", "y"]]
    rows += [[f"k{i}", i % 7 / 3, "uvw"[i % 3], "ab"[i % 2]] for i in range(60)]
    rows[30][1] = 123456789
    data, model, out = write(tmp_path / "t.csv", rows), tmp_path / "m", tmp_path / "p.csv"
    assert main(train(data, "y", model, *QUICK)) == 0
    (line,) = capsys.readouterr().err.splitlines()
    key = "column 'key' is left out: no text occurs twice in the training rows"
    assert line == f"xpnet: warning: {data}, {key}"
    rows[30][1] = 1.0
    assert main(train(write(data, rows), "y", model, *QUICK, "--ignore", "key")) == 0
    assert capsys.readouterr().err == ""
    assert main(predict(model, data, out)) == 0
    assert capsys.readouterr().err == ""
    rows[9][1], rows[19][1], rows[10][2], rows[12][2] = 1e7, "", "new", "newer"
    news = [
        "column 'x': 1 missing (first in line 20); the training rows had none",
        "column 'x': 1 cell is far outside of the training rows' 0 to 2, such as 10000000.0 in "
        "line 10",
        "column 'c': 2 of 60 cells are \"other\": 'new', 'newer'",
    ]
    out.unlink()
    line = fails(capsys, predict(model, write(data, rows), out, "--strict"))
    assert line == f"xpnet: {data}, {news[0]} (--strict)"
    assert not out.exists()
    assert main(predict(model, data, out)) == 0
    assert capsys.readouterr().err.splitlines() == [f"xpnet: warning: {data}, {n}" for n in news]
    assert len(rows_of(out)) == 61


# --- options


TABLE = ["train", str(FRUIT), "--target", "fruit"]


@pytest.mark.parametrize(
    "arguments",
    [
        *([*TABLE, option] for option in (
            "--epochs=0", "--epochs=-1", "--epochs=1.5", "--epochs=many", "--seed=-1", "--seed=x",
            "--validation=2", "--validation=1", "--validation=-0.1", "--validation=nan",
            "--validation=x", "--backend=tf", "--backend=", "--device=cuda:7", "--dtype=float16",
            "--hidden=0", "--hidden=", "--hidden=8,", "--task=rank", "--embed=colour:0",
            "--embed=colour:x", "--text=fruit", "--ignore=colour,grown in", "--nonsense", "--out=-",
            "--networks=0", "--as=colour", "--as=:text", "--weight=fruit",
            "--as=colour:days", "--log-target=x", "--quick=1",
        )),
        ["train", str(FRUIT)],
        ["train", "digits", "--target", "y"],
        ["train", "digits", "--quick"],
        ["train", "digits", "--networks", "2"],
        ["train", "digits", "--as", "x:text"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--backend", "tf"],
        ["train", "fashion-mnist", "--seed", "-1"],
        ["explain", "digits", "--examples", "0"],
        ["explain", "digits", "--example", "-1"],
        ["explain", "digits", "--entry", "1"],
        ["explain", "digits", "--backend", "tf"],
        ["explain", "model.safetensors"],
        ["predict", "model.safetensors", str(FRUIT), "--backend", "tf"],
        ["predict", "model.safetensors"],
        ["predict", "m", "t.csv", "--device", "cuda:7"],
        ["nonsense"],
        [],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_bad_option_has_the_status_2(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, _ = status_of(arguments, capsys)
    assert status == 2
    assert os.listdir() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "none.csv", "--target", "y"],
        ["train", ".", "--target", "y"],
        ["train", str(FRUIT), "--target", "none"],
        [*TABLE, "--out", "no/such/m"],
        [*TABLE, "--validation", "0.001"],
        ["info", "none"],
        ["info", str(FRUIT)],
        ["predict", "none", str(FRUIT)],
        ["explain", "none", "digits"],
        ["explain", "digits", "--example", "99999"],
    ],
    ids=" ".join,
)
def test_files_and_data_at_fault_have_the_status_1(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert status_of(arguments, capsys)[0] == 1
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("option", "first", "second"),
    [
        ("--target", "fruit", "fruit"),
        ("--out", "a", "b"),
        ("--task", "classification", "regression"),
        ("--seed", "1", "2"),
        ("--validation", "0.1", "0.2"),
        ("--backend", "numpy", "torch"),
        ("--dtype", "float32", "float64"),
        ("--report", "a.html", "b.html"),
    ],
)
def test_an_option_given_twice_is_an_error(tmp_path, capsys, monkeypatch, option, first, second):
    monkeypatch.chdir(tmp_path)
    status, line = status_of(["train", str(FRUIT), option, first, option, second], capsys)
    assert status == 2
    assert f"argument {option}: given twice, as '{first}' and '{second}': give it once" in line


def test_the_last_of_repeated_epochs_and_widths_counts_with_a_warning(tmp_path, capsys):
    model = tmp_path / "m"
    twice = ("--hidden", "9", "--hidden", "4", "--epochs", "3", "--epochs", "2")
    assert main(train(FRUIT, "fruit", model, *twice)) == 0
    net, err = xpnet.load(model), capsys.readouterr().err
    assert (net.sizes[1:-1], net.epoch) == ((4,), 2)
    assert "xpnet: warning: --hidden is given twice: '(4,)' is used, not '(9,)'" in err
    assert "--epochs is given twice: '2' is used, not '3'" in err


def test_a_long_value_is_cut_in_a_message(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "q" * 5000
    for arguments in (
        [*TABLE, "--backend", long],
        [*TABLE, "--epochs", long],
        [*TABLE, "--nonsense", long],
        ["train", str(FRUIT), "--target", long],
        ["train", long, "--target", "y"],
        ["info", long],
        ["predict", long, long],
        [long],
    ):
        _, line = status_of(arguments, capsys)
        assert max(map(len, line.split())) <= 203


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    def fit(*_, **__):
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr(xpnet.Network, "fit", fit)
    status, line = status_of(["train", "digits", "--out", "m"], capsys)
    assert (status, line) == (1, "xpnet: there is not enough memory: Unable to allocate 7 TiB\n")


# --- the restart for faster kernels


@pytest.mark.parametrize(
    "arguments",
    [
        [*TABLE, "--epochs", "0"],
        [*TABLE, "--backend", "tf"],
        [*TABLE, "--device", "x"],
        [*TABLE, "--out", "no/such/m"],
        [*TABLE, "--out", str(FRUIT)],
        [*TABLE, "--ignore", "none"],
        [*TABLE, "--embed", "colour:x"],
        ["train", str(FRUIT)],
        ["train", str(FRUIT), "--target", "none"],
        ["train", "none.csv", "--target", "y"],
        ["train", "digits", "--target", "y"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_found_before_the_restart(tmp_path, capsys, monkeypatch, arguments):
    able = tuning.Machine("Linux x86_64", "flags : avx2 avx512f avx512cd avx512bw avx512dq "
                          "avx512vl", "Haswell")  # fmt: skip

    def refuse(*_: object) -> None:
        raise AssertionError("restarted")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(tuning, "this_machine", lambda: able)
    monkeypatch.setattr(os, "execve", refuse)
    monkeypatch.setattr(sys, "argv", ["xpnet", *arguments])
    try:
        status = console()
    except SystemExit as stop:
        status = stop.code
    assert status in (1, 2)
    assert "restarted" not in capsys.readouterr().out
    assert tuning.mend()  # this machine needs other kernels


# --- Ctrl-C in the search for the number of epochs


def interrupt(after: int):
    """Return a fit whose first call ends as by Ctrl-C after so many epochs; a second one raises."""
    plain, done = xpnet.Network.fit, []

    def fit(net, X, Y, **settings):
        if not done:
            done.append(True)
            settings["epochs"] = after
            history = plain(net, X, Y, **settings)
            history.stopped = "interrupted"
            return history
        raise AssertionError("trained again")

    return fit


def test_its_model_is_written_and_the_status_is_130(tmp_path, capsys, monkeypatch):
    model = tmp_path / "m"
    monkeypatch.setattr(xpnet.Network, "fit", interrupt(3))
    assert main(train(FRUIT, "fruit", model)) == 130
    assert xpnet.load(model).epoch == 3
    assert "held-out accuracy" in capsys.readouterr().out
    assert main(predict(model, FRUIT, tmp_path / "p.csv")) == 0


@pytest.mark.slow
@needs_posix
def test_ctrl_c_as_it_is_pressed(tmp_path):
    rng = np.random.default_rng(0)
    rows = [["a", "b", "y"], *rng.normal(size=(40_000, 3)).tolist()]
    data = write(tmp_path / "t.csv", rows)
    run = command(tmp_path, "train", str(data), "--target", "y", "--no-tune", "--hidden", "256",
                  environ={"PYTHONUNBUFFERED": "1"})  # fmt: skip
    for line in run.stdout:
        if line.startswith(b"target"):
            break
    deadline = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline:
        time.sleep(1.0)  # the search has begun, or begins soon
        run.send_signal(signal.SIGINT)
        try:
            run.wait(20)
        except subprocess.TimeoutExpired:
            continue
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert (tmp_path / "t.safetensors").exists() == (b"kept the best" in out), out


# --- arguments in the wrong place


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_table_in_the_place_of_the_model_is_said(fruit, tmp_path, capsys, command):
    other = tmp_path / "table"
    other.write_text("x\n1\n")
    for table, second in ((FRUIT, fruit), (other, fruit), (FRUIT, FRUIT)):
        line = fails(capsys, [command, str(table), str(second)])
        assert "is not a model file (it is a table?): the order is MODEL TABLE" in line


def test_an_address_is_to_be_downloaded(fruit, capsys):
    address = "https://example.org/t.csv"
    for given in (["train", address, "--target", "x"], ["describe", address],
                  ["predict", str(fruit), address]):  # fmt: skip
        assert "it is an address, so download the file first" in fails(capsys, given)
    with pytest.raises(FileNotFoundError, match="so download the file first"):
        read_table(address)


# --- the explained sample


def test_a_sample_has_of_every_class_its_share():
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    rows = stratified_sample(labels, 1000, 100)
    np.testing.assert_allclose(np.bincount(labels[rows]), [70, 20, 10], atol=1)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert not np.array_equal(rows, stratified_sample(labels, 1000, 100, seed=1))
    np.testing.assert_array_equal(rows, stratified_sample(labels, 1000, 100))
    rare = np.repeat([0, 1, 2], [997, 2, 1])
    assert set(rare[stratified_sample(rare, 1000, 10)]) == {0, 1, 2}
    assert len(stratified_sample(None, 1000, 64)) == 64
    assert stratified_sample(None, 1000, 64).max() > 900
    np.testing.assert_array_equal(stratified_sample(labels, 1000, 1000), np.arange(1000))
    np.testing.assert_array_equal(stratified_sample(None, 3, 64), np.arange(3))


def test_a_sorted_table_is_explained_by_all_of_its_classes(tmp_path, monkeypatch):
    rows = [["x", "y"], *([i, "abc"[i // 100]] for i in range(300))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    assert main(train(data, "y", model, *QUICK)) == 0
    seen, plain = [], explained.explain

    def explain(net, X, Y, *others, **keywords):
        seen.append((X, Y))
        return plain(net, X, Y, *others, **keywords)

    monkeypatch.setattr(explained, "explain", explain)
    for options in ((), ("--examples", "30"), ("--example", "7")):
        assert main(["explain", str(model), str(data), *options]) == 0
    np.testing.assert_allclose(np.bincount(seen[0][1]), [21.3] * 3, atol=1)
    np.testing.assert_array_equal(np.bincount(seen[1][1]), [10, 10, 10])
    assert len(seen[2][1]) == 1
    x = read_schema(model).features(Table({"x": [7.0]}))  # row 7 of the data
    np.testing.assert_allclose(seen[2][0], x, rtol=1e-6)
    assert (np.argsort(seen[0][0][:, 0]) == np.arange(64)).all()


# --- numbers out of range


@pytest.mark.parametrize(
    ("option", "value"),
    [("--epochs", 2**63), ("--seed", 2**128), ("--hidden", 2**63), ("--hidden", f"8,{2**63}")],
)
@pytest.mark.parametrize("data", ["nowhere.csv", "digits"])
def test_a_number_beyond_what_is_counted_is_a_bad_option(option, value, data, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", data, option, str(value), *(["--target", "x"] if data != "digits" else [])])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "must be at most" in said
    assert "sizes" not in said
    assert "rng" not in said


def test_the_largest_seed_is_taken(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "m.safetensors"
    arguments = ["train", "digits", "--epochs", "1", "--hidden", "2", "--out", str(out)]
    assert main([*arguments, "--seed", str(2**128 - 1)]) == 0
    assert xpnet.load(out).seed == 2**128 - 1


def test_an_entry_is_repeated_in_short(capsys):
    with pytest.raises(SystemExit):
        main(["explain", "digits", "--entry", "a b" * 2000])
    assert len(capsys.readouterr().err) < 400


LONG = "a b" * 2000


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ([LONG], "choose from"),
        (["train", "digits", "--dtype", LONG], "choose from"),
        (["train", "digits", "--backend", LONG], "it must be one of numpy"),
        (["train", "digits", "--device", LONG], 'for a GPU use backend="cupy"'),
        (["train", "digits", f"--{LONG}"], "see xpnet train --help"),
        (["train", "fruit.csv", "--target", "fruit", "--embed", f"colour:{LONG}"], "colour:8"),
    ],
)
def test_a_long_option_is_repeated_in_short_before_the_remedy(arguments, remedy, capsys):
    given = [str(FRUIT) if word == "fruit.csv" else word for word in arguments]
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(main(given))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert remedy in said
    assert len(said) < 900
