"""``python -m benchmarks``: the benchmarks of training and prediction, and their plot.

It also runs the tests by random steps (fuzz), bad calls (calls), damaged files (files), kills
(faults), changes to the code (mutants) and long runs (steady). The other benchmarks are separate
modules: `python -m benchmarks.NAME`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import (
    calls,
    cpu,
    derivatives,
    estimators,
    faults,
    files,
    fuzz,
    gpu,
    growth,
    latency,
    plot,
    search,
    steady,
)
from benchmarks.mutants import command as mutants
from benchmarks.tabular import command as tables

COMMANDS = {
    "calls": calls,
    "cpu": cpu,
    "derivatives": derivatives,
    "estimators": estimators,
    "gpu": gpu,
    "growth": growth,
    "latency": latency,
    "plot": plot,
    "search": search,
    "steady": steady,
    "tables": tables,
    "fuzz": fuzz,
    "files": files,
    "faults": faults,
    "mutants": mutants,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        first, _, rest = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=first,
            description=f"{first}\n{rest}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
