"""A changed copy of xpnet's own object counts as a user's own, even with the same name and config.

xpnet's own objects are saved by name, and their compiled steps are remembered.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle

import numpy as np
import pytest

import xpnet
from tests.support import cuda_cases
from tests.support.fused_cases import case, difference, program_of, run_plain, run_source
from tests.support.helpers import needs_jax
from xpnet.equations import built_in
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import is_built_in, is_known
from xpnet.equations.penalties import Penalty
from xpnet.layers import Dense, Residual
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
    softmax_heads,
)
from xpnet.metrics import METRICS, Accuracy
from xpnet.optimizers import SGD, Adam, Averaged, Clipped

X = np.random.default_rng(0).normal(size=(32, 3))
Y = X[:, :1] - X[:, 1:2]
FACTOR = {"loss": 1.0}


def mine(xp, A, Y):
    """A loss that reads a variable, which may change between fits."""
    R = A - Y
    return xp.sum(R * R, axis=-1) * FACTOR["loss"], R * (2.0 * FACTOR["loss"])


def variant(loss, **more):
    """Return the loss with a user's function."""
    return dataclasses.replace(loss, of_output=mine, of_preactivation={}, **more)


BUILT_IN = [
    *LOSSES.values(),
    Huber(2.5),
    Quantile((0.1, 0.9)),
    CrossEntropy(0.1),
    MultiCrossEntropy((2, 3)),
    Masked(LOSSES["mean_squared_error"]),
    Masked(MultiCrossEntropy((2, 3))),
]


class MyAdam(Adam):
    """A user's optimizer."""

    __slots__ = ()


class MyPenalty(Penalty):
    """A user's penalty."""

    __slots__ = ()


class MyDense(Dense):
    """A user's layer."""


# --- which objects are xpnet's own


@pytest.mark.parametrize("loss", BUILT_IN, ids=repr)
@pytest.mark.parametrize(
    "change", [{"of_output": mine}, {"of_preactivation": {"identity": mine}}, {"name": "other"}, {}]
)
def test_a_variant_of_a_loss_is_not_xpnets_own(loss, change):
    assert is_built_in(loss)
    assert not is_built_in(dataclasses.replace(loss, **change))


def test_a_users_loss_with_xpnets_config_is_not_xpnets_own():
    loss = xpnet.Loss("mean_squared_error", mine, config={"name": "mean_squared_error"})
    assert not is_built_in(loss)
    assert pickle.loads(pickle.dumps(loss)).of_output is mine


def _defined_by_exec():
    """Return a class of the module "builtins", which ``exec`` without ``__name__`` makes."""
    names = {"Adam": Adam}
    exec("class Mine(Adam):\n    __slots__ = ()", names)
    return names["Mine"]()


@pytest.mark.parametrize(
    "thing",
    [
        dataclasses.replace(ACTIVATIONS["tanh"], f=lambda xp, Z: Z),
        dataclasses.replace(softmax_heads((2, 3)), f=lambda xp, Z: Z),
        variant(LOSSES["mean_squared_error"]),
        Masked(variant(LOSSES["mean_squared_error"])),
        MyAdam(),
        Clipped(MyAdam(), 1.0),
        Averaged(MyAdam()),
        SGD(learning_rate=lambda t: 0.1),
        MyPenalty(l2=0.1),
        _defined_by_exec(),
        xpnet.Network(
            [3, MyDense(4, dataclasses.replace(ACTIVATIONS["relu"], name="mine")), 1]
        ).layers[0],
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_programs_of_a_users_own_are_not_remembered(thing):
    assert not is_known((thing,))


def test_what_xpnet_makes_is_known():
    layers = xpnet.Network([3, 4, 5], output=softmax_heads((2, 3))).layers
    assert is_known((layers, MultiCrossEntropy((2, 3)), Clipped(Adam(), 1.0), Penalty(l2=0.1)))


# --- compiled steps


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["mean_squared_error", "mine"])
def test_a_fit_sees_what_a_users_function_looks_at(backend, monkeypatch, compiled, name):
    """The first epoch's loss is taken before its step, so it is proportional to the factor."""
    if compiled and backend.name != "jax":
        pytest.skip("only JAX traces a fit; other backends record a step, as the tests below do")
    loss = variant(LOSSES["mean_squared_error"], name=name)
    found = []
    for factor in (1.0, 4.0):
        monkeypatch.setitem(FACTOR, "loss", factor)
        net = xpnet.Network([3, 4, 1], loss=loss, dtype="float64", backend=backend, rng=1)
        history = net.fit(X, Y, epochs=1, batch_size=None, compile=compiled)
        assert (history.engine == "plain") is not compiled
        found += history.loss
    assert found[1] == pytest.approx(4.0 * found[0], rel=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_fit_sees_what_a_users_activation_looks_at(backend, compiled):
    if compiled and backend.name != "jax":
        pytest.skip("only JAX traces a fit; other backends record a step, as the tests below do")
    slope = [1.0]
    own = xpnet.elementwise("own", lambda xp, Z: Z * slope[0], lambda xp, Z, A: 0 * Z + slope[0])
    found = []
    for slope[0] in (1.0, 2.0):
        net = xpnet.Network(
            [3, 1], loss="squared_error", output=own, dtype="float64", backend=backend, rng=1
        )
        found += net.fit(X, 0 * Y, epochs=1, batch_size=None, compile=compiled).loss
    assert found[1] == pytest.approx(4.0 * found[0], rel=1e-12)


@pytest.mark.parametrize("team", [False, True])
def test_a_program_sees_what_a_users_function_looks_at(monkeypatch, team):
    """Programs of compiled loops, for one thread and for several."""
    loss = variant(LOSSES["mean_squared_error"])
    net = xpnet.Network([3, 4, 1], loss=loss, dtype="float64", rng=1)
    found = case(net, X, Y, optimizer=SGD())
    for factor in (1.0, 4.0):
        monkeypatch.setitem(FACTOR, "loss", factor)
        program = program_of(found, team=team)
        after = run_source(found, program, order=(0, 1, 2) if team else (0,))
        assert difference(after, run_plain(found)) < 1e-13


def test_cuda_kernels_are_written_anew_for_a_users_function():
    own = LOSSES["mean_squared_error"]
    for loss, once in ((own, True), (variant(own), False)):
        net = xpnet.Network([3, 4, 1], loss=loss, dtype="float64", rng=1)
        found = case(net, X, Y, optimizer=SGD())
        assert (cuda_cases.program_of(found) is cuda_cases.program_of(found)) is once


@needs_jax
def test_what_is_xpnets_own_is_compiled_once_on_jax():
    import jax

    from xpnet.engines.runner import compiled
    from xpnet.engines.step import Recipe, step

    net = xpnet.Network([3, 4, 1], loss="squared_error", backend="jax")
    own = Recipe(net.backend, net.layers, net.loss, Adam())
    assert compiled(own, step) is compiled(own, step)
    users = own._replace(loss=variant(net.loss))
    assert compiled(users, step) is not compiled(users, step)
    assert isinstance(compiled(users, step), type(jax.jit(step)))


# --- files


def test_a_file_cannot_name_a_variant_by_the_name_of_xpnets_own(tmp_path):
    net = xpnet.Network([3, 1], loss=variant(Huber(2.5)), rng=1)
    with pytest.raises(ValueError, match=r"variant of xpnet's own 'huber'.*name=\"my_huber\""):
        net.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())
    net.loss = dataclasses.replace(net.loss, name="my_huber")  # the message's remedy
    net.save(tmp_path / "m.safetensors")
    with pytest.raises(
        ValueError,
        match="it has the loss 'my_huber', which xpnet does not know: give yours in custom=",
    ):
        xpnet.load(tmp_path / "m.safetensors")
    assert xpnet.load(tmp_path / "m.safetensors", custom=(net.loss,)).loss is net.loss


@pytest.mark.parametrize("loss", BUILT_IN, ids=repr)
def test_no_file_brings_the_built_in_back_for_a_variant(tmp_path, loss):
    path, n = tmp_path / "m.safetensors", loss.n_outputs(2)
    net = xpnet.Network([3, n], loss=dataclasses.replace(loss, of_output=mine), rng=1)
    with pytest.raises(ValueError, match=r"variant of xpnet's own|give yours in custom="):
        (net.save(path), xpnet.load(path))


def test_a_masked_variant_is_named_in_the_file(tmp_path):
    loss = Masked(variant(LOSSES["mean_squared_error"]))
    xpnet.Network([3, 1], loss=loss).save(tmp_path / "m.safetensors")
    with pytest.raises(
        ValueError,
        match="'masked_mean_squared_error', which xpnet does not know: give yours in custom=",
    ):
        xpnet.load(tmp_path / "m.safetensors")


def test_masked_heads_do_not_drop_a_users_functions():
    loss = MultiCrossEntropy((2, 3))
    own = dataclasses.replace(loss, of_preactivation={"identity": mine})
    with pytest.raises(ValueError, match="not a mean or sum over targets"):
        Masked(own)


class Halved(Dense):
    """A dense layer of a user's own."""

    def bind(self, fan_in, allocator, defaults):
        """Bind a layer with half the units."""
        return Dense(self.units // 2, self.activation).bind(fan_in, allocator, defaults)


@pytest.mark.parametrize("layer", [Halved(8), Residual([Halved(6)])], ids=repr)
def test_a_file_cannot_hold_a_layer_of_a_users_class(tmp_path, layer):
    net = xpnet.Network([3, layer, 1])
    with pytest.raises(ValueError, match="an instance of your own class, Halved"):
        net.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_residual_keeps_the_class_of_its_layers():
    """Half of 6 is the width of the input: there is no projection."""
    (layer, _) = xpnet.Network([3, Residual([Halved(6)]), 1], activation="tanh").layers
    assert layer.fan_out == 3
    assert layer.children[0].activation is ACTIVATIONS["tanh"]


# --- pickles and copies


@pytest.mark.parametrize("loss", BUILT_IN, ids=repr)
def test_a_pickle_of_a_variant_brings_its_functions_back(loss):
    own = variant(loss, own_output=None)
    for again in (pickle.loads(pickle.dumps(own)), copy.copy(own), copy.deepcopy(own)):
        assert again.of_output is mine
        assert again.of_preactivation == {}
        assert not is_built_in(again)


def test_a_variant_whose_functions_no_pickle_can_hold_is_an_error():
    for own in (
        dataclasses.replace(
            LOSSES["mean_squared_error"], of_output=lambda xp, A, Y: mine(xp, A, Y)
        ),
        dataclasses.replace(softmax_heads((2, 3)), f=lambda xp, Z: Z),
        dataclasses.replace(METRICS["accuracy"], value=lambda parts: 0.0),
    ):
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pickle.dumps(own)


def _value(parts):
    return 7.0


def _statistics(xp, A, Y, w, loss):
    return xp.sum(A, axis=-2)


def test_a_variant_of_a_metric_keeps_its_functions():
    own = dataclasses.replace(Accuracy(), value=_value, statistics=_statistics)
    for again in (pickle.loads(pickle.dumps(own)), copy.copy(own), copy.deepcopy(own)):
        assert again(np, X, Y) == 7.0


def test_an_activation_in_the_place_of_xpnets_own_is_pickled_as_what_it_is(monkeypatch):
    tanh = ACTIVATIONS["tanh"]
    own = dataclasses.replace(ACTIVATIONS["relu"], name="tanh")
    monkeypatch.setitem(ACTIVATIONS, "tanh", own)
    assert pickle.loads(pickle.dumps(tanh)) is tanh
    assert pickle.loads(pickle.dumps(own)).f is own.f


# --- names, and equations in print


@pytest.mark.parametrize("name", ["relu", "softmax(2,3)"])
def test_an_activation_needs_a_name_of_its_own(name):
    own = dataclasses.replace(ACTIVATIONS["tanh"], name=name)
    with pytest.raises(ValueError, match="is the name of xpnet's own activation"):
        xpnet.Network([3, 4, 5], activation=own)


def test_explain_prints_no_equation_of_xpnets_for_a_variant():
    net = xpnet.Network([3, 4, 1], loss=variant(LOSSES["mean_squared_error"]), rng=1)
    printed = str(net.explain(X, Y))
    assert "loss_n: the mean_squared_error of example n" in printed
    assert "as the loss mean_squared_error computes it" in printed


MADE = {
    "cross entropy": lambda k: CrossEntropy(label_smoothing=k / 1000),
    "huber": lambda k: Huber(1.0 + k),
    "quantile": lambda k: Quantile((k + 1) / 1000),
    "masked": lambda k: Masked(Huber(1.0 + k)),
    "masked, a user's": lambda k: Masked(xpnet.Loss("own", mine, over_outputs="mean")),
    "heads": lambda k: Masked(MultiCrossEntropy((3, 2), k / 1000)),
    "softmax of heads": lambda k: softmax_heads((2, 2 + k)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_losses_that_nobody_has_are_forgotten(name):
    gc.collect()
    before = len(built_in._MADE)
    for k in range(200):
        MADE[name](k)
    gc.collect()
    assert len(built_in._MADE) < before + 20


@pytest.mark.parametrize("name", [name for name in MADE if "user" not in name])
def test_the_same_settings_are_the_same_object_while_somebody_has_it(name):
    one = MADE[name](3)
    assert MADE[name](3) is one
    assert MADE[name](4) is not one
    assert is_built_in(one)
