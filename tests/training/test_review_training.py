"""What a review of training found: each test failed before its mend."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network
from tests.support.own import Plain
from xpnet.backends import get_backend
from xpnet.backends.numpy_backend import NumpyBackend
from xpnet.layers import BatchNorm, Residual

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
Y = np.arange(40) % 3
NAMES = np.asarray(["ape", "bee", "cat"])


def new(**settings):
    return xpnet.Network([5, 8, 3], rng=3, **{"loss": "cross_entropy", **settings})


# --- names


@pytest.mark.parametrize(
    ("setting", "name", "ours"),
    [
        ("loss", "MSE", "mean_squared_error"),
        ("loss", "bce", "binary_cross_entropy"),
        ("loss", "ce", "cross_entropy"),
        ("loss", "mae", "absolute_error"),
        ("loss", "l2", "mean_squared_error"),
        ("loss", "categorical_crossentropy", "cross_entropy"),
        ("activation", "logistic", "sigmoid"),
        ("activation", "swish", "silu"),
    ],
)
def test_names_of_other_libraries_are_told_ours(setting, name, ours):
    with pytest.raises(ValueError, match=f"did you mean '{ours}'"):
        new(**{setting: name})


def test_every_name_of_other_libraries_leads_to_one_of_ours():
    from xpnet import errors, metrics
    from xpnet.equations.activations import ACTIVATIONS
    from xpnet.equations.initializers import INITIALIZERS
    from xpnet.losses import LOSSES

    tables = {
        "loss": LOSSES,
        "activation": ACTIVATIONS,
        "initializer": INITIALIZERS,
        "metric": metrics.METRICS,
    }
    for kind, names in errors._ELSEWHERE.items():
        assert set(names.values()) <= set(tables[kind])
        assert not set(names) & set(tables[kind])


# --- settings


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), np.float16(0.25)])
def test_a_number_of_numpys_is_a_setting(number):
    losses, layers, schedules = xpnet.losses, xpnet.layers, xpnet.schedules
    assert losses.Huber(number) is losses.Huber(0.25)
    assert losses.CrossEntropy(number) is losses.CrossEntropy(0.25)
    assert losses.GaussianNLL(number) is losses.GaussianNLL(0.25)
    assert losses.Quantile(number) is losses.Quantile(np.asarray([number])) is losses.Quantile(0.25)
    assert xpnet.Penalty(l1=number, l2=number) == xpnet.Penalty(0.25, 0.25)
    assert layers.Dropout(number).rate == xpnet.EarlyStopping(min_delta=number).min_delta == 0.25
    assert schedules.OneCycle(0.1, steps=8, warmup=number) == schedules.OneCycle(
        0.1, steps=8, warmup=0.25
    )
    found, expected = new(), new()
    found.fit(X, Y, epochs=1, max_norm=number, validation_fraction=number)
    expected.fit(X, Y, epochs=1, max_norm=0.25, validation_fraction=0.25)
    np.testing.assert_array_equal(found.parameters, expected.parameters)


def test_an_integer_of_numpys_is_a_setting():
    n = np.int64(3)
    losses, schedules, optimizers = xpnet.losses, xpnet.schedules, xpnet.optimizers
    assert losses.MultiCrossEntropy(np.asarray([2, 3])) is losses.MultiCrossEntropy((2, 3))
    assert schedules.Step(0.1, steps=n) == schedules.Step(0.1, steps=3)
    assert schedules.Cosine(0.1, warmup=n) == schedules.Cosine(0.1, warmup=3)
    assert schedules.ReduceOnPlateau(0.1, patience=n) == schedules.ReduceOnPlateau(0.1, patience=3)
    history = new().fit(X, Y, optimizer=optimizers.LBFGS(history=n), epochs=5)
    assert len(history) == 5
    A = np.asarray([[0.1, 0.5, 0.4], [0.5, 0.4, 0.1]])
    assert xpnet.metrics.TopKAccuracy(np.int64(2))(np, A, np.asarray([2, 2])) == 0.5
    settings = {"epochs": 9, "learning_rate": 0.0, "batch_size": None}
    assert len(new().fit(X, Y, early_stopping=n, **settings)) == 4


@pytest.mark.parametrize("max_norm", ["3", True, [1.0], -1.0, float("nan")])
def test_a_max_norm_that_is_no_number_is_refused_before_the_first_step(max_norm):
    with pytest.raises(ValueError, match="the limit of max_norm must be a finite number > 0"):
        new().fit(X, Y, max_norm=max_norm)


# --- examples set aside


def test_examples_of_weight_0_are_set_aside_nowhere():
    w = np.zeros(40)
    w[:12] = 1.0
    found, expected = new(), new()
    settings = {"epochs": 2, "validation_fraction": 0.25}
    histories = [
        found.fit(X, Y, sample_weight=w, **settings),
        expected.fit(X[:12], Y[:12], sample_weight=w[:12], **settings),
    ]
    assert histories[0].validation_loss == histories[1].validation_loss
    np.testing.assert_array_equal(found.parameters, expected.parameters)
    w[1:] = 0.0
    with pytest.raises(ValueError, match="class 0 has 1 examples"):
        new().fit(X, Y, sample_weight=w, **settings)


def test_the_two_classes_of_one_output_are_set_aside_alike():
    rare = (np.arange(40) < 8) * 1
    net = xpnet.Network([5, 4, 1], loss="binary_cross_entropy")
    seen = []
    constant = xpnet.metrics.Metric(
        "share", lambda xp, A, Y, w, loss: xp.mean(Y, axis=-2), lambda parts: parts[0, 0],
        ("probabilities",),
    )  # fmt: skip
    for seed in range(4):
        net.seed = seed
        history = net.fit(X, rare, epochs=1, validation_fraction=0.25, metrics=[constant])
        seen += history.metrics["validation_share"]
    assert seen == pytest.approx([0.2] * 4)


def test_weights_of_classes_are_not_those_of_validation():
    """As where the same examples are given as validation data."""
    net = new()
    settings = {"epochs": 1, "learning_rate": 0.0, "validation_fraction": 0.25}
    plain = new().fit(X, Y, **settings)
    weighted = net.fit(X, Y, class_weight={0: 9.0, 1: 0.5}, **settings)
    assert weighted.validation_loss == plain.validation_loss
    assert weighted.validation_accuracy == plain.validation_accuracy
    assert weighted.loss != plain.loss


@pytest.mark.parametrize(
    ("labels", "name"), [(np.arange(40) % 2 + (np.arange(40) == 7), "2"), (None, "'cat'")]
)
def test_a_class_too_small_to_set_aside_is_named(labels, name):
    codes = np.arange(40) % 2 + (np.arange(40) == 7)
    net = new() if name == "2" else xpnet.Network()
    with pytest.raises(ValueError, match=f"^class {name} has 1 examples.*another fraction"):
        net.fit(X, NAMES[codes] if labels is None else labels, validation_fraction=0.2)


# --- metrics, callbacks, early stopping


def steps(values):
    """A metric of that name whose values are given, an epoch each."""
    it = iter(values)
    return lambda parts: np.asarray(next(it))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize(("larger", "best"), [(True, 3), (False, 1)])
def test_early_stopping_asks_the_metric_which_way_is_better(optimizer, larger, best):
    skill = xpnet.metrics.Metric(
        "skill", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([1.0, 2, 3, 2.5, 2.4, 2.3]),
        ("labels",), larger_is_better=larger,
    )  # fmt: skip
    stop = xpnet.EarlyStopping("validation_skill", patience=2)
    history = new().fit(
        X, Y, optimizer=optimizer, validation_data=(X, Y), metrics=skill, early_stopping=stop
    )
    assert (history.best_epoch, len(history), history.stopped) == (best, best + 2, "early")


def test_a_value_that_is_nan_is_no_improvement():
    net = new()
    found = xpnet.metrics.Metric(
        "odd", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([np.nan, 2.0, np.nan, np.nan]),
        ("labels",),
    )  # fmt: skip
    stop = xpnet.EarlyStopping("validation_odd", patience=2)
    history = net.fit(X, Y, validation_data=(X, Y), metrics=found, early_stopping=stop)
    assert (history.best_epoch, len(history)) == (2, 4)


def test_one_metric_needs_no_list_and_none_is_no_metric():
    net, accuracy = new(), xpnet.metrics.Accuracy()
    expected = net.evaluate(X, Y, metrics=["accuracy"])
    assert net.evaluate(X, Y, metrics=accuracy) == net.evaluate(X, Y, metrics=None) == expected
    history = net.fit(X, Y, epochs=1, callbacks=None, metrics=accuracy, validation_data=(X, Y))
    assert len(history.validation_accuracy) == 1


def test_metrics_without_validation_data_are_refused():
    with pytest.raises(ValueError, match=r"metrics \(f1\) are of the validation data"):
        new().fit(X, Y, metrics=["f1"])


# --- classes


def trained(loss, targets, **settings):
    net = xpnet.Network(loss=loss, hidden=(8,), rng=3, **settings)
    net.fit(X, targets, epochs=2)
    return net, xpnet.to_numpy(net(X))


def test_classes_of_several_heads_are_predicted_head_by_head():
    loss = xpnet.losses.MultiCrossEntropy((2, 3))
    net, A = trained(loss, np.stack([Y % 2, Y], axis=1))
    expected = np.stack([A[:, :2].argmax(axis=1), A[:, 2:].argmax(axis=1)], axis=1)
    np.testing.assert_array_equal(net.predict_classes(X), expected)
    np.testing.assert_array_equal(net.predict_classes(X[0]), expected[0])


@pytest.mark.parametrize(("output", "threshold"), [("sigmoid", 0.5), ("identity", 0.0)])
def test_several_labels_are_predicted_one_by_one(output, threshold):
    rows = (X[:, :3] > 0).astype(int)
    net, A = trained("binary_cross_entropy", rows, output=output)
    np.testing.assert_array_equal(net.predict_classes(X), np.greater(A, threshold))
    net, A = trained("binary_cross_entropy", rows[:, 0], output=output)
    np.testing.assert_array_equal(net.predict_classes(X), A[:, 0] > threshold)
    net, A = trained("binary_cross_entropy", NAMES[rows[:, 0]], output=output)
    np.testing.assert_array_equal(net.predict_classes(X), NAMES[(A[:, 0] > threshold) * 1])


def test_a_number_stands_for_no_class():
    net, _ = trained("huber", X[:, 0])
    with pytest.raises(ValueError, match="loss 'huber' is for numbers"):
        net.predict_classes(X)


@pytest.mark.parametrize("labels", [np.zeros(40, int), np.asarray(["ape"] * 40)])
def test_one_class_alone_is_no_classification(labels):
    with pytest.raises(ValueError, match="Y has the same class throughout"):
        xpnet.Network().fit(X, labels)


def test_text_has_a_class_for_every_output():
    """Else an output without a name could be the likeliest."""
    net = xpnet.Network([5, 4, 6])
    with pytest.raises(ValueError, match=r"3 classes \(ape, bee, cat\), but the output has 6"):
        net.fit(X, NAMES[Y])
    assert net.classes is None
    assert net.loss is None


@pytest.mark.parametrize("key", [0.7, "emu", 0, np.int64(1)])
def test_keys_of_class_weights_are_the_names_where_labels_are_text(key):
    net = xpnet.Network()
    match = rf"class_weight has the class {re.escape(repr(key))}, .* as they are, ape, bee, cat$"
    with pytest.raises(ValueError, match=match):
        net.fit(X, NAMES[Y], class_weight={"ape": 2.0, key: 9.0})
    assert net.classes is None


# --- arrays


def test_sparse_arrays_are_refused_with_a_remedy():
    sparse = needed("scipy.sparse")
    for use in (new().fit, new().evaluate):
        with pytest.raises(TypeError, match=r"sparse arrays are not taken.*toarray"):
            use(sparse.csr_array(X), Y)
    with pytest.raises(TypeError, match="got csr_matrix"):
        xpnet.asarray(sparse.csr_matrix(X), "numpy")


def test_masked_entries_are_refused_and_masks_of_nothing_taken():
    net = new()
    hidden = np.ma.masked_array(X, mask=X > 1)
    with pytest.raises(ValueError, match="X has masked entries"):
        net(hidden)
    with pytest.raises(ValueError, match="Y has masked entries"):
        net.fit(X, np.ma.masked_array(Y, mask=Y == 1))
    np.testing.assert_array_equal(net(np.ma.masked_array(X)), net(X))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_parameters_are_finite(backend, value):
    net = xpnet.Network([5, 4, BatchNorm(), 3], backend=backend)  # float32: 1e300 is too much
    before = xpnet.to_numpy(net.parameters).copy()
    theta = np.where(np.arange(len(before)) == 2, value, before.astype(float))
    weights = [np.asarray(W, dtype=float) + value for W in map(xpnet.to_numpy, net.weights)]
    statistics = [np.full((1, 4), value), np.ones((1, 4))]
    for change in (
        lambda: net.set_parameters(theta),
        lambda: net.set_weights(weights, net.biases),
        lambda: net.set_statistics(statistics),
    ):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="NaN or infinite"):
            change()
    np.testing.assert_array_equal(xpnet.to_numpy(net.parameters), before)
    np.testing.assert_array_equal(xpnet.to_numpy(net.statistics[0]), 0)


def test_statistics_have_their_shapes():
    net = xpnet.Network([5, 4, BatchNorm(), 3])
    for wrong in ([np.zeros(3)], [np.zeros((1, 4))], [np.zeros((1, 4)), np.ones((1, 5))]):
        with pytest.raises(ValueError, match=r"statistics must have the shapes \[\(1, 4\), \(1, 4"):
            net.set_statistics(wrong)


def test_the_objective_looks_at_its_data_and_its_penalty():
    net = new()
    with pytest.raises(ValueError, match="X has NaN"):
        net.objective(np.where(X > 2, np.nan, X), Y)
    with pytest.raises(TypeError, match=r"penalty must be one such as xpnet\.Penalty"):
        net.objective(X, Y, penalty=0.1)


def test_integers_that_jax_would_wrap_are_refused():
    jax = needed("jax")
    try:
        jax.config.update("jax_enable_x64", False)
        with pytest.raises(ValueError, match="need JAX's 64-bit mode"):
            xpnet.asarray(np.asarray([0, 2**31]), "jax")
        with pytest.raises(ValueError, match="need JAX's 64-bit mode"):
            xpnet.asarray(np.asarray([2**32], dtype=np.uint64), "jax")
        fits = xpnet.asarray(np.asarray([-(2**31), 2**31 - 1]), "jax")
        assert xpnet.to_numpy(fits).tolist() == [-(2**31), 2**31 - 1]
    finally:
        jax.config.update("jax_enable_x64", True)
    assert int(xpnet.asarray(np.asarray([2**40]), "jax")[0]) == 2**40


# --- layers


def test_a_last_batch_of_one_leaves_the_running_variance(backend):
    """33 examples in batches of 32: the variance of the last one alone is none."""
    nets = [network(backend, [5, 4, BatchNorm(), 3], loss="cross_entropy") for _ in range(2)]
    settings = {"epochs": 1, "batch_size": 32, "learning_rate": 0.0, "shuffle": False}
    nets[0].fit(X[:33], Y[:33], **settings)
    nets[1].fit(X[:32], Y[:32], **settings)
    (mean, variance), (mean_32, variance_32) = (net.statistics for net in nets)
    np.testing.assert_array_equal(xpnet.to_numpy(variance), xpnet.to_numpy(variance_32))
    assert np.all(xpnet.to_numpy(mean) != xpnet.to_numpy(mean_32))


@pytest.mark.parametrize(
    ("width", "expected"),
    [(5, 3 + 3 + 3 + 2), (7, 4 + 4 + 3 + 2)],  # Z, dW or dP, db, and dA of two inner layers alone
)
def test_a_first_residual_layer_forms_no_gradient_of_the_input(width, expected):
    products = []

    class Counting(NumpyBackend):
        def matmul(self, a, b, out=None):
            products.append(b.shape)
            return super().matmul(a, b, out=out)

    net = network(
        Counting(np, "cpu"), [5, Residual([6, width]), 3], activation="tanh", loss="huber"
    )
    rows = rng.normal(size=(40, 3))
    assert max(xpnet.gradient_check(net, X, rows)) < 1e-8
    products.clear()
    net.gradient(X, rows)
    assert len(products) == expected


def test_sizes_and_hidden_are_not_both_given():
    with pytest.raises(ValueError, match="leave hidden out"):
        xpnet.Network([5, 8, 3], hidden=(7,))


# --- other


def test_a_range_test_needs_steps_enough():
    with pytest.raises(ValueError, match=r"steps must be 3 or more.*got 2"):
        xpnet.learning_rate_range(new(), X, Y, steps=2)


def test_what_is_not_finite_is_null_in_json_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    nan = xpnet.metrics.Metric(
        "odd", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([np.nan]), ("labels",)
    )
    log = xpnet.training.json_lines(path)
    new().fit(X, Y, epochs=1, validation_data=(X, Y), metrics=[nan], callbacks=log)
    refuse = {"parse_constant": lambda name: pytest.fail(f"{name} is no JSON")}
    assert json.loads(path.read_text(), **refuse)["validation_odd"] is None


def test_labels_that_are_not_there_are_left_out_of_metrics(backend):
    scores = needed("sklearn.metrics")
    loss = xpnet.losses.Masked(xpnet.losses.LOSSES["binary_cross_entropy"])
    net = network(backend, [5, 4, 3], loss=loss)
    P, rows = xpnet.to_numpy(net(X)), (X[:, :3] > 0.3).astype(float)
    rows[rng.uniform(size=rows.shape) < 0.3] = np.nan
    rows[0] = np.nan
    there = ~np.isnan(rows)
    right = (P > 0.5) == (rows > 0.5)
    share = [right[n][there[n]].mean() for n in range(40) if there[n].any()]
    f1 = [scores.f1_score(rows[m, k], P[m, k] > 0.5) for k, m in enumerate(there.T)]
    found = net.evaluate(X, rows, metrics=["accuracy", "f1"], batch_size=13)
    assert found["accuracy"] == pytest.approx(np.mean(share), rel=1e-12)
    assert found["f1"] == pytest.approx(np.mean(f1), rel=1e-12)
    one = network(backend, [5, 4, 1], loss=loss)
    m = there[:, 0]
    expected = scores.roc_auc_score(rows[m, 0], xpnet.to_numpy(one(X))[m, 0])
    assert one.evaluate(X, rows[:, 0], metrics="auc")["auc"] == pytest.approx(expected, rel=1e-12)


# --- what no test noticed when it was changed


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_the_errors_of_a_gradient_check_are_in_the_order_of_the_layers(wrong):
    net = network(get_backend("numpy"), [5, 4, 6, 3], loss="huber", activation="tanh")
    rows = np.random.default_rng(5).normal(size=(40, 3))
    gradient = net.gradient(X, rows)
    gradient.weights[wrong][...] *= 1.05  # a view of gradient.flat
    errors = xpnet.gradient_check(net, X, rows, gradient=gradient)
    assert [error > 1e-3 for error in errors] == [l == wrong for l in range(3)]


def test_an_optimizer_of_ones_own_is_a_named_tuple(backend):
    found, expected = (network(backend, [5, 4, 3], loss="cross_entropy") for _ in range(2))
    found.fit(X, Y, epochs=2, batch_size=16, optimizer=Plain(), learning_rate=0.2)
    expected.fit(X, Y, epochs=2, batch_size=16, optimizer="sgd", learning_rate=0.2)
    found, expected = (xpnet.to_numpy(net.parameters) for net in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-13)

    class Loose:
        learning_rate = 0.1
        init, coefficients, update = Plain.init, Plain.coefficients, Plain.update

    with pytest.raises(TypeError, match="is a NamedTuple of its settings"):
        new().fit(X, Y, optimizer=Loose())


@pytest.mark.parametrize("validation", [{}, {"validation_data": (X[:9], Y[:9])}])
def test_a_schedule_observes_the_validation_loss_or_the_loss_where_there_is_none(validation):
    seen = []

    class Watching:
        def __call__(self, t):
            return 0.01

        def observe(self, value):
            seen.append(value)

    history = new().fit(X, Y, epochs=3, learning_rate=Watching(), **validation)
    assert seen == (history.validation_loss if validation else history.loss)


def test_a_range_test_ends_where_the_loss_is_four_times_the_lowest():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    found = xpnet.learning_rate_range(
        new(loss="huber"), X, rows, low=1e-4, high=1e3, steps=100, batch_size=40, optimizer="sgd"
    )
    lowest = np.minimum.accumulate(found.losses)
    assert len(found.losses) < 100
    assert np.all(found.losses[:-1] <= 4 * lowest[:-1])
    assert found.losses[-1] > 4 * lowest[-1]


def test_the_suggested_rate_is_in_the_middle_of_the_fall():
    from xpnet.network.rate_range import _steepest

    rates = 1e-5 * 1e6 ** (np.arange(60) / 59)
    assert _steepest(rates, -np.tanh((np.arange(60) - 33) / 5)) == rates[33]


def test_a_quarter_is_set_aside_and_three_are_trained_on():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    history = new(loss="huber").fit(X, rows, epochs=1, batch_size=1, validation_fraction=0.25)
    assert len(history.step_loss) == 30


def test_the_objective_is_the_weighted_mean(backend):
    net, w = network(backend, [5, 4, 3], loss="cross_entropy"), np.linspace(0.0, 3.0, 40)
    value, g = net.objective(X, Y, w)(xpnet.to_numpy(net.parameters))
    expected, gradient = net.value_and_gradient(X, Y, w)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(g, xpnet.to_numpy(gradient.flat), rtol=1e-10, atol=1e-15)


def test_an_iteration_of_lbfgs_is_an_epoch():
    net = new()
    assert net.fit(X, Y, optimizer="lbfgs", epochs=3).epoch == [1, 2, 3]
    assert net.fit(X, Y, optimizer="lbfgs", epochs=2).epoch == [4, 5]
    assert net.epoch == 5
