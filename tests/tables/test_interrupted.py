"""Ctrl-C while a model of a table is trained: the best so far is kept, and that is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.command import fails, write
from xpnet.cli import main
from xpnet.tables import Schema, Table, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=60)
TABLE = Table({"x": X, "y": np.where(X > 0, "a", "b"), "z": X**2})


class Fits:
    """Every fit of a training; fit number ``at`` ends as by Ctrl-C after some epochs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, epochs: int) -> None:
        self.done: list[tuple[xpnet.Network, xpnet.History]] = []
        plain = xpnet.Network.fit

        def fit(net: xpnet.Network, *data: Any, **settings: Any) -> xpnet.History:
            assert len(self.done) <= at, "trained on after Ctrl-C"
            if len(self.done) == at:
                if epochs == 0:
                    history = xpnet.History(stopped="interrupted")
                else:
                    history = plain(net, *data, **{**settings, "epochs": epochs})
                    history.stopped = "interrupted"
            else:
                history = plain(net, *data, **settings)
            self.done.append((net, history))
            return history

        monkeypatch.setattr(xpnet.Network, "fit", fit)


def asked(**settings: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    return train(TABLE, "y", hidden=(4,), epochs=6, tell=said.append, **settings), said


def test_in_the_first_fit_its_best_epoch_is_kept(monkeypatch):
    fits = Fits(monkeypatch, 0, 3)
    model, said = asked()
    assert (model.interrupted, len(fits.done)) == (True, 1)
    np.testing.assert_array_equal(model.network.parameters, fits.done[0][0].parameters)
    assert model.score["rows"] == 12
    assert said[-1].startswith("interrupted: kept the best network so far")


@pytest.mark.parametrize("epochs", [0, 1])
def test_in_the_second_fit_the_better_of_both_is_kept(monkeypatch, epochs):
    fits = Fits(monkeypatch, 1, epochs)
    model, _ = asked()
    assert (model.interrupted, len(fits.done)) == (True, 2)
    losses = [min(history.validation_loss, default=np.inf) for _, history in fits.done]
    best = fits.done[int(np.argmin(losses))][0]
    np.testing.assert_array_equal(model.network.parameters, best.parameters)


@pytest.mark.parametrize("epochs", [0, 1])
def test_in_the_last_fit_the_chosen_network_is_kept(monkeypatch, epochs):
    fits = Fits(monkeypatch, 2, epochs)
    model, said = asked()
    assert (model.interrupted, len(fits.done)) == (True, 3)
    losses = [min(history.validation_loss) for _, history in fits.done[:2]]
    best = fits.done[int(np.argmin(losses))][0]
    np.testing.assert_array_equal(model.network.parameters, best.parameters)
    assert said[-1] == "interrupted: kept the network trained on four fifths of the rows"


@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}])
def test_before_any_epoch_there_is_nothing_to_keep(monkeypatch, settings):
    Fits(monkeypatch, 0, 0)
    with pytest.raises(KeyboardInterrupt):
        asked(**settings)


@pytest.mark.parametrize(("at", "epochs", "kept"), [(0, 2, 1), (2, 0, 1), (2, 2, 2), (3, 0, 2)])
def test_of_several_networks_those_that_were_trained_are_kept(monkeypatch, at, epochs, kept):
    Fits(monkeypatch, at, epochs)
    model, said = asked(networks=3)
    assert (model.interrupted, len(model.networks)) == (True, kept)
    assert said[-1] == f"interrupted: kept {kept} of 3 networks"
    assert model.predict_proba(TABLE).shape == (60, 2)


def test_without_ctrl_c_nothing_is_interrupted():
    assert not any(asked(**settings)[0].interrupted for settings in ({}, {"networks": 2}))


def test_the_command_writes_the_model_and_has_the_status_130(monkeypatch, tmp_path, capsys):
    data = write(tmp_path / "t.csv", [["x", "y"], *zip(X.tolist(), TABLE.text("y"), strict=True)])
    arguments = ["train", str(data), "--target", "y", "--out", str(tmp_path / "m"), "--hidden=4"]
    Fits(monkeypatch, 1, 1)
    assert main(arguments) == 130
    assert "kept the best network so far" in capsys.readouterr().out
    assert main(["predict", str(tmp_path / "m"), str(data), "--out", str(tmp_path / "p")]) == 0


def test_the_command_writes_nothing_before_any_epoch(monkeypatch, tmp_path, capsys):
    data = write(tmp_path / "t.csv", [["x", "y"], *zip(X.tolist(), TABLE.text("y"), strict=True)])
    Fits(monkeypatch, 0, 0)
    arguments = ["train", str(data), "--target", "y", "--out", str(tmp_path / "m")]
    assert "interrupted" in fails(capsys, arguments)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(("networks", "fits"), [(1, 1), (1, 2), (3, 2)])
def test_while_a_table_is_encoded_what_was_found_is_kept(monkeypatch, networks, fits):
    """The second fit of the choice, the last fit, or the second network, before its first step."""
    encode, calls = Schema.features, []

    def features(self: Schema, *given: Any) -> Any:
        calls.append(given)
        if len(calls) > fits:  # each fit encodes once
            raise KeyboardInterrupt
        return encode(self, *given)

    monkeypatch.setattr(Schema, "features", features)
    model, said = asked(networks=networks)
    assert (model.interrupted, len(model.members)) == (True, 1)
    assert said[-1].startswith("interrupted: kept ")
