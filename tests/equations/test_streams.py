"""Random numbers and initial weights are the same bits everywhere and in every version."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.backends import to_numpy
from xpnet.datasets import stratified_split
from xpnet.engines.batches import Batches
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.initializers import INITIALIZERS, VARIANCES, initial_weights
from xpnet.equations.streams import ORDER, WEIGHTS, permutation, seed_from, uniform


def test_the_stream_never_changes():
    """The numbers come from the first version; a change would change every user's results."""
    np.testing.assert_array_equal(
        uniform(0, WEIGHTS, (0,), 3),
        [0.810243512110891, 0.5461260857686415, 0.4817011004763435],
    )
    assert permutation(0, ORDER, (0,), 8).tolist() == [4, 6, 3, 5, 2, 1, 0, 7]


def test_streams_differ_by_seed_purpose_and_counter():
    draws = {
        tuple(uniform(seed, purpose, (counter,), 4))
        for seed in (0, 1, 2**70)
        for purpose in (WEIGHTS, ORDER)
        for counter in (0, 1)
    }
    assert len(draws) == 12


def test_uniform_is_uniform():
    u = uniform(5, WEIGHTS, (0,), 200_000)
    assert u.min() >= 0
    assert u.max() < 1
    counts, _ = np.histogram(u, bins=20, range=(0, 1))
    chi_square = np.sum((counts - 10_000) ** 2 / 10_000)
    assert chi_square < 45  # 19 degrees of freedom: exceeded with probability 0.001


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_order_is_a_permutation(n):
    orders = [permutation(3, ORDER, (epoch,), n) for epoch in range(2)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    assert n < 1000 or np.mean(orders[0] == orders[1]) < 0.02


def test_what_rng_may_be():
    assert seed_from(7) == seed_from(np.int32(7)) == 7
    sequence = np.random.SeedSequence(7)
    assert seed_from(sequence) == seed_from(np.random.SeedSequence(7)) != 7
    assert seed_from(sequence.spawn(1)[0]) != seed_from(sequence)
    generator = np.random.default_rng(7)
    assert seed_from(generator) != seed_from(generator), "a generator is drawn from"
    assert seed_from(None) != seed_from(None)


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n != "zeros"])
def test_weights_have_the_schemes_variance(name):
    W = initial_weights(name, 300, 200, seed=1, layer=0)
    variance = VARIANCES[INITIALIZERS[name]](300, 200)
    assert W.shape == (200, 300)
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert np.abs(W).max() <= np.sqrt(3 * variance) * (1 if "uniform" in name else 3)


def test_initializer_follows_the_activation():
    """He's bound is √(6/fan_in), Glorot's √(6/(fan_in + fan_out))."""
    net = xpnet.Network([50, 100, 100, 100], activation=["relu", "tanh", "identity"])
    bounds = [np.sqrt(6 / 50), np.sqrt(6 / 200), np.sqrt(6 / 200)]
    for W, bound in zip(net.weights, bounds, strict=True):
        assert 0.98 * bound < np.abs(W).max() <= bound
    assert not any(np.any(b) for b in net.biases)
    assert not any(np.any(W) for W in xpnet.Network([3, 2], initializer="zeros").weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_weights_are_the_same_bits_on_every_backend(backend, dtype):
    for initializer in (None, "he_normal"):
        settings = {"dtype": dtype, "rng": 11, "initializer": initializer}
        expected = xpnet.Network([7, 5, 3], **settings)
        found = xpnet.Network([7, 5, 3], backend=backend, **settings)
        assert to_numpy(found.parameters).tobytes() == expected.parameters.tobytes()


@pytest.mark.parametrize("shuffle", [True, False])
def test_order_of_examples_is_the_same_on_every_backend(backend, shuffle):
    weights = np.where(np.arange(23) % 5 == 0, 0.0, 1.0 + np.arange(23))
    here = Batches(backend, 23, 4, shuffle, 9, weights)
    numpy = Batches(xpnet.get_backend("numpy"), 23, 4, shuffle, 9, weights)
    for epoch in (0, 1):
        found, expected = (
            [(to_numpy(order.batch(s)).tolist(), w) for s, w in enumerate(order.weights)]
            for order in (here.order(epoch), numpy.order(epoch))
        )
        assert found == expected
        rows = [i for batch, _ in found for i in batch]
        assert sorted(rows) == np.flatnonzero(weights).tolist(), "weight 0 is left out, once each"
        assert [len(batch) for batch, _ in found] == [4, 4, 4, 4, 2]
        assert len(found) == here.per_epoch
        assert found[0][1] == weights[found[0][0]].sum()
        assert shuffle or rows == sorted(rows)


# --- mutations that no other test notices


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n != "zeros"])
def test_the_variance_of_each_scheme_is_its_papers(name):
    """The expected variances are written out, not taken from the code's table."""
    expected = {"he": 2 / 300, "glorot": 2 / 500, "lecun": 1 / 300}[name.partition("_")[0]]
    W = initial_weights(name, 300, 200, seed=1, layer=0)  # 60,000 numbers: standard error 0.6 %
    assert W.var() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("activation", [a for a in ACTIVATIONS if a != "softmax"])
def test_every_activation_starts_with_the_scheme_made_for_it(activation):
    """He for functions like relu, LeCun for selu, Glorot for the rest."""
    scheme = {"selu": "lecun_normal"} | dict.fromkeys(
        ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus"), "he_uniform"
    )
    net = xpnet.Network([6, 5, 2], activation=activation, rng=4, dtype="float64")
    expected = initial_weights(scheme.get(activation, "glorot_uniform"), 6, 5, seed=4, layer=0)
    np.testing.assert_array_equal(net.weights[0], expected)


def test_a_seed_sequence_gives_128_bits_of_its_state():
    sequence = np.random.SeedSequence(5)
    first, second = sequence.generate_state(2, np.uint64).tolist()
    assert seed_from(sequence) == first * 2**64 + second


@pytest.mark.parametrize(
    ("members", "fraction", "held"), [(7, 0.2, 1), (8, 0.2, 2), (3, 0.5, 2), (5, 0.5, 2)]
)
def test_a_share_is_rounded_to_the_nearest_and_half_to_even(members, fraction, held):
    for k in (1, 2):
        labels = np.arange(members * k) % k
        train, test = stratified_split(labels, fraction)
        assert np.bincount(labels[test]).tolist() == [held] * k
        assert sorted([*train, *test]) == list(range(members * k))
