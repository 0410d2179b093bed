"""A model file with the optimizer's state: training goes on as if it had not been saved."""

from __future__ import annotations

import copy
import json
import pickle
import warnings

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import changed
from tests.support.checkpoints import LABELS, Copies, X, network
from tests.support.helpers import needed, needs_numba
from xpnet.backends import to_numpy
from xpnet.layers import BatchNorm, Dropout
from xpnet.optimizers import OPTIMIZERS, SGD, Accumulated, Adam, Averaged, Clipped

needed("safetensors.numpy")

FIT = {"batch_size": 10, "learning_rate": 0.01}
KINDS = {
    **{name: name for name in OPTIMIZERS},
    "momentum": SGD(momentum=0.9, nesterov=True),
    "accumulated": Accumulated(Adam(), 4),
    "clipped": Clipped(Adam(), 0.1),
}


def bits(net):
    return [to_numpy(x).tobytes() for x in (net.parameters, *net.statistics)]


def halves(tmp_path, net, optimizer, **more):
    """Fit an epoch, save, load and fit another; return both networks."""
    given = {**FIT, "optimizer": optimizer, **more}
    net.fit(X, LABELS, epochs=1, **given)
    net.save(tmp_path / "m", optimizer=True)
    again = xpnet.load(tmp_path / "m", net.backend)
    assert bits(again) == bits(net)
    again.fit(X, LABELS, epochs=1, **given)
    return again


@pytest.mark.parametrize("optimizer", KINDS.values(), ids=KINDS)
def test_two_halves_are_one_whole(tmp_path, optimizer):
    hidden = (8, BatchNorm(), Dropout(0.3))
    whole = network(*hidden)
    whole.fit(X, LABELS, epochs=2, optimizer=optimizer, **FIT)
    assert bits(halves(tmp_path, network(*hidden), optimizer)) == bits(whole)


def test_on_every_backend(tmp_path, backend):
    whole = network(backend=backend)
    whole.fit(X, LABELS, epochs=2, **FIT)
    assert bits(halves(tmp_path, network(backend=backend), "adam")) == bits(whole)


@needs_numba
@pytest.mark.slow
def test_compiled(tmp_path):
    whole = network()
    assert whole.fit(X, LABELS, epochs=2, compile=True, **FIT).engine == "fused"
    assert bits(halves(tmp_path, network(), "adam", compile=True)) == bits(whole)


def test_every_later_fit_and_every_copy_goes_on(tmp_path):
    whole, net = network(), network()
    whole.fit(X, LABELS, epochs=3, **FIT)
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    loaded = xpnet.load(tmp_path / "m")
    ways = (lambda x: x, copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)),
            lambda x: x.to(), lambda x: x.to("array-api-strict").to("numpy"))  # fmt: skip
    for way in ways:
        again = way(loaded.to())
        again.fit(X, LABELS, epochs=1, **FIT)
        again = way(again)
        again.fit(X, LABELS, epochs=1, **FIT)
        assert bits(again) == bits(whole)


def test_in_the_same_process_each_fit_begins_anew(tmp_path):
    """So does one of a network that was saved without the state, or made afresh."""
    net, plain = network(), network()
    for each in (net, plain):
        each.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    plain.save(tmp_path / "plain")
    again, fresh = xpnet.load(tmp_path / "plain"), xpnet.load(tmp_path / "m").fresh()
    for each in (net, again):
        each.fit(X, LABELS, epochs=1, **FIT)
    assert bits(net) == bits(again)
    fresh.fit(X, LABELS, epochs=1, **FIT)
    assert bits(fresh) == bits(plain)


def test_a_stack_of_loaded_networks_begins_anew(tmp_path):
    """So do its networks."""
    net = network()
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "with", optimizer=True)
    net.save(tmp_path / "without")
    one, other = (xpnet.Stack([xpnet.load(tmp_path / name)] * 2) for name in ("with", "without"))
    for each in (one, other, one[1], other[1]):
        each.fit(X, LABELS, epochs=1, **FIT)
    assert bits(one[0]) == bits(other[0])
    with pytest.raises(ValueError, match="has no state of an optimizer"):
        one[0].save(tmp_path / "m", optimizer=True)


def test_another_precision_takes_the_state_too(tmp_path):
    net = network(dtype="float64")
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    one, other = xpnet.load(tmp_path / "m"), xpnet.load(tmp_path / "m", dtype="float32")
    for each in (one, other, xpnet.load(tmp_path / "m").to(dtype="float32")):
        each.fit(X, LABELS, epochs=1, **FIT)
        np.testing.assert_allclose(each.parameters, one.parameters, rtol=1e-4, atol=1e-6)


def test_another_rate_goes_on_and_another_optimizer_is_a_warning(tmp_path):
    net = network()
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rate = xpnet.schedules.Cosine(0.1)
        xpnet.load(tmp_path / "m").fit(X, LABELS, epochs=1, learning_rate=rate)
    for optimizer in ("sgd", Adam(beta1=0.8), Clipped(Adam(), 1.0)):
        one, other = xpnet.load(tmp_path / "m"), net.to()
        with pytest.warns(UserWarning, match="loaded with the state of 'adam', but this fit has"):
            one.fit(X, LABELS, epochs=1, optimizer=optimizer)
        other.fit(X, LABELS, epochs=1, optimizer=optimizer)
        assert bits(one) == bits(other)


def test_a_checkpoint_knows_the_state_from_which_its_fit_began(monkeypatch, tmp_path):
    net = network()
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "with", optimizer=True)
    net.save(tmp_path / "without")
    copies = Copies(monkeypatch, tmp_path / "copies")

    def fit(model, path):
        loaded = xpnet.load(tmp_path / model)
        loaded.fit(X, LABELS, epochs=2, checkpoint=path, checkpoint_every=4, **FIT)
        return bits(loaded)

    undisturbed = fit("with", tmp_path / "f")
    for path in copies.paths[:]:
        with pytest.raises(xpnet.CheckpointError, match=r"data\.parameters has other numbers"):
            fit("without", path)
        assert fit("with", path) == undisturbed
    assert fit("without", tmp_path / "g") != undisturbed


@pytest.mark.parametrize("fitted", [False, True])
def test_there_must_be_a_state(tmp_path, fitted):
    net = network(activation="tanh")
    if fitted:
        net.fit(X, LABELS, epochs=1, **FIT)
        net.fit(X, LABELS, epochs=1, optimizer="lbfgs")
    with pytest.raises(ValueError, match="has no state of an optimizer to save"):
        net.save(tmp_path / "m", optimizer=True)
    with pytest.raises(ValueError, match="optimizer must be True or False"):
        net.save(tmp_path / "m", optimizer="adam")
    assert not (tmp_path / "m").exists()


def test_an_average_goes_on_from_the_averaged_parameters(tmp_path):
    """The file has no others."""
    net = network()
    net.fit(X, LABELS, epochs=1, optimizer=Averaged(Adam()), batch_size=10)
    net.save(tmp_path / "m", optimizer=True)
    again = xpnet.load(tmp_path / "m")
    again.fit(X, LABELS, epochs=1, optimizer=Averaged(Adam(0.0)), batch_size=10)
    assert np.isfinite(again.parameters).all()


def _settings(**values):
    def change(texts):
        found = json.loads(texts["optimizer"])
        texts["optimizer"] = json.dumps({**found, **values})

    return change


TEXTS = {
    "no steps": _settings(steps=None),
    "negative steps": _settings(steps=-1),
    "no settings": _settings(settings=1),
    "no name": _settings(settings={}),
    "another entry": _settings(more=1),
    "no JSON": lambda t: t.update(optimizer="{"),
    "deep": lambda t: t.update(optimizer='{"settings": ' + "[" * 500 + "]" * 500 + "}"),
    "none": lambda t: t.pop("optimizer"),
}
ARRAYS = {
    "a missing one": lambda a: a.pop("optimizer.0"),
    "a name": lambda a: a.update({"optimizer.x": a["optimizer.0"]}),
    "another dtype": lambda a: a.update({"optimizer.0": a["optimizer.0"].astype("f8")}),
    "not finite": lambda a: a["optimizer.1"].__setitem__(0, np.inf),
}


@pytest.mark.parametrize("change", [*TEXTS.values(), *ARRAYS.values()], ids=[*TEXTS, *ARRAYS])
def test_a_file_that_is_wrong_is_refused(tmp_path, change):
    net = network()
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    kind = "metadata" if change in TEXTS.values() else "arrays"
    changed(tmp_path / "m", (tmp_path / "m").read_bytes(), **{kind: change})
    with pytest.raises(xpnet.FileError):
        xpnet.load(tmp_path / "m")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update({"optimizer.2": a["optimizer.1"]}),
        lambda a: a.update({"optimizer.1": a["optimizer.1"][1:]}),
    ],
)
def test_arrays_that_only_the_fit_can_judge(tmp_path, change):
    net = network()
    net.fit(X, LABELS, epochs=1, **FIT)
    net.save(tmp_path / "m", optimizer=True)
    changed(tmp_path / "m", (tmp_path / "m").read_bytes(), arrays=change)
    again = xpnet.load(tmp_path / "m")
    with pytest.raises(xpnet.FileError, match="has other arrays of the optimizer than this fit"):
        again.fit(X, LABELS, epochs=1, **FIT)
    assert bits(again) == bits(net)
    assert again.epoch == 1
