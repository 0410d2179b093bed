"""Change the core in one small place at a time: a test must notice each change.

    python -m benchmarks mutants [--first 600] [--seed 18] [--whole] [--work FOLDER] [--out FILE]

The sample is drawn from all mutants of passes, losses, layers, activations, optimizers, training
and files. The tests run once to note which lines each executes. A mutant then runs those that
execute its line, fast ones and those of its folder first, up to the first that fails: killed. A
test that takes thirty times as long as usual is a timeout, which counts as killed too.

--whole includes the slow tests. --work holds what is known, and a second call goes on from there;
so the checkout must stay as it is. Equivalent mutants stand in `judged.json`, each with a reason.
Needs coverage: pip install -e . --group mutants.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.common import machine, write
from benchmarks.mutants.changes import Mutant
from benchmarks.mutants.sample import ROOT, Tests, drawn, job

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parents[1] / "results" / "mutants.json"
JUDGED = Path(__file__).parent / "judged.json"
PIECE = 60  # mutants for each collection of the tests
COUNTED = ("killed", "timeout", "crashed")
Found = dict[str, dict[str, Any]]  # what is known of each mutant, by its key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--first", type=int, default=600, help="mutants of the sample")
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--whole", action="store_true", help="with the slow tests")
    parser.add_argument("--numpy", action="store_true", help="without other array libraries")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "mutants")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Run the mutants that are not known yet; print and write the counts."""
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tests.json").exists():
        _pytest("traced", work, *_selection(options), "tests")
    tests, mutants = Tests(work), drawn(options.seed)[: options.first]
    for first in range(0, len(mutants), PIECE):
        _piece(mutants[first : first + PIECE], tests, work, _selection(options))
        result = _summary(mutants[: first + PIECE], _known(work))
        print(json.dumps(result["counts"]), flush=True)
    result = {"machine": machine(), "seed": options.seed, **result}
    write(options.out or OUT, result)
    return 0


def _selection(options: argparse.Namespace) -> list[str]:
    chosen = [] if options.whole else ["-m", "not slow"]
    return [*chosen, "-k", "not array-api-strict"] if options.numpy else chosen


def _pytest(plugin: str, work: Path, *arguments: str, **variables: str) -> int:
    """Run pytest in one process with a plugin of this folder."""
    plugins = ("-p", f"benchmarks.mutants.{plugin}", "-p", "no:cacheprovider")
    settings = ("-n", "0", "-q", f"--basetemp={work / 'tmp'}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *settings, *arguments],
        cwd=ROOT,
        env={**os.environ, "XPNET_MUTANTS": str(work), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode


def _known(work: Path) -> Found:
    path = work / "results"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {found["key"]: found for found in map(json.loads, lines)}


def _piece(mutants: list[Mutant], tests: Tests, work: Path, selection: list[str]) -> None:
    """Run some mutants: in forks of one process where possible, the others by new imports."""
    known = _known(work)
    swapped: list[tuple[Mutant, list[str]]] = []
    imported: list[tuple[Mutant, list[str]]] = []
    for mutant in mutants:
        if mutant.key not in known or known[mutant.key]["status"] == "import":
            during, chosen = tests.of(mutant)
            during |= mutant.key in known
            (imported if during else swapped).append((mutant, chosen))
    _serve(swapped, tests, work, selection)
    known = _known(work)
    imported += [(m, t) for m, t in swapped if known.get(m.key, {}).get("status") == "import"]
    for mutant, chosen in imported:
        _import(mutant, chosen, tests, work, selection)


def _serve(
    some: list[tuple[Mutant, list[str]]], tests: Tests, work: Path, selection: list[str]
) -> None:
    """Run mutants in forks of one process, which has collected the tests of all of them."""
    jobs = [job(mutant, chosen, tests.seconds) for mutant, chosen in some if chosen]
    files = sorted({test.partition("::")[0] for each in jobs for test in each["tests"]})
    if jobs:
        (work / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        _pytest("server", work, *selection, *files)


def _import(
    mutant: Mutant, chosen: list[str], tests: Tests, work: Path, selection: list[str]
) -> None:
    """Run a mutant in a process of its own: first the tests of its folder, then the others."""
    near = f"tests/{mutant.path.split('/')[1]}/"
    for some in (
        [test for test in chosen if test.startswith(near)],
        [test for test in chosen if not test.startswith(near)],
    ):
        files = sorted({test.partition("::")[0] for test in some})
        if not files:
            continue
        (work / "jobs.json").write_text(json.dumps([job(mutant, some, tests.seconds)]))
        before = _known(work).get(mutant.key)
        status = _pytest("server", work, *selection, *files, XPNET_MUTANT="0")
        if _known(work).get(mutant.key) == before:  # pytest could not collect the tests
            line = {"status": "killed", "test": f"collection, {status}", "key": mutant.key}
            with open(work / "results", "a", encoding="utf-8") as results:
                results.write(json.dumps(line) + "\n")
        if _known(work)[mutant.key]["status"] != "survived":
            return


def _summary(mutants: list[Mutant], known: Found) -> dict[str, Any]:
    """Return the counts, and every mutant that no test noticed."""
    judged = json.loads(JUDGED.read_text(encoding="utf-8"))
    counts, left = Counter[str](), []
    for mutant in mutants:
        found = known.get(mutant.key, {"status": "survived", "test": "", "ran": 0})
        status = "equivalent" if mutant.key in judged else found["status"]
        counts[status] += 1
        if status not in (*COUNTED, "equivalent"):
            left.append({"mutant": mutant.key, "line": mutant.lines[0], **found})
    noticed = sum(counts[status] for status in COUNTED)
    share = noticed / max(1, len(mutants) - counts["equivalent"])
    return {
        "counts": {"mutants": len(mutants), **counts, "noticed": round(share, 4)},
        "left": left,
        "equivalent": {m.key: judged[m.key] for m in mutants if m.key in judged},
    }
