"""Assemble a model of its fits: its members, and how sure it is, by the rows held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xpnet.tables.calibration import class_scores, order_statistics, quantity_scores, temperature
from xpnet.tables.fits import Fitted
from xpnet.tables.model import Member, Model
from xpnet.tables.recipe import Recipe
from xpnet.tables.targets import Classes, Quantity

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
    if isinstance(members[0].schema.target, Classes):
        return _calibrated(model, judged)
    return _with_residuals(model, judged)


def _calibrated(model: Model, judged: list[Fitted]) -> Model:
    """The model whose probabilities have the temperature that suits the rows held out."""
    outputs = np.concatenate([fit.outputs for fit in judged])
    Y = np.concatenate([fit.targets for fit in judged])
    target = model.schema.target
    assert isinstance(target, Classes)
    target = replace(target, temperature=temperature(outputs, Y))
    members = tuple(Member(net, replace(schema, target=target)) for net, schema in model.members)
    p = target.answers(outputs.astype(np.float64))
    return replace(model, members=members, score={**class_scores(p, Y), "rows": float(len(Y))})


def _with_residuals(model: Model, judged: list[Fitted]) -> Model:
    """The model with the errors of the rows held out, and their R² and RMSE."""
    target = model.schema.target
    assert isinstance(target, Quantity)
    each = [(_quantity(fit), fit) for fit in judged]  # each fit scales by its own rows
    y = np.concatenate([own.unscaled(fit.targets) for own, fit in each])
    predicted = np.concatenate([own.kept(fit.outputs) for own, fit in each])
    error = y - predicted
    if target.log:
        y, predicted = np.exp(y), np.exp(predicted)
    score = {k: v for k, v in quantity_scores(predicted, y).items() if v == v}  # no R², if NaN
    residuals = order_statistics(error / target.scale)
    return replace(model, residuals=residuals, score={**score, "rows": float(len(y))})


def _quantity(fit: Fitted) -> Quantity:
    target = fit.schema.target
    assert isinstance(target, Quantity)
    return target
