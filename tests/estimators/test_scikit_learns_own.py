"""scikit-learn's own tests of its MLP, from the installed file, pointed at xpnet's estimators."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.neural_network import MLPClassifier as Original

from xpnet.estimators import MLPClassifier, MLPRegressor

ADAPTED = {"test_gradient": "calls scikit-learn's private _loss_grad_lbfgs"}

# scikit-learn's tests clip batch sizes and end early, for which both estimators warn
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]


def pointed_at_xpnet():
    """Run the installed test module with xpnet's classes in place of scikit-learn's."""
    path = Path(neural_network.__file__).parent / "tests" / "test_mlp.py"
    if not path.exists():  # some distributions leave tests out of the package
        pytest.skip("scikit-learn is installed without its tests", allow_module_level=True)
    spec = importlib.util.spec_from_file_location("scikit_learns_test_mlp", path)
    module = importlib.util.module_from_spec(spec)
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
    with mock.patch.multiple(neural_network, **ours):
        spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if name.startswith("test_")}


THEIRS = pointed_at_xpnet()
globals().update({name: test for name, test in THEIRS.items() if name not in ADAPTED})


@pytest.fixture
def global_random_seed():
    return 42


def test_every_adapted_test_exists_and_the_others_run_with_xpnet():
    assert set(ADAPTED) <= set(THEIRS)
    assert len(THEIRS) > 30
    assert all(test.__globals__["MLPClassifier"] is MLPClassifier for test in THEIRS.values())
    assert neural_network.MLPClassifier is Original


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_gradient(n_labels, activation):
    """Stands for scikit-learn's test of this name: the gradient equals differences of the loss."""
    X = np.random.RandomState(seed=42).rand(5, 10)
    y = 1 + np.mod(np.arange(5) + 1, n_labels)
    model = MLPClassifier(10, activation, solver="lbfgs", alpha=1e-5, max_iter=1, random_state=1)
    assert max(model.fit(X, y).check_gradient(X, y)) < 1e-7
