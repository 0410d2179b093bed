"""A stack of networks: each trains as it would alone, whatever the others do."""

from __future__ import annotations

import copy
import json
import pickle
import warnings

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network, random_targets, relative, widths_for
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import LOSSES, Masked, MultiCrossEntropy
from xpnet.optimizers import OPTIMIZERS, SGD, Accumulated, Adam, Averaged, Clipped
from xpnet.schedules import Cosine, ReduceOnPlateau

SIZES, R = [5, 8, 3], 3
CHAINS = {
    "dense": SIZES,
    "others": [5, BatchNorm(), Residual([Dropout(0.3), 5, LayerNorm()]), 6, Dropout(0.2), 3],
    "embedding": [5, Embedding([4], dim=2, columns=[1]), Residual([7]), 3],
}
OTHERS = {
    "nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "clipped": Clipped(Adam(), norm=0.05),
    "averaged": Averaged(SGD(0.02), decay=None, start=5),
    "accumulated": Accumulated(Adam(), 3),
}
OPTIMIZED = {**{name: name for name in OPTIMIZERS}, **OTHERS}


def data(loss="cross_entropy", N=40):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(N, SIZES[0]))
    X[:, 1] = rng.integers(0, 4, N)  # for the embedding
    return X, random_targets(rng, loss, N, SIZES[-1])


def networks(backend=None, sizes=SIZES, **settings):
    """Return networks with different seeds and different biases."""
    found = [network(backend or get_backend("numpy"), sizes, rng=r, **settings) for r in range(R)]
    for r, net in enumerate(found):
        net.set_parameters(net.parameters * (1 + 0.1 * r))
    return found


def alone(net, seed, *data, **settings):
    """Fit one network with that seed's order and masks; return it and its history."""
    compile = net.backend.name == "jax"
    net = net.to()
    net.seed = seed
    return net, net.fit(*data, compile=compile, **settings)


def check(backend, nets, *data, rates=None, tolerance=1e-12, **settings):
    """Check that fitting a stack equals fitting each network; return the stack and its history."""
    stack = xpnet.Stack(nets)
    each = {} if rates is None else {"learning_rate": rates}
    history = stack.fit(*data, **settings, **each)
    for r, net in enumerate(nets):
        if rates is not None:
            each = {"learning_rate": rates[r]}
        expected, its = alone(net, nets[0].seed, *data, **settings, **each)
        assert relative(stack.parameters[r, ...], expected.parameters) <= tolerance
        for found, right in zip(stack[r].statistics, expected.statistics, strict=True):
            assert relative(found, right) <= tolerance
        for name, values in its.values().items():
            found = np.asarray(history.values()[name])[:, r]
            np.testing.assert_allclose(found, values, rtol=1e-10)
        np.testing.assert_allclose(np.asarray(history.step_loss)[:, r], its.step_loss, rtol=1e-10)
    moved = relative(stack.parameters, backend.xp.stack([net.parameters for net in nets]))
    assert moved > 1e-4  # the fit changed the parameters
    return stack, history


# --- fitting a stack equals fitting each network


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "averaged"])
def test_each_network_becomes_what_it_becomes_alone(backend, optimizer):
    settings = {"optimizer": OPTIMIZED[optimizer], "epochs": 4, "batch_size": 8}  # 20 steps
    check(backend, networks(backend), *data(), **settings)


@pytest.mark.parametrize("optimizer", ["adamw", "clipped", "accumulated"])
def test_each_network_may_have_a_learning_rate_of_its_own(backend, optimizer):
    settings = {"optimizer": OPTIMIZED[optimizer], "epochs": 4, "batch_size": 8}
    check(backend, networks(backend), *data(), rates=[0.001, 0.02, 0.005], **settings)


@pytest.mark.parametrize("optimizer", list(OPTIMIZED))
def test_every_optimizer_takes_a_learning_rate_for_each_network(optimizer):
    settings = {"optimizer": OPTIMIZED[optimizer], "epochs": 4, "batch_size": 8}
    check(get_backend("numpy"), networks(), *data(), rates=[0.001, 0.02, 0.005], **settings)


@pytest.mark.parametrize("chain", list(CHAINS))
def test_every_layer_trains_in_a_stack(backend, chain):
    nets = networks(backend, CHAINS[chain])
    check(backend, nets, *data(), tolerance=1e-11, epochs=2, batch_size=8)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_trains_a_stack(loss):
    nets = networks(sizes=widths_for(loss, SIZES), loss=loss)
    check(get_backend("numpy"), nets, *data(loss), epochs=2, batch_size=8, optimizer=SGD(1e-2))


@pytest.mark.parametrize("batch_size", [R, None])
def test_targets_are_told_from_networks_where_there_are_as_many(backend, batch_size):
    """(R, N) labels could be mistaken for (N, n_L) rows."""
    X, Y = data(N=2 * R)
    nets, settings = networks(backend, loss="cross_entropy"), {"optimizer": SGD(0.1), "epochs": 2}
    for targets in (Y, np.eye(3)[Y]):
        check(backend, nets, X, targets, batch_size=batch_size, **settings)


def test_heads_and_missing_targets_train_in_a_stack(backend):
    X, _ = data()
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(-1, 2, 40), rng.integers(-1, 3, 40)], axis=1)
    heads = Masked(MultiCrossEntropy((2, 3)))
    check(backend, networks(backend, [5, 8, 5], loss=heads), X, codes, epochs=2, batch_size=8)
    rows = np.where(rng.random((40, 3)) < 0.3, np.nan, rng.normal(size=(40, 3)))
    loss = Masked(LOSSES["mean_squared_error"])
    check(backend, networks(backend, loss=loss), X, rows, epochs=2, batch_size=8)


def test_weights_penalties_validation_and_metrics_are_each_networks(backend):
    X, Y = data()
    w = np.random.default_rng(2).uniform(0.1, 2, 40) * (np.arange(40) % 5 > 0)
    settings = {
        "epochs": 3,
        "batch_size": 12,  # the last batch is smaller
        "sample_weight": w,
        "class_weight": {1: 3.0},
        "penalty": xpnet.Penalty(l1=1e-3, l2=1e-2),
        "max_norm": 1.0,
        "learning_rate": Cosine(0.01),
    }
    validation = {"validation_data": data(N=7), "metrics": ["accuracy", "f1"]}
    check(backend, networks(backend), X, Y, **settings, **validation)
    check(backend, networks(backend), X, Y, **settings, validation_fraction=0.25)


def test_batches_from_host_memory_train_a_stack_too(backend, monkeypatch):
    monkeypatch.setattr("xpnet.training.fit.home", lambda *_: get_backend("numpy"))
    nets = networks(backend, [5, Dropout(0.2), 8, 3])
    settings = {"epochs": 2, "batch_size": 8, "sample_weight": np.linspace(0.1, 1, 40)}
    _, history = check(backend, nets, *data(), **settings)
    assert history.engine == "streamed"


def test_an_order_is_the_first_networks(backend):
    X, Y = data()
    first, *_, last = networks(backend)
    stack, swapped = xpnet.Stack([first, last]), xpnet.Stack([last, first])
    for each in (stack, swapped):
        each.fit(X, Y, epochs=1, batch_size=8)
    assert relative(stack.parameters[0, ...], swapped.parameters[1, ...]) > 1e-6
    for each in (unshuffled := [xpnet.Stack([first, last]), xpnet.Stack([last, first])]):
        each.fit(X, Y, epochs=1, batch_size=8, shuffle=False)
    found, same = (each.parameters for each in unshuffled)
    assert relative(found[0, ...], same[1, ...]) <= 1e-12


def test_two_fits_go_on_where_the_first_ended(backend):
    X, Y = data()
    nets = networks(backend)
    stack = xpnet.Stack(nets)
    for _ in range(2):
        stack.fit(X, Y, epochs=1, batch_size=8)
    expected, _ = alone(nets[1], 0, X, Y, epochs=1, batch_size=8)
    expected.fit(X, Y, epochs=1, batch_size=8, compile=False)
    assert stack.epoch == stack[1].epoch == 2
    assert relative(stack[1].parameters, expected.parameters) <= 1e-12


def test_float32_and_the_network_that_is_left_open(backend):
    X, Y = data()
    nets = [xpnet.Network(SIZES, backend=backend, rng=r) for r in range(R)]
    stack = xpnet.Stack(nets)
    stack.fit(X, np.asarray(["a", "b", "c"])[Y], epochs=1, learning_rate=[0.1, 0.01, 0.001])
    assert stack[2].dtype == "float32"
    assert str(stack.parameters.dtype).endswith("float32")
    assert stack[2].classes == ("a", "b", "c")
    assert stack[2].loss is LOSSES["cross_entropy"]
    assert nets[2].loss is None  # the user's networks are unchanged
    assert set(stack[2].predict_classes(X)) <= {"a", "b", "c"}


# --- properties of a stack


def test_its_networks_are_copies_of_those_given_and_of_those_it_has(backend, tmp_path):
    X, Y = data()
    nets = [xpnet.Network(SIZES, backend=backend, rng=7 + r) for r in range(R)]
    before = [to_numpy(net.parameters).copy() for net in nets]
    stack = xpnet.Stack(iter(nets))
    assert len(stack) == R
    for net, theta in zip(stack, before, strict=True):
        np.testing.assert_array_equal(to_numpy(net.parameters), theta)  # to the bit
    stack.fit(X, Y, epochs=1)
    for net, theta in zip(nets, before, strict=True):
        np.testing.assert_array_equal(to_numpy(net.parameters), theta)
    last, theta = stack[-1], to_numpy(stack.parameters).copy()
    assert last.seed == 9
    last.save(tmp_path / "last.safetensors")
    again = xpnet.load(tmp_path / "last.safetensors")
    np.testing.assert_array_equal(again.parameters, theta[-1])
    last.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(to_numpy(stack.parameters), theta)
    with pytest.raises(IndexError, match="no network 3: the stack has 3"):
        stack[R]
    with pytest.raises(TypeError):
        stack[:2]


@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error", "binary_cross_entropy"])
def test_predictions_and_evaluations_are_those_of_each(backend, loss):
    X, Y = data(loss)
    nets = networks(backend, [5, BatchNorm(), 8, 3], loss=loss)
    stack, w = xpnet.Stack(nets), np.linspace(0, 1, 40)
    metrics = ["mae", "r2"] if loss == "mean_squared_error" else ["accuracy", "f1"]
    found = stack.evaluate(X, Y, w, batch_size=10, metrics=metrics)
    for r, net in enumerate(nets):
        expected = net(X)
        for A in (stack(X), stack.predict(X, batch_size=7)):
            assert tuple(A.shape) == (R, 40, 3)
            assert relative(A[r, ...], expected) <= 1e-14
        assert relative(stack(X[4])[r, ...], expected[4, ...]) <= 1e-14
        assert relative(stack.predict(X[4], 1)[r, ...], expected[4, ...]) <= 1e-14
        for name, value in net.evaluate(X, Y, w, metrics=metrics).items():
            assert found[name].shape == (R,)
            np.testing.assert_allclose(found[name][r], value, rtol=1e-12)


def test_a_metric_of_all_examples_at_once_is_each_networks(backend):
    X, Y = data()
    nets = networks(backend, [5, 8, 2], loss="cross_entropy")
    for w in (None, np.linspace(0.1, 1, 40)):
        found = xpnet.Stack(nets).evaluate(X, Y % 2, w, batch_size=10, metrics="auc")["auc"]
        expected = [net.evaluate(X, Y % 2, w, metrics="auc")["auc"] for net in nets]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_its_steps_are_plain_and_its_repr_says_what_it_is():
    stack = xpnet.Stack(networks())
    history = stack.fit(*data(), epochs=50)
    assert history.engine == "plain"
    assert repr(stack) == f"Stack(3 × {stack[0]!r})"
    assert f"loss={np.median(history.loss[-1]):.4g}" in repr(history)


def test_callbacks_see_the_stack_and_logs_and_progress_have_every_network(tmp_path, capsys):
    seen = []
    stack, path = xpnet.Stack(networks()), tmp_path / "log.jsonl"

    def callback(given, history):
        seen.append((given is stack, given.epoch, to_numpy(given.parameters)))
        return given.epoch == 2

    log = xpnet.training.json_lines(path)
    history = stack.fit(*data(), epochs=5, callbacks=[callback, log], progress=True)
    assert [(ours, epoch) for ours, epoch, _ in seen] == [(True, 1), (True, 2)]
    assert relative(seen[0][2], seen[1][2]) > 1e-4
    assert history.stopped == "callback"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["loss"] for line in lines] == history.loss
    assert f"loss {np.median(history.loss[-1]):.4g}" in capsys.readouterr().err


def test_its_history_draws_a_line_for_each_network():
    needed("matplotlib")
    settings = {"epochs": 4, "learning_rate": [1e-3, 1e-2, 1e-1], "early_stopping": 3}
    history = xpnet.Stack(networks()).fit(*data(), **settings)
    display = history.plot()
    for line, values in zip(display.ax_.lines, np.asarray(history.loss).T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert len({line.get_color() for line in display.ax_.lines}) == 1


def test_a_callback_at_every_step_changes_nothing(backend):
    X, Y = data()
    nets, losses = networks(backend), []
    settings = {"epochs": 2, "batch_size": 8}
    stack, watched = xpnet.Stack(nets), xpnet.Stack(nets)
    expected = stack.fit(X, Y, **settings)
    callbacks = {"step_end": lambda _, history: losses.append(history.step_loss[-1])}
    history = watched.fit(X, Y, callbacks=callbacks, **settings)
    assert history.step_loss == expected.step_loss == losses
    assert relative(watched.parameters, stack.parameters) == 0


@pytest.mark.parametrize(
    "kind", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copy_of_a_stack_is_trained_on_its_own(backend, kind):
    stack = xpnet.Stack(networks(backend, [5, BatchNorm(), 3]))
    before = to_numpy(stack.parameters).copy()
    other = kind(stack)
    assert repr(other) == repr(stack)
    assert [net.seed for net in other] == [net.seed for net in stack]
    other.fit(*data(), epochs=1)
    assert (stack.epoch, other.epoch) == (0, 1)
    np.testing.assert_array_equal(to_numpy(stack.parameters), before)
    assert relative(other.parameters, before) > 1e-6


def test_a_stack_of_one_is_that_network(backend):
    (net, *_) = networks(backend, [5, BatchNorm(), Dropout(0.2), 8, 3])
    settings = {"validation_data": data(N=7), "metrics": ["accuracy", "f1"], "batch_size": 8}
    settings["epochs"] = 10
    stack, history = check(backend, [net], *data(), rates=[0.01], tolerance=1e-11, **settings)
    assert np.shape(history.loss) == np.shape(history.validation_accuracy) == (10, 1)
    assert tuple(stack(data()[0]).shape) == (1, 40, 3)


def test_what_its_networks_started_from_stays_theirs():
    nets = [xpnet.Network(SIZES, initializer=name) for name in (None, "he_normal", "zeros")]
    assert [net.initializer for net in xpnet.Stack(nets)] == [None, "he_normal", "zeros"]


def test_rates_are_in_place_of_the_optimizers_own(backend):
    plateau, rates = Adam(ReduceOnPlateau(0.1)), [0.001, 0.02, 0.005]
    found, same = (xpnet.Stack(networks(backend)) for _ in range(2))
    found.fit(*data(), epochs=2, optimizer=plateau, learning_rate=rates)
    same.fit(*data(), epochs=2, optimizer="adam", learning_rate=rates)
    assert relative(found.parameters, same.parameters) == 0


# --- a penalty and a rate of dropout for each network


def test_each_network_may_have_a_penalty_of_its_own(backend):
    X, Y = data()
    penalties = [xpnet.Penalty(l2=0.1), None, xpnet.Penalty(l1=0.02, l2=0.01)]
    nets, settings = networks(backend), {"epochs": 4, "batch_size": 8}
    stack = xpnet.Stack(nets)
    stack.fit(X, Y, penalty=penalties, **settings)
    for r, net in enumerate(nets):
        expected, _ = alone(net, 0, X, Y, penalty=penalties[r], **settings)
        assert relative(stack.parameters[r, ...], expected.parameters) <= 1e-12


def test_penalties_of_biases_are_all_networks():
    X, Y = data()
    penalties = [xpnet.Penalty(l2=r / 10, biases=True) for r in range(R)]
    nets = networks()
    stack = xpnet.Stack(nets)
    stack.fit(X, Y, penalty=penalties, epochs=2)
    for r, net in enumerate(nets):
        expected, _ = alone(net, 0, X, Y, penalty=penalties[r], epochs=2)
        assert relative(stack.parameters[r, ...], expected.parameters) <= 1e-12


def dropping(backend, rates):
    """Return networks that differ in their rates of dropout: of X, within a residual, and after."""
    return [
        network(backend, [5, Dropout(a), Residual([6, Dropout(b), 5]), 8, Dropout(a), 3], rng=r)
        for r, (a, b) in enumerate(rates)
    ]


def test_each_network_may_have_a_rate_of_dropout_of_its_own(backend, tmp_path):
    X, Y = data()
    nets = dropping(backend, [(0.0, 0.5), (0.3, 0.5), (0.6, 0.1)])
    stack, _ = check(backend, nets, X, Y, epochs=3, batch_size=8)
    assert [net.plan.layers[0].rate for net in stack] == [0.0, 0.3, 0.6]
    assert [net.plan.layers[1].layers[1].rate for net in stack] == [0.5, 0.5, 0.1]
    assert stack[2].layers[:-1] == nets[2].layers[:-1]
    assert [net.plan.layers[0].rate for net in stack.fresh()] == [0.0, 0.3, 0.6]
    again = pickle.loads(pickle.dumps(stack))
    assert [net.plan.layers[3].rate for net in again] == [0.0, 0.3, 0.6]
    stack[1].save(tmp_path / "net.safetensors")
    assert xpnet.load(tmp_path / "net.safetensors").plan.layers[0].rate == 0.3


# --- files


def test_a_file_holds_all_networks_of_a_stack(backend, tmp_path):
    X, Y = data()
    rates = [(0.0, 0.5), (0.3, 0.5), (0.6, 0.1)]
    stack = xpnet.Stack(dropping(backend, rates))
    stack.fit(X, np.asarray(["a", "b", "c"])[Y], epochs=2)
    stack.save(tmp_path / "stack.safetensors")
    again = xpnet.Stack.load(tmp_path / "stack.safetensors", backend)
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(stack.parameters))
    assert [net.seed for net in again] == [net.seed for net in stack]
    assert [net.classes for net in again] == [("a", "b", "c")] * R
    assert [net.plan.layers[0].rate for net in again] == [0.0, 0.3, 0.6]
    for each in (stack, again):  # goes on as the stack would have gone on
        each.fit(X, np.asarray(["a", "b", "c"])[Y], epochs=1)
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(stack.parameters))
    with pytest.warns(UserWarning, match=r"3 networks, and this is the first only.*Stack\.load"):
        first = xpnet.load(tmp_path / "stack.safetensors", dtype="float32")
    assert first.dtype == "float32"
    assert first.seed == 0


def test_a_file_of_networks_that_differ_is_no_stack(tmp_path):
    from xpnet.files.save import save

    net, other = xpnet.Network(SIZES), xpnet.Network([5, 9, 3])
    save(net, tmp_path / "two.safetensors", more=[other])
    with pytest.raises(ValueError, match=r"networks\[1\] has a different sizes"):
        xpnet.Stack.load(tmp_path / "two.safetensors")


def test_a_stack_with_a_network_that_diverged_is_not_saved(tmp_path):
    X, Y = data("mean_squared_error")
    stack = xpnet.Stack(networks(loss="mean_squared_error"))
    stack.fit(X, Y, epochs=2, batch_size=8, optimizer="sgd", learning_rate=[0.01, 1e30, 0.02])
    with pytest.raises(ValueError, match="NaN or infinite"):
        stack.save(tmp_path / "stack.safetensors")
    assert not list(tmp_path.iterdir())


# --- networks that diverge


def test_a_network_that_diverges_leaves_the_others_alone(backend):
    X, Y = data("mean_squared_error")
    nets = networks(backend, loss="mean_squared_error")
    settings = {"epochs": 3, "batch_size": 8, "optimizer": "sgd"}
    stack = xpnet.Stack(nets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = stack.fit(X, Y, learning_rate=[0.01, 1e30, 0.02], **settings)
    assert np.isfinite(history.loss).all(axis=0).tolist() == [True, False, True]
    for r, rate in ((0, 0.01), (2, 0.02)):
        expected, _ = alone(nets[r], 0, X, Y, learning_rate=rate, **settings)
        assert relative(stack[r].parameters, expected.parameters) <= 1e-12
    assert "nan" not in repr(history)
    with pytest.raises(ValueError, match="θ has NaN or infinite entries"):
        stack[1]


def test_what_a_network_that_diverged_gives_is_no_warning(backend):
    """Its parameters are finite, but its outputs are not."""
    X, Y = data("mean_squared_error")
    stack = xpnet.Stack(networks(backend, loss="mean_squared_error"))
    stack.fit(X, Y, epochs=1, batch_size=None, learning_rate=[0.01, 1e200, 0.02])
    assert np.isfinite(to_numpy(stack.parameters)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = stack.evaluate(X, Y)["loss"]
        assert tuple(stack(X).shape) == tuple(stack.predict(X, 7).shape) == (R, 40, 3)
    assert np.isfinite(losses).tolist() == [True, False, True]


@pytest.mark.parametrize("batch_size", [8, None])
def test_where_all_diverge_it_is_an_error_and_all_are_as_they_were(backend, batch_size):
    X, Y = data("mean_squared_error")
    stack = xpnet.Stack(networks(backend, loss="mean_squared_error"))
    before = to_numpy(stack.parameters).copy()
    with pytest.raises(xpnet.DivergenceError) as caught:
        stack.fit(
            X,
            Y,
            epochs=3,
            batch_size=batch_size,
            optimizer="sgd",
            learning_rate=[1e300, 1e250, 1e308],
        )
    assert caught.value.epoch <= 2
    assert stack.epoch == 0
    np.testing.assert_array_equal(to_numpy(stack.parameters), before)


# --- bad input


def test_networks_that_are_not_alike_are_refused():
    net, numpy = xpnet.Network(SIZES), get_backend("numpy")
    for other, what in (
        (xpnet.Network([5, 9, 3]), "sizes"),
        (xpnet.Network(SIZES, activation="tanh"), "layers"),
        (xpnet.Network([5, 8, Dropout(0.1), 3]), "layers"),
        (xpnet.Network(SIZES, loss="cross_entropy"), "loss|layers"),
        (xpnet.Network(SIZES, dtype="float64"), "dtype"),
        (xpnet.Network(SIZES, output="identity"), "output"),  # net's will follow its loss
    ):
        with pytest.raises(ValueError, match=rf"networks\[1\] has a different ({what}) than"):
            xpnet.Stack([net, other])
    trained = net.to()
    trained.fit(*data(), epochs=1)
    untrained = network(numpy, SIZES, dtype="float32", loss="cross_entropy")
    with pytest.raises(ValueError, match=r"different epoch than networks\[0\]: 0, not 1"):
        xpnet.Stack([trained, untrained])
    strict = needed("array_api_strict")
    assert strict
    with pytest.raises(ValueError, match="a different backend"):
        xpnet.Stack([net, xpnet.Network(SIZES, backend="array-api-strict")])


def test_what_is_no_sequence_of_networks_is_refused():
    with pytest.raises(TypeError, match="a Stack takes a sequence of networks"):
        xpnet.Stack(xpnet.Network(SIZES))
    with pytest.raises(TypeError, match="a Stack takes a sequence of networks, got 128"):
        xpnet.Stack(128)
    with pytest.raises(TypeError, match=r"networks\[1\] must be an xpnet.Network, got 'net'"):
        xpnet.Stack([xpnet.Network(SIZES), "net"])
    with pytest.raises(ValueError, match="needs at least one network"):
        xpnet.Stack([])
    with pytest.raises(ValueError, match="no sizes yet"):
        xpnet.Stack([xpnet.Network(), xpnet.Network()])


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"optimizer": "lbfgs"}, ValueError, "LBFGS needs a separate line search"),
        ({"learning_rate": ReduceOnPlateau(0.1)}, ValueError, "ReduceOnPlateau watches the loss"),
        ({"learning_rate": [0.1, 0.2]}, ValueError, r"\(3,\), one for each network; got .*\(2,\)"),
        ({"learning_rate": [0.1, -0.2, 0.3]}, ValueError, "finite and ≥ 0"),
        ({"learning_rate": [0.1, np.nan, 0.3]}, ValueError, "finite and ≥ 0"),
        ({"learning_rate": ["a", "b", "c"]}, TypeError, "learning_rate must hold real numbers"),
        ({"learning_rate": -0.1}, ValueError, "finite number ≥ 0"),
        ({"epochs": 0}, ValueError, "epochs must be a positive integer"),
        ({"penalty": [None]}, ValueError, "penalty must be one, or 3, one for each"),
        ({"penalty": [None, 3, None]}, TypeError, "penalty must be"),
    ],
)
def test_settings_that_a_stack_cannot_have_are_refused_before_anything_changes(
    settings, error, match
):
    stack = xpnet.Stack(networks())
    with pytest.raises(error, match=match):
        stack.fit(*data(), **settings)
    assert stack.epoch == 0


def test_examples_that_do_not_fit_are_refused_and_all_is_as_it_was():
    X, Y = data()
    stack = xpnet.Stack(networks())
    for wrong, match in ((X[:, :4], "X has 4 columns"), (X[None, ...], "X must be")):
        with pytest.raises(ValueError, match=match):
            stack.fit(wrong, Y)
    assert stack.epoch == 0
