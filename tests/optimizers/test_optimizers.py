"""Optimizers and their wrappers, compared with torch.optim step by step."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest

from tests.support.helpers import needed, needs_jax, relative
from xpnet.backends import move, to_numpy
from xpnet.equations.parameters import Layout
from xpnet.optimizers import (
    FULL_BATCH,
    LBFGS,
    OPTIMIZERS,
    SGD,
    Accumulated,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Averaged,
    Clipped,
    Muon,
    Nadam,
    RAdam,
    RMSProp,
    averaged,
    bind,
    coefficients,
    get_optimizer,
)
from xpnet.optimizers.newton_schulz import COEFFICIENTS, orthogonalise

LAYOUT = Layout(size=50, n_weights=38, matrices=((0, 6, 4), (26, 2, 6)))
"""Two matrices with two more weights between them, and 12 biases."""

OTHER = {"learning_rate": 0.03, "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-3}
THEIRS = {"lr": 0.03, "betas": (0.7, 0.95), "eps": 1e-3}

CASES = [
    (SGD(learning_rate=0.05), "SGD", {"lr": 0.05}),
    (SGD(learning_rate=0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    (
        SGD(learning_rate=0.05, momentum=0.8, nesterov=True),
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True},
    ),
    (Adagrad(), "Adagrad", {}),
    (Adagrad(learning_rate=0.1, epsilon=1e-3), "Adagrad", {"lr": 0.1, "eps": 1e-3}),
    (RMSProp(), "RMSprop", {}),
    (
        RMSProp(learning_rate=0.003, rho=0.8, epsilon=1e-3),
        "RMSprop",
        {"lr": 0.003, "alpha": 0.8, "eps": 1e-3},
    ),
    (
        RMSProp(learning_rate=0.003, rho=0.9, momentum=0.7),
        "RMSprop",
        {"lr": 0.003, "alpha": 0.9, "momentum": 0.7},
    ),
    (Adadelta(), "Adadelta", {}),
    (
        Adadelta(learning_rate=0.5, rho=0.7, epsilon=1e-3),
        "Adadelta",
        {"lr": 0.5, "rho": 0.7, "eps": 1e-3},
    ),
    (Adam(), "Adam", {}),
    (Adam(**OTHER), "Adam", THEIRS),
    (Adam(beta1=0.0, beta2=0.0), "Adam", {"betas": (0.0, 0.0)}),
    (AMSGrad(), "Adam", {"amsgrad": True}),
    (AMSGrad(**OTHER), "Adam", {"amsgrad": True, **THEIRS}),
    (AdamW(), "AdamW", {}),
    (AdamW(**OTHER, weight_decay=0.3), "AdamW", {**THEIRS, "weight_decay": 0.3}),
    (AdamW(weight_decay=0.3, decay_biases=True), "AdamW", {"weight_decay": 0.3}),
    (Nadam(), "NAdam", {}),
    (Nadam(**OTHER, momentum_decay=0.1), "NAdam", {**THEIRS, "momentum_decay": 0.1}),
    (Nadam(beta1=0.3, momentum_decay=0.0), "NAdam", {"betas": (0.3, 0.999), "momentum_decay": 0}),
    (RAdam(), "RAdam", {}),
    (RAdam(**OTHER), "RAdam", THEIRS),
    (RAdam(beta2=0.5), "RAdam", {"betas": (0.9, 0.5)}),  # never rectified
]

ALL = [cls() for cls in OPTIMIZERS.values()] + [
    SGD(momentum=0.9, nesterov=True),
    RMSProp(momentum=0.9),
    Muon(scale="original", nesterov=False),
    Clipped(Adam(), norm=0.5, value=0.3),
    Averaged(AdamW(), decay=0.9),
    Averaged(Muon(), decay=None, start=3, every=2),
    Accumulated(Clipped(RAdam(), norm=0.1), steps=3),
]
of_all = pytest.mark.parametrize("optimizer", ALL, ids=str)


@pytest.fixture
def torch():
    """PyTorch, whose NAdam keeps the product of momenta in the default dtype."""
    library = needed("torch")
    before = library.get_default_dtype()
    library.set_default_dtype(library.float64)
    yield library
    library.set_default_dtype(before)


def gradients(theta, t):
    """Return a gradient that depends on θ and the step; some entries are tiny, some zero."""
    scale = np.geomspace(1e-9, 1.0, theta.shape[-1])
    scale[::7] = 0.0
    return scale * (np.sin(3.0 * theta + t) + 0.1 * theta)


def start():
    return np.random.default_rng(0).normal(size=50)


def run(backend, optimizer, theta=None, steps=100, gradients=gradients):
    """Return θ and the state after so many steps."""
    xp = backend.xp
    optimizer = bind(optimizer, LAYOUT)
    theta = move(backend, start() if theta is None else theta.copy())
    state = optimizer.init(xp, theta)
    for t in range(1, steps + 1):
        g = move(backend, gradients(to_numpy(theta), t).copy())
        c = optimizer.coefficients(t, optimizer.learning_rate)
        assert all(isinstance(number, float) for number in c)
        theta, state = optimizer.update(xp, c, g, state, theta)
    return theta, state


def run_torch(torch, make, parts=((0, 50),), steps=100, before_step=lambda parameters: None):
    """Return θ after torch's steps; consecutive parts of θ are torch's parameters."""
    parameters = [torch.tensor(start()[a:b], requires_grad=True) for a, b in parts]
    reference = make(parameters)
    for t in range(1, steps + 1):
        g = gradients(np.concatenate([p.detach().numpy() for p in parameters]), t)
        for p, (a, b) in zip(parameters, parts, strict=True):
            p.grad = torch.tensor(g[a:b])
        before_step(parameters)
        reference.step()
    return np.concatenate([p.detach().numpy() for p in parameters])


@pytest.mark.parametrize(
    ("optimizer", "name", "settings"), CASES, ids=[f"{case[0]!s}" for case in CASES]
)
def test_a_hundred_steps_equal_torch(backend, torch, optimizer, name, settings):
    """AdamW has two parameter groups, because biases do not decay."""

    def make(parameters):
        cls = getattr(torch.optim, name)
        groups = [{"params": parameters[:1]}, {"params": parameters[1:]}]
        if name == "AdamW" and not optimizer.decay_biases:
            groups[1]["weight_decay"] = 0.0
        return cls(groups, foreach=False, **settings)

    expected = run_torch(torch, make, ((0, 38), (38, 50)))
    assert relative(expected, start()) > 1e-4
    assert relative(run(backend, optimizer)[0], expected) <= 1e-12


def test_first_step_of_adam_has_epsilon_outside_the_root_of_the_corrected_v():
    """At g = 1e-7 the step −η g/(|g| + ε) is −9.1e-4; with scikit-learn's ε it is −2.4e-4."""
    adam, theta = Adam(), np.zeros(1)
    state = adam.init(np, theta)
    theta, _ = adam.update(np, adam.coefficients(1, 0.001), np.asarray([1e-7]), state, theta)
    assert theta[0] == pytest.approx(-0.001 * 1e-7 / (1e-7 + 1e-8), rel=1e-12)


@pytest.mark.parametrize(("beta", "t", "digits"), [(0.999, 1, 1e-15), (1 - 1e-12, 7, 1e-14)])
def test_the_correction_of_adam_keeps_digits_that_a_difference_loses(beta, t, digits):
    """1 − β¹ in float32 is off by 2e-5, and so is 1 − β⁷ with β = 1 − 1e-12 in float64."""
    rate, epsilon = Adam(beta1=0.0, beta2=beta, epsilon=1.0).coefficients(t, rate=1.0)
    with mp.workdps(50):
        expected = float(mp.sqrt(1 - mp.mpf(beta) ** t))
    assert rate == pytest.approx(expected, rel=digits)
    assert epsilon == pytest.approx(expected, rel=digits)


def test_momentum_of_nadam_at_a_late_step():
    """Π_t vanishes: at t = 10⁶ the factors are η (1 − μ) and η μ, also in a resumed fit."""
    of_g, of_m, epsilon = Nadam(beta2=0.0).coefficients(10**6, rate=1.0)
    assert of_g == pytest.approx(0.1, rel=1e-12)
    assert of_m == pytest.approx(0.9, rel=1e-12)
    assert epsilon == 1e-8
    assert Nadam().coefficients(5, 1.0) == Nadam().coefficients(5, 1.0)


# --- Muon


def newton_schulz(G):
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G.T if G.shape[0] > G.shape[1] else G
    X = X / max(np.linalg.norm(X), 1e-7)
    for _ in range(5):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X.T if G.shape[0] > G.shape[1] else X


def reference_muon(muon, steps=100):
    """Return θ by Muon's equations, matrix by matrix, and by Adam's for the rest."""
    theta, decayed = start(), np.arange(50) < 38
    U = {offset: np.zeros((m, n)) for offset, m, n in LAYOUT.matrices}
    m1 = m2 = np.zeros(50)
    rate, mu = muon.learning_rate, muon.momentum
    for t in range(1, steps + 1):
        g = gradients(theta, t)
        m1 = muon.beta1 * m1 + (1 - muon.beta1) * g
        m2 = muon.beta2 * m2 + (1 - muon.beta2) * g * g
        root = np.sqrt(m2 / (1 - muon.beta2**t)) + muon.epsilon
        step = m1 / (1 - muon.beta1**t) / root
        for offset, m, n in LAYOUT.matrices:
            G = g[offset : offset + m * n].reshape(m, n)
            U[offset] = mu * U[offset] + (1 - mu) * G
            H = mu * U[offset] + (1 - mu) * G if muon.nesterov else U[offset]
            scale = max(1, m / n) ** 0.5 if muon.scale == "original" else 0.2 * max(m, n) ** 0.5
            step[offset : offset + m * n] = scale * newton_schulz(H).ravel()
        theta = theta - rate * muon.weight_decay * theta * decayed - rate * step
    return theta


@pytest.mark.parametrize(
    "muon",
    [
        Muon(),
        Muon(learning_rate=0.01, scale="original", weight_decay=0.0),
        Muon(learning_rate=0.01, nesterov=False, momentum=0.8, beta1=0.5, beta2=0.9, epsilon=1e-3),
    ],
    ids=str,
)
def test_a_hundred_steps_of_muon_equal_its_equations(backend, muon):
    assert relative(run(backend, muon)[0], reference_muon(muon)) <= 1e-11


@pytest.mark.parametrize("scale", ["original", "match_rms_adamw"])
def test_a_step_of_muon_is_torch_s_up_to_its_bfloat16(torch, scale):
    """torch runs Newton–Schulz in bfloat16, with 8 bits; a wrong scale would differ by 0.4."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("needs torch.optim.Muon: a newer torch")
    rng = np.random.default_rng(1)
    W, G = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    theirs = torch.tensor(W, requires_grad=True)
    reference = torch.optim.Muon([theirs], lr=0.1, adjust_lr_fn=scale)
    muon = Muon(learning_rate=0.1, scale=scale).bind(Layout(24, 24, ((0, 6, 4),)))
    theta = W.ravel().copy()
    state = muon.init(np, theta)
    for t in range(1, 4):
        theirs.grad = torch.tensor(G)
        reference.step()
        theta, state = muon.update(np, muon.coefficients(t, 0.1), G.ravel().copy(), state, theta)
    assert relative(theta - W.ravel(), theirs.detach().numpy().ravel() - W.ravel()) <= 0.02


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (1, 7), (3, 8, 5)])
def test_newton_schulz_leaves_singular_values_near_one_and_the_bases_as_they_are(backend, shape):
    a, b, c = COEFFICIENTS
    H = np.random.default_rng(2).normal(size=shape)
    U, s, Vh = np.linalg.svd(H, full_matrices=False)
    s = s / np.linalg.norm(H, axis=(-2, -1))[..., None]
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    found = orthogonalise(backend.xp, move(backend, H))
    assert relative(found, (U * s[..., None, :]) @ Vh) <= 1e-11
    assert np.all((s > 0.6) & (s < 1.3))


# --- properties of all optimizers


@of_all
def test_a_stack_of_networks_is_each_of_them(backend, optimizer):
    thetas = np.random.default_rng(3).normal(size=(3, 50)) * [[1], [0.1], [10]]
    stack = run(backend, optimizer, thetas, steps=7)[0]
    for theta, found in zip(thetas, to_numpy(stack), strict=True):
        assert relative(found, run(backend, optimizer, theta, steps=7)[0]) <= 1e-13


@needs_jax
@of_all
def test_under_jit_it_is_the_same(optimizer):
    import jax

    from xpnet.backends import get_backend

    backend = get_backend("jax")
    compiled = jax.jit(lambda o, *rest: o[0].update(backend.xp, *rest), static_argnums=(0,))

    class Compiled:
        inner = bind(optimizer, LAYOUT)
        learning_rate, init = inner.learning_rate, inner.init
        coefficients = inner.coefficients

        def update(self, xp, *rest):
            return compiled((self.inner,), *rest)

    expected = run(backend, optimizer, steps=7)[0]
    assert relative(run(backend, Compiled(), steps=7)[0], expected) <= 1e-13


@of_all
def test_float32_stays_float32(backend, optimizer):
    theta, state = run(
        backend,
        optimizer,
        start().astype(np.float32),
        steps=4,
        gradients=lambda theta, t: gradients(theta, t).astype(np.float32),
    )
    assert {to_numpy(x).dtype for x in (theta, *state)} == {np.dtype("float32")}
    assert np.all(np.isfinite(to_numpy(theta)))


@of_all
def test_the_state_shares_nothing_with_the_parameters(backend, optimizer):
    theta = move(backend, start())
    optimizer = bind(optimizer, LAYOUT)
    state = optimizer.init(backend.xp, theta)
    assert isinstance(state, tuple)
    arrays = [to_numpy(x) for x in (theta, *state)]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])


def test_settings_of_two_kinds_are_never_equal():
    """Compiled steps are kept by settings: Nadam's must not be used for RAdam."""
    for a, b in product(ALL, ALL):
        assert (a == b) == (a is b)
        assert (a != b) == (a is not b)
    assert Adam(0.01) == Adam(0.01)
    assert hash(Adam(0.01)) == hash(Adam(0.01))
    assert Adam() != (0.001, 0.9, 0.999, 1e-8)
    assert Clipped(Adam(0.002), norm=1.0) != Clipped(AMSGrad(0.002), norm=1.0)


@pytest.mark.parametrize("optimizer", [AdamW(), Muon()])
def test_one_that_needs_a_layout_says_so(optimizer):
    with pytest.raises(ValueError, match=r"call bind\(layout\) as fit does"):
        optimizer.init(np, np.zeros(3))
    bound = bind(Averaged(Clipped(optimizer, norm=1.0)), LAYOUT)
    assert bound.optimizer.optimizer == optimizer.bind(LAYOUT)
    assert hash(bound) == hash(bind(Averaged(Clipped(optimizer, norm=1.0)), LAYOUT))


# --- clipping


@pytest.mark.parametrize("settings", [{"norm": 0.2}, {"value": 0.05}, {"norm": 0.2, "value": 0.05}])
def test_clipping_equals_torch(backend, torch, settings):
    def clip(parameters):
        if "value" in settings:
            torch.nn.utils.clip_grad_value_(parameters, settings["value"])
        if "norm" in settings:
            torch.nn.utils.clip_grad_norm_(parameters, settings["norm"])

    expected = run_torch(
        torch, lambda p: torch.optim.Adam(p, foreach=False), ((0, 38), (38, 50)), before_step=clip
    )
    assert relative(run(backend, Clipped(Adam(), **settings))[0], expected) <= 1e-12


@pytest.mark.parametrize("size", [1e-30, 1e25])
def test_a_norm_whose_square_is_out_of_range(backend, size):
    """In float32 a tiny gradient is unchanged, and a huge one is scaled to the given norm."""
    g = (np.asarray([3.0, -4.0]) * size).astype(np.float32)
    sgd = Clipped(SGD(learning_rate=1.0), norm=1.0)
    found, _ = run(backend, sgd, np.zeros(2, np.float32), steps=1, gradients=lambda theta, t: g)
    expected = -g.astype(np.float64) / max(1.0, 5 * size)
    assert relative(found, expected) <= 1e-6


def test_a_zero_gradient_is_clipped_to_zero(backend):
    sgd = Clipped(SGD(learning_rate=1.0), norm=1.0)
    found, _ = run(backend, sgd, steps=2, gradients=lambda theta, t: np.zeros(50))
    assert relative(found, start()) == 0.0


# --- averages


def path(optimizer, steps):
    """Return θ after each step."""
    from xpnet.backends import get_backend

    return [run(get_backend("numpy"), optimizer, steps=t)[0] for t in range(1, steps + 1)]


def test_an_exponential_average_equals_torch(backend, torch):
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(1, 50, bias=False)
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for theta in path(Adam(), 20):
        model.weight.data = torch.tensor(theta[:, None])
        reference.update_parameters(model)
    optimizer = Averaged(Adam(), decay=0.9)
    theta, state = run(backend, optimizer, steps=20)
    expected = reference.module.weight.detach().numpy().ravel()
    assert relative(averaged(optimizer, state, theta), expected) <= 1e-13
    assert relative(theta, run(backend, Adam(), steps=20)[0]) == 0.0


def test_a_plain_average_is_the_mean_of_the_steps_it_names(backend):
    optimizer = Averaged(Adam(), decay=None, start=5, every=3)
    passed = path(Adam(), 16)
    for steps, averaged_over in ((4, [4]), (5, [5]), (7, [5]), (8, [5, 8]), (16, [5, 8, 11, 14])):
        theta, state = run(backend, optimizer, steps=steps)
        expected = np.mean([passed[t - 1] for t in averaged_over], axis=0)
        assert relative(averaged(optimizer, state, theta), expected) <= 1e-14


def test_before_any_step_the_average_is_theta_and_wrappers_find_it(backend):
    theta = move(backend, start())
    optimizer = Accumulated(Clipped(Averaged(Adam()), norm=1.0), steps=2)
    state = optimizer.init(backend.xp, theta)
    assert relative(averaged(optimizer, state, theta), theta) == 0.0
    found, state = run(backend, optimizer, steps=6)
    assert 0 < relative(averaged(optimizer, state, found), found) < 1e-2
    for plain in (Adam(), Clipped(Adam(), norm=1.0)):
        assert averaged(plain, plain.init(backend.xp, theta), theta) is theta


# --- accumulation


def test_accumulated_steps_are_steps_on_the_mean_gradient(backend):
    """θ is constant in between; six steps in threes equal two steps with mean gradients."""
    passed = []

    def third(theta, t):
        passed.append(theta.copy())
        return gradients(theta, t)

    found, _ = run(backend, Accumulated(Adam(), steps=3), steps=6, gradients=third)
    assert all(np.array_equal(passed[t], passed[3 * (t // 3)]) for t in range(6))

    def mean(theta, t):
        return np.mean([gradients(theta, 3 * t - k) for k in (2, 1, 0)], axis=0)

    expected, _ = run(backend, Adam(), steps=2, gradients=mean)
    assert relative(found, expected) <= 1e-13


# --- names and settings


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_name_stands_for_the_defaults_and_a_learning_rate_replaces_its_own(name):
    optimizer = get_optimizer(name)
    assert optimizer == OPTIMIZERS[name]()
    changed = get_optimizer(optimizer, learning_rate=0.5)
    assert changed.learning_rate == 0.5
    assert changed == OPTIMIZERS[name](learning_rate=0.5)
    assert hash(changed) != hash(optimizer)


def test_a_learning_rate_reaches_into_wrappers():
    optimizer = Accumulated(Averaged(Clipped(SGD(momentum=0.9), norm=1.0), decay=0.5), steps=2)
    changed = get_optimizer(optimizer, learning_rate=0.5)
    assert changed.learning_rate == 0.5
    assert changed == Accumulated(
        Averaged(Clipped(SGD(0.5, momentum=0.9), norm=1.0), decay=0.5), steps=2
    )


def test_lbfgs_has_a_name_and_no_learning_rate():
    assert get_optimizer("lbfgs") == LBFGS() == FULL_BATCH["lbfgs"]()
    assert get_optimizer(LBFGS(history=3)).full_batch
    with pytest.raises(ValueError, match="LBFGS searches along each line and has no learning rate"):
        get_optimizer("lbfgs", learning_rate=0.1)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: get_optimizer("radm"), ValueError, "did you mean 'radam'"),
        (lambda: get_optimizer(Adam), TypeError, "optimizer must be a name"),
        (lambda: get_optimizer("adam", -1.0), ValueError, "learning_rate must be a finite"),
        (lambda: Adam(learning_rate=SGD), TypeError, "a number or a schedule, got the class"),
        (lambda: RMSProp(rho=1.0), ValueError, r"rho must lie in \[0, 1\), got 1\.0"),
        (lambda: RMSProp(momentum=1.0), ValueError, r"momentum must lie in \[0, 1\)"),
        (lambda: Adadelta(epsilon=0.0), ValueError, "epsilon must be a finite number > 0"),
        (lambda: Adadelta(rho=-0.1), ValueError, r"rho must lie in \[0, 1\)"),
        (lambda: Adagrad(epsilon=-1.0), ValueError, "epsilon must be a finite number ≥ 0"),
        (lambda: AMSGrad(beta2=1.0), ValueError, r"beta2 must lie in \[0, 1\)"),
        (lambda: Nadam(momentum_decay=-1.0), ValueError, "momentum_decay must be a finite"),
        (lambda: RAdam(beta1=1.0), ValueError, r"beta1 must lie in \[0, 1\)"),
        (lambda: AdamW(weight_decay=-0.1), ValueError, "weight_decay must be a finite number ≥ 0"),
        (lambda: Muon(weight_decay=np.inf), ValueError, "weight_decay must be a finite number ≥ 0"),
        (lambda: Muon(momentum=1.0), ValueError, r"momentum must lie in \[0, 1\)"),
        (lambda: Muon(scale="none"), ValueError, "scale must be one of match_rms_adamw, original"),
        (lambda: Clipped(Adam()), ValueError, "Clipped needs a norm, a value or both"),
        (lambda: Clipped(Adam(), norm=0.0), ValueError, "norm must be a finite number > 0"),
        (lambda: Clipped(Adam(), value=-1.0), ValueError, "value must be a finite number > 0"),
        (lambda: Clipped("adam", norm=1.0), TypeError, "optimizer must be an instance such as"),
        (lambda: Averaged(Adam, decay=0.9), TypeError, "optimizer must be an instance such as"),
        (lambda: Averaged(Adam(), decay=1.0), ValueError, r"decay must lie in \[0, 1\)"),
        (lambda: Averaged(Adam(), start=0), ValueError, "start must be a positive integer, got 0"),
        (lambda: Averaged(Adam(), every=1.5), TypeError, "every must be a positive integer"),
        (lambda: Accumulated(Adam(), steps=0), ValueError, "steps must be a positive integer"),
        (lambda: Accumulated(LBFGS(), steps=2), TypeError, "optimizer must be an instance"),
        (lambda: LBFGS(history=0), ValueError, "history must be a positive integer"),
        (lambda: LBFGS(tolerance_change=-1.0), ValueError, "tolerance_change must be a finite"),
    ],
)
def test_settings_out_of_range_are_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_an_optimizer_that_takes_many_steps_at_once_may_need_no_coefficients():
    class Fixed(NamedTuple):
        learning_rate: Any = 0.1
        takes_many = True

        def coefficients(self, t, rate):
            return ()

    assert coefficients(Fixed(), 1, [0.1, 0.1]) == [(), ()]
