"""The GPU benchmark without a GPU: contenders compute the same, the script and tables work."""

from __future__ import annotations

import argparse
import json
from importlib import import_module

import numpy as np
import pytest

from benchmarks import gpu, plot
from benchmarks.__main__ import main
from benchmarks.pages import cpu as parts
from benchmarks.pages import markdown
from benchmarks.peers import GPU_CONTENDERS, make
from benchmarks.peers.on_gpu import reference
from benchmarks.targets import gpu_verdicts
from benchmarks.workloads import DRY_WORKLOADS, GPU_WORKLOADS, data
from tests.support.fake_cupy import install
from tests.support.helpers import needed

TINY, _, STACK = (workload._replace(device="cpu") for workload in DRY_WORKLOADS)
TRAINING = [name for name in GPU_CONTENDERS if name != "products"]


@pytest.fixture(autouse=True)
def libraries_settings_restored():
    """Restore the libraries' precisions, which contenders set for their own processes."""
    torch, jax = needed("torch"), needed("jax")
    of_torch = torch.get_float32_matmul_precision()
    of_jax = jax.config.jax_default_matmul_precision
    yield
    torch.set_float32_matmul_precision(of_torch)
    jax.config.update("jax_default_matmul_precision", of_jax)


def contender(name, workload):
    peer = make(GPU_CONTENDERS[name], workload, *data(workload))
    peer.start(0)
    return peer


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING)
def test_first_steps_are_those_of_numpy_in_float64(name):
    X, Y = data(TINY)
    peer = contender(name, TINY)
    peer.train(1)
    peer.start(0)  # undoes the training
    peer.first_steps(2)
    expected = reference(TINY, X, Y, 2)
    np.testing.assert_allclose(peer.predict(X[:8]), expected, rtol=1e-4)
    before = reference(TINY, X, Y, 1)
    assert np.abs(expected - before).max() > 1e-4  # a step makes a difference


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING)
def test_training_lowers_the_loss(name):
    X, Y = data(TINY)
    peer = contender(name, TINY)

    def loss():
        return -np.log(peer.predict(X)[np.arange(len(Y)), Y]).mean()

    before = loss()
    peer.train(60)
    assert loss() < before


@pytest.mark.parametrize("workload", [TINY, STACK], ids=["one", "stack"])
def test_the_products_are_those_of_a_step(workload):
    peer = contender("products", workload)
    assert len(peer.products) == 3 * (len(workload.sizes) - 1) - 1
    peer.train(1)
    for left, right, out in peer.products:
        assert left.shape[:-2] == ((workload.stack,) if workload.stack else ())
        np.testing.assert_allclose(out, left.numpy() @ right.numpy(), rtol=1e-4, atol=1e-5)


def test_a_stacks_first_steps_are_those_of_each_network_alone():
    X, Y = data(STACK)
    peer = contender("xpnet", STACK)
    peer.train(1)
    peer.start(0)
    peer.first_steps(2)
    expected = reference(STACK, X, Y, 2)
    assert expected.shape == (STACK.stack, 8, STACK.sizes[-1])
    np.testing.assert_allclose(peer.predict(X[:8]), expected, rtol=1e-4)
    assert np.abs(expected[0] - expected[1:]).max(axis=(1, 2)).min() > 1e-2  # different seeds
    assert np.abs(expected - reference(STACK, X, Y, 1)).max() > 1e-4
    with pytest.raises(ImportError, match="stack"):
        contender("torch eager", STACK)


@pytest.mark.parametrize("workload", [TINY, STACK], ids=["one", "stack"])
def test_xpnets_path_on_a_gpu_runs_on_the_stand_in(monkeypatch, workload):
    card = install(monkeypatch)
    X, _ = data(workload)
    there = workload._replace(device="cuda", precision="tf32")
    peer, same = contender("xpnet", there), contender("xpnet", workload)
    card.to_device = 0
    for one in (peer, same):
        one.train(1)
    assert card.to_device == 8 * workload.rows  # only the order; the data are on the device
    assert card.launches["gemm 77"] > 0
    assert peer.elapsed(lambda: peer.train(1)) == 1e-3
    same.train(1)
    np.testing.assert_allclose(peer.predict(X[:8]), same.predict(X[:8]), rtol=1e-4)


@pytest.mark.slow
def test_each_precision_is_told_to_the_library():
    import jax
    import torch

    for precision, of_torch, of_jax in (
        ("float32", "highest", "highest"),
        ("tf32", "high", "tensorfloat32"),
        ("bfloat16", "highest", "bfloat16"),
    ):
        workload = TINY._replace(precision=precision)
        found = contender("torch fused Adam", workload)
        assert torch.get_float32_matmul_precision() == of_torch
        assert (found.autocast is torch.bfloat16) is (precision == "bfloat16")
        contender("JAX jit", workload)
        assert jax.config.jax_default_matmul_precision == of_jax


def test_outputs_that_differ_are_a_failure():
    right = np.asarray([[0.25, 0.75]])
    rows = {
        "near": {"median": 1.0, "outputs": [[0.25001, 0.74999]]},
        "far": {"median": 1.0, "outputs": [[0.35, 0.65]]},
        "not finite": {"median": 1.0, "outputs": [[float("nan"), 1.0]]},
        "none": {"median": 1.0},
    }
    gpu.compare(rows, right, 1e-3)
    assert rows["near"] == {"median": 1.0, "error": pytest.approx(1.3e-5, rel=0.1)}
    assert "differ" in rows["far"]["failed"]
    assert "differ" in rows["not finite"]["failed"]
    assert rows["none"] == {"median": 1.0}


def test_precisions_are_measured_where_products_weigh():
    options = argparse.Namespace(precisions=None, shapes=None, dry=False)
    found = list(gpu.chosen(options))
    assert all(workload.device == "cuda" for workload in found)
    assert len([w for w in found if w.precision == "float32"]) == len(GPU_WORKLOADS)
    wide = {w.title for w in found if w.precision == "tf32"}
    assert wide == {w.title for w in GPU_WORKLOADS if "512" in w.name or "wide" in w.name} | {
        "1024-2048-2048-1000, 512"
    }


def test_the_script_runs_dry_in_processes_and_writes_as_it_goes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "gpu.json"
    arguments = ["gpu", "--dry", "--peers", "xpnet", "--precisions", "float32", "--out", str(out)]
    assert main([*arguments, "--shapes", TINY.title]) == 0
    result = json.loads(out.read_text())
    row = result["settings"]["float32"][TINY.title]["contenders"]["xpnet"]
    assert row["error"] < 1e-5
    assert len(row["seconds"]) == gpu.DRY_ROUNDS
    assert result["dry"] is True
    assert result["card"] == "no GPU"
    assert TINY.title in capsys.readouterr().out


def test_what_no_time_was_left_for_is_named(tmp_path, capsys):
    out = tmp_path / "gpu.json"
    assert main(["gpu", "--dry", "--minutes", "-1", "--out", str(out)]) == 1  # nothing ran
    line = f"{TINY.title}, float32: no time was left"
    assert line in json.loads(out.read_text())["left_out"]
    assert line in capsys.readouterr().out


@pytest.mark.slow
def test_a_later_run_measures_what_the_first_left_out(tmp_path, capsys):
    out = tmp_path / "gpu.json"
    arguments = ["gpu", "--dry", "--peers", "xpnet", "--precisions", "float32", "--out", str(out)]
    main([*arguments, "--shapes", TINY.title])
    first = json.loads(out.read_text())["settings"]["float32"]
    main([*arguments, "--shapes", TINY.title, STACK.title, "--add"])
    both = json.loads(out.read_text())["settings"]["float32"]
    assert first[TINY.title] == both[TINY.title]
    assert list(both) == [TINY.title, STACK.title]
    assert both[STACK.title]["contenders"]["xpnet"]["error"] < 1e-5
    out.write_text(json.dumps(json.loads(out.read_text()) | {"card": "another"}))
    with pytest.raises(SystemExit, match="another"):
        main([*arguments, "--add"])


def test_data_that_are_not_here_are_named_and_the_rest_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    run = next(w for w in GPU_WORKLOADS if w.epochs)._replace(sizes=(784, 4, 10))
    monkeypatch.setattr(gpu, "DRY_WORKLOADS", (run, TINY))
    out = tmp_path / "gpu.json"
    arguments = ["gpu", "--dry", "--peers", "xpnet", "--precisions", "float32", "--out", str(out)]
    assert main(arguments) == 0
    result = json.loads(out.read_text())
    assert list(result["settings"]["float32"]) == [TINY.title]
    assert "fashion-mnist, float32: there is no" in result["left_out"][0]


INVENTED = {
    "unit": "step",
    "steps": 4,
    "contenders": {
        "xpnet": {"median": 9e-3, "error": 2e-6},
        "torch eager": {"median": 1e-2, "error": 1e-6},
        "JAX jit": {"absent": "No module named 'jax'"},
        "products": {"median": 7e-3},
    },
}
WIDE = "4096-wide, 3 layers, 4096"
RESULT = {
    "card": "a card, 1.0, 1 MiB",
    "settings": {precision: {WIDE: INVENTED} for precision in gpu.PRECISIONS},
}


def test_verdicts_ask_for_torchs_time_and_for_four_fifths_of_products():
    rows = gpu_verdicts(RESULT["settings"])
    assert [row["measure"] for row in rows] == [
        "× torch eager, float32",
        "× products alone, float32",
        "× torch eager, tf32",
        "× products alone, tf32",
        "× torch eager, bfloat16",
    ]
    assert rows[0]["met"]
    assert rows[0]["found"] == pytest.approx(0.9)
    assert not rows[1]["met"]  # 7 of 9 are less than 80 %
    assert rows[1]["found"] == pytest.approx(9 / 7, abs=1e-4)


def test_tables_and_plot_are_of_the_results(tmp_path, monkeypatch):
    result = RESULT | {"targets": gpu_verdicts(RESULT["settings"])}
    (tmp_path / "gpu.json").write_text(json.dumps(result))
    monkeypatch.setattr(markdown, "RESULTS", tmp_path)
    steps = parts.gpu_steps()
    assert "| torch eager | 10,000 |" in steps
    assert "JAX jit absent: No module named 'jax'" in steps
    assert "2.0e-06 of the largest" in steps
    assert parts.gpu_targets().startswith("a card, 1.0, 1 MiB.\n\n| workload ")
    if import_module("importlib.util").find_spec("matplotlib"):
        picture = tmp_path / "gpu.svg"
        assert main(["plot", "--results", str(tmp_path / "gpu.json"), "--out", str(picture)]) == 0
        drawn = picture.read_text()
        assert "torch eager" in drawn
        assert "(float32)" in drawn
        assert ">products<" not in drawn
    assert plot.SETTINGS[2:] == gpu.PRECISIONS
