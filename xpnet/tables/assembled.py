"""Assemble a model of its fits: its members, and how sure it is, by the rows held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xpnet.tables.calibration import class_scores, order_statistics, quantity_scores, temperature
from xpnet.tables.fits import Fitted
from xpnet.tables.model import Member, Model
from xpnet.tables.recipe import Recipe
from xpnet.tables.several import apart, by_name, joined
from xpnet.tables.targets import Classes, Quantity
from xpnet.typing import Host

__all__ = ["model_of"]


def model_of(recipe: Recipe, members: list[Fitted], judged: list[Fitted]) -> Model:
    """The model of these fits; its score and its certainty come from the rows held out."""
    if not members or not all(fit.epochs for fit in members):
        raise KeyboardInterrupt  # before the first epoch, so that there is nothing to keep
    made = tuple(Member(fit.net, fit.schema) for fit in members)
    first = (judged or members)[0]
    stopped = any(fit.interrupted for fit in (*members, *judged))
    model = Model(made, history=first.history, recipe=recipe.facts(), interrupted=stopped)
    if not judged:
        return model
    if model.schema.task == Classes.task:
        return _calibrated(model, judged)
    return _with_residuals(model, judged)


def _calibrated(model: Model, judged: list[Fitted]) -> Model:
    """The model whose probabilities have the temperature that suits the rows held out."""
    outputs = np.concatenate([fit.outputs for fit in judged])
    Y = np.concatenate([fit.targets for fit in judged])
    Ys = Y.reshape(len(Y), -1).T  # (T, N)
    found, scores, weights = [], [], _weights(judged)
    for (target, own), y in zip(apart(model.schema.target, outputs), Ys, strict=True):
        assert isinstance(target, Classes)
        found.append(replace(target, temperature=temperature(own, y, weights)))
        scores.append(class_scores(found[-1].answers(own.astype(np.float64)), y, weights))
    all_found = joined(found)
    members = tuple(Member(net, replace(schema, target=all_found)) for net, schema in model.members)
    score = {**by_name(found, scores), "rows": float(len(Y))}
    return replace(model, members=members, score=score)


def _with_residuals(model: Model, judged: list[Fitted]) -> Model:
    """The model with the errors of the rows held out, and their R² and RMSE."""
    found, scores, weights = [], [], _weights(judged)
    for t, target in enumerate(model.schema.targets):
        assert isinstance(target, Quantity)
        y, predicted = _held_out(judged, t)
        found.append(order_statistics((y - predicted) / target.scale, weights))
        if target.log:
            y, predicted = np.exp(y), np.exp(predicted)
        scores.append(_known(quantity_scores(predicted, y, weights)))
    score = {**by_name(model.schema.targets, scores), "rows": float(len(y))}
    residuals = found[0] if len(found) == 1 else tuple(found)
    return replace(model, residuals=residuals, score=score)


def _held_out(judged: list[Fitted], t: int) -> tuple[Host, Host]:
    """Target t of the rows held out and its predictions (N,), or their logarithms."""
    ys, predicted, own = [], [], slice(t, t + 1)
    for fit in judged:
        target = fit.schema.targets[t]  # each fit scales by its own rows
        assert isinstance(target, Quantity)
        ys.append(target.unscaled(fit.targets[:, own]))
        predicted.append(target.kept(fit.outputs[:, own]))
    return np.concatenate(ys), np.concatenate(predicted)


def _known(scores: dict[str, float]) -> dict[str, float]:
    """The scores without R² if it is NaN."""
    return {name: value for name, value in scores.items() if value == value}


def _weights(judged: list[Fitted]) -> Host | None:
    """The weights of the rows held out; None if they have none."""
    each = [fit.weights for fit in judged if fit.weights is not None]
    return np.concatenate(each) if each else None
