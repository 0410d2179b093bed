"""The package as a whole: the cost of an import, public names, and doctests."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import textwrap
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pytest

import xpnet
from tests.support.helpers import ROOT, needed
from tests.support.processes import loaded_after
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.initializers import INITIALIZERS
from xpnet.losses import LOSSES

HEAVY = (
    "cupy",
    "torch",
    "jax",
    "jaxlib",
    "scipy",
    "sklearn",
    "matplotlib",
    "pandas",
    "numba",
    "rich",
    "safetensors",
    "array_api_compat",
    "array_api_compat.numpy",
    "array_api_strict",
    "numpy.random",  # 10 ms, only for the first network
    "xpnet.cli",
)
WHEN_USED = (
    "json",
    "signal",
    "xpnet.derivatives.objective",
    "xpnet.engines.batches",
    "xpnet.engines.step",
    "xpnet.equations.penalties",
    "xpnet.files.load",
    "xpnet.files.save",
    "xpnet.network.gradient_check",
    "xpnet.network.rate_range",
    "xpnet.network.stack",
    "xpnet.training.callbacks",
    "xpnet.training.early_stopping",
    "xpnet.training.history",
    "xpnet.training.settings",
    "xpnet.whole_file",
)
"""Modules that only some methods of a network need."""
FOLDER = Path(xpnet.__file__).parent
LAZY = [name for name in xpnet._MODULES if name in xpnet.__all__]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(xpnet.__path__, "xpnet.")
    if not module.name.endswith("__main__")
)


def module_of(name: str) -> ModuleType:
    """Import the module; skip the test if it needs an optional package, and lacks it."""
    if name.startswith("xpnet.estimators"):
        needed("sklearn")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("numba", "llvmlite", "torch", "jax"):
            raise
        needed("numba" if error.name == "llvmlite" else error.name)
        raise


@pytest.mark.slow
def test_import_loads_no_framework():
    beyond_numpy = loaded_after("import xpnet") - loaded_after("import numpy")
    assert "xpnet.network" in beyond_numpy
    assert beyond_numpy.isdisjoint(HEAVY)


@pytest.mark.slow
def test_import_loads_what_a_network_is_made_of_and_no_more():
    assert {name for name in WHEN_USED if name.startswith("xpnet.")} <= {*MODULES}
    beyond_numpy = loaded_after("import xpnet") - loaded_after("import numpy")
    assert beyond_numpy.isdisjoint({*WHEN_USED, *(f"xpnet.{name}" for name in LAZY)})
    assert len(beyond_numpy) <= 70  # each costs about 0.2 ms
    assert sum(name.partition(".")[0] == "xpnet" for name in beyond_numpy) <= 63


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(xpnet._PLACES))
def test_a_name_that_is_imported_when_used_is_one_object(name):
    code = (
        f"import xpnet; first = xpnet.{name}; from xpnet import {name}; "
        f"assert first is {name} is vars(xpnet)['{name}']"
    )
    assert f"xpnet.{xpnet._PLACES[name]}" in loaded_after(code)
    assert name in xpnet.__all__
    assert name in dir(xpnet)


@pytest.mark.parametrize("package", ["xpnet", "xpnet.training", "xpnet.network", "xpnet.files"])
def test_a_name_that_does_not_exist_is_an_attribute_error(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["files.load.describe", "training.callbacks.MOMENTS", "network.stack.Stack"]
)
def test_a_submodule_is_reached_without_an_import(path):
    assert f"xpnet.{path.rpartition('.')[0]}" in loaded_after(f"import xpnet; xpnet.{path}")


@pytest.mark.slow
def test_a_network_on_numpy_trains_without_any_framework():
    code = (
        "import numpy, xpnet\n"
        "net = xpnet.Network([2, 3, 2])\n"
        "net.fit(numpy.eye(2), numpy.asarray([0, 1]), epochs=1)\n"
        "net.evaluate(numpy.eye(2), numpy.asarray([0, 1])); net.summary(); net.to(dtype='float64')"
    )
    assert loaded_after(code).isdisjoint(set(HEAVY) - {"numpy.random"})


def test_every_public_name_exists_and_is_named_once():
    assert len(set(xpnet.__all__)) == len(xpnet.__all__)
    for name in xpnet.__all__:
        assert getattr(xpnet, name) is not None
    namespace: dict[str, object] = {}
    exec("from xpnet import *", namespace)
    assert set(xpnet.__all__) <= set(namespace)


CONTRACT = ("Network", "load", "gradient_check", "get_backend", "available_backends", "asarray")


@pytest.mark.parametrize("name", [*CONTRACT, "to_numpy", "optimizers", "DivergenceError"])
def test_the_contract_is_public(name):
    assert name in xpnet.__all__


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_every_module_says_what_it_is_and_what_it_offers(name):
    module = module_of(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)


def test_the_version_is_that_of_the_installed_package():
    try:
        installed = version("xpnet")
    except PackageNotFoundError:
        pytest.skip("needs an installed xpnet: pip install -e .")
    assert xpnet.__version__ == installed


def test_the_version_is_a_release_number():
    numbers = xpnet.__version__.split(".")
    assert len(numbers) == 3
    assert all(number[0].isdigit() for number in numbers)


def test_it_says_that_it_is_typed():
    assert (FOLDER / "py.typed").is_file()


def test_the_data_and_their_attribution_ship_with_it():
    assert (FOLDER / "datasets" / "digits.npz").is_file()
    assert "by/4.0" in (FOLDER / "datasets" / "NOTICE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["xpnet", *MODULES])
def test_doctests(name):
    module = module_of(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_doctests():
    finder = doctest.DocTestFinder()
    examples = [
        example
        for name in MODULES
        # these need numba, scikit-learn, JAX or torch
        if not name.startswith(("xpnet.engines.loops.", "xpnet.estimators", "xpnet.network.in_"))
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) >= 5


@pytest.mark.parametrize("names", [ACTIVATIONS, LOSSES, INITIALIZERS], ids=["f", "loss", "W"])
def test_a_network_s_docstring_has_every_name(names):
    assert set(names) <= set(re.findall(r"\w+", xpnet.Network.__doc__))


def test_the_cuda_extras_bring_what_compiles_kernels():
    """CuPy's wheels have neither CUDA's compiler nor its headers; the extra came with CuPy 14."""
    project = ROOT / "pyproject.toml"
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for number in (12, 13):
        assert extras[f"cuda{number}"] == [f"cupy-cuda{number}x[ctk]>=14"]


@pytest.mark.slow
@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_package_is_reached_without_an_import(name):
    assert f"xpnet.{name}" in loaded_after(f"import xpnet; xpnet.{name}.__all__")
    assert name in xpnet.__all__
    assert name in dir(xpnet)


def test_type_checkers_know_what_is_imported_when_used():
    source = (FOLDER / "__init__.py").read_text(encoding="utf-8")
    block = source.partition("if TYPE_CHECKING:")[2].partition("__all__")[0]
    imports = ast.parse(textwrap.dedent(block)).body
    places = {alias.name: node.module for node in imports for alias in node.names}
    expected = {name: f"xpnet.{place}" for name, place in xpnet._PLACES.items()}
    assert places == expected | dict.fromkeys(LAZY, "xpnet")
    packages = {m.name for m in pkgutil.iter_modules(xpnet.__path__) if m.ispkg}
    assert set(LAZY) == packages & set(xpnet.__all__) - {"layers", "losses", "training"}
