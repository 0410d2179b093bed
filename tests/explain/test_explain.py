"""``net.explain``: its values are those of the passes; its costs and formulas are correct."""

from __future__ import annotations

import math
import re
from unicodedata import combining

import numpy as np
import pytest

import xpnet
from tests.support.chains import EVERY_KIND, chained, each_chain, examples, small
from tests.support.helpers import PAIRS, network, random_targets
from tests.support.processes import loaded_after
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activation import Activation, elementwise
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import view
from xpnet.explain.recorded import symbol
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Loss,
    Masked,
    MultiCrossEntropy,
    Quantile,
)


def labelled(layers, inside=""):
    """Yield every layer's number, as on the page, with each of its own parameters."""
    for number, layer in enumerate(layers, start=1):
        l = f"{inside}{number}"
        yield from ((l, slot) for slot in layer.slots[sum(len(c.slots) for c in layer.children) :])
        yield from labelled(layer.children, f"{l}.")


def assert_same_gradient(explanation, layers, gradient):
    """Check that every d<parameter> of the explanation has the gradient's bits."""
    flat, met = to_numpy(gradient.flat), 0
    for l, slot in labelled(layers):
        row = explanation[f"d{symbol(slot.name, l)}"]
        assert row.array.dtype == flat.dtype
        np.testing.assert_array_equal(row.array, view(np, flat, slot), err_msg=row.symbol)
        met += slot.size
    assert met == len(flat)


def widest(explanation):
    """Return the longest line's columns on a terminal; combining marks take none."""
    return max(sum(not combining(c) for c in line) for line in str(explanation).splitlines())


# --- values


@pytest.mark.parametrize("chain", EVERY_KIND)
def test_every_kind_of_layer_on_every_backend(backend, chain):
    """The gradient's bits agree; these chains have every kind of layer."""
    assert_same_pass(chained(backend, chain, dtype="float32" if chain == "all" else "float64"))


@each_chain
def test_gradients_are_those_of_the_network_to_the_bit(chain):
    assert_same_pass(chained(get_backend("numpy"), chain))


def assert_same_pass(net):
    X, Y = examples()
    explanation = net.explain(X, Y, check=False)
    value, gradient = net.value_and_gradient(X, Y)
    assert_same_gradient(explanation, net.layers, gradient)
    assert explanation.loss == value
    output = explanation[f"A_{len(net.layers)}"].array
    np.testing.assert_array_equal(output, to_numpy(net(X)))


@each_chain
def test_one_example_is_that_row_alone(chain):
    net = chained(get_backend("numpy"), chain)
    X, Y = examples()
    picked = net.explain(X, Y, example=3, check=False)
    alone = net.explain(X[3], Y[3], check=False)
    for explanation in (picked, alone):
        assert_same_gradient(explanation, net.layers, net.gradient(X[3], Y[3]))
    assert picked["A_0"].shape == (1, 5)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation(activation):
    net = network(get_backend("numpy"), [5, 7, 4], activation=activation, loss="mean_squared_error")
    X, Y = examples(loss="mean_squared_error")
    assert_same_gradient(net.explain(X, Y, check=False), net.layers, net.gradient(X, Y))


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_every_loss_with_every_output(output, loss):
    net = network(get_backend("numpy"), [5, 6, 4], loss=loss, output=output)
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(6, 5)), random_targets(rng, loss, 6, 4)
    explanation = net.explain(X, Y, check=False)
    value, gradient = net.value_and_gradient(X, Y)
    assert_same_gradient(explanation, net.layers, gradient)
    assert explanation.loss == value
    assert widest(explanation) <= 100


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(label_smoothing=0.1),
        MultiCrossEntropy((2, 2)),
        Masked(Huber(2.0)),
        Masked(LOSSES["binary_cross_entropy"]),
        Quantile((0.1, 0.9)),
        GaussianNLL(),
        Loss("own", lambda xp, A, Y: (xp.sum((A - Y) ** 4, axis=-1), (A - Y) ** 3 * 4.0)),
    ],
    ids=lambda loss: loss.name,
)
def test_losses_with_settings_and_own_ones(loss):
    net = network(get_backend("numpy"), [5, 6, 4], loss=loss)
    rng = np.random.default_rng(1)
    X, n = rng.normal(size=(6, 5)), loss.n_targets(4)
    Y = rng.integers(0, 2, (6, n)) if loss.heads else rng.uniform(0, 1, (6, n))
    Y = rng.integers(0, 4, 6) if loss.targets == "labels" else Y
    explanation = net.explain(X, Y)
    assert_same_gradient(explanation, net.layers, net.gradient(X, Y))
    assert loss.name in explanation.title


def test_a_network_whose_loss_is_open_takes_that_of_the_targets():
    net = xpnet.Network([5, 6, 4])
    X, Y = examples()
    explanation = net.explain(X, Y)
    assert_same_gradient(explanation, net.layers, net.gradient(X, Y))
    assert net.loss is None


def test_a_row_keeps_its_values_where_a_later_function_overwrites_them():
    """A vjp may overwrite dA."""

    def vjp(xp, Z, A, dA):
        dA *= 1.0 - A * A
        return dA

    tanh = ACTIVATIONS["tanh"]
    net, X, Y = small(activation=Activation("own tanh", tanh.f, vjp, tanh.jvp))
    explanation = net.explain(X, Y)
    dA = explanation["dZ_2"].array @ net.weights[1]
    np.testing.assert_allclose(explanation["dA_1"].array, dA, rtol=1e-12)
    assert_same_gradient(explanation, net.layers, net.gradient(X, Y))


def test_statistics_are_those_of_the_array(backend):
    net = network(backend, [5, 7, 4], loss="cross_entropy")
    for row in net.explain(*examples(), check=False):
        x = row.array.astype(np.float64)
        assert row.shape == x.shape
        assert row.mean == pytest.approx(x.mean(), abs=1e-12)
        assert row.std == pytest.approx(np.sqrt(((x - x.mean()) ** 2).mean()), abs=1e-12)
        assert row.norm == pytest.approx(np.linalg.norm(x))


@each_chain
def test_rows_are_numbered_and_found_by_their_symbols(chain):
    net = chained(get_backend("numpy"), chain)
    explanation = net.explain(*examples(), check=False)
    assert [row.number for row in explanation] == list(range(1, len(explanation) + 1))
    symbols = [row.symbol for row in explanation]
    assert len(set(symbols)) == len(symbols)
    shapes = {p.symbol: p.array.shape for layer in explanation.layers for p in layer.parameters}
    for row in explanation:
        assert row.equation.startswith(f"{row.symbol} = ")
        for operand in row.operands:
            if operand.symbol[0] in "1O":
                continue  # ones and one-hot rows are on no row of the page
            name, _, part = operand.symbol.partition("[")
            given = shapes[name.removesuffix("ᵀ")]  # raises if the operand comes later
            if not part:
                assert operand.shape == (given[::-1] if name.endswith("ᵀ") else given)
        shapes[row.symbol] = row.shape


# --- costs


def test_costs_by_hand():
    net = xpnet.Network([784, 256, 10], loss="cross_entropy")
    rng = np.random.default_rng(0)
    explanation = net.explain(rng.uniform(size=(128, 784)), rng.integers(0, 10, 128), check=False)
    flops = {row.symbol: row.flops for row in explanation}
    assert flops["Z_1"] == 2 * 128 * 784 * 256 + 128 * 256
    assert flops["A_1"] == 128 * 256
    assert flops["Z_2"] == 2 * 128 * 256 * 10 + 128 * 10
    assert flops["dZ_2"] == 2 * 128 * 10
    assert flops["dW_2"] == 2 * 10 * 128 * 256
    assert flops["db_2"] == 2 * 128 * 10
    assert flops["dA_1"] == 2 * 128 * 10 * 256
    assert flops["dZ_1"] == 2 * 128 * 256
    assert flops["dW_1"] == 2 * 256 * 128 * 784
    moved = {row.symbol: row.bytes for row in explanation}
    assert moved["dW_1"] == 4 * (256 * 128 + 128 * 784 + 256 * 784)
    assert moved["Z_1"] == 4 * (128 * 784 + 784 * 256 + 256 + 128 * 256)
    assert moved["A_1"] == 4 * 2 * 128 * 256
    assert moved["db_1"] == 4 * (128 + 128 * 256 + 256)
    assert moved["dZ_1"] == 4 * 3 * 128 * 256
    assert moved["loss"] == 4 * (2 * 128 * 10 + 1)
    assert moved["dZ_2"] == 4 * 3 * 128 * 10
    assert moved["A_0"] == moved["Y"] == 0
    products = [r for r in explanation if r.summed and r.operands[0].symbol != "1ᵀ"]
    assert len(products) == 3 * 2 - 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_chain
def test_bytes_are_the_operands_and_the_result_in_the_dtype_of_the_network(chain, dtype):
    net = chained(get_backend("numpy"), chain, dtype=dtype)
    size = {"float32": 4, "float64": 8}[dtype]
    for row in net.explain(*examples(9), check=False):
        numbers = row.array.size + sum(math.prod(operand.shape) for operand in row.operands)
        assert row.bytes == (0 if row.flops == 0 else size * numbers), row.equation
        another_name = r"[\w.]+ = (d?A_[\d.]+|X|one-hot labels|targets|identity\(.*\))"
        assert (row.bytes == 0) == bool(re.fullmatch(another_name, row.equation)), row.equation


def test_the_total_of_the_products_is_without_the_additions_of_the_biases():
    net, X, Y = small()  # 5-7-4, 20 examples
    text = str(net.explain(X, Y, check=False))
    products = 2 * 20 * (2 * 5 * 7 + 3 * 7 * 4)
    assert f"5 matrix products: {products / 1000:.3g} k FLOPs, without the additions" in text
    assert net.explain(X, Y, check=False)["Z_1"].flops == 2 * 20 * 5 * 7 + 20 * 7


@each_chain
def test_the_axis_that_is_summed_over_is_the_inner_one(chain):
    explanation = chained(get_backend("numpy"), chain).explain(*examples(9), check=False)
    for row in explanation:
        assert row.seconds is None or row.seconds > 0
        if row.summed:
            a, b = row.operands[0].shape, row.operands[1].shape
            assert a[1] == b[0]
            assert (a[0], b[1]) == row.shape
            if row.summed != "N":
                assert explanation[row.summed.replace("n_", "A_")].shape[1] == a[1]


# --- one entry


def test_an_entry_is_its_dot_product(backend):
    net = network(backend, [5, 7, 4], loss="cross_entropy")
    X, Y = examples(40)
    entry = net.explain(X, Y, entry=(2, 3, 6), check=False).entry
    assert entry.equation == "dW_2[3, 6] = Σ_n dZ_2[n, 3] A_1[n, 6]"
    assert entry.value == float(to_numpy(net.gradient(X, Y).weights[1])[3, 6])
    np.testing.assert_array_equal(entry.products, entry.dZ * entry.A)
    assert entry.products.sum() == pytest.approx(entry.value, rel=1e-12)


def test_an_entry_within_a_residual_connection():
    net = chained(get_backend("numpy"), "residual, projected")
    X, Y = examples()
    entry = net.explain(X, Y, entry=("2.1", 7, 5)).entry
    assert entry.value == net.gradient(X, Y).weights[1][7, 5]
    assert entry.products.sum() == pytest.approx(entry.value, rel=1e-12)


def test_many_terms_are_shortened_in_the_middle():
    net, *_ = small()
    X, Y = examples(100)
    lines = str(net.explain(X, Y, entry=(1, 0, 0))).partition("dW_1[0, 0] =")[2].splitlines()[2:]
    assert len(lines) == 6 + 1 + 6 + 1
    assert "88 more" in lines[6]
    numbers = [float(line.split()[-1]) for line in lines]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], rel=1e-4)


# --- text


@each_chain
def test_the_text_fits_a_terminal_and_has_every_equation(chain):
    explanation = chained(get_backend("numpy"), chain).explain(*examples())
    assert widest(explanation) <= 100
    text = str(explanation)
    for row in explanation:
        assert " ".join(row.equation.split()[:3]) in text


def test_the_text_has_shapes_costs_and_the_gradient_check():
    net, X, Y = small()
    text = str(net.explain(X, Y))
    line = next(line for line in text.splitlines() if line.startswith("dW_1"))
    assert re.search(r"7 × 5 +1.4 k +2.2 kB", line)
    checked = r"differences of the loss, relative error, in float64: layer 1 (\S+), layer 2 (\S+)"
    found = re.search(checked, " ".join(text.split()))
    assert found
    assert all(float(error) < 1e-7 for error in found.groups())


# --- warnings


def warned(explanation):
    return {row.symbol: " ".join(row.warnings) for row in explanation if row.warnings}


def test_a_healthy_network_has_no_warnings():
    net, X, Y = small()
    assert warned(net.explain(X, Y)) == {}


def test_dead_units_are_reported_for_a_batch_and_not_for_one_example():
    net, X, Y = small(activation="relu")
    net.set_weights(net.weights, [np.asarray([-1e3] * 3 + [10.0] * 4), net.biases[1]])
    explanation = net.explain(X, Y)
    assert warned(explanation)["A_1"] == "43% of the relu units are 0 for all 20 examples"
    assert "  ! 43% of the relu units" in str(explanation)
    assert "A_1" not in warned(net.explain(X, Y, example=0))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_saturated_units_are_reported(activation):
    net, X, Y = small(activation=activation)
    net.set_weights([net.weights[0] * 1e3, net.weights[1]], net.biases)
    assert "saturated" in warned(net.explain(X, Y, check=False))["A_1"]


def test_an_output_may_be_saturated():
    net, X, Y = small(loss="binary_cross_entropy")
    net.set_weights([net.weights[0], net.weights[1] * 1e3], net.biases)
    explanation = net.explain(X, Y, check=False)
    assert (np.abs(explanation["A_2"].array - 0.5) > 0.499).mean() > 0.9
    assert "A_2" not in warned(explanation)


def test_gradients_out_of_range_are_reported():
    net, X, Y = small(loss="squared_error")
    assert "overshoot" in warned(net.explain(X, Y * 1e6, check=False))["dW_1"]
    Y = to_numpy(net(X))
    assert "this layer learns nothing" in warned(net.explain(X, Y, check=False))["dW_1"]


def test_values_that_are_not_finite_are_counted(backend):
    net = network(backend, [5, 7, 4], loss="cross_entropy", activation="tanh")
    theta = to_numpy(net.parameters).copy()
    theta[0] = np.nan  # in place, since set_parameters refuses NaN
    net.take(backend.from_numpy(theta), net.statistics)
    explanation = net.explain(*examples(9), check=False)
    said = warned(explanation)
    assert list(said) == ["Z_1"]  # only the first row with such values is named
    assert said["Z_1"].startswith("9 of 63 entries are not finite, and the problem begins here")
    assert all(math.isnan(explanation[s].norm) for s in ("Z_1", "Z_2", "loss", "dW_2", "dW_1"))


def test_values_that_are_not_finite_are_warned_of_wherever_they_begin():
    """The squares overflow in the loss. dZ_2 does not, but its product with W_2 does."""
    net, X, Y = small(loss="squared_error", dtype="float32")
    net.set_weights([net.weights[0], net.weights[1] * 1e20], net.biases)
    with np.errstate(over="ignore", invalid="ignore"):
        explanation = net.explain(X, Y, check=False)
    said = [symbol for symbol, text in warned(explanation).items() if "not finite" in text]
    assert said == ["loss", "dA_1"]
    assert not np.isfinite(explanation["dW_1"].array).all()


def test_a_wrong_derivative_is_reported_where_it_is():
    wrong = elementwise("wrong", lambda xp, Z: Z * Z, lambda xp, Z, A: 2.1 * Z)
    net, X, Y = small(activation=wrong)
    explanation = net.explain(X, Y)
    by_label = {layer.label: layer.check for layer in explanation.layers}
    assert by_label["1"] > 1e-3
    assert by_label["2"] < 1e-7
    assert "  ! layer 1: the gradient differs" in str(explanation)


def test_large_networks_are_checked_on_request_alone():
    net = xpnet.Network([300, 120, 3], loss="cross_entropy")
    X, Y = np.random.default_rng(0).normal(size=(4, 300)), np.asarray([0, 1, 2, 0])
    assert all(layer.check is None for layer in net.explain(X, Y).layers)
    assert all(layer.check is not None for layer in net.explain(X, Y, check=True).layers)


# --- bad input, and no side effects


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"example": 9}, ValueError, r"0 … 8, the rows of X; got 9"),
        ({"example": -1}, ValueError, r"0 … 8"),
        ({"example": "first"}, TypeError, "row of X"),
        ({"example": True}, TypeError, "row of X"),
        ({"example": np.False_}, TypeError, "row of X"),
        ({"check": "no"}, ValueError, "check must be True, False or None, got 'no'"),
        ({"entry": ("l" * 500, 0, 0)}, ValueError, "there is no dW_l{59}…; there are"),
        ({"entry": (3, 0, 0)}, ValueError, "there is no dW_3; there are dW_1, dW_2"),
        ({"entry": (1, 7, 0)}, ValueError, r"7 × 5, so its row must lie in 0 … 6, got 7"),
        ({"entry": (1, 0, -1)}, ValueError, r"its column must lie in 0 … 4, got -1"),
        ({"entry": (1, 0)}, TypeError, r"\(l, i, j\)"),
        ({"entry": 5}, TypeError, r"\(l, i, j\)"),
        ({"entry": (1, 0.5, 0)}, TypeError, r"\(l, i, j\)"),
    ],
)
def test_what_is_not_there_is_refused(asked, error, match):
    net, *_ = small()
    before = net.parameters.copy()
    with pytest.raises(error, match=match):
        net.explain(*examples(9), **asked)
    np.testing.assert_array_equal(net.parameters, before)


def test_bad_data_are_refused_as_by_gradient():
    net, X, Y = small()
    with pytest.raises(ValueError, match="expects 5"):
        net.explain(X[:, :3], Y)
    with pytest.raises(ValueError, match="no sizes yet"):
        xpnet.Network().explain(X, Y)
    with pytest.raises(KeyError, match="there are A_0, Y, Z_1"):
        net.explain(X, Y)["dX"]


def test_the_network_and_the_data_are_left_as_they_were():
    net = chained(get_backend("numpy"), "all")
    X, Y = examples()
    given = X.copy()
    state = [to_numpy(x).copy() for x in (net.parameters, *net.statistics)]
    epoch = net.epoch
    net.explain(X, Y, check=True)
    for old, new in zip(state, (net.parameters, *net.statistics), strict=True):
        np.testing.assert_array_equal(to_numpy(new), old)
    assert net.epoch == epoch
    np.testing.assert_array_equal(X, given)


@pytest.mark.slow
def test_an_import_of_xpnet_does_not_load_it():
    loaded = loaded_after("import xpnet")
    assert "xpnet.network" in loaded
    assert "xpnet.explain" not in loaded
