"""Compiled loops in a fit: numba, its cache, and when a fit uses them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_numba, relative
from tests.support.poison import poison_memory
from tests.support.processes import python
from xpnet.backends.openblas import OpenBLAS
from xpnet.engines import choose
from xpnet.engines.loops import cache
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch, worker_id):
    """One folder for all tests of a worker, so that a source is compiled once."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{worker_id}"
    monkeypatch.setenv("XPNET_CACHE", str(folder))
    if cache.numba_version() is not None:
        poison_memory(monkeypatch)
    return folder


def data(n=90, columns=6, classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, columns)), rng.integers(0, classes, n)


def trained(sizes, compile, writeable=True, **settings):
    X, Y = data()
    X.setflags(write=writeable)
    net = xpnet.Network(sizes, activation="tanh", loss="cross_entropy", dtype="float64", rng=4)
    history = net.fit(X, Y, epochs=3, batch_size=16, compile=compile, **settings)
    return net, history


# --- functions of one number


@needs_numba
@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log1p"])
def test_functions_are_right_to_a_few_units_in_the_last_place(kind, name):
    import mpmath

    from xpnet.engines.loops.functions import functions

    dtype = {"f32": np.float32, "f64": np.float64}[kind]
    function = functions(kind)[name]
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=200) * 10.0**k for k in range(-9, 2)]).astype(dtype)
    x = np.abs(x) if name == "log1p" else x
    x = np.concatenate([x, np.asarray([-0.7, -0.3, -0.999], dtype)])
    found = np.asarray([function(value) for value in x])
    assert (found == found.astype(dtype)).all()
    with mpmath.workdps(40):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(value))) for value in x]
        errors = [
            abs(mpmath.mpf(float(a)) - b) / float(np.spacing(dtype(abs(b))))
            for a, b in zip(found, exact, strict=True)
        ]
    assert max(errors) < 3


@needs_numba
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_functions_at_the_ends(kind):
    from xpnet.engines.loops.functions import functions

    dtype = {"f32": np.float32, "f64": np.float64}[kind]
    ends = np.asarray(
        [np.nan, np.inf, -np.inf, 0, -1, -2, 1e-40, 88.7, 88.8, -87, -100, 709, 710, -745, -800],
        dtype,
    )  # fmt: skip
    for name, function in functions(kind).items():
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(ends)
        found = np.asarray([function(value) for value in ends])
        tiny = np.finfo(dtype).smallest_subnormal * 4
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tiny, err_msg=name)


# --- a fit


@needs_numba
def test_one_class_of_one_column_stays_within_its_arrays(monkeypatch):
    """argmax over one entry is written, and a column with one axis is not cut after a row."""
    import numba

    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    X = np.random.default_rng(0).integers(0, 3, (30, 1)).astype(float)
    for loss, Y in (("cross_entropy", np.ones((30, 1))), ("log_cosh", X - 1)):
        nets = []
        for compile in (False, True):
            net = xpnet.Network([1, Embedding(3, 2), 1], loss=loss, dtype="float64", rng=1)
            before = net.parameters.copy()
            settings = {"epochs": 2, "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.1}
            history = net.fit(X, Y, compile=compile, **settings)
            assert history.engine == ("fused" if compile else "plain")
            nets.append(net.parameters)
        assert relative(nets[1], nets[0]) < 1e-12
        assert (nets[1] == before).all() == (loss == "cross_entropy")


@needs_numba
@pytest.mark.parametrize(
    "sizes",
    [
        [6, 5, 3],
        [6, Dense(96, "gelu"), LayerNorm(), Dropout(0.2), Dense(64), BatchNorm(), 3],
    ],
    ids=["small", "large"],
)
def test_a_compiled_fit_is_the_plain_one_to_rounding(sizes):
    (plain, before), (fused, history) = trained(sizes, False), trained(sizes, True)
    assert (before.engine, history.engine) == ("plain", "fused")
    assert relative(fused.parameters, plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10
    assert len(history.step_loss) == 3 * 6
    for a, b in zip(fused.statistics, plain.statistics, strict=True):
        assert a.shape == b.shape
        assert relative(a, b) < 1e-10


@needs_numba
def test_callbacks_at_steps_see_every_step():
    seen = []

    def observe(net, history):
        seen.append((net.parameters.copy(), history.step_loss[-1]))

    net, history = trained([6, 5, 3], True, callbacks={"step_end": observe})
    assert history.engine == "fused"
    assert [loss for _, loss in seen] == history.step_loss
    assert len({theta.tobytes() for theta, _ in seen}) == 18
    assert seen[-1][0].tobytes() == net.parameters.tobytes()


@needs_numba
def test_accumulated_gradients():
    optimizer = xpnet.optimizers.Accumulated(xpnet.optimizers.Adam(), 2)
    (plain, _), (fused, history) = (
        trained([6, 5, 3], how, optimizer=optimizer) for how in (False, True)
    )
    assert history.engine == "fused"
    assert relative(fused.parameters, plain.parameters) < 1e-10


@needs_numba
def test_divergence_shows_and_nothing_is_lost():
    X, Y = data()
    net = xpnet.Network([6, 5, 1], loss="squared_error", dtype="float32", rng=4)
    before = net.parameters.copy()
    with pytest.raises(xpnet.DivergenceError) as error, np.errstate(all="ignore"):
        net.fit(X, Y * 1.0, epochs=50, learning_rate=1e9, optimizer="sgd", compile=True)
    assert error.value.epoch >= 1
    assert net.parameters.tobytes() == before.tobytes()


@needs_numba
def test_a_second_process_takes_it_from_the_cache(own_cache):
    code = (
        "import sys, numpy as np, xpnet\n"
        "X = np.random.default_rng(0).normal(size=(40, 4))\n"
        "net = xpnet.Network([4, 3, 2], loss='cross_entropy', rng=1)\n"
        "history = net.fit(X, (X[:, 0] > 0) * 1, epochs=2, compile=True)\n"
        "run = [m.run for name, m in sys.modules.items() if name.startswith('run_')][0]\n"
        "print(history.engine, sum(run.stats.cache_misses.values()), history.loss)\n"
    )
    environ = {"XPNET_CACHE": str(own_cache), "PYTHONDONTWRITEBYTECODE": None}
    runs = [python("-c", code, check=True, **environ).stdout.split(maxsplit=2) for _ in range(2)]
    assert [engine for engine, *_ in runs] == ["fused", "fused"]
    assert [misses for _, misses, _ in runs] == ["1", "0"]
    assert runs[0][2] == runs[1][2]  # to the bit


@needs_numba
def test_half_a_file_in_the_cache_is_compiled_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    loaded = {name for name in sys.modules if name.startswith("run_")}
    before = trained([6, 2, 3], True)[1]
    for file in tmp_path.rglob("*.nbi"):
        file.write_bytes(file.read_bytes()[:20])
    for name in {name for name in sys.modules if name.startswith("run_")} - loaded:
        monkeypatch.delitem(sys.modules, name)
    after = trained([6, 2, 3], True)[1]
    assert (after.engine, after.loss) == ("fused", before.loss)


@needs_numba
def test_what_is_compiled_serves_read_only_examples_too():
    histories = [trained([6, 5, 3], True, writeable)[1] for writeable in (True, False)]
    assert histories[0].loss == histories[1].loss
    runs = [module.run for name, module in sys.modules.items() if name.startswith("run_")]
    assert {len(getattr(run, "signatures", [0])) for run in runs} == {1}


# --- when a fit uses them


@needs_numba
def test_a_short_fit_is_compiled_where_that_costs_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "numba_is_loaded", lambda: True)
    assert trained([6, 4, 3], None)[1].engine == "plain"
    assert trained([6, 4, 3], True)[1].engine == "fused"
    assert trained([6, 4, 3], None)[1].engine == "fused"
    monkeypatch.setattr(choose, "numba_is_loaded", lambda: False)
    assert trained([6, 4, 3], None)[1].engine == "plain"
    assert trained([6, 4, 3], False)[1].engine == "plain"


@needs_numba
def test_a_long_fit_is_compiled_and_a_longer_one_even_for_the_first_time(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "numba_is_loaded", lambda: False)
    monkeypatch.setattr(choose, "plain_seconds", lambda *_: 10.0)
    assert trained([6, 4, 3], None)[1].engine == "plain"
    monkeypatch.setattr(choose, "plain_seconds", lambda *_: 100.0)
    assert trained([6, 4, 3], None)[1].engine == "fused"
    monkeypatch.setattr(choose, "plain_seconds", lambda *_: 10.0)
    assert trained([6, 4, 3], None)[1].engine == "fused"


@needs_numba
def test_a_deep_network_must_train_longer_for_its_compilation_to_pay(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "numba_is_loaded", lambda: False)
    monkeypatch.setattr(choose, "plain_seconds", lambda *_: 100.0)
    assert trained([6, *[4] * 20, 3], None)[1].engine == "plain"


def test_the_estimate_grows_with_the_work():
    net = xpnet.Network([6, 5, 3])
    assert choose.plain_seconds(net.layers, 16, 2000) == 2 * choose.plain_seconds(
        net.layers, 16, 1000
    )
    assert choose.plain_seconds(net.layers, 32, 9) > choose.plain_seconds(net.layers, 16, 9)


def test_without_numba_asking_for_it_names_the_remedy(monkeypatch):
    monkeypatch.setattr(cache, "numba_version", lambda: None)
    assert trained([6, 5, 3], None)[1].engine == "plain"
    with pytest.raises(ImportError, match=r"pip install \"xpnet\[fast\]\""):
        trained([6, 5, 3], True)


@needs_numba
def test_what_cannot_be_compiled_runs_in_the_plain_loop_and_says_so():
    rough = xpnet.elementwise(
        "rough", lambda xp, Z: np.sinc(Z), lambda xp, Z, A: np.cos(Z), lambda xp, Z, A: -np.sin(Z)
    )
    sizes = [6, Dense(5, rough), 3]
    with pytest.warns(UserWarning, match="plain loop: the code passes an array to NumPy"):
        assert trained(sizes, True)[1].engine == "plain"


@needs_numba
@pytest.mark.parametrize("team", [1, 2])
def test_a_second_kind_of_step_that_cannot_be_compiled_runs_in_the_plain_loop(monkeypatch, team):
    """The step that applies an accumulated gradient: the fit goes on plain, on the same state."""

    class Rough(xpnet.optimizers.Adam):
        def update(self, xp, c, g, state, theta):
            assert float(xp.max(g)) < 1e9
            return super().update(xp, c, g, state, theta)

    monkeypatch.setattr(choose, "team_for", lambda layers, batch: team)
    settings = {"optimizer": xpnet.optimizers.Accumulated(Rough(), 3)}
    sizes = [6, Dense(5), BatchNorm(), 3]
    with pytest.warns(UserWarning, match="plain loop: the code looks at the value") as seen:
        net, history = trained(sizes, True, **settings)
    assert len(seen) == 1
    assert history.engine == "plain"
    plain, before = trained(sizes, False, **settings)
    assert history.threads == before.threads
    assert relative(net.parameters, plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10


def test_a_user_without_a_home_gets_a_temporary_folder(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XPNET_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert cache.folder().is_dir()


SOURCE = "def run():\n    return {}\n"


def test_a_damaged_source_is_written_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    source = SOURCE.format(1)
    assert cache.load(source)() == 1
    (file,) = tmp_path.glob("run_*.py")
    name = file.stem
    file.write_text("def run(")
    monkeypatch.delitem(sys.modules, name)
    assert cache.load(source)() == 1


def test_another_blas_has_other_compiled_code(monkeypatch, tmp_path):
    """Machine code holds the name of the BLAS's function; another NumPy may lack it."""
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    source = SOURCE.format(2)
    cache.mark_compiled(source)
    assert cache.is_compiled(source)
    monkeypatch.setattr(cache, "bundled", lambda: OpenBLAS("elsewhere.so", "other_", ""))
    assert not cache.is_compiled(source)


COMPILED_IN = [
    *("barrier.py", "functions.py", "options.py", "products.py", "runtime.py"),
    *("tiled.py", "tiles.py"),
]


@pytest.mark.parametrize("changed", COMPILED_IN)
def test_other_functions_of_ours_make_other_compiled_code(monkeypatch, tmp_path, changed):
    """They are compiled into every program, but numba only looks at the program's own file."""
    folder = tmp_path / "fused"
    shutil.copytree(Path(cache.__file__).parent, folder)
    names = []
    with monkeypatch.context() as patch:
        patch.setattr(cache, "__file__", str(folder / "cache.py"))
        for change in ("", "# another meeting\n"):
            with (folder / changed).open("a") as file:
                file.write(change)
            cache._compiled_in.cache_clear()
            names.append(cache._name(SOURCE))
    cache._compiled_in.cache_clear()
    assert names[0] == cache._name(SOURCE) != names[1]


def test_a_folder_that_cannot_be_written_to_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("no folder")
    assert cache.folder().is_dir()
    assert cache.folder() == cache.folder()


def cancelling(text):
    """Return a user's own loss that is Y, or NaN if A is not finite, and its gradient."""

    def function(xp, A, Y):
        return xp.sum(eval(text), axis=-1), xp.zeros_like(A)

    return xpnet.Loss("cancelling", function)


INFINITE = {
    "a norm of one feature": ([3, Dense(1, "identity"), LayerNorm(), Dense(2)], "squared_error"),
    "a softmax of one output": ([3, Dense(1, "softmax")], "squared_error"),
    **{
        text: ([3, Dense(1, "identity")], cancelling(text))
        for text in ("(A + Y) - A", "(Y - A) + A", "A * 1.0 - A + Y", "2.0 * A - A - A")
    },
}


@needs_numba
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("case", INFINITE)
def test_what_cancels_is_nan_where_it_is_not_finite(case, compile):
    """LLVM may make 0 of x − x if additions may be reordered, even if x is infinite."""
    sizes, loss = INFINITE[case]
    net = xpnet.Network(sizes, loss=loss, rng=1)
    net.set_parameters(np.full(net.parameters.shape, 3e38, np.float32))
    X, Y = np.ones((9, 3), np.float32), np.ones((9, net.sizes[-1]), np.float32)
    with np.errstate(all="ignore"), pytest.raises(xpnet.DivergenceError):
        net.fit(X, Y, epochs=2, compile=compile)
