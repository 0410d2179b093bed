"""``xpnet explain digits`` or ``xpnet explain model.safetensors data.csv --html pass.html``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from xpnet.backends import DTYPES
from xpnet.cli.input import read_input
from xpnet.cli.kinds import PAGE
from xpnet.cli.options import UsageError, add_where, at_least, check_where
from xpnet.cli.output import check_out, said_of
from xpnet.cli.terminal import say
from xpnet.datasets.split import stratified_sample
from xpnet.errors import quoted
from xpnet.files.load import load
from xpnet.network import Network
from xpnet.tables import load as load_model
from xpnet.tables.several import with_targets

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet explain``."""
    parser = commands.add_parser(
        "explain",
        help="print every equation of one pass, with its values",
        description="Print every equation of one forward and one backward pass: shapes, costs and "
        "values. `xpnet explain digits` shows the network that `xpnet train digits` starts "
        "from; with a model file, the network is the one in the file.",
    )
    parser.add_argument("model", type=Path, help="digits, or a file that xpnet train wrote")
    parser.add_argument(
        "data",
        nargs="?",
        help="the data that the model was trained on: digits, or a .csv or .parquet file (-: "
        "from stdin)",
    )
    parser.add_argument(
        "--examples",
        type=at_least(1, "--examples"),
        default=64,
        metavar="N",
        help="number of rows of the data, drawn at random in proportion to the classes (64)",
    )
    parser.add_argument(
        "--example",
        type=at_least(0, "--example"),
        metavar="N",
        help="only row N of the data, counted from 0",
    )
    parser.add_argument(
        "--entry", type=_entry, metavar="L,I,J", help="show entry (I, J) of dW_L as a dot product"
    )
    parser.add_argument("--html", type=Path, metavar="PAGE", help="also write a page (HTML)")
    add_where(parser)
    parser.add_argument(
        "--dtype", choices=DTYPES, help="dtype to compute in (default: the model's)"
    )
    parser.set_defaults(run=run, check=check)


def _entry(text: str) -> tuple[str, int, int]:
    try:
        l, i, j = text.split(",")
        return l, int(i), int(j)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"an entry is L,I,J, such as 1,0,5; got {quoted(text)}"
        ) from None


class _Data(NamedTuple):
    """A network, its inputs and targets, and the names of its columns and outputs."""

    net: Network
    X: Any
    Y: Any
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def check(options: argparse.Namespace) -> None:
    """Check everything that can be checked before anything is read."""
    check_where(options)
    if options.data is None and str(options.model) != "digits":
        raise UsageError(
            f"the data for {quoted(str(options.model))} are missing: name a file, as in xpnet "
            "explain model.safetensors data.csv"
        )
    if options.html is not None:
        read = [path for path in (options.model, options.data) if path is not None]
        check_out(options.html, PAGE, *map(Path, read), option="--html")


def run(options: argparse.Namespace) -> int:
    """Print the explanation, and write the page if ``--html`` is given."""
    from xpnet.explain import explain

    net, X, Y, inputs, outputs = _data(options)
    if options.dtype is not None:
        net = net.to(dtype=options.dtype)
    if options.example is None:
        rows = stratified_sample(Y if Y.ndim == 1 else None, len(Y), options.examples)
        X, Y = X[rows], Y[rows]
    asked = options.example, options.entry
    explanation = explain(net, X, Y, *asked, inputs=inputs, outputs=outputs)
    say(explanation)
    if options.html is not None:
        wrote = said_of(options.html, PAGE)
        explanation.save(options.html)
        say(wrote)
    return 0


def _data(options: argparse.Namespace) -> _Data:
    if str(options.model) == "digits" and options.data is None:
        net = Network([64, 256, 10], loss="cross_entropy", backend=options.backend,
                      device=options.device)  # fmt: skip
        return _digits(net)
    if options.data == "digits":
        return _digits(load(options.model, backend=options.backend, device=options.device))
    return _table(options)


def _digits(net: Network) -> _Data:
    """Return the network and the training images of digits, in the order of the training split."""
    from xpnet.datasets import load_digits, stratified_split

    images, labels = load_digits()
    train, _ = stratified_split(labels, 0.2, seed=0)
    return _Data(net, images[train] / 16.0, labels[train])


def _table(options: argparse.Namespace) -> _Data:
    """Return the network, the rows of a table, and the names of its columns and classes."""
    model = load_model(options.model, options.backend, options.device)
    schema, net = model.schema, model.network
    table, names = read_input(Path(options.data)), schema.target_names
    for name in names:
        if name not in table.columns:
            raise ValueError(
                f"{table.source} has no column {quoted(name)}, the target: the backward pass "
                "starts from it"
            )
    table = with_targets(table, names, schema.task, schema.holes, say)
    X, Y = schema.transform(table)
    outputs = schema.target.output_names
    return _Data(net, X, Y, schema.input_names(), outputs)
