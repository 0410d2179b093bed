"""Errors about unknown keywords of `Network` and `fit` say what to write instead."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import xpnet
from xpnet.checks import keywords
from xpnet.network import stack
from xpnet.training import settings

X = np.random.default_rng(0).normal(size=(12, 3))
LABELS = np.arange(12) % 2

UNKNOWN = [
    ("Network", "activations", "did you mean 'activation'"),
    ("Network", "seed", "did you mean 'rng'"),
    ("Network", "learning_rate", r"write fit\(learning_rate=…\)"),
    ("Network", "n_epochs", r"write fit\(epochs=…\)"),
    (
        "Network",
        "label_smoothing",
        r"write Network\(loss=xpnet\.losses\.CrossEntropy\(label_smoothing=…\)",
    ),
    ("Network", "dropout", r"write sizes=\[…, xpnet\.layers\.Dropout\(rate\)"),
    ("fit", "lr", "did you mean 'learning_rate'"),
    ("fit", "learning_rates", "did you mean 'learning_rate'"),
    ("fit", "batchsize", "did you mean 'batch_size'"),
    ("fit", "max_iter", "did you mean 'epochs'"),
    ("fit", "verbose", "did you mean 'progress'"),
    ("fit", "callback", "did you mean 'callbacks'"),
    ("fit", "loss", r"write Network\(loss=…\)"),
    ("fit", "random_state", r"write Network\(rng=…\)"),
    ("fit", "weight_decay", r"write fit\(penalty=xpnet\.Penalty\(l2=…\)"),
    ("fit", "xyzzy", "It takes X, Y, epochs"),
    ("fit", "y", "did you mean 'Y'"),
    ("Stack.fit", "lr", "did you mean 'learning_rate'"),
    ("Stack.fit", "stream", "It takes X, Y, rows, epochs"),  # the remedy is not `fit`
]


@pytest.mark.parametrize(("call", "name", "match"), UNKNOWN)
def test_an_unknown_keyword_is_told_what_to_write(call, name, match):
    calls = {
        "Network": lambda **given: xpnet.Network([3, 2], **given),
        "fit": lambda **given: xpnet.Network([3, 2]).fit(X, LABELS, **given),
        "Stack.fit": lambda **given: xpnet.Stack([xpnet.Network([3, 2])]).fit(X, LABELS, **given),
    }
    with pytest.raises(TypeError, match=rf"^{call}\(\) has no keyword '{name}': {match}"):
        calls[call](**{name: 0.1})


def test_it_is_the_user_s_line_that_has_too_many_by_place():
    with pytest.raises(TypeError, match=r"^Network\(\) takes sizes by position .* hidden=…; got 2"):
        xpnet.Network([3, 2], "relu")
    with pytest.raises(TypeError, match=r"^fit\(\) takes X, Y by position .* epochs=…; got 3"):
        xpnet.Network([3, 2]).fit(X, LABELS, 10)


def test_the_range_test_passes_them_on():
    with pytest.raises(TypeError, match=r"no keyword 'batchsize': did you mean 'batch_size'"):
        xpnet.learning_rate_range(xpnet.Network([3, 2]), X, LABELS, batchsize=4)


def test_signatures_stay_what_help_shows():
    network = inspect.signature(xpnet.Network).parameters
    assert list(network)[:3] == ["sizes", "hidden", "activation"]
    assert network["dtype"].default == "float32"
    assert inspect.signature(xpnet.Network.fit).parameters["epochs"].default is None
    assert xpnet.Network.fit.__doc__.startswith("Train, from the present parameters")


@pytest.mark.parametrize("name", sorted(keywords._ELSEWHERE))
def test_every_name_from_elsewhere_leads_somewhere(name):
    here = keywords._ELSEWHERE[name]
    known = {*inspect.signature(xpnet.Network).parameters, *keywords._WHERE}
    known |= set(inspect.signature(xpnet.Network.fit).parameters)
    assert here in known
    assert name not in known


@pytest.mark.parametrize(
    "make",
    [
        lambda: xpnet.Network([3, xpnet.layers.Dropout(0.5), 2]),
        lambda: xpnet.Penalty(l1=0.1),
        lambda: xpnet.Penalty(l2=0.1),
        lambda: xpnet.Network([3, 2], loss=xpnet.losses.CrossEntropy(label_smoothing=0.1)),
        lambda: xpnet.EarlyStopping(min_delta=0.1),
        lambda: xpnet.optimizers.SGD(momentum=0.9),
    ],
)
def test_what_the_messages_say_to_write_works(make):
    assert make() is not None


# --- one row for each keyword of fit

DATA = {"X", "Y", "sample_weight", "class_weight", "validation_data"}
"""Arguments of `fit` that are not settings."""

WRONG = {
    "epochs": (0, "epochs must be a positive integer"),
    "batch_size": (0, "batch_size must be a positive integer"),
    "learning_rate": (-1.0, "learning_rate must be a finite number"),
    "validation_fraction": (0.5, "give validation_data or validation_fraction"),
    "optimizer": ("adaam", "unknown optimizer 'adaam'"),
    "shuffle": ("no", "shuffle must be True or False"),
    "penalty": (3, "penalty must be"),
    "max_norm": (-1.0, "the limit of max_norm"),
    "early_stopping": ("no", "early_stopping must be"),
    "metrics": (["acc"], "unknown metric 'acc'"),
    "callbacks": (3, "a callback must be a function"),
    "progress": ("no", "progress must be True, False or None"),
    "compile": ("no", "compile must be True, False or None"),
    "stream": ("no", "stream must be True, False or None"),
    "checkpoint": (3, "a file's name must be"),
    "checkpoint_every": ("soon", "checkpoint_every must be a time"),
    "resume": ("yes", 'resume must be "auto"'),
    "overwrite": (1, "overwrite must be True or False"),
}
"""A wrong value for each setting, beside ``validation_data``, and the beginning of its error."""


def keywords_of(method):
    """Return the method's keywords: default and annotation, by name."""
    given = inspect.signature(method).parameters.values()
    return {p.name: (p.default, p.annotation) for p in given if p.kind is p.KEYWORD_ONLY}


def test_every_keyword_of_fit_has_a_row_and_a_setting():
    keywords = {*keywords_of(xpnet.Network.fit)} - DATA
    assert keywords == {*WRONG}
    rows = keywords - {"learning_rate"}  # checked by the optimizer's row, stored in the optimizer
    assert {*settings._ROWS} == rows
    # of a stack, of an estimator, and of `epochs`
    others = {"rates", "own"} | {"order", "carried"} | {"is_open"}
    assert {*settings.Settings._fields} == rows | others


def test_a_stack_shares_keywords_with_a_network():
    shared, own = keywords_of(xpnet.Stack.fit), keywords_of(xpnet.Network.fit)
    del shared["rows"]  # a stack's only
    assert {name: own[name] for name in shared} == shared
    assert [name for name in own if name in shared] == [*shared]
    # the types that a type checker reads
    checked = settings.StackKeywords.__annotations__
    assert {name: annotation for name, (_, annotation) in shared.items()} == {
        name: annotation.__forward_arg__ for name, annotation in checked.items()
    }


@pytest.mark.parametrize("upper", WRONG)
def test_the_first_wrong_keyword_in_the_table_is_the_one_named(upper):
    rows = [*settings._ROWS]
    rows.insert(rows.index("optimizer"), "learning_rate")
    for lower in rows[rows.index(upper) :]:
        given = {name: WRONG[name][0] for name in (lower, upper)}
        with pytest.raises((ValueError, TypeError), match=f"^{WRONG[upper][1]}"):
            xpnet.Network([3, 2]).fit(X, LABELS, validation_data=(X, LABELS), **given)


class Stop(Exception):
    """Raised to end a fit early."""


def test_a_stack_takes_the_defaults_of_a_network(monkeypatch):
    given = []

    def noted(keywords):
        given.append(keywords)
        raise Stop

    monkeypatch.setattr(stack, "settings", noted)
    with pytest.raises(Stop):
        xpnet.Stack([xpnet.Network([3, 2])]).fit(X, LABELS, epochs=7)
    defaults = {name: default for name, (default, _) in keywords_of(xpnet.Network.fit).items()}
    assert given == [{**defaults, "epochs": 7}]
