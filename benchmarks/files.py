"""Load mutated model files: each raises a FileError, or gives the network that it describes.

    python -m benchmarks files [--cases 100000] [--seed 14] [--out FILE]

After changed bits, truncations and splices, only the same network or a FileError is allowed. Edits
of settings, headers and numbers also come with a new checksum: such a file may describe a different
network, which must then be saved with the same settings and tensors. `xpnet info` reads every tenth
file. To load a file takes twice its size and 64 MB at most. An audit hook sees that nothing is
imported, unpickled or started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import platform
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

import xpnet
from benchmarks.common import write
from benchmarks.mutations import MUTATIONS, SEALED, header_of, texts_of
from benchmarks.watch import audited, memory_for
from xpnet.cli import main
from xpnet.files.load import describe, load_all
from xpnet.files.save import save
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import GaussianNLL, Masked, MultiCrossEntropy
from xpnet.tables import Schema, Table, save_model
from xpnet.tables import load as load_model
from xpnet.tables.model import Member, Model
from xpnet.tables.model_files import is_of_table
from xpnet.tables.targets import Classes
from xpnet.tables.version_1 import Embedded, Number, OneHot

__all__ = ["Outcome", "add_arguments", "models", "run", "tried"]

OUT = Path(__file__).parent / "results" / "files.json"
CASES, SEED, INFO_EVERY = 100_000, 14, 10


class Outcome(NamedTuple):
    """The outcome of one file: refused, same, described, or failed and why."""

    mutation: str
    model: str
    result: str
    why: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path)


def models(folder: Path) -> dict[str, bytes]:
    """Return files of small networks with every kind of layer and setting, by name."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 4)).astype(np.float32)
    codes = np.column_stack([np.arange(20) % 3, X[:, 1:]])
    dense = xpnet.Network([4, 6, 3], activation="tanh", loss="cross_entropy", rng=11)
    dense.fit(X, np.array(["oak", "elm", "fir"])[np.arange(20) % 3], epochs=2, batch_size=5)
    block = Residual([6, LayerNorm(), Dense(4, "gelu")])
    deep = xpnet.Network(
        [4, 5, BatchNorm(), Dropout(0.1), block, 4], loss=GaussianNLL(), rng=2**100, dtype="float64"
    )
    deep.fit(X, X[:, :2], epochs=2, batch_size=5)
    heads = xpnet.Network([4, Embedding(3, 2), 5, 5], loss=Masked(MultiCrossEntropy((2, 3))))
    heads.fit(codes, np.column_stack([np.arange(20) % 2, np.arange(20) % 3]), epochs=1)
    nets = {"dense": dense, "deep": deep, "heads": heads, "open": xpnet.Network([3, 2])}
    for name, net in nets.items():
        net.save(folder / name)
    _table_models(folder, rng)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _table_models(folder: Path, rng: np.random.Generator) -> None:
    """Write files like those of `xpnet train data.csv`: for classes, and for a quantity."""
    colours = np.array(["red", "green", "blue"])[np.arange(30) % 3]
    columns = {"colour": colours, "size": rng.normal(size=30), "price": rng.normal(size=30)}
    table = Table({**columns, "kind": np.array(["x", "y"])[np.arange(30) % 2]})
    for target, embed in (("kind", {"colour": 2}), ("price", {})):
        schemas = [
            Schema.fit(table, target, embed=embed, pieces=pieces) for pieces in (False, True)
        ]
        nets = [_of_table(schema) for schema in schemas]
        save_model(nets[0], schemas[0], folder / f"table of {target}")
        members = tuple(map(Member, nets, schemas))
        Model(members, (0.25, 0.5), {"rows": 2.0}).save(folder / f"networks for {target}")
    name, kinds = ("red", "green", "blue"), Classes("kind", ("x", "y"))
    older = (Number("size", 0.5, 2.0), OneHot("colour", name), Embedded("shade", name, 2))
    schema = Schema(older, kinds, version=1)
    save_model(_of_table(schema), schema, folder / "table of version 1")


def _of_table(schema: Schema) -> xpnet.Network:
    """Return a small network for the table's columns."""
    sizes = [schema.width, *schema.input_layers(), 4, schema.target.width]
    return xpnet.Network(sizes, loss=schema.target.loss)


def tried(files: dict[str, bytes], folder: Path, seed: int, case: int) -> Outcome:
    """Mutate one of the files, which depends only on (seed, case), and load it."""
    rng = np.random.default_rng([seed, case])
    mutation = list(MUTATIONS)[case % len(MUTATIONS)]
    model = list(files)[rng.integers(len(files))]
    content = MUTATIONS[mutation](files[model], list(files.values()), rng)
    path, again = folder / "mutated", folder / "again"
    path.write_bytes(content)
    outcome = _loaded(path, again, files[model], mutation, model)
    if case // len(MUTATIONS) % INFO_EVERY == 0 and (why := _wrong_info(path, outcome.result)):
        return outcome._replace(result="failed", why=why)
    return outcome


def _loaded(path: Path, again: Path, original: bytes, mutation: str, model: str) -> Outcome:
    try:
        with memory_for(path):
            _saved_again(path, again)
    except xpnet.FileError as error:
        long = len(str(error)) > 600 or not str(error).isprintable()
        return Outcome(mutation, model, "failed" if long else "refused", str(error) if long else "")
    except Exception as error:
        return Outcome(mutation, model, "failed", f"{type(error).__name__}: {error}"[:300])
    if again.read_bytes() == original:
        return Outcome(mutation, model, "same")
    if mutation not in SEALED:
        return Outcome(mutation, model, "failed", "a different network, without an error")
    why = _differs(path.read_bytes(), again.read_bytes())
    return Outcome(mutation, model, "failed" if why else "described", why)


def _saved_again(path: Path, again: Path) -> None:
    """Load the file by what reads it, and write what was loaded."""
    extra = describe(path)["extra"]
    if not is_of_table(extra):
        net, *more = load_all(path)
        save(net, again, extra, more)
        return
    model = load_model(path)
    if "model" in extra:
        model.save(again)
    else:
        save_model(model.network, model.schema, again)


def _differs(content: bytes, again: bytes) -> str:
    """Return the first difference of the mutated file from the loaded network's."""
    from safetensors.numpy import load

    found, written = (header_of(c)[0]["__metadata__"] for c in (content, again))
    if found.keys() - {"sha256"} != written.keys() - {"sha256"}:
        return f"other entries: {sorted(found)}"
    for name in texts_of(found):
        said, known = json.loads(found[name]), json.loads(written[name])
        for later in known.keys() - said.keys():  # the files of 0.1.0 lack feature_names
            if known[later] is None:
                del known[later]
        if json.dumps(said, sort_keys=True) != json.dumps(known, sort_keys=True):
            return f"{name}: {json.dumps(said)[:300]}"
    tensors, others = load(content), load(again)
    same = tensors.keys() == others.keys() and all(
        tensors[name].dtype == others[name].dtype and tensors[name].tobytes() == x.tobytes()
        for name, x in others.items()
    )
    return "" if same else "other tensors"


def _wrong_info(path: Path, result: str) -> str:
    """Return what is wrong with the command's answer: its status, lines or characters."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["info", str(path)])
        except Exception as error:
            return f"info: {type(error).__name__}: {error}"[:300]
    lines = (out.getvalue() + err.getvalue()).splitlines()
    if not all(line.isprintable() and len(line) < 2_000 for line in lines):
        return "info prints control characters, or very long lines"
    if result == "refused" and (status != 1 or out.getvalue() or len(lines) != 1):
        return f"info: status {status}, {len(lines)} lines for a file that is refused"
    return "" if result == "refused" or status == 0 else f"info: status {status}"


def run(options: argparse.Namespace) -> int:
    """Run all cases; print a table, write JSON, and return 1 if one failed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models").mkdir()
        files = models(folder / "models")
        tried(files, folder, options.seed, 0)  # imports what is needed
        with audited() as seen:
            outcomes = [tried(files, folder, options.seed, case) for case in range(options.cases)]
    counts: dict[str, Counter[str]] = {mutation: Counter() for mutation in MUTATIONS}
    for outcome in outcomes:
        counts[outcome.mutation][outcome.result] += 1
    failed = [{"case": i, **o._asdict()} for i, o in enumerate(outcomes) if o.result == "failed"]
    for mutation, count in counts.items():
        print(f"{mutation:20}", *(f"{n} {result}" for result, n in sorted(count.items())), sep="  ")
    for each in [*failed[:20], *sorted(seen)]:
        print(each)
    result = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "xpnet": xpnet.__version__,
        "seed": options.seed,
        "cases": options.cases,
        "models": {name: len(content) for name, content in files.items()},
        "outcomes": counts,
        "failed": failed,
        "seen by an audit hook": sorted(seen),
    }
    if options.out or options.cases >= CASES:
        write(options.out or OUT, result)
    return 1 if failed or seen else 0
