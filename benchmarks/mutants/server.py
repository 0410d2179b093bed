"""A plugin of pytest: collect the tests once, and run some of them for each mutant in a fork.

The folder XPNET_MUTANTS holds `jobs.json`; a line of JSON is appended to `results` for each. If
XPNET_MUTANT names a job, its mutant is imported, and only this job runs.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from benchmarks.mutants.apply import CannotSwap, import_mutant, swap
from benchmarks.mutants.changes import Mutant

FOLDER = Path(os.environ["XPNET_MUTANTS"])
ROOT = Path(__file__).parents[2]
MEMORY = 8 * 2**30  # bytes of addresses: a mutant may allocate without an end
LONGEST, SLOWER = 20.0, 30  # a test that takes longer than both, in seconds and in its own, hangs

hypothesis.settings.register_profile("mutants", database=None, derandomize=True)
hypothesis.settings.load_profile("mutants")

_jobs: list[dict[str, Any]] = json.loads((FOLDER / "jobs.json").read_text(encoding="utf-8"))
_alone = os.environ.get("XPNET_MUTANT")
if _alone is not None:
    _jobs = [_jobs[int(_alone)]]
    import_mutant(Mutant(*_jobs[0]["mutant"]), ROOT)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run all jobs."""
    items = {item.nodeid: item for item in session.items}
    with open(FOLDER / "results", "a", encoding="utf-8") as results:
        for job in _jobs:
            began = time.monotonic()
            found = _watched(session, items, job)
            found |= {"key": job["key"], "seconds": round(time.monotonic() - began, 1)}
            results.write(json.dumps(found) + "\n")
            results.flush()
    return True


def _watched(
    session: pytest.Session, items: dict[str, pytest.Item], job: dict[str, Any]
) -> dict[str, Any]:
    """Run a job in a fork; return its status, the test that ended it, and how many ran."""
    folder = tempfile.mkdtemp(prefix="mutant")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(session, items, job, writing, folder)
    os.close(writing)
    try:
        return _outcome(reading, job)
    finally:
        os.close(reading)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(reading: int, job: dict[str, Any]) -> dict[str, Any]:
    """Read the child's lines: the number of each test that begins, and a last word."""
    tests, ends = job["tests"], time.monotonic() + job["limit"]
    at, text, limit = -1, b"", 60.0
    while True:
        left = min(limit, ends - time.monotonic())
        if not select.select([reading], [], [], max(left, 0))[0]:
            status = "timeout" if left == limit else "unfinished"
            return {"status": status, "test": tests[at], "ran": at + 1}
        new = os.read(reading, 65536)
        *lines, text = (text + new).split(b"\n")
        for line in lines:
            if not line.isdigit():
                return {"status": line.decode(), "test": tests[at] if tests else "", "ran": at + 1}
            at = int(line)
        limit = max(LONGEST, SLOWER * job["seconds"][at])
        if not new:
            return {"status": "crashed", "test": tests[at], "ran": at + 1}


def _child(
    session: pytest.Session,
    items: dict[str, pytest.Item],
    job: dict[str, Any],
    writing: int,
    folder: str,
) -> None:
    """Run the tests up to the first that fails."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    session.config._tmp_path_factory._basetemp = Path(folder).resolve()  # type: ignore[attr-defined]
    status = b"survived\n"
    try:
        if _alone is None and job["mutant"]:
            swap(Mutant(*job["mutant"]), ROOT)
        chosen = [(n, items[test]) for n, test in enumerate(job["tests"]) if test in items]
        for (n, item), (_, following) in zip(chosen, [*chosen[1:], (0, None)], strict=True):
            if os.getppid() == 1:  # the server was ended
                break
            os.write(writing, b"%d\n" % n)
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                status = b"killed\n"
                break
    except CannotSwap:
        status = b"import\n"
    except BaseException:  # of a mutant that breaks pytest itself
        status = b"killed\n"
    finally:
        os.write(writing, status)
        os._exit(0)
