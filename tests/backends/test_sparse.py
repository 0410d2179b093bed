"""Rows of a sparse matrix, dense a batch at a time: a fit and an objective see the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, relative
from xpnet.backends import get_backend, move, to_numpy
from xpnet.backends.sparse import SparseRows
from xpnet.checks.inputs import examples
from xpnet.derivatives import objective as module
from xpnet.derivatives.objective import objective
from xpnet.training.loop import loop
from xpnet.training.one_fit import one_fit
from xpnet.training.settings import settings

RNG = np.random.default_rng(0)
DENSE = np.where(RNG.uniform(size=(23, 6)) < 0.3, RNG.normal(size=(23, 6)), 0.0)
Y, W = RNG.normal(size=(23, 2)), RNG.uniform(1.0, 2.0, size=23)


def rows(kind="csr_array", dtype="float64"):
    return SparseRows(getattr(needed("scipy.sparse"), kind)(DENSE), dtype)


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_rows_are_dense(kind):
    X, out = rows(kind, "float32"), np.full((3, 6), np.nan, np.float32)
    index = np.asarray([5, 0, 5])
    X.gather(index, out)
    np.testing.assert_array_equal(out, DENSE[index].astype(np.float32))
    np.testing.assert_array_equal(X[4:9, ...], DENSE[4:9].astype(np.float32))
    assert X.shape == (23, 6)
    assert len(X) == 23


def network(backend):
    return xpnet.Network([6, 5, 2], loss="squared_error", dtype="float64", backend=backend)


def test_a_fit_takes_the_same_steps(backend):
    nets = []
    for sparse in (False, True):
        net, place = network(backend), get_backend("numpy") if sparse else backend
        given = {**_defaults(), "epochs": 3, "batch_size": 5, "optimizer": "adam"}
        chosen = settings({**given, "shuffle": True, "metrics": (), "progress": False})
        data = examples(place, net.layers, net.loss, net.dtype, DENSE, Y, W)
        data = data._replace(X=rows()) if sparse else data
        with one_fit(net) as kept, backend.context():
            history = loop(net, place, data, None, chosen, kept)
        assert history.engine == "streamed" or not sparse
        nets.append(to_numpy(net.parameters))
    assert relative(nets[1], nets[0]) <= 1e-13


def _defaults():
    from inspect import signature

    return {name: p.default for name, p in signature(xpnet.Network.fit).parameters.items()}


def test_an_objective_adds_up_its_parts(backend, monkeypatch):
    monkeypatch.setattr(module, "_NUMBERS", 30)  # 5 rows a part
    net = network(backend)
    fixed = net.backend, net.layers, net.loss, net.dtype, net.statistics
    data = examples(backend, net.layers, net.loss, net.dtype, DENSE, Y, W)
    with backend.context():
        theta = move(backend, to_numpy(net.parameters))
        whole, g = objective(*fixed, data, xpnet.Penalty(l2=0.1))(theta)
        of_parts = objective(*fixed, data._replace(X=rows()), xpnet.Penalty(l2=0.1))
        value, found = of_parts(theta)
    assert float(value) == pytest.approx(float(whole), rel=1e-14)
    assert relative(to_numpy(found), to_numpy(g)) <= 1e-14
