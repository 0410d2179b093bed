"""Pickles contain only public names, and a pickle of another version raises with a remedy."""

from __future__ import annotations

import copy
import pickle
import pickletools
import re
from importlib import import_module
from importlib.util import find_spec
from pkgutil import resolve_name

import numpy as np
import pytest

import xpnet
from tests.support.helpers import OLDER, ROOT
from tests.support.loss_cases import CASES
from tests.support.objects import LABELS, OPTIMIZERS, SCHEDULES, X
from xpnet import layers, metrics, pickles, schedules, training
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import LOSSES, Masked, softmax_heads
from xpnet.optimizers import Adam, Layout

STANDARD = {"numpy", "builtins", "collections", "copyreg", "_codecs", "__builtin__", "copy_reg"}
STANDARD |= {"tblib"}  # distributed, once imported, lets it pickle the tracebacks of any error
"""Packages that any pickle may name; protocols 0 to 2 use Python 2's names for two of them."""
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def untrained(sizes=(4, 5, 3), **settings):
    """Return a network that has not been trained."""
    return xpnet.Network(list(sizes), **settings)


def own_statistics(xp, A, Y, w, loss):
    return A[..., 0, :1]


def own_function(xp, A, Y):
    return A[..., 0] * 0.0, A * 0.0


def own_factor(xp, Z, A=None):
    return Z * 0.5


def every_layer():
    inner = layers.Residual([5, layers.Dropout(0.5), layers.Dense(5, "tanh")])
    first = layers.Embedding([3], [2], columns=[3])
    return untrained([4, first, layers.LayerNorm(), 5, layers.BatchNorm(), inner, 3])


def fitted():
    net = untrained(classes=["a", "b", "c"])
    return net, net.fit(X, np.asarray(["a", "b", "c"])[LABELS], epochs=1)


THINGS = {
    "network": untrained,
    "network with every layer": every_layer,
    "network with open sizes": xpnet.Network,
    "fitted network": lambda: fitted()[0],
    "history": lambda: fitted()[1],
    "stack": lambda: xpnet.Stack([untrained(rng=r) for r in (1, 2)]),
    "gradients": lambda: untrained().gradient(X, LABELS),
    "early stopping": xpnet.EarlyStopping,
    "json_lines": lambda: training.json_lines("log.jsonl"),
    "layers": lambda: every_layer().plan.layers,
    "schedules": lambda: SCHEDULES,
    "a plateau in a fit": lambda: schedules.ReduceOnPlateau(0.1).bind(1, 1),
    "optimizers and penalties": lambda: OPTIMIZERS,
    "max norm": lambda: xpnet.MaxNorm(1.0),
    "layout": lambda: Layout(5, 3, ((0, 1, 3),)),
    "metrics": lambda: [*metrics.METRICS.values(), metrics.TopKAccuracy(2)],
    "own metric": lambda: metrics.Metric("mine", own_statistics, np.sum, ("rows",)),
    "losses": lambda: [*LOSSES.values(), *CASES, Masked(LOSSES["huber"])],
    "own loss": lambda: xpnet.Loss("mine", own_function),
    "activations": lambda: [*ACTIVATIONS.values(), softmax_heads((2, 3))],
    "own elementwise activation": lambda: xpnet.elementwise("mine", own_factor, own_factor),
    "own activation": lambda: xpnet.Activation("mine", own_function, own_function, own_function),
    "errors": lambda: [xpnet.DivergenceError(1, 2, 3.0), xpnet.FileError("damaged")],
    "backend": lambda: xpnet.get_backend("numpy"),
}
each_thing = pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)


def documented() -> set[str]:
    """Return every public name in docs/reference."""
    found = set()
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for kind, name in re.findall(r"auto(\w+):: ([\w.]+)", page.read_text(encoding="utf-8")):
            if name.startswith("xpnet.estimators") and not find_spec("sklearn"):
                continue  # it cannot be imported
            found.add(name)
            if kind == "module":
                found |= {f"{name}.{each}" for each in import_module(name).__all__}
            if kind == "class":
                found |= {f"{name}.{each}" for each in dir(resolve_name(name)) if each[0] != "_"}
    return found


def named(data: bytes) -> set[str]:
    """Return the names of GLOBAL and STACK_GLOBAL, and strings that begin with xpnet."""
    found, memo, pushed = set(), {}, []
    for code, arg, _ in pickletools.genops(data):
        if "UNICODE" in code.name:
            pushed.append(arg)
            found |= {arg} if arg.startswith("xpnet.") else set()
        elif "GET" in code.name:
            pushed.append(memo.get(int(arg)))
        elif code.name == "MEMOIZE" or "PUT" in code.name:
            memo[len(memo) if arg is None else int(arg)] = pushed[-1]
        elif "GLOBAL" in code.name:
            pushed.append(arg.replace(" ", ".") if arg else ".".join(pushed[-2:]))
            found.add(pushed[-1])
        else:
            pushed.append(None)
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
@each_thing
def test_a_pickle_names_public_paths_only(make, protocol):
    found = named(pickle.dumps(make(), protocol)) - {"xpnet.pickles"}
    ours = {name for name in found if name.startswith("xpnet.")}
    assert "xpnet.pickles.unpickled" in ours
    assert ours <= documented()
    others = {name.rpartition(".")[0] for name in found - ours - {"xpnet"}} - {__name__}
    assert {name.partition(".")[0] for name in others} <= STANDARD


def test_the_names_of_a_pickle_are_found():
    for protocol in PROTOCOLS:
        data = pickle.dumps([pickles.outdated, {"xpnet.pickles": pickles.outdated}], protocol)
        assert named(data) - {"xpnet.pickles"} == {"xpnet.pickles.outdated"}


# --- other versions


@pytest.mark.parametrize("protocol", PROTOCOLS)
@each_thing
def test_a_pickle_of_another_version_names_save(make, protocol, monkeypatch):
    """The error comes before other names are looked up, which may no longer exist."""
    thing = make()
    with monkeypatch.context() as patched:
        patched.setattr(pickles, "__version__", "0.0.9")
        data = pickle.dumps(thing, protocol)
    for changed in (data, re.sub(rb"xpnet\.(\w+\.)?[A-Z]", lambda m: m[0][:-1] + b"?", data)):
        with pytest.raises(pickle.UnpicklingError, match=r"by xpnet 0\.0\.9.*use net\.save\(path"):
            pickle.loads(changed)


def test_an_unversioned_pickle_of_a_network_names_save():
    with pytest.raises(pickle.UnpicklingError, match=r"by an earlier xpnet.*use net\.save\(path"):
        pickle.loads((OLDER / "network.pickle").read_bytes())


@pytest.mark.parametrize("function", ["losses.loss _restored", "equations.activations _named"])
def test_what_an_unversioned_pickle_called_names_save(function):
    """The pickle has protocol 0: a function, its argument, the call."""
    data = "cxpnet.{}\n{}\n(Vhuber\ntR.".format(*function.split()).encode()
    with pytest.raises(pickle.UnpicklingError, match=r"by an earlier xpnet.*use net\.save\(path"):
        pickle.loads(data)


def test_an_unversioned_pickle_of_an_optimizer_has_no_settings():
    """The pickle is of Adam(0.5), which was a tuple; Python makes an object without settings."""
    found = pickle.loads((OLDER / "adam.pickle").read_bytes())
    for name in Adam()._asdict():
        with pytest.raises(AttributeError, match=name):
            getattr(found, name)


# --- only public names are called


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "xpnet.load.__globals__.get",
        "xpnet.pickles.made_by",
        "xpnet.os.system",
        "xpnet",
    ],
)
def test_only_public_names_are_called(name):
    with pytest.raises(pickle.UnpicklingError, match="xpnet has no public name"):
        pickles.unpickled(name, xpnet.__version__, ("true",))


class Mine(xpnet.Network):
    """A user's own class, in a module of its own."""


def test_a_class_of_a_users_own_is_named_by_its_own_module():
    net = Mine([4, 5, 3])
    net.note = "kept"
    for protocol in PROTOCOLS:
        data = pickle.dumps(net, protocol)
        again = pickle.loads(data)
        assert (type(again), again.note) == (Mine, "kept")
        assert f"{__name__}.Mine" in named(data)
        assert again.layers == net.layers


def load():
    """Return an optimizer whose class has a qualified name that begins with "load"."""

    class Own(Adam):
        pass

    return Own(0.5)


def test_a_local_class_named_like_a_public_name_is_no_public_name():
    own = load()
    assert type(own).__qualname__ == "load.<locals>.Own"
    assert copy.copy(own).learning_rate == 0.5


def test_a_package_that_another_thread_still_imports_is_passed_over(monkeypatch):
    monkeypatch.delattr(layers, "__all__")
    assert pickle.loads(pickle.dumps(Adam(0.5))) == Adam(0.5)


def test_notes_on_an_error_are_kept():
    for error in (xpnet.FileError("damaged"), xpnet.DivergenceError(1, 2, 3.0)):
        error.add_note("a note")
        assert pickle.loads(pickle.dumps(error)).__notes__ == ["a note"]
