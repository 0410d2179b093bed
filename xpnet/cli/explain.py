"""``xpnet explain digits`` or ``xpnet explain model.safetensors data.csv --html pass.html``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpnet.backends import DTYPES
from xpnet.cli.columns import add_missing, check_missing
from xpnet.cli.input import read_input
from xpnet.cli.kinds import PAGE
from xpnet.cli.models import check_order
from xpnet.cli.options import UsageError, add_where, at_least, check_where
from xpnet.cli.output import check_out, said_of
from xpnet.cli.terminal import say
from xpnet.datasets.split import stratified_sample
from xpnet.errors import quoted
from xpnet.files.load import load
from xpnet.network import Network
from xpnet.tables import Model
from xpnet.tables import load as load_model
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.explain import Explanation

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
        help="only row N of the data, counted from 0; it must have a target",
    )
    parser.add_argument(
        "--entry", type=_entry, metavar="L,I,J", help="show entry (I, J) of dW_L as a dot product"
    )
    add_missing(parser)
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


def check(options: argparse.Namespace) -> None:
    """Check everything that can be checked before anything is read."""
    check_where(options)
    if options.data is None and str(options.model) != "digits":
        raise UsageError(
            f"the data for {quoted(str(options.model))} are missing: name a file, as in xpnet "
            "explain model.safetensors data.csv"
        )
    if options.missing and options.data in (None, "digits"):
        raise UsageError("--missing is for a table of your own, not for digits")
    if options.data is not None:
        check_order(options.model, Path(options.data))
    if options.html is not None:
        read = [path for path in (options.model, options.data) if path is not None]
        check_out(options.html, PAGE, *map(Path, read), option="--html")


def run(options: argparse.Namespace) -> int:
    """Print the explanation, and write the page if ``--html`` is given."""
    explanation = _explanation(options)
    say(explanation)
    if options.html is not None:
        wrote = said_of(options.html, PAGE)
        explanation.save(options.html)
        say(wrote)
    return 0


def _explanation(options: argparse.Namespace) -> Explanation:
    if str(options.model) == "digits" and options.data is None:
        net = Network([64, 256, 10], loss="cross_entropy", backend=options.backend,
                      device=options.device)  # fmt: skip
        return _of_digits(net.to(dtype=options.dtype), options)
    given = options.model, options.backend, options.device, options.dtype
    if options.data == "digits":
        return _of_digits(load(*given), options)
    return _of_table(load_model(*given), options)


def _of_digits(net: Network, options: argparse.Namespace) -> Explanation:
    """Explain training images of digits, in the order of the training split."""
    from xpnet.datasets import load_digits, stratified_split

    images, labels = load_digits()
    train, _ = stratified_split(labels, 0.2, seed=0)
    rows = _rows(labels[train], options)
    X, Y = images[train][rows] / 16.0, labels[train][rows]
    return net.explain(X, Y, options.example, options.entry)


def _of_table(model: Model, options: argparse.Namespace) -> Explanation:
    """Explain rows of a table."""
    from xpnet.tables.explained import to_explain

    given, missing = read_input(Path(options.data)), options.missing or ()
    check_missing(given, missing)
    model = model.with_missing(missing)
    if options.example is not None:
        return model.explain(given, options.example, options.entry)
    table = to_explain(model, given, None, say)
    Y = model.schema.target.encode(table, model.schema.holes)
    return model.explain(table.take(_rows(Y, options)), entry=options.entry)


def _rows(Y: Host, options: argparse.Namespace) -> Any:
    """A sample of the rows, of every class alike; all rows, if one of them is asked for."""
    if options.example is not None:
        return slice(None)
    return stratified_sample(Y if Y.ndim == 1 else None, len(Y), options.examples)
