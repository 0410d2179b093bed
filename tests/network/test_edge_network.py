"""Edge cases of networks: `fresh`, named columns, other libraries' derivatives, settings."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, needs_jax
from xpnet.backends import to_numpy
from xpnet.optimizers import SGD

X = np.random.default_rng(0).normal(size=(12, 3))
LABELS = np.arange(12) % 2
NAMES = ("a", "b", "c")


def same(net, other):
    np.testing.assert_array_equal(to_numpy(net.parameters), to_numpy(other.parameters))


# --- fresh


def test_a_fresh_network_is_what_was_written(backend):
    settings = {"activation": "tanh", "backend": backend, "dtype": "float64", "rng": 5}
    net = xpnet.Network([3, 4, xpnet.layers.BatchNorm(), 2], **settings)
    net.fit(X, LABELS, epochs=2)
    again = net.fresh()
    same(again, xpnet.Network([3, 4, xpnet.layers.BatchNorm(), 2], **settings))
    assert (again.epoch, again.loss, again.seed) == (0, None, 5)
    assert again.backend == backend
    assert to_numpy(again.statistics[0]).any() == np.False_
    assert net.epoch == 2
    again.fit(X, LABELS, epochs=2)
    same(again, net)


def test_what_was_open_is_open_again():
    net = xpnet.Network(hidden=(4,), rng=1)
    net.fit(X, np.asarray(["x", "y"])[LABELS], epochs=1)
    again = net.fresh()
    assert "sizes open, loss open" in repr(again)
    assert (again.classes, again.feature_names) == (None, None)
    again.fit(X[:, :2], np.linspace(0, 1, 12), epochs=1)
    assert again.sizes == (2, 4, 1)
    assert net.sizes == (3, 4, 2)


def test_classes_that_were_named_stay_in_a_fresh_network():
    net = xpnet.Network(hidden=(4,), classes=("y", "x"))
    net.fit(X, np.asarray(["x", "y"])[LABELS], epochs=1)
    assert net.fresh().classes == ("y", "x")


def test_another_seed_draws_other_weights():
    net = xpnet.Network([3, 4, 2], rng=5)
    same(net.fresh(7), xpnet.Network([3, 4, 2], rng=7))
    assert not np.array_equal(net.fresh(7).parameters, net.parameters)
    with pytest.raises(TypeError, match="rng must be an int"):
        net.fresh("7")


def test_fresh_networks_do_not_know_other_folds():
    """Fitting a fresh network trains neither the original nor later fresh ones."""
    rng = np.random.default_rng(3)
    rows, noise = rng.normal(size=(60, 8)), rng.integers(0, 2, 60)
    net = xpnet.Network(hidden=(32,), rng=0)
    starts = []
    for held in np.split(np.arange(60), 5):
        kept = np.setdiff1d(np.arange(60), held)
        fold = net.fresh()
        fold.fit(rows[kept], noise[kept], epochs=1)
        starts.append(fold.fresh()(rows) if fold.fresh()._layers else None)
        assert fold.epoch == 1
    assert "sizes open" in repr(net)
    assert starts == [None] * 5


def test_a_loaded_network_is_fresh_with_the_sizes_of_its_file(tmp_path):
    net = xpnet.Network(hidden=(4,), rng=5)
    net.fit(X, LABELS, epochs=2)
    net.save(tmp_path / "net.safetensors")
    again = xpnet.load(tmp_path / "net.safetensors").fresh()
    assert (again.sizes, again.epoch) == ((3, 4, 2), 0)
    same(again, xpnet.Network([3, 4, 2], rng=5))


def test_what_fails_within_unchanged_on_error_leaves_the_network_as_it_was(backend):
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=backend)
    before = to_numpy(net.parameters).copy()

    def change_and_fail():
        with net.unchanged_on_error():
            net.set_parameters(before * 2)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        change_and_fail()
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def test_a_fresh_stack(backend):
    nets = [xpnet.Network([3, 4, 2], backend=backend, rng=r) for r in (4, 9)]
    stack = xpnet.Stack(nets)
    stack.fit(X, LABELS, epochs=2)
    again = stack.fresh()
    assert again.epoch == 0
    for r, net in enumerate(nets):
        same(again[r], net)
    other = stack.fresh(1)
    assert not np.array_equal(to_numpy(other.parameters), to_numpy(again.parameters))
    np.testing.assert_array_equal(to_numpy(other.parameters), to_numpy(stack.fresh(1).parameters))


def test_copies_of_a_network_are_fresh_as_it_is():
    net = xpnet.Network(hidden=(4,), rng=5)
    net.fit(X, LABELS, epochs=1)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.to()):
        assert "sizes open" in repr(other.fresh())


# --- names of columns


def frames(order=NAMES):
    """Return X in a frame of each kind, with its columns in this order."""
    columns = {name: X[:, NAMES.index(name)] for name in order}
    pandas, polars = needed("pandas"), needed("polars")
    pyarrow = needed("pyarrow")
    return [pandas.DataFrame(columns), polars.DataFrame(columns), pyarrow.table(columns)]


def named(frame, **settings):
    net = xpnet.Network(hidden=(4,), rng=1, **settings)
    net.fit(frame, LABELS, epochs=2)
    return net


def test_names_seen_in_fit_are_kept_and_saved(tmp_path):
    for frame in frames():
        net = named(frame)
        assert net.feature_names == NAMES
        same(net, named(X))
        net.save(tmp_path / "net.safetensors")
        for other in (
            xpnet.load(tmp_path / "net.safetensors"),
            copy.deepcopy(net),
            pickle.loads(pickle.dumps(net)),
            net.to(dtype="float64"),
            xpnet.Stack([net])[0],
        ):
            assert other.feature_names == NAMES
    assert named(X).feature_names is None
    assert net.fresh().feature_names is None


def uses(net):
    """Return all methods that take X."""
    stack = xpnet.Stack([net])
    needed("matplotlib")
    from xpnet import plots

    return {
        "call": net,
        "predict": net.predict,
        "predict_classes": net.predict_classes,
        "evaluate": lambda X: net.evaluate(X, LABELS)["loss"],
        "gradient": lambda X: net.gradient(X, LABELS).flat,
        "value_and_gradient": lambda X: net.value_and_gradient(X, LABELS)[0],
        "explain": lambda X: net.explain(X, LABELS, check=False).rows[0].array,
        "objective": lambda X: net.objective(X, LABELS)(to_numpy(net.parameters))[0],
        "gradient_check": lambda X: tuple(xpnet.gradient_check(net, X, LABELS)),
        "fit": lambda X: net.to().fit(X, LABELS, epochs=1).loss,
        "validation": lambda V: (
            net.to().fit(X, LABELS, epochs=1, validation_data=(V, LABELS)).validation_loss
        ),
        "rate range": lambda X: xpnet.learning_rate_range(net, X, LABELS, steps=4).losses,
        "stack": stack,
        "stack.predict": stack.predict,
        "stack.fit": lambda X: xpnet.Stack([net]).fit(X, LABELS, epochs=1).loss,
        "plots": lambda X: plots.ConfusionDisplay.from_network(net, X, LABELS).counts,
    }


@pytest.mark.parametrize("k", range(3), ids=["pandas", "polars", "pyarrow"])
def test_another_order_is_put_right_by_name_with_one_warning(k):
    net = named(frames()[k])
    turned = frames(("c", "a", "b"))[k]
    for name, use in uses(net).items():
        expected = use(X)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = use(turned)
        assert [str(w.message)[:41] for w in caught] == [
            "the columns of X are in a different order"
        ], name
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (("a", "b"), "X has no column 'c': the network was fitted on 'a', 'b', 'c'"),
        (("a", "b", "c", "d"), "X has the new column 'd': the network"),
        (("a", "b", "C"), "X has no column 'c' and has the new column 'C'"),
    ],
)
@pytest.mark.parametrize("k", range(3), ids=["pandas", "polars", "pyarrow"])
def test_a_missing_or_new_column_is_an_error(k, columns, match):
    net = named(frames()[k])
    full = {name: np.ones(12) for name in columns}
    frame = type(frames()[k])(full) if k < 2 else needed("pyarrow").table(full)
    before = to_numpy(net.parameters).tobytes()
    for use in uses(net).values():
        with pytest.raises(ValueError, match=match):
            use(frame)
    assert to_numpy(net.parameters).tobytes() == before


def test_one_example_is_taken_by_name_too():
    net = named(frames()[0])
    row = frames(("c", "b", "a"))[0].iloc[2]
    with pytest.warns(UserWarning, match="reordered by name"):
        np.testing.assert_array_equal(net(row), net(X[2]))


def test_what_has_no_names_is_taken_as_it_is():
    pandas = needed("pandas")
    net = named(frames()[0])
    for plain in (X, X.tolist(), pandas.DataFrame(X)):
        np.testing.assert_allclose(net(plain), net(frames()[0]))
    doubled = pandas.DataFrame(X, columns=["a", "a", "b"])
    assert named(doubled).feature_names is None
    with pytest.raises(ValueError, match="repeats the column 'a'"):
        net(doubled)


@pytest.mark.parametrize("columns", [[2, 0, 1], [1, 2, 3], ["a", "b", 2], "tuples"])
def test_names_that_are_no_text_are_not_taken_by_place(columns):
    pandas = needed("pandas")
    if columns == "tuples":
        columns = pandas.MultiIndex.from_tuples([("a", 0), ("b", 0), ("c", 0)])
    frame, net = pandas.DataFrame(X, columns=columns), named(frames()[0])
    with pytest.raises(ValueError, match=r"whose name is not text, .*fitted on 'a', 'b', 'c': use"):
        net(frame)
    frame.columns = net.feature_names
    np.testing.assert_allclose(net(frame), net(X))


def test_a_long_name_is_cut():
    pandas = needed("pandas")
    net = named(frames()[0])
    with pytest.raises(ValueError, match="X has no column") as caught:
        net(pandas.DataFrame(X, columns=["a", "b", "z" * 5000]))
    assert "z" * 201 not in str(caught.value)


def test_a_network_with_other_names_is_in_another_stack():
    with pytest.raises(ValueError, match="a different feature_names"):
        xpnet.Stack([named(frames()[0]), named(frames(("c", "b", "a"))[0])])


# --- automatic derivatives of other libraries


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_a_derivative_of_torch_is_refused_rather_than_zero(name):
    torch = needed("torch")
    net = xpnet.Network([3, 4, 2], loss="squared_error", backend=name)
    rows, Y = torch.ones(5, 3, requires_grad=True), np.ones((5, 2))
    taped = rows * 2
    for x in (rows, taped):
        for use in (
            net,
            net.predict,
            lambda x: net.gradient(x, Y),
            lambda x: net.value_and_gradient(x, Y),
            lambda x: net.evaluate(x, Y),
            lambda x: net.fit(x, Y, epochs=1),
            lambda x: net.gradient(np.ones((5, 3)), x[:, :2]),
            lambda x: net.gradient(np.ones((5, 3)), Y, x[:, 0]),
            lambda x: xpnet.asarray(x, name),
            lambda x: net.set_parameters(x.new_ones(26).requires_grad_()),
            lambda x: net([x[0], x[1]]),
        ):
            with pytest.raises(TypeError, match=r"requires grad.*\.detach\(\)"):
                use(x)
        assert net(x.detach()).shape == (5, 2)
    for transform in (torch.func.jacrev, torch.func.vmap, torch.func.grad):
        with pytest.raises(TypeError, match=r"torch.func.*x\.detach\(\)"):
            transform(net)(torch.ones(5, 3))
    with pytest.raises(TypeError, match=r"requires grad.*x\.detach\(\)"):
        torch.autograd.functional.jacobian(net, torch.ones(5, 3))
    with warnings.catch_warnings(), torch.autograd.forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch warns about torch.jit
        dual = torch.autograd.forward_ad.make_dual(torch.ones(5, 3), torch.ones(5, 3))
        with pytest.raises(TypeError, match=r"dual tensor.*x\.detach\(\)"):
            net(dual)


def test_parameters_of_a_torch_model_are_copied():
    torch = needed("torch")
    model = torch.nn.Linear(3, 2)
    net = xpnet.Network([3, 2], loss="squared_error", backend="torch")
    net.set_weights([model.weight], [model.bias])
    with pytest.raises(TypeError, match="requires grad"):
        net.set_weights([model.weight * 2], [model.bias])
    rows = torch.ones(5, 3)
    assert torch.allclose(net(rows), model(rows).detach())


@needs_jax
@pytest.mark.parametrize("name", ["jax", "numpy"])
def test_a_tracer_of_jax_is_refused_with_what_to_call(name):
    import jax

    net = xpnet.Network([3, 4, 2], loss="squared_error", backend=name)
    rows = jax.numpy.ones((5, 3))
    for transformed in (
        jax.grad(lambda x: net(x).sum()),
        jax.jit(net),
        jax.vmap(net),
        jax.grad(lambda x: net.value_and_gradient(x, np.ones((5, 2)))[0]),
    ):
        with pytest.raises(TypeError, match=r"JAX tracer.*net\.gradient\(X, Y\)"):
            transformed(rows)


def test_tensors_without_numbers_are_refused():
    torch = needed("torch")
    for name in ("torch", "numpy"):
        net = xpnet.Network([3, 2], backend=name)
        with pytest.raises(TypeError, match="a meta tensor"):
            net(torch.ones(5, 3, device="meta"))
        with pytest.raises(TypeError, match=r"dense, x\.to_dense\(\)"):
            net(torch.eye(3).to_sparse())


# --- seeds


def recursive():
    found: list = []
    found.append(found)
    return found


@pytest.mark.parametrize("seed", [recursive(), [1], "0", 1.5, True, np.asarray(1.0), {}])
def test_a_seed_is_checked_wherever_it_enters(seed):
    net = xpnet.Network([3, 2], loss="squared_error")
    for use in (
        lambda: xpnet.Network([3, 2], rng=seed),
        lambda: net.fresh(seed),
        lambda: xpnet.Stack([net]).fresh(seed),
        lambda: xpnet.gradient_check(net, X, np.ones((12, 2)), rng=seed),
        lambda: xpnet.datasets.stratified_split(LABELS, seed=seed),
        lambda: xpnet.equations.streams.permutation(seed, 0, (), 3),
    ):
        with pytest.raises(TypeError, match=r"must be an int|a seed must be an int"):
            use()


@pytest.mark.parametrize("seed", [-1, 2**128, 10**5000], ids=["−1", "2^128", "10^5000"])
def test_a_seed_has_at_most_128_bits(seed):
    for use in (
        xpnet.Network([3, 2]).fresh,
        lambda s: xpnet.datasets.stratified_split(LABELS, 0.5, s),
    ):
        with pytest.raises(ValueError, match=r"must not be negative|must be below"):
            use(seed)


def test_a_split_takes_labels_and_seeds_of_every_kind():
    text = np.asarray(["x", "y"], np.dtypes.StringDType())[LABELS]
    expected = xpnet.datasets.stratified_split(LABELS, 0.5, 3)
    for labels in (text, LABELS.tolist(), text.tolist()):
        for found, rows in zip(
            xpnet.datasets.stratified_split(labels, 0.5, 3), expected, strict=True
        ):
            np.testing.assert_array_equal(found, rows)
    assert len(xpnet.datasets.stratified_split(LABELS, 0.5, np.random.SeedSequence(1))[0]) == 6
    for labels, match in (
        ([], "labels must be labels"),
        (np.ones((4, 2)), "shape"),
        ([0, None], "row 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=match):
            xpnet.datasets.stratified_split(labels)


# --- settings and shapes


def test_a_schedule_that_leaves_the_floats_is_zero_or_refused():
    assert xpnet.schedules.InverseScaling(0.1, scale=1.0, power=1e308)(9) == 0.0
    with pytest.raises(ValueError, match="start must be a finite number"):
        xpnet.schedules.OneCycle(0.1, start=10**400)


def test_columns_and_pairs_are_taken_or_told_what_to_write():
    net = xpnet.Network([3, 4, 2], loss="squared_error", activation="tanh", dtype="float64")
    Y = np.ones((12, 2))
    weights, biases = net.gradient(X, Y)
    for pair in ((weights, biases), (list(weights), list(biases)), [weights, biases]):
        assert max(xpnet.gradient_check(net, X, Y, gradient=pair)) < 1e-7
    off = [weights[0] * 1.001, weights[1]]
    assert max(xpnet.gradient_check(net, X, Y, gradient=(off, biases))) > 1e-4
    columns = [b[:, None] for b in biases]
    for use in (
        lambda: xpnet.gradient_check(net, X, Y, gradient=(weights, columns)),
        lambda: net.set_weights(weights, columns),
    ):
        with pytest.raises(ValueError, match=r"\(4,\), got \(4, 1\): give biases\[0\]\.ravel\(\)"):
            use()
    with pytest.raises(ValueError, match=r"give weights\[0\]\.T"):
        xpnet.gradient_check(net, X, Y, gradient=([W.T for W in weights], biases))
    for use in (net, lambda x: net.gradient(x, Y[0]), net.predict):
        with pytest.raises(ValueError, match=r"give x\.T or x\.ravel\(\)"):
            use(X[0][:, None])
    with pytest.raises(ValueError, match=r"give y\.ravel\(\)"):
        net.gradient(X[0], Y[0][:, None])
    for gradient in (3, np.ones(5), [0.0] * 27):
        with pytest.raises(ValueError, match=r"gradient must be \(26,\), got"):
            xpnet.gradient_check(net, X, Y, gradient=gradient)
    with_norm = xpnet.Network([3, 4, xpnet.layers.LayerNorm(), 2], loss="squared_error")
    with pytest.raises(ValueError, match="parameters outside dense layers"):
        xpnet.gradient_check(with_norm, X, Y, gradient=tuple(with_norm.gradient(X, Y)))


def test_an_objective_takes_a_vector_of_the_parameters(backend):
    net = xpnet.Network([3, 2], loss="squared_error", backend=backend)
    f = net.objective(X, np.ones((12, 2)))
    for theta, found in (
        (np.ones(9), r"\(9,\)"),
        (np.ones((1, 8)), r"\(1, 8\): give θ.ravel"),
        (3, ""),
    ):
        with pytest.raises(ValueError, match=rf"θ must be \(8,\), got {found}"):
            f(theta)


@pytest.mark.parametrize("setting", ["shuffle", "compile", "progress", "stream"])
@pytest.mark.parametrize("value", ["no", 0, 1.0, [], np.ones(2)])
def test_a_truth_value_is_true_or_false(setting, value):
    net = xpnet.Network([3, 2], loss="squared_error")
    with pytest.raises(ValueError, match=f"{setting} must be True"):
        net.fit(X, np.ones((12, 2)), **{setting: value})
    with pytest.raises(ValueError, match="training must be True or False"):
        net.gradient(X, np.ones((12, 2)), training=value)
    with pytest.raises(ValueError, match="nesterov must be True or False"):
        SGD(momentum=0.9, nesterov=value)
    with pytest.raises(ValueError, match="biases must be True or False"):
        xpnet.Penalty(biases=value)
    with pytest.raises(ValueError, match="restarts must be True or False"):
        xpnet.schedules.Cosine(0.1, steps=3, restarts=value)


def test_a_max_norm_beyond_the_dtype_is_refused(backend):
    net = xpnet.Network([3, 2], loss="squared_error", backend=backend)
    with pytest.raises(ValueError, match=r"max_norm must be at most 3\.4e\+38.*got 1e\+308"):
        net.fit(X, np.ones((12, 2)), max_norm=1e308, epochs=1)
    net.fit(X, np.ones((12, 2)), max_norm=3e38, epochs=1)


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), "z" * 5000, [7] * 10_000],
    ids=["10^400", "−10^400", "text", "list"],
)
def test_no_message_repeats_a_long_value(value):
    net = xpnet.Network([3, 2], loss="squared_error")
    Y = np.ones((12, 2))
    for use in (
        lambda: xpnet.schedules.Constant(value),
        lambda: SGD(value),
        lambda: xpnet.Network([3, value, 2]),
        lambda: xpnet.Network([3, 2], loss=value),
        lambda: xpnet.Network([3, 2], rng=value),
        lambda: xpnet.Network([3, 2], backend=value),
        lambda: xpnet.Network([3, 2], classes=value),
        lambda: xpnet.Penalty(value),
        lambda: xpnet.layers.Dropout(value),
        lambda: xpnet.layers.Embedding(3, 2, columns=value),
        lambda: net.fit(X, Y, learning_rate=value),
        lambda: net.fit(X, Y, epochs=value),
        lambda: net.fit(X, Y, optimizer=value),
        lambda: net.fit(X, Y, validation_fraction=value),
        lambda: net.explain(X, Y, example=value),
        lambda: net.explain(X, Y, entry=value),
        lambda: xpnet.Stack([net])[value],
        lambda: xpnet.gradient_check(net, X, Y, epsilon=value),
        lambda: xpnet.learning_rate_range(net, X, Y, low=value),
    ):
        with pytest.raises((TypeError, ValueError, IndexError)) as caught:
            use()
        text = str(caught.value)
        assert not any(long in text for long in ("z" * 201, "0" * 201, "7, " * 67)), text
        assert len(text) < 1000


@pytest.mark.parametrize("sizes", [[10**6, 10**7, 3], [10**12, 3], [4, 10**18, 3]])
def test_a_network_that_no_memory_holds_is_refused_at_once(sizes):
    with pytest.raises(MemoryError, match="parameters, and drawing them takes"):
        xpnet.Network(sizes)


def test_a_lazy_frame_is_refused_without_another_warning():
    frame = needed("polars").DataFrame(X, schema=list(NAMES)).lazy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="a LazyFrame is not an array"):
            xpnet.Network().fit(frame, LABELS)


def test_the_names_stay_those_of_the_first_fit_on_a_frame():
    frame = needed("pandas").DataFrame(X, columns=list(NAMES))
    net = xpnet.Network([3, 4, 2], loss="cross_entropy")
    net.fit(X, LABELS, epochs=1)
    assert net.feature_names is None
    net.fit(frame, LABELS, epochs=1)
    assert net.feature_names == NAMES
    with pytest.warns(UserWarning, match="different order"):
        net.fit(frame[list("cab")], LABELS, epochs=1)
    assert net.feature_names == NAMES


def test_a_value_that_is_no_setting_is_repeated_in_short():
    stack = xpnet.Stack([xpnet.Network([3, 2], loss="cross_entropy")] * 400)
    with pytest.raises(ValueError, match="learning rates must be finite") as refusal:
        stack.fit(X, LABELS, learning_rate=[-1.0] * 400)
    assert len(str(refusal.value)) < 300
    with pytest.raises(TypeError, match=r"must be \(X, Y\) or \(X, Y, weights\), got \[1\]"):
        stack[0].fit(X, LABELS, validation_data=[1])
