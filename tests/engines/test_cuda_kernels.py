"""CUDA kernels, run on the CPU: their step gives the same results as the plain step."""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import cache

import numpy as np
import pytest

import xpnet
from tests.support import cuda_cases
from tests.support.chains import chained, each_chain, examples
from tests.support.cuda_cases import compile_nvrtc, needs_gxx, nvrtc, program_of
from tests.support.cuda_runs import run_cuda
from tests.support.fake_cupy import install
from tests.support.fused_cases import (
    ENDS,
    FUNCTIONS,
    alike,
    at_the_ends,
    case,
    difference,
    run_plain,
)
from tests.support.helpers import network, random_targets
from tests.support.loss_cases import WIDTH, each_case, problem
from tests.support.processes import python
from xpnet.backends import get_backend
from xpnet.engines.cuda import kernels as cuda_kernels
from xpnet.engines.cuda.kernels import FLAT_GRID
from xpnet.engines.cuda.program import Launch, Product
from xpnet.engines.cuda.source import HEAD
from xpnet.engines.graph.shapes import TraceError
from xpnet.layers import Dense, Dropout, LayerNorm
from xpnet.optimizers import OPTIMIZERS, Accumulated, Averaged, Clipped, get_optimizer

NUMPY = get_backend("numpy")
ADAM = get_optimizer("adam")
NVCC = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")


@pytest.fixture(autouse=True)
def card(monkeypatch):
    return install(monkeypatch, kernels=True)


def same(found, tolerance=1e-12, gathers=True):
    after = run_cuda(found, gathers)
    assert difference(after, run_plain(found, gathers)) < tolerance


# --- a step


@needs_gxx
@pytest.mark.parametrize("rows", [3, 7, 13])
def test_equal_rows_are_their_own_mean(rows):
    found = alike(rows)
    state, _ = run_cuda(found)
    np.testing.assert_array_equal(state.stats[0][0], found.data.X[0] / 2)  # from 0
    np.testing.assert_array_equal(state.stats[1][0], np.full(5, 0.5))  # from 1


@needs_gxx
@pytest.mark.parametrize("name", ["sign", "sinh", "clip", "logaddexp, equal", "logaddexp, apart"])
def test_functions_of_infinite_and_of_extreme_numbers_are_numpys(name):
    totals = run_cuda(at_the_ends(FUNCTIONS[name]))[1]
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name](np, np.asarray(ENDS))
    np.testing.assert_allclose(totals, expected, rtol=1e-14)


@needs_gxx
def test_masks_of_a_layer_of_one_unit():
    rng = np.random.default_rng(1)
    net = network(NUMPY, [3, 1, Dropout(0.4), 2], activation="tanh", loss="mean_squared_error")
    same(case(net, rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), optimizer=ADAM))


@needs_gxx
@pytest.mark.parametrize("activation", ["relu", "elu", "gelu", "tanh", "softplus", "softmax"])
def test_hidden_activations(activation):
    rng = np.random.default_rng(1)
    net = network(NUMPY, [3, 6, 5, 2], activation=activation, loss="mean_squared_error")
    same(case(net, rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), optimizer=ADAM))


@needs_gxx
@each_chain
def test_layers(chain):
    X, Y = examples()
    same(case(chained(NUMPY, chain), X, Y, optimizer=ADAM))


@needs_gxx
@each_case
def test_losses(loss):
    z, Y = problem(loss, N=7)
    net = network(NUMPY, [WIDTH, 8, WIDTH], activation="tanh", loss=loss)
    same(case(net, z, Y, optimizer=ADAM))


@needs_gxx
@pytest.mark.parametrize(
    "optimizer",
    [
        *(made() for made in OPTIMIZERS.values()),
        Clipped(ADAM, norm=0.01),
        Averaged(Clipped(get_optimizer("adamw"), norm=0.1), decay=None, start=2),
        Accumulated(ADAM, 2),
    ],
    ids=repr,
)
def test_optimizers(optimizer):
    X, Y = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="cross_entropy")
    same(case(net, X, Y, optimizer=optimizer))


@needs_gxx
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_weights_of_one_number_and_one_class(optimizer):
    """A product reads even a single number from memory; argmax over one entry is 0."""
    rng = np.random.default_rng(1)
    net = network(NUMPY, [1, 1, 1], activation="tanh", loss="cross_entropy")
    found = case(net, rng.normal(size=(7, 1)), np.ones((7, 1)), optimizer=get_optimizer(optimizer))
    same(found)
    assert (run_cuda(found)[1] == 0).all()


@needs_gxx
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gathers", [False, True])
def test_penalties_weights_and_whole_batches(weighted, gathers):
    X, Y = examples()
    w = np.random.default_rng(2).uniform(0.5, 2, len(X)) if weighted else None
    settings = {"penalty": xpnet.Penalty(l1=0.1, l2=0.2), "max_norm": xpnet.MaxNorm(0.4)}
    same(case(chained(NUMPY, "all"), X, Y, w, optimizer=ADAM, **settings), gathers=gathers)


def ragged(N=70, batch=67, dtype="float32", **settings):
    """Return a case whose widths are no multiple of a warp and whose rows are none of a block."""
    rng = np.random.default_rng(5)
    sizes = [5, Dense(33, "relu"), LayerNorm(), Dropout(0.2), Dense(65, "tanh"), 4]
    net = network(NUMPY, sizes, loss="cross_entropy", dtype=dtype)
    X, Y = rng.normal(size=(N, 5)).astype(dtype), rng.integers(0, 4, N)
    optimizer = Clipped(get_optimizer("sgd")._replace(momentum=0.9), norm=0.1)
    return case(net, X, Y, optimizer=optimizer, batch=batch, steps=2, **settings)


@needs_gxx
@pytest.mark.parametrize("blocks", [None, 2])
def test_ragged_sizes_in_float32(monkeypatch, blocks):
    """With as many blocks as needed, and with two that take several parts each."""
    for limit in ("_ROW_BLOCKS", "_FLAT_BLOCKS", "_TILE_STRIPS", "_GRID") if blocks else ():
        monkeypatch.setattr(cuda_kernels, limit, blocks)
    found = ragged()
    same(found, 1e-5)


def test_float32_stays_float32_but_for_sums():
    """Only the host's numbers, read before a kernel's loops, and sums over examples are doubles."""
    source = program_of(ragged()).source.removeprefix(HEAD)
    wide = [line for line in source.splitlines() if "double" in line]
    known = 'extern "C"', "    const double", "    double t"  # arguments, numbers, sums
    rest = [line.strip() for line in wide if not line.startswith(known)]
    assert all("double sum = 0" in line or "double, plus<double>>" in line or "plus<double>" in line
               for line in rest)  # fmt: skip


@needs_gxx
def test_the_order_of_blocks_changes_no_bit(card):
    """The last block to finish adds up all blocks' sums in a fixed order."""
    found = ragged(dtype="float64")
    (state, totals) = run_cuda(found)
    library = cuda_cases.compiled(card.sources[-1])
    library.run_backwards(1)
    again, others = run_cuda(found)
    library.run_backwards(0)
    assert state.theta.tobytes() == again.theta.tobytes()
    assert totals.tobytes() == others.tobytes()


@needs_gxx
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_shows_where_it_shows_in_the_plain_step(bad):
    X, Y = examples()
    X[2, 0] = bad
    net = network(NUMPY, [5, 7, 4], activation="relu", loss="cross_entropy")
    found = case(net, X, Y, optimizer=Clipped(ADAM, norm=1.0), steps=2, batch=9)
    with np.errstate(all="ignore"):
        (state, totals), (plain, expected) = run_cuda(found), run_plain(found)
    assert not np.isfinite(expected).all()
    np.testing.assert_array_equal(np.isfinite(totals), np.isfinite(expected))
    np.testing.assert_array_equal(np.isfinite(state.theta), np.isfinite(plain.theta))


@needs_gxx
def test_a_barrier_that_some_threads_miss_is_found():
    """On a GPU the kernel would hang or succeed by chance; here it ends the process."""
    body = "if (threadIdx.x < 16) __syncthreads(); x[0] = along_warp<float, plus<float>>(x[0]);"
    kernel = HEAD + f'extern "C" __global__ void k0(float* x) {{ {body} }}\n'
    code = (
        "import numpy as np\nfrom tests.support import cuda_cases\n"
        f"library = cuda_cases.compiled({kernel!r})\n"
        "cuda_cases.launch(library, 'k0', (1, 1), [np.zeros(1, np.float32)])"
    )
    done = python("-c", code)
    assert done.returncode == -signal.SIGABRT
    assert "wait for each other at different places" in done.stderr


@needs_gxx
def test_the_first_of_equal_largest_entries_is_found_by_every_lane():
    kernel = 'extern "C" __global__ void k0(float* x, long long* place, long long* found) {\n'
    kernel += "found[threadIdx.y * 32 + threadIdx.x] ="
    kernel += " place_along_warp(x[threadIdx.x], place[threadIdx.x]);\n}\n"
    rng = np.random.default_rng(0)
    for _ in range(4):
        x, place = rng.integers(0, 3, 32).astype(np.float32), rng.permutation(32)
        found = np.full(256, -1)
        cuda_cases.launch(cuda_cases.compiled(HEAD + kernel), "k0", (1, 1), [x, place, found])
        assert set(found) == {place[x == x.max()].min()}


# --- the launches of a step


@pytest.mark.parametrize("hidden", [[], [256], [256, 128], [256, 128, 64]])
def test_a_step_has_at_most_five_launches_a_layer(hidden):
    """2L forward, 3L − 2 backward, the gathering of the batch, the update: 3L + 6 for L = 3."""
    X, Y = np.zeros((20, 784), np.float32), np.zeros(20, int)
    net = xpnet.Network([784, *hidden, 10], loss="cross_entropy")
    found = program_of(case(net, X, Y, optimizer=ADAM))
    L = len(hidden) + 1
    assert len(found.calls) <= 5 * L
    assert sum(isinstance(call, Product) for call in found.calls) == 3 * L - 1
    clipped = program_of(case(net, X, Y, optimizer=Clipped(ADAM, norm=1.0)))
    assert len(clipped.calls) <= 5 * L + 2  # the largest entry, then the scaled norm


def test_an_update_of_many_parameters_has_few_blocks():
    """Each block ends with a fence and a ticket: 65,535 of them took their time."""
    X, Y = np.zeros((4, 3000), np.float32), np.zeros(4, int)
    net = xpnet.Network([3000, 1000, 10], loss="cross_entropy")
    found = program_of(case(net, X, Y, optimizer=ADAM))
    blocks = [call.grid[0] * call.grid[1] for call in found.calls if isinstance(call, Launch)]
    assert max(blocks) == FLAT_GRID


@needs_gxx
def test_steps_launch_what_the_program_says_and_nothing_else(card):
    X, Y = examples()
    found = case(network(NUMPY, [5, 7, 6, 4], loss="cross_entropy"), X, Y, optimizer=ADAM)
    run_cuda(found)
    others = {"asarray", "setitem", "copy to host"}  # once an epoch
    others |= {"empty", "graph"}  # cuBLAS's workspace; a graph's launches are counted themselves
    steps = sum(n for name, n in card.launches.items() if name not in others)
    assert steps == 3 * len(program_of(found).calls) == 3 * 15


@needs_gxx
@pytest.mark.parametrize("layers", [[], [LayerNorm()]])
def test_wide_sums_beside_sums_along_rows_are_kernels_of_their_own(layers):
    """Sums of the loss's dZ, which is in memory, and of normalisation's d gain, which was not."""
    X, Y = examples(N=20)
    calls = []
    for width in (64, 65):
        net = network(NUMPY, [5, width, *layers, width], activation="tanh", loss="cross_entropy")
        found = case(net, X, Y, optimizer=ADAM, batch=17, steps=2)
        calls.append(len(program_of(found).calls))
        same(found)
    assert calls[1] == calls[0] + 1 + len(layers)


def test_rows_that_are_too_long_are_refused():
    net = xpnet.Network([2, 9000], loss="cross_entropy")
    X, Y = np.zeros((4, 2), np.float32), np.zeros(4, int)
    with pytest.raises(TraceError, match="rows of 9000 columns"):
        program_of(case(net, X, Y, optimizer=get_optimizer("sgd")))


@cache
def every_kind_of_kernel():
    """Return a source with kernels of all layers, clipping, Muon, and less common losses."""
    X, Y = examples()
    net = network(NUMPY, [5, 8, 4], activation="elu", loss="cross_entropy")
    cases = [ragged(), case(chained(NUMPY, "all"), X, Y, optimizer=ADAM)]
    cases.append(case(net, X, Y, optimizer=get_optimizer("muon")))
    for loss in ("gaussian_nll", "huber", "log_cosh", "binary_cross_entropy"):
        Y = random_targets(np.random.default_rng(0), loss, 9, 4)
        cases.append(case(network(NUMPY, [5, 4], loss=loss), X, Y, optimizer=ADAM))
    kernels = [
        program_of(c).source.removeprefix(HEAD).replace("void k", f"void c{k}_k")
        for k, c in enumerate(cases)
    ]
    return HEAD + "".join(kernels)


each_gpu = pytest.mark.parametrize("arch", ["75", "80", "90"])


@pytest.mark.slow
@pytest.mark.skipif(
    NVCC is None, reason="needs nvcc: NVIDIA's CUDA toolkit, on the PATH or in /usr/local/cuda"
)
@each_gpu
def test_nvcc_compiles_every_kernel(arch, tmp_path):
    source, made = tmp_path / "kernels.cu", tmp_path / "kernels.ptx"
    source.write_text(every_kind_of_kernel())
    options = ["-std=c++17", f"-arch=sm_{arch}", "-ptx", "-Werror", "all-warnings"]
    command = [NVCC, *options, "-o", str(made), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert made.read_text().count(".visible .entry") == source.read_text().count("__global__")


@pytest.mark.slow
@pytest.mark.skipif(nvrtc() is None, reason="no NVRTC: pip install nvidia-cuda-nvrtc-cu12")
@each_gpu
def test_nvrtc_compiles_every_kernel(arch):
    """NVRTC gets no headers, as from CuPy."""
    options = ["--std=c++17", f"--gpu-architecture=compute_{arch}"]
    assert compile_nvrtc(nvrtc(), every_kind_of_kernel(), options) == ""
    assert "error" in compile_nvrtc(nvrtc(), every_kind_of_kernel() + "wrong", options)
