"""Compiled loops: a step's program gives the same results as the plain step.

Programs run as plain Python here (tests/support/plain_runtime.py). tests/engines/test_compiled.py
compiles them.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest

import xpnet
from tests.support.chains import chained, each_chain, examples
from tests.support.fused_cases import (
    ENDS,
    FUNCTIONS,
    alike,
    at_the_ends,
    case,
    difference,
    program_of,
    run_plain,
    run_source,
)
from tests.support.helpers import PAIRS, network, random_targets, widths_for
from tests.support.loss_cases import CASES, WIDTH, each_case, problem
from xpnet.backends import get_backend
from xpnet.engines.graph.namespace import Namespace
from xpnet.engines.graph.nodes import Graph, Size, without_axes
from xpnet.engines.graph.shapes import TraceError
from xpnet.engines.loops.runner import FusedRunner
from xpnet.equations.activations import ACTIVATIONS
from xpnet.layers import BatchNorm, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import LOSSES, CrossEntropy, Loss, Masked, MultiCrossEntropy
from xpnet.optimizers import OPTIMIZERS, Accumulated, Averaged, Clipped, get_optimizer

NUMPY = get_backend("numpy")
ADAM = get_optimizer("adam")


def same(found, tolerance=1e-13):
    """Check that the programs of one thread and of a team give the plain step's results."""
    program, expected = program_of(found), run_plain(found)
    assert difference(run_source(found, program), expected) < tolerance
    together = program_of(found, team=True)
    for order in ((0, 1, 2), (2, 1, 0)):
        assert difference(run_source(found, together, order=order), expected) < tolerance
    return program


@pytest.mark.parametrize("rows", [3, 5, 6, 7, 11, 13])
@pytest.mark.parametrize("team", [False, True])
def test_equal_rows_are_their_own_mean(rows, team):
    found = alike(rows)
    state, _ = run_source(found, program_of(found, team=team))
    np.testing.assert_array_equal(state.stats[0][0], found.data.X[0] / 2)  # from 0
    np.testing.assert_array_equal(state.stats[1][0], np.full(5, 0.5))  # from 1


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_every_output_with_every_loss(activation, loss):
    rng = np.random.default_rng(0)
    net = network(NUMPY, [3, 4, 5], activation="tanh", output=activation, loss=loss)
    n = widths_for(loss, [5])[0]
    Y = random_targets(rng, loss, 6, n)
    same(case(net, rng.normal(size=(6, 3)), Y, optimizer=ADAM))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_hidden_activation(activation):
    rng = np.random.default_rng(1)
    net = network(NUMPY, [3, 6, 5, 2], activation=activation, loss="mean_squared_error")
    same(case(net, rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), optimizer=ADAM))


@each_chain
def test_every_layer(chain):
    X, Y = examples()
    same(case(chained(NUMPY, chain), X, Y, optimizer=ADAM))


@each_case
def test_losses_with_settings(loss):
    z, Y = problem(loss, N=7)
    net = network(NUMPY, [WIDTH, 8, WIDTH], activation="tanh", loss=loss)
    same(case(net, z, Y, optimizer=ADAM))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_infinite_and_of_extreme_numbers_are_numpys(name):
    made = at_the_ends(FUNCTIONS[name])
    with np.errstate(all="ignore"):
        totals = run_source(made, program_of(made))[1]
        expected = FUNCTIONS[name](np, np.asarray(ENDS))
    np.testing.assert_allclose(totals, expected, rtol=1e-14)


@pytest.mark.parametrize("sizes", [[5, 1], [5, 7, 1], [5, 1, 4], [5, 90, 60, 1]], ids=str)
def test_a_layer_of_one_unit(sizes):
    """The layer's db is a single number, but still has a place in the gradient."""
    X, _ = examples()
    Y = np.random.default_rng(4).normal(size=(len(X), sizes[-1]))
    for activation in ("tanh", "relu"):
        net = network(NUMPY, sizes, activation=activation, loss="mean_squared_error")
        for optimizer in (ADAM, get_optimizer("sgd")):
            same(case(net, X, Y, optimizer=optimizer), 1e-12)


def test_masks_of_a_layer_of_one_unit():
    """Its only column has the number 0, not the example's number."""
    X, Y = examples()
    net = network(NUMPY, [5, 1, Dropout(0.4), 4], activation="tanh", loss="cross_entropy")
    same(case(net, X, Y, optimizer=ADAM), 1e-12)


ONE_OUTPUT = [name for name in LOSSES if LOSSES[name].outputs_per_target == 1]


@pytest.mark.parametrize(
    "loss", [*(LOSSES[name] for name in ONE_OUTPUT), CrossEntropy(0.2)], ids=repr
)
@pytest.mark.parametrize("n", [1, 3])
def test_one_output_and_batches_of_one(loss, n):
    """A softmax over one class is 1: its loss and its gradient are 0."""
    rng = np.random.default_rng(0)
    net = network(NUMPY, [n, 1], loss=loss)
    Y = np.ones((4, 1))
    for batch in (1, 2):
        found = case(net, rng.normal(size=(4, n)), Y, optimizer=get_optimizer("sgd"), batch=batch)
        same(found)
        if loss is LOSSES["cross_entropy"]:
            state, totals = run_source(found, program_of(found))
            assert (state.theta == found.state.theta).all()
            assert (totals == 0).all()
    labels = case(net, rng.normal(size=(4, n)), np.zeros(4, int), optimizer=ADAM, steps=2)
    if loss.name == "cross_entropy":
        same(labels)


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([1, Embedding(3, 2), 4, 3], "cross_entropy"),
        ([1, Embedding(3, 1), 3], "cross_entropy"),
        ([1, Embedding(3, 2), 4, 3], MultiCrossEntropy((3,))),
        ([1, 2], MultiCrossEntropy((2,), label_smoothing=0.1)),
        ([2, Embedding(3, 1, columns=1), 1], "mean_squared_error"),
        ([1, BatchNorm(), 1, LayerNorm(), Residual([1]), Dropout(0.2), 1], "log_cosh"),
    ],
    ids=repr,
)
def test_a_column_of_one_axis_is_read_within_its_end(layers, loss):
    rng = np.random.default_rng(0)
    net = network(NUMPY, layers, loss=loss, activation="tanh")
    X = rng.integers(0, 3, (7, layers[0])).astype(float)
    n = layers[-1]
    Y = rng.normal(size=(7, n)) if n == 1 else rng.integers(0, n, (7, 1))
    Y = Y[:, 0] if loss == "cross_entropy" else Y
    for batch in (1, 3):
        same(case(net, X, Y, optimizer=ADAM, batch=batch), 1e-12)


@pytest.mark.parametrize("op", ["sum", "max", "min", "argmax"])
@pytest.mark.parametrize("shape", [(1,), ("N", 1), (1, 4)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_over_an_axis_of_one_entry(op, shape, keepdims):
    """The result is that entry, and its argmax is the constant 0: no loop is needed."""
    graph = Graph()
    shape = tuple(Size(graph, n) if isinstance(n, str) else n for n in shape)
    x = graph.add("input", (), shape, "float64", "x")
    axis = next(i for i, n in enumerate(shape) if isinstance(n, int) and n == 1)
    found = getattr(Namespace(graph), op)(x, axis=axis, keepdims=keepdims)
    assert found.ndim == len(shape) - (not keepdims)
    assert without_axes(found) is x if op != "argmax" else (found.op, found.attr) == ("constant", 0)


@pytest.mark.parametrize("n", [1, 3])
def test_sums_of_bools_are_refused_over_one_entry_too(n):
    """In the standard such a sum is an integer that counts the ones."""
    graph = Graph()
    x = graph.add("input", (), (Size(graph, "N"), n), "float32", "x")
    with pytest.raises(TraceError, match="sum of bool"):
        Namespace(graph).sum(x > 0, axis=-1)


def test_columns_that_are_computed_side_by_side():
    """A mean along rows, with one more axis, is a column of a concatenated or stacked array."""

    def columns(xp, A, Y):
        mean, largest = xp.mean(Y, axis=-1), xp.max(A, axis=-1)
        dA = xp.concat([mean[..., None], xp.tanh(A)[..., 1:-1], largest[..., None] * 0.5], axis=-1)
        return mean, dA + xp.stack([largest, mean, largest - mean], axis=-1)

    rng = np.random.default_rng(0)
    net = network(NUMPY, [2, 3], loss=Loss("own", of_output=columns))
    same(case(net, rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), optimizer=ADAM))


def test_masked_targets_have_three_axes_and_no_program():
    loss = Masked(CASES[2])
    z, Y = problem(CASES[2], N=7)
    net = network(NUMPY, [WIDTH, 8, WIDTH], activation="tanh", loss=loss)
    with pytest.raises(TraceError, match="array of 3 axes"):
        program_of(case(net, z, Y, optimizer=ADAM))


@pytest.mark.parametrize(
    "optimizer",
    [
        *(made() for made in OPTIMIZERS.values()),
        get_optimizer("sgd")._replace(momentum=0.9),
        get_optimizer("sgd")._replace(momentum=0.9, nesterov=True),
        get_optimizer("rmsprop")._replace(momentum=0.5),
        Clipped(ADAM, norm=0.01),
        Clipped(ADAM, value=0.01),
        Averaged(ADAM, decay=0.9),
        Averaged(Clipped(get_optimizer("adamw"), norm=0.1), decay=None, start=2),
    ],
    ids=repr,
)
def test_every_optimizer(optimizer):
    X, Y = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="cross_entropy")
    same(case(net, X, Y, optimizer=optimizer), 1e-12)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("sizes", [[1, 1], [1, 1, 1], [3, 1, 2]], ids=str)
def test_every_optimizer_on_a_weight_of_one_number(optimizer, sizes):
    """A matrix (1, 1) is a single number, but a product may need it in memory."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(7, sizes[0])), rng.normal(size=(7, sizes[-1]))
    net = network(NUMPY, sizes, activation="tanh", loss="mean_squared_error")
    limits = {"penalty": xpnet.Penalty(l1=0.1, l2=0.2), "max_norm": xpnet.MaxNorm(0.4)}
    same(case(net, X, Y, optimizer=get_optimizer(optimizer), **limits), 1e-11)


@pytest.mark.parametrize(
    "settings",
    [
        {"penalty": xpnet.Penalty(l1=0.1, l2=0.2)},
        {"penalty": xpnet.Penalty(l2=0.2, biases=True)},
        {"max_norm": xpnet.MaxNorm(0.4)},
        {"penalty": xpnet.Penalty(l1=0.1), "max_norm": xpnet.MaxNorm(0.4)},
    ],
    ids=str,
)
def test_penalties(settings):
    X, Y = examples()
    for chain in ("residual, projected", "all"):
        same(case(chained(NUMPY, chain), X, Y, optimizer=ADAM, **settings))


def test_example_weights_and_whole_batches():
    X, Y = examples()
    w = np.random.default_rng(2).uniform(0.5, 2, len(X))
    net = chained(NUMPY, "all")
    same(case(net, X, Y, w, optimizer=ADAM))
    for weights in (None, w):
        whole = case(net, X, Y, weights, optimizer=ADAM)
        program = program_of(whole, gathers=False)
        found, expected = run_source(whole, program, False), run_plain(whole, False)
        assert difference(found, expected) < 1e-13


@pytest.mark.parametrize("sizes", [[5, 4], [5, 7, 4], [5, 90, 60, 4]])
def test_float32_and_both_ways_to_write_sizes(sizes):
    """Programs of small networks contain their sizes; others take them as arguments."""
    X, Y = examples()
    net = network(NUMPY, sizes, activation="relu", loss="cross_entropy", dtype="float32")
    program = same(case(net, X.astype("float32"), Y, optimizer=ADAM), 1e-5)
    assert bool(program.lengths) == (len(net.parameters) > 4096)


def test_one_source_serves_every_width():
    X, Y = examples()
    sources = set()
    for a, b, rate in ((90, 60, 0.9), (70, 80, 0.99)):
        net = network(NUMPY, [5, a, b, 4], activation="tanh", loss="cross_entropy")
        adam = ADAM._replace(beta1=rate)
        sources.add(program_of(case(net, X, Y, optimizer=adam)).source)
    assert len(sources) == 1


def test_a_relu_network_keeps_no_more_than_it_needs():
    """Only Z_l, A_l, dA_l, dZ_l, the batch and g are in memory, but no mask and no constant."""
    X, Y = examples()
    net = network(NUMPY, [5, 90, 60, 4], activation="relu", loss="cross_entropy")
    buffers = program_of(case(net, X, Y, optimizer=ADAM)).buffers
    per_example = sorted(b.shape[1] for b in buffers if b.shape[0] is None)
    assert per_example == sorted([5, *[90] * 4, *[60] * 4, 4, 4])
    assert [b.shape for b in buffers if b.shape[0] is not None] == [(len(net.parameters),)]


def test_accumulated_gradients_have_two_programs():
    X, Y = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="cross_entropy")
    found = case(net, X, Y, optimizer=Accumulated(ADAM, 2), steps=2)
    found.starts = found.starts[:2]
    for c in found.c:
        found.c = [c]
        same(found)


# --- optimizers of one's own


def given_by(init, update):
    """Return a case of an optimizer with these functions, whose only coefficient is the rate."""

    class Own(NamedTuple):
        learning_rate: Any = 0.1

        def init(self, xp, theta):
            return init(xp, theta)

        def coefficients(self, t, rate):
            return (rate,)

        def update(self, xp, c, g, state, theta):
            return update(xp, c, g, state, theta)

    X, Y = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="cross_entropy")
    return case(net, X, Y, optimizer=Own())


def test_an_old_value_that_a_later_result_reads_is_not_written_over():
    """a is read for k and again for b′; a′, computed in between, must not overwrite it."""

    def update(xp, c, g, state, theta):
        a, _ = state
        k = 1 / (1 + xp.sum(a * g) ** 2)
        return theta - c[0] * g, (g * k, a * k)

    same(given_by(lambda xp, theta: (xp.ones_like(theta), xp.zeros_like(theta)), update))


def test_results_may_change_places():
    def update(xp, c, g, state, theta):
        return theta - c[0] * g, (state[1] + g, state[0] * 0.5)

    same(given_by(lambda xp, theta: (xp.ones_like(theta), xp.zeros_like(theta)), update))


def test_state_of_one_number():
    def update(xp, c, g, state, theta):
        (s,) = state
        return theta - c[0] * g / (1 + s), (s + xp.sum(g * g),)

    same(given_by(lambda xp, theta: (xp.zeros((), dtype=theta.dtype),), update))


def test_state_that_is_a_sum_over_rows():
    def update(xp, c, g, state, theta):
        G = xp.reshape(g, (-1, 1))
        rate = c[0] / (1 + xp.reshape(state[0], (1,)))
        return theta - rate * g, (xp.sum(G * G, axis=0, keepdims=True),)

    same(given_by(lambda xp, theta: (xp.zeros((1, 1), dtype=theta.dtype),), update))


@pytest.mark.parametrize(
    "seen",
    [
        lambda xp, M: xp.reshape(xp.reshape(M, (4, 6)) * 2.0, (24,)),
        lambda xp, M: xp.reshape(xp.reshape(M, (24, 1)) - 1.0, (24,)),
        lambda xp, M: xp.sum(xp.matmul(xp.reshape(M, (4, 6)), xp.ones_like(M[..., :1]))),
        lambda xp, M: xp.reshape(xp.concat([M[..., 1:], M[..., :1]], axis=-1), (24,)),
        lambda xp, M: xp.sum(xp.tanh(xp.reshape(M[..., :2], (3, 4)))),
    ],
)
def test_a_matrix_seen_as_another(seen):
    """The entries keep their order, but the numbers of rows and columns differ."""

    def update(xp, c, g, state, theta):
        (u,) = state
        M = xp.reshape(xp.tanh(u + g[:24] * 0.1), (6, 4))
        return theta - c[0] * g, (u + 0.1 * seen(xp, M),)

    found = given_by(lambda xp, theta: (xp.ones(24, dtype=theta.dtype),), update)
    same(found, 1e-12)


def test_a_count_of_the_steps():
    """Scalars are overwritten once a step, not once a thread; θ's update reads one of them."""

    def update(xp, c, g, state, theta):
        s, n = state
        return theta - c[0] * g / (1 + s), (s + 1.0, 2.0 * n)

    def init(xp, theta):
        return xp.zeros((), dtype=theta.dtype), xp.ones((), dtype=theta.dtype)

    same(given_by(init, update))


def test_the_parameters_of_the_step_before():
    """θ cannot be overwritten while the old θ is kept; the next step begins with its copy."""

    def update(xp, c, g, state, theta):
        (old,) = state
        return old - c[0] * g, (theta,)

    found = given_by(lambda xp, theta: (xp.asarray(theta, copy=True),), update)
    same(found)
    together, expected = program_of(found, False, team=True), run_plain(found, False)
    for order in ((0, 1, 2), (2, 1, 0)):
        assert difference(run_source(found, together, False, order), expected) < 1e-13


@pytest.mark.parametrize(
    "update",
    [
        lambda xp, c, g, state, theta: (theta, (state[0] + g,)),
        lambda xp, c, g, state, theta: (theta, (xp.astype(state[0], xp.int32),)),
        lambda xp, c, g, state, theta: (theta, (c[0],)),
        lambda xp, c, g, state, theta: (theta, (0.0,)),
        lambda xp, c, g, state, theta: (theta, (state[0], state[0])),
        lambda xp, c, g, state, theta: (theta[:3], state),
    ],
    ids=["longer", "another dtype", "coefficient", "number", "more", "shorter"],
)
def test_state_that_does_not_fit_into_its_place_is_refused(update):
    """A compiled loop would write beyond the array's end."""
    with pytest.raises(
        TraceError, match=r"^the optimizer's state\[[01]\], .* becomes|^theta"
    ) as seen:
        program_of(given_by(lambda xp, theta: (xp.zeros(1, dtype=theta.dtype),), update))
    assert_in_users_words(seen)


def test_arrays_of_the_state_do_not_share_memory():
    """An optimizer that makes new arrays may start from one array twice, or from θ itself."""

    def init(xp, theta):
        zeros = xp.zeros_like(theta)
        return zeros, zeros, theta

    found = given_by(init, lambda xp, c, g, state, theta: (theta, state))
    runner = FusedRunner(found.recipe, found.fresh(), found.data, 4, True)
    arrays = [runner.state.theta, *runner.state.optimizer]
    assert not any(np.shares_memory(a, b) for a, b in combinations(arrays, 2))


def test_the_first_piece_is_one_step():
    """A step's duration is unknown before, and Ctrl-C waits until the piece ends."""
    found = given_by(lambda xp, theta: (), lambda xp, c, g, state, theta: (theta, state))
    assert FusedRunner(found.recipe, found.fresh(), found.data, 4, True).piece(100) == 1


def test_a_single_example():
    X, _ = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="squared_error")
    one = case(net, X[:1], np.ones((1, 4)), optimizer=ADAM, batch=1)
    found = run_source(one, program_of(one, False), False)
    assert difference(found, run_plain(one, False)) < 1e-13


# --- code that cannot be recorded


def assert_in_users_words(seen):
    """Check that the message has no name of xpnet's internal classes, nodes or dtypes."""
    assert not re.search(r"Node|Size|weak|input|recorded|<\w", str(seen.value))


@pytest.mark.parametrize(
    "broken",
    [
        lambda xp, x: np.exp(x),
        lambda xp, x: x if x > 0 else -x,
        lambda xp, x: xp.reshape(x, (2, 2, -1)),
        lambda xp, x: xp.cumulative_sum(x, axis=-1),
        lambda xp, x: x[..., ::2],
        lambda xp, x: float(xp.sum(x)) * x,
        lambda xp, x: xp.max(x, axis=0),
        lambda xp, x: next(iter(x)),
        lambda xp, x: x if x.shape[0] == 4 else -x,
        lambda xp, x: x if x.shape != (1, 4) else -x,
    ],
)
def test_code_that_asks_for_values_is_refused(broken):
    graph = Graph()
    x = graph.add("input", (), (Size(graph, "N"), 4), "float32", "x")
    with pytest.raises(TraceError) as refused:
        broken(Namespace(graph), x)
    assert_in_users_words(refused)


@pytest.mark.parametrize(
    "f",
    [
        lambda xp, Z: abs(Z),
        lambda xp, Z: 2.0**Z,
        lambda xp, Z: Z % 1.0,
        lambda xp, Z: Z * Z.size,
        lambda xp, Z: Z / max(Z.shape[0], 1),
        lambda xp, Z: Z + Z.sum(axis=-1, keepdims=True),
    ],
)
def test_whatever_an_activation_does_beyond_the_standard_is_refused_by_name(f):
    """So the plain loop takes over, whose arrays support it."""
    own = xpnet.elementwise("own", f, lambda xp, Z, A: xp.ones_like(Z))
    net = network(NUMPY, [3, 4, 1], activation=own, loss="squared_error")
    with pytest.raises(TraceError, match=r"Error: .*(array|number of examples)") as refused:
        program_of(case(net, np.ones((4, 3)), np.ones((4, 1)), optimizer=ADAM))
    assert_in_users_words(refused)


@pytest.mark.parametrize(
    "f",
    [
        lambda xp, x: (x > 0) * 1.0,
        lambda xp, x: (x > 0) * 2,
        lambda xp, x: (x > 0) + (x > 1),
        lambda xp, x: xp.sum(x > 0, axis=-1),
        lambda xp, x: (xp.sum(x, axis=-1)[..., None] > 0) * 1.0,
        lambda xp, x: xp.astype(x, xp.int32) * 1.0,
        lambda xp, x: ~xp.astype(x, xp.int32),
        lambda xp, x: xp.max(xp.astype(x, xp.int32), axis=-1),
        lambda xp, x: xp.matmul(x, xp.ones((3, 2), dtype=x.dtype)),
        lambda xp, x: xp.matmul(x, xp.ones((1, 2), dtype=x.dtype)),
    ],
)
def test_what_the_standard_leaves_open_is_refused(f):
    """NumPy gives such mixtures a different dtype than recorded arrays would have."""
    graph = Graph()
    x = graph.add("input", (), (Size(graph, "N"), 4), "float32", "x")
    with pytest.raises(TraceError) as refused:
        f(Namespace(graph), x)
    assert_in_users_words(refused)


def test_lengths_and_dtypes_that_do_not_match_are_refused():
    graph = Graph()
    N = Size(graph, "N")
    x = graph.add("input", (), (N, 4), "float32", "x")
    y = graph.add("input", (), (N, 3), "float32", "y")
    z = graph.add("input", (), (N, 4), "float64", "z")
    for other in (y, z):
        with pytest.raises(TraceError):
            x + other
    with pytest.raises(TraceError):
        graph.add("input", (), (N, 4, 2), "float32", "stack")


def test_equal_operations_are_one_node():
    graph = Graph()
    x = graph.add("input", (), (Size(graph, "N"), 4), "float32", "x")
    xp = Namespace(graph)
    assert xp.exp(x * 2.0) is xp.exp(x * 2.0)
    assert (x * 0.0) is not (x * -0.0)
    assert (x * 1.0) is not (x * 2.0)
