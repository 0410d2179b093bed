"""L-BFGS, compared with SciPy's and torch's, and what it does if the search fails."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.support.helpers import needed, network, relative
from tests.support.three_classes import X
from tests.support.three_classes import Y as LABELS
from xpnet import Network
from xpnet.backends import move, to_numpy
from xpnet.optimizers import LBFGS, minimize
from xpnet.optimizers.lbfgs import Minimization
from xpnet.optimizers.line_search import Point, _cubic, strong_wolfe
from xpnet.optimizers.pairs import Pairs

START = np.tile([-1.2, 1.0], 5)


def rosenbrock(x):
    """Return Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)², whose minimum nearby is at ones; and ∇."""
    a, b = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    g = np.zeros_like(x)
    g[1:] += 200.0 * a
    g[:-1] += -400.0 * x[:-1] * a - 2.0 * b
    return float(np.sum(100.0 * a**2 + b**2)), g


def counted(function):
    """Return the function, and a list to which each call adds its value."""
    values = []

    def call(x):
        value, g = function(x)
        values.append(value)
        return value, g

    return call, values


def on(backend, function):
    """Turn a NumPy function into one of a backend's arrays."""

    def call(theta):
        value, g = function(to_numpy(theta).astype(np.float64))
        return value, move(backend, g, str(to_numpy(theta).dtype))

    return call


def test_rosenbrock_takes_as_many_evaluations_as_scipy_and_torch(backend):
    optimize = needed("scipy.optimize")
    function, values = counted(rosenbrock)
    found = minimize(
        on(backend, function),
        move(backend, START),
        tolerance_gradient=1e-8,
        tolerance_change=0.0,
        xp=backend.xp,
    )
    peer = optimize.minimize(
        rosenbrock, START, jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 0.0}
    )
    assert found.reason == "gradient"
    assert found.converged
    assert relative(found.theta, np.ones(10)) <= 1e-8
    assert relative(found.gradient, rosenbrock(to_numpy(found.theta))[1]) <= 1e-8
    assert found.evaluations == len(values) <= 1.2 * peer.nfev
    assert found.value == values[-1]


def test_rosenbrock_against_torch():
    torch = needed("torch")
    p, calls = torch.tensor(START, requires_grad=True), []
    reference = torch.optim.LBFGS(
        [p],
        max_iter=1000,
        max_eval=10000,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-8,
        tolerance_change=0.0,
    )

    def closure():
        value, g = rosenbrock(p.detach().numpy())
        calls.append(value)
        p.grad = torch.tensor(g)
        return torch.tensor(value)

    reference.step(closure)
    found = minimize(rosenbrock, START, tolerance_gradient=1e-8, tolerance_change=0.0)
    assert relative(found.theta, p.detach().numpy()) <= 1e-8
    assert found.evaluations <= 1.2 * len(calls)


def objective(net, X, Y):
    """Return a network's loss and gradient as a function of θ."""

    def call(theta):
        net.set_parameters(theta)
        value, gradient = net.value_and_gradient(X, Y)
        return value, gradient.flat

    return call


def small(backend, dtype="float64", activation="tanh", rng=1):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(60, 3))
    Y = np.sin(2 * X[:, :1]) + X[:, 1:2] * X[:, 2:]
    net = Network([3, 6, 1], activation=activation, backend=backend, dtype=dtype, rng=rng)
    return net, X, Y


def test_a_network_s_loss_gets_as_low_as_with_scipy(backend):
    """The start and the iterations are the same; only a few more evaluations are allowed."""
    optimize = needed("scipy.optimize")
    net, X, Y = small(backend)
    theta = net.parameters
    found = LBFGS(tolerance_gradient=1e-9, tolerance_change=0.0).minimize(
        backend.xp, objective(net, X, Y), theta, max_iterations=150
    )
    host, X, Y = small("numpy")
    peer = optimize.minimize(
        objective(host, X, Y),
        to_numpy(theta),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-9, "ftol": 0.0, "maxiter": 150},
    )
    assert found.reason == "iterations"
    assert found.value <= 1.1 * peer.fun
    assert found.value < 0.05 * net_loss_at_start(host, theta, X, Y)
    assert found.evaluations <= 1.15 * peer.nfev


def test_with_kinks_it_goes_on_as_scipy_does():
    """With relu and twenty starts, few searches end early; on average loss and cost are SciPy's."""
    optimize = needed("scipy.optimize")
    found, peers = [], []
    for rng in range(20):
        host, X, Y = small("numpy", activation="relu", rng=rng)
        theta, function = host.parameters.copy(), objective(host, X, Y)
        found.append(minimize(function, theta, max_iterations=200, tolerance_change=0.0))
        options = {"gtol": 1e-5, "ftol": 0.0, "maxiter": 200}
        peers.append(
            optimize.minimize(function, theta, jac=True, method="L-BFGS-B", options=options)
        )
    assert sum(one.reason == "iterations" for one in found) >= 16
    assert sum(one.evaluations for one in found) <= 1.2 * sum(peer.nfev for peer in peers)
    ratios = [one.value / peer.fun for one, peer in zip(found, peers, strict=True)]
    assert np.exp(np.mean(np.log(ratios))) <= 1.1


def net_loss_at_start(net, theta, X, Y):
    net.set_parameters(to_numpy(theta))
    return net.value_and_gradient(X, Y)[0]


def test_in_float32_it_ends_by_itself(backend):
    """The search must not run for ever on values that differ only by rounding."""
    net, X, Y = small(backend, "float32")
    theta = net.parameters
    found = LBFGS(tolerance_gradient=0.0, tolerance_change=1e-7).minimize(
        backend.xp, objective(net, X, Y), theta, max_iterations=2000
    )
    assert found.reason in ("change", "line search")
    assert found.value < 0.05 * net_loss_at_start(small("numpy")[0], theta, X, Y)
    assert to_numpy(found.theta).dtype == np.float32


def test_the_start_is_not_written_to(backend):
    theta = move(backend, START)
    minimize(on(backend, rosenbrock), theta, max_iterations=5, xp=backend.xp)
    assert np.array_equal(to_numpy(theta), START)


# --- reasons to stop


def test_each_reason_to_stop():
    start = np.asarray([3.0, -4.0])

    def square(x):
        return float(x @ x), 2.0 * x

    assert minimize(square, np.zeros(2)).reason == "gradient"
    assert minimize(square, np.zeros(2)).evaluations == 1
    assert minimize(square, start).reason == "gradient"
    loose = minimize(rosenbrock, START, tolerance_change=1e-2)
    assert (loose.reason, loose.converged) == ("change", True)
    cut = minimize(rosenbrock, START, max_iterations=3)
    assert (cut.reason, cut.converged, cut.iterations) == ("iterations", False, 3)
    assert minimize(lambda x: (math.nan, x), start).reason == "not finite"
    wrong = minimize(lambda x: (float(x @ x), -2.0 * x), start)
    assert (wrong.reason, wrong.converged, wrong.iterations) == ("line search", False, 0)
    assert np.array_equal(wrong.theta, start)


def test_a_callback_sees_every_iteration_and_ends_the_search():
    seen = []

    def callback(iteration, theta, value):
        seen.append((iteration, value))
        assert rosenbrock(theta)[0] == value
        return iteration == 4

    found = minimize(rosenbrock, START, callback=callback)
    assert (found.reason, found.iterations) == ("callback", 4)
    assert [iteration for iteration, _ in seen] == [1, 2, 3, 4]
    assert all(after < before for (_, before), (_, after) in pairwise(seen))
    assert found.value == seen[-1][1]


def test_it_backs_away_from_where_the_value_is_not_finite():
    """It finds the minimum of x − log x, although log is NaN for x < 0."""

    def barrier(x):
        with np.errstate(all="ignore"):
            return float(np.sum(x - np.log(x))), 1.0 - 1.0 / x

    found = minimize(
        barrier, np.asarray([1e-3, 50.0]), tolerance_gradient=1e-9, tolerance_change=0.0
    )
    assert found.reason == "gradient"
    np.testing.assert_allclose(found.theta, 1.0, rtol=1e-8)


@pytest.mark.parametrize(("size", "length"), [(100.0, 1.0), (1e-3, 1e-6)])
def test_the_first_step_is_no_longer_than_one(size, length):
    """If the gradient is shorter than one, the step is no longer than the gradient: x/1000."""
    tried = []

    def bowl(x):
        tried.append(x)
        g = x * (1.0 if size > 1 else 1e-3)
        return 0.5 * float(x @ g), g

    minimize(bowl, np.asarray([0.0, size]), max_iterations=1, tolerance_gradient=0.0)
    assert np.linalg.norm(tried[1] - tried[0]) == pytest.approx(length, rel=1e-12)


def test_where_the_memory_misleads_it_begins_anew():
    """A search that finds nothing lower is repeated along −g, with cleared memory."""
    search = Minimization(np, LBFGS(), rosenbrock, START)
    assert search._iterate()
    value, honest = search.point.value, search.pairs.direction
    search.pairs.direction = lambda g: g if len(search.pairs) else honest(g)
    assert search._iterate()
    assert search.point.value < value
    assert len(search.pairs) == 1


# --- the line search


def along(f, slope):
    points = []

    def phi(a):
        points.append(a)
        return Point(a, f(a), slope(a), None, None)

    return phi, points


LINES = {
    "far away": (lambda a: (a - 300.0) ** 2, lambda a: 2 * (a - 300.0), 1.0),
    "near": (lambda a: (a - 1e-4) ** 2, lambda a: 2 * (a - 1e-4), 1.0),
    "flat valley": (lambda a: -a / (a * a + 2), lambda a: (a * a - 2) / (a * a + 2) ** 2, 10.0),
    "wiggly": (
        lambda a: 1e-3 * math.sin(200 * a) + (a - 1) ** 2,
        lambda a: 0.2 * math.cos(200 * a) + 2 * (a - 1),
        0.1,
    ),
    "infinite beyond 1": (
        lambda a: -a + (math.inf if a > 1 else -0.1 * math.log(1.0000001 - a)),
        lambda a: -1 + (0.1 / (1.0000001 - a) if a <= 1 else math.nan),
        64.0,
    ),
}


@pytest.mark.parametrize("name", list(LINES))
@pytest.mark.parametrize("c2", [0.9, 0.1])
def test_the_point_found_meets_both_wolfe_conditions(name, c2):
    f, slope, first = LINES[name]
    phi, points = along(f, slope)
    origin = Point(0.0, f(0.0), slope(0.0), None, None)
    found = strong_wolfe(phi, origin, first, c1=1e-4, c2=c2)
    assert found.value <= origin.value + 1e-4 * found.step * origin.slope
    assert abs(found.slope) <= c2 * abs(origin.slope)
    assert len(points) <= 20


def test_a_point_that_is_flat_enough_must_be_low_enough():
    """At 1.9, (a − 1)² has fallen by less than 0.3 times what the slope at 0 predicts."""
    phi, points = along(lambda a: (a - 1) ** 2, lambda a: 2 * (a - 1))
    found = strong_wolfe(phi, Point(0.0, 1.0, -2.0, None, None), 1.9, c1=0.3)
    assert points == [1.9, found.step]
    assert found.step == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("swap", [False, True])
def test_the_interpolation_is_the_minimum_of_a_cubic(swap):
    """2a³ − 3a² − 12a has its minimum at a = 2."""
    ends = [Point(a, 2 * a**3 - 3 * a**2 - 12 * a, 6 * a**2 - 6 * a - 12, 0, 0) for a in (0.5, 4.0)]
    assert _cubic(*(ends[::-1] if swap else ends)) == pytest.approx(2.0, rel=1e-13)


def test_a_kink_is_not_closed_in_on():
    """|a − 1| has the slopes −1 and 1, so no point is flat enough."""
    phi, points = along(lambda a: abs(a - 1.0), lambda a: math.copysign(1.0, a - 1.0))
    found = strong_wolfe(phi, Point(0.0, 1.0, -1.0, None, None), 0.3)
    assert found.value <= 0.01
    assert len(points) <= 8


def test_a_line_that_only_rises_gives_the_origin_back():
    phi, points = along(lambda a: a, lambda a: 1.0)
    origin = Point(0.0, 0.0, -1.0, None, None)
    assert strong_wolfe(phi, origin, 1.0, limit=9) is origin
    assert len(points) == 9


def test_a_line_without_a_bottom_gives_its_lowest_point():
    phi, points = along(lambda a: -a, lambda a: -1.0)
    found = strong_wolfe(phi, Point(0.0, 0.0, -1.0, None, None), 1.0, limit=6)
    assert found.step == max(points)
    assert len(points) == 6


# --- the memory of curvature


def test_the_direction_is_that_of_bfgs_by_matrices(backend):
    """The reference is H ← (1 − ρ s yᵀ) H (1 − ρ y sᵀ) + ρ s sᵀ, from γ I of the last pair."""
    rng = np.random.default_rng(4)
    root = rng.normal(size=(6, 6))
    hessian = root @ root.T + np.eye(6)
    pairs = Pairs(backend.xp, history=3, epsilon=1e-16)
    kept = []
    for _ in range(5):
        s = rng.normal(size=6)
        y = hessian @ s
        kept.append((s, y))
        origin = Point(0.0, 0.0, -1.0, None, move(backend, np.zeros(6)))
        pairs.remember(origin, Point(0.5, 0.0, 0.0, None, move(backend, y)), move(backend, 2 * s))
    s, y = kept[-1]
    H = np.eye(6) * (s @ y) / (y @ y)
    for s, y in kept[-3:]:
        rho = 1 / (s @ y)
        V = np.eye(6) - rho * np.outer(y, s)
        H = V.T @ H @ V + rho * np.outer(s, s)
    g = rng.normal(size=6)
    assert len(pairs) == 3
    assert relative(pairs.direction(move(backend, g)), -H @ g) <= 1e-12


def test_a_pair_of_negative_curvature_is_not_kept():
    pairs = Pairs(np, history=3, epsilon=1e-16)
    origin = Point(0.0, 0.0, -1.0, None, np.zeros(2))
    pairs.remember(origin, Point(1.0, 0.0, 0.0, None, np.asarray([-1.0, 0.0])), np.ones(2))
    assert len(pairs) == 0


def test_a_tolerance_met_in_the_last_iteration_is_what_it_is():
    """The reason is not "iterations", although none is left."""

    def bowl(x):
        return 0.5 * float(x @ x), x.copy()

    start = np.asarray([0.6, 0.8])  # a first step of length 1 ends at the minimum
    found = minimize(bowl, start, max_iterations=1)
    assert (found.reason, found.converged, found.iterations) == ("gradient", True, 1)
    loose = minimize(bowl, 3.0 * start, max_iterations=1, tolerance_change=10.0)
    assert (loose.reason, loose.converged, loose.iterations) == ("change", True, 1)
    short = minimize(bowl, 3.0 * start, max_iterations=1)
    assert (short.reason, short.converged, short.iterations) == ("iterations", False, 1)


def points(values, slopes=None):
    """Return a φ whose k-th evaluation has the k-th value, and by default the slope −1."""
    given = zip(values, slopes or [-1.0] * len(values), strict=True)
    return lambda a: Point(a, *next(given), None, None)


@pytest.mark.parametrize(
    ("second", "found"),
    [(-3.0, -3.0), (-1.5, -2.0), (-2.0, -2.0), (math.nan, -2.0), (-math.inf, -2.0), (9.0, -2.0)],
)
def test_out_of_evaluations_it_gives_the_lowest_point_back(second, found):
    """There are two: the first is low enough; the second may be lower, higher, or not finite."""
    origin = Point(0.0, 0.0, -1.0, None, None)
    slopes = [-1.0, -1.0 if math.isfinite(second) else math.nan]
    assert strong_wolfe(points([-2.0, second], slopes), origin, 1.0, limit=2).value == found


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("value", [math.nan, math.inf, 0.5, -math.inf])
def test_out_of_evaluations_with_none_that_is_low_enough_it_gives_the_origin_back(value, limit):
    origin = Point(0.0, 0.0, -1.0, None, None)
    assert strong_wolfe(points([value] * 3), origin, 1.0, limit=limit) is origin


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6])
def test_what_a_search_gives_back_is_never_higher_than_what_it_has_seen(seed, limit):
    """It is the lowest of the points that are low enough, on a rough line with NaN in places."""
    rng = np.random.default_rng(seed)
    a, b, hole = rng.normal(size=3)

    def phi(step):
        value = -step + 0.5 * abs(a) * step * step + 0.3 * math.sin(5.0 * b * step)
        slope = -1.0 + abs(a) * step + 1.5 * b * math.cos(5.0 * b * step)
        if abs(step - 2.0 * hole) < 0.4 and step > 0:
            value = slope = math.nan
        seen.append(Point(step, value, slope, None, None))
        return seen[-1]

    seen = []
    origin = phi(0.0)
    origin = origin._replace(slope=-abs(origin.slope))
    found = strong_wolfe(phi, origin, 1.0, limit=limit)
    assert len(seen) <= limit + 1
    assert found.value <= origin.value
    assert found is origin or found.value <= origin.value + 1e-4 * found.step * origin.slope


def test_a_line_that_only_falls_is_followed_by_tenfold_steps():
    """Each increment is nine times the one before."""
    steps = []

    def falling(a):
        steps.append(a)
        return Point(a, -a, -1.0, None, None)

    strong_wolfe(falling, Point(0.0, 0.0, -1.0, None, None), 1.0, limit=4)
    assert steps == [1.0, 10.0, 91.0, 820.0]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_interpolation_knows_no_unit(scale):
    """It finds the minimum of (a − 1)² between 0 and 3, multiplied by any scale."""
    low, high = (Point(a, scale * (a - 1) ** 2, scale * 2 * (a - 1), None, None) for a in (0, 3))
    assert _cubic(low, high) == pytest.approx(1.0, rel=1e-12)


# --- a fit of a network


def test_an_iteration_of_lbfgs_is_an_epoch():
    net = Network([5, 8, 3], loss="cross_entropy", rng=3)
    assert net.fit(X, LABELS, optimizer="lbfgs", epochs=3).epoch == [1, 2, 3]
    assert net.fit(X, LABELS, optimizer="lbfgs", epochs=2).epoch == [4, 5]
    assert net.epoch == 5


def test_lbfgs_that_has_nothing_to_do_tells_its_loss_and_gradient(backend):
    net = network(backend, [5, 8, 3], loss="cross_entropy")
    before = to_numpy(net.parameters).copy()
    value, g = net.value_and_gradient(X, LABELS)
    history = net.fit(X, LABELS, epochs=5, optimizer=LBFGS(tolerance_gradient=100.0))
    assert history.stopped == "converged"
    assert history.epoch == [net.epoch] == [1]
    assert history.loss == pytest.approx([value], rel=1e-13)
    assert history.gradient_norm == pytest.approx(np.abs(to_numpy(g.flat)).max(), rel=1e-12)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def test_the_gradient_norm_of_lbfgs_is_that_of_its_last_point(backend):
    net = network(backend, [5, 8, 3], loss="cross_entropy")
    history = net.fit(X, LABELS, epochs=4, optimizer="lbfgs")
    g = net.gradient(X, LABELS).flat
    assert history.gradient_norm == pytest.approx(np.abs(to_numpy(g)).max(), rel=1e-9)
    assert len(history) == 4


def searched(values, slopes, c2=0.9, limit=25):
    """Return the steps that a search evaluates; the last value and slope are repeated."""
    steps = []

    def phi(step):
        k = min(len(steps), len(values) - 1)
        steps.append(step)
        return Point(step, values[k], slopes[k], None, None)

    strong_wolfe(phi, Point(0.0, 0.0, -1.0, None, None), 1.0, c2=c2, limit=limit)
    return steps


def test_equal_values_bracket_a_minimum():
    """Two points of the same value, both falling: one between them is lower."""
    steps = searched([-1.0, -1.0, -2.0], [-1.0, -1.0, 0.0])
    assert steps[1] > 1.0
    assert 1.0 < steps[2] < steps[1]


def test_a_search_ahead_goes_to_the_minimum_of_the_cubic():
    """φ(a) = a²/10 − a has its minimum at 5, which is within the reach of 1 … 10."""
    phi = [(0.1 * a * a - a, 0.2 * a - 1.0) for a in (1.0, 5.0)]
    assert searched(*zip(*phi, strict=True), c2=0.1) == pytest.approx([1.0, 5.0])
    far = [(0.01 * a * a - a, 0.02 * a - 1.0) for a in (1.0, 10.0, 50.0)]
    assert searched(*zip(*far, strict=True), c2=0.1) == pytest.approx([1.0, 10.0, 50.0])
