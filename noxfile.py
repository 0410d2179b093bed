#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox"]
# ///
"""The project's tasks: ``nox --list`` names them, ``nox -s lint`` runs one.

Each task has its own environment, with the dependency groups it needs and without torch and JAX.
``nox --no-venv --no-install -s tests`` runs a task in the active environment, and installs
nothing; ci/test.sh does so. Arguments after ``--`` go to the task's program.
"""

from __future__ import annotations

import os

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

SKLEARN = {
    "1.6": ("scipy<1.16", "pytest<9"),  # it passes options that SciPy 1.16 deprecates
    "1.7": ("pytest<9",),  # it gives parametrize a generator, which pytest 9 deprecates
    "1.8": ("pytest<9",),
    "1.9": (),
}
"""The versions of scikit-learn that the estimators support, and what the tests with them need."""

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the checkout and dependency groups."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, spelling, workflows, settings: every hook of .pre-commit-config.yaml."""
    install(session, "lint")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on every array library in the environment."""
    install(session, "test")
    session.run("pytest", *session.posargs)


OF_STREAMS = (
    "tests/engines/test_streaming.py",
    "tests/backends/test_cupy_streams.py",
    "tests/backends/test_backends.py",
)
"""Tests that depend on the order of work between streams and devices."""


@nox.session(default=False)
def cupy(session: nox.Session) -> None:
    """CuPy itself without a GPU, on a fake CUDA (ci/fake_cuda): all tests marked gpu."""
    install(session, "fake-cuda")

    def pytest(*arguments: str, streams: str) -> None:
        command = ("python", "ci/fake_cuda", "pytest", "-m", "gpu", *arguments)
        session.run(*command, env={"FAKE_CUDA_STREAMS": streams})

    pytest(*session.posargs, streams=os.environ.get("FAKE_CUDA_STREAMS", "now"))
    if not session.posargs:
        for order in ("late", "1", "2", "3", "4"):
            pytest("-q", *OF_STREAMS, streams=order)
        session.run("pytest", "-q", "tests/backends/test_cupy_contract.py")


@nox.session(default=False)
@nox.parametrize("version", [nox.param(version, id=version) for version in SKLEARN])
def estimators(session: nox.Session, version: str) -> None:
    """The estimators with a version of scikit-learn, as in: nox -s "estimators(1.6)"."""
    older = f"scikit-learn=={version}.*", *SKLEARN[version]
    session.install("-e", ".[data,fast,test]", "pandas", "polars", *older)
    env = {"SCIPY_ARRAY_API": "1"}  # scikit-learn 1.6 asks for it if array-api-compat is there
    session.run("pytest", "tests/estimators", *session.posargs, env=env)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The site with its examples executed, in docs/_build/html; a warning is an error."""
    install(session, "docs")
    session.run("python", "-m", "docs", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Random training steps, compiled and plain, compared."""
    install(session, "full")
    session.run("python", "-m", "benchmarks", "fuzz", *(session.posargs or ("--plain", "10000")))


@nox.session(default=False, venv_backend="venv", reuse_venv=False)
def readme(session: nox.Session) -> None:
    """The README's two commands, in a new environment with only Python and its pip."""
    session.run("pip", "install", "--quiet", ".")
    with session.chdir(session.virtualenv.location):  # away from the checkout's own xpnet
        session.run("xpnet", "train", "digits")
        session.run("xpnet", "info", "digits.safetensors")
    session.run("pip", "install", "--quiet", "-e", ".[test]")
    session.run("pytest", *session.posargs)


if __name__ == "__main__":
    nox.main()
