"""Runs: a worker process for a table, a split and a contender; one JSON line for each.

The lines are in a file that only grows. A run whose line is there is not repeated. If a run has
several lines, the last one counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.against import sources
from benchmarks.tabular.contenders import CONTENDERS
from benchmarks.tabular.environment import peers_python
from benchmarks.tabular.job import Job
from benchmarks.tabular.scores import scores
from benchmarks.tabular.sources import Source, Table, write_csv
from benchmarks.tabular.splits import MOST, split
from benchmarks.tabular.variants import ALL_ROWS, spoiled
from benchmarks.turns import ROOT

__all__ = ["Places", "Run", "last_lines", "places", "run_once"]

LIBRARIES = "OMP", "OPENBLAS", "MKL", "NUMBA"
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}


class Run(NamedTuple):
    """What a line is about."""

    table: str
    split: int
    contender: str


def last_lines(path: Path) -> dict[Run, dict[str, Any]]:
    """Return the last line of each run; a line that a stop has cut short is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[Run(row["table"], row["split"], row["contender"])] = row
    return found


Places = Mapping[str, tuple[str, dict[str, str]] | str]
"""For each place of a contender the interpreter and its environment, or why there is none."""


@contextmanager
def places(wanted: Sequence[str], cache: Path, against: Path | None) -> Iterator[Places]:
    """Yield the places of these contenders; the peers' environment is made if it is needed."""
    found: dict[str, tuple[str, dict[str, str]] | str] = {}
    base = {**ONE_THREAD, "XPNET_CACHE": str(cache / "compiled"), "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        for place in {CONTENDERS[name].place for name in wanted}:
            if place == "here":
                found[place] = sys.executable, base
            elif place == "peers":
                found[place] = _peers(cache, base)
            elif against is None:
                found[place] = "--against FOLDER names the earlier checkout"
            else:
                other = stack.enter_context(sources(other=against))["other"]
                found[place] = sys.executable, {**base, **other}
        yield found


def _peers(cache: Path, base: dict[str, str]) -> tuple[str, dict[str, str]] | str:
    try:
        return str(peers_python(cache / "peers")), base
    except OSError as error:
        return str(error)


def run_once(
    run: Run, source: Source, table: Table, found: Places, seconds: float
) -> dict[str, Any]:
    """Return the line of a run.

    A run that has compiled something is repeated: the second one, which found it compiled, counts.
    """
    train, test = _parts(run, source, table)
    contender = CONTENDERS[run.contender]
    place = found[contender.place]
    sizes = {"train_rows": len(train.rows), "test_rows": len(test.rows)}
    head = {**run._asdict(), "task": source.task, **sizes}
    if isinstance(place, str):
        return {**head, "absent": place}
    about = source.target, source.task, _text(source, table), run.split
    job = Job(contender.module, contender.settings, *about)
    once = partial(_trained, job, train, test, place, seconds)
    first = once()
    if first.pop("compiled", False):
        second = once()
        second.pop("compiled", None)
        first = {**second, "compiling_cpu_seconds": first["cpu_seconds"]}
    return {**head, **first}


def _parts(run: Run, source: Source, table: Table) -> tuple[Table, Table]:
    """Return the training and the test rows."""
    labels = table.column(source.target) if source.task == "classification" else None
    most = None if run.table.endswith(ALL_ROWS) else MOST
    rows = split(source.name, run.split, len(table.rows), labels, most)
    train, test = (table.taken(which) for which in rows)
    return spoiled(run.table, train, source.target, _text(source, table), run.split), test


def _text(source: Source, table: Table) -> list[str]:
    return [name for name in table.text_columns() if name != source.target]


def _trained(
    job: Job, train: Table, test: Table, place: tuple[str, dict[str, str]], seconds: float
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_csv(train, folder / "train.csv")
        write_csv(test.without([job.target]), folder / "test.csv")
        (folder / "job.json").write_text(job.to_json(), encoding="utf-8")
        result = _work(folder, place, seconds)
        if "cpu_seconds" not in result:
            return result
        with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
            predictions = dict(arrays)
    targets = test.column(job.target), train.column(job.target)
    return {**scores(predictions, *targets), **result}


def _work(folder: Path, place: tuple[str, dict[str, str]], seconds: float) -> dict[str, Any]:
    """Return what the worker wrote, or why it wrote nothing."""
    python, environment = place
    command = [python, "-m", "benchmarks.tabular.worker", str(folder)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"it took more than {seconds:g} s"}
    answer = folder / "result.json"
    if answer.exists():
        result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return result
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return {"failed": lines[-1]}
