"""``xpnet train digits`` or ``xpnet train data.csv --target COLUMN``: train and write a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xpnet.backends import DTYPES, uses_products_of_numpy
from xpnet.cli import checkpoints, digits, fashion_mnist, table
from xpnet.cli.columns import add_column_options, add_target_options
from xpnet.cli.kinds import MODEL
from xpnet.cli.models import model_file
from xpnet.cli.options import (
    Last,
    UsageError,
    add_where,
    at_least,
    check_where,
    fraction,
    positive,
    widths,
)
from xpnet.cli.output import check_out
from xpnet.cli.report import check_report
from xpnet.equations.streams import LARGEST
from xpnet.errors import quoted
from xpnet.tables.given import address_hint

__all__ = ["add_parser", "wants_tuning"]

_DATA_SETS = {"digits": digits.run, "fashion-mnist": fashion_mnist.run}
_OF_TABLES = (
    *("target", "task", "text", "embed", "ignore", "read_as", "missing", "weight", "validation"),
    *("log_target", "quick", "networks", "class_weight", "time", "cv"),
)


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet train``."""
    parser = commands.add_parser(
        "train",
        help="train on a data set or on your own table and write a model file",
        description="Train on the UCI digits (1797 images of 8 × 8 pixels, shipped with the "
        "package), on Fashion-MNIST or on a table of your own, test on held-out examples, and "
        "write a model file.",
    )
    parser.add_argument(
        "data", help="digits, fashion-mnist, or a .csv or .parquet file (-: CSV from stdin)"
    )
    _add_network_options(parser)
    parser.add_argument("--out", type=Path, help="model file (the data's name, .safetensors)")
    parser.add_argument(
        "--report", type=Path, metavar="PAGE", help="also write a report on the training (HTML)"
    )
    parser.add_argument(
        "--no-tune", action="store_true", help="don't restart with faster OpenBLAS kernels"
    )
    _add_table_options(parser.add_argument_group("a table of your own"))
    checkpoints.add_options(parser.add_argument_group("checkpoints"))
    parser.set_defaults(run=run, check=check)


def _add_network_options(parser: Any) -> None:
    """Options on the network, where it is trained, and for how long."""
    add_where(parser)
    parser.add_argument("--dtype", default="float32", choices=DTYPES)
    parser.add_argument(
        "--hidden",
        action=Last,
        type=widths,
        metavar="N[,N…]",
        help="hidden widths (digits 256, a table 256,256)",
    )
    parser.add_argument(
        "--epochs",
        action=Last,
        type=at_least(1, "--epochs"),
        help="passes over the data (digits 30; for a table the most passes, of which rows held "
        "out choose the best number: 64, and 16 above 20,000 rows)",
    )
    parser.add_argument(
        "--seed",
        type=at_least(0, "--seed", LARGEST - 1),
        default=0,
        help="seed of the weights and of the order of examples (0)",
    )


def _add_table_options(group: Any) -> None:
    _add_target_options(group)
    add_column_options(group)
    _add_procedure_options(group)


def _add_target_options(group: Any) -> None:
    """Options on what is predicted, and on what each class counts."""
    add_target_options(group)
    group.add_argument(
        "--class-weight",
        choices=["balanced"],
        help="balanced: every class has the same weight in all",
    )


def _add_procedure_options(group: Any) -> None:
    """Options on the fits that lead to the model, and on the rows that judge it."""
    group.add_argument(
        "--time",
        type=positive("--time"),
        metavar="SECONDS",
        help="a budget, from which the most epochs follow",
    )
    group.add_argument(
        "--quick", action="store_true", default=None, help="one short fit, with nothing chosen"
    )
    group.add_argument(
        "--networks",
        type=at_least(1, "--networks"),
        metavar="K",
        help="train K networks, each without one of K parts of the rows, and average them",
    )
    group.add_argument(
        "--validation", type=fraction, metavar="FRACTION", help="rows held out to test on (0.2)"
    )
    group.add_argument(
        "--cv",
        type=at_least(2, "--cv"),
        metavar="K",
        help="also print the score of K parts of the rows, each predicted from the others",
    )


def wants_tuning(options: argparse.Namespace) -> bool:
    """Whether the command is a training that may restart with faster kernels for NumPy."""
    return options.run is run and not options.no_tune and uses_products_of_numpy(options.backend)


def check(options: argparse.Namespace) -> None:
    """Check everything possible before the data are read and the program is restarted."""
    own = options.data not in _DATA_SETS
    inputs = [Path(options.data)] if own and options.data != "-" else []
    for path in inputs:
        if not path.exists():
            known = f"a data set ({', '.join(_DATA_SETS)})"
            raise FileNotFoundError(
                f"{quoted(options.data)} is neither {known} nor a file{address_hint(options.data)}"
            )
    for name in [] if own else _OF_TABLES:
        if getattr(options, name) is not None:
            option = {"read_as": "as"}.get(name, name.replace("_", "-"))
            raise UsageError(f"--{option} is for a table of your own, not for {options.data}")
    if options.data == "-" and options.out is None:
        raise UsageError("--out FILE is missing: a table from standard input has no name")
    check_where(options)
    check_out(model_file(options), MODEL, *inputs)
    checkpoints.check(options, model_file(options), own, *inputs)
    check_report(options, model_file(options), *inputs)
    if own:
        table.check(options)


def run(options: argparse.Namespace) -> int:
    """Train on the named data set, or on the file."""
    return checkpoints.run_stoppable(options, _DATA_SETS.get(options.data, table.run))
