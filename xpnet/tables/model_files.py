"""Read the model of a table from its file; save and read a schema with one network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from xpnet.backends import Backend
from xpnet.errors import FileError, quoted
from xpnet.files.container import blaming
from xpnet.files.load import describe, load_all
from xpnet.files.save import save
from xpnet.network import Network
from xpnet.tables.entries import ESTIMATOR, SCHEMA, check_entries, judgement_in, schema_entry
from xpnet.tables.member import Member, check_fit, predicts
from xpnet.tables.model import Model
from xpnet.tables.schema import Schema
from xpnet.tables.several import heads_of
from xpnet.whole_file import path_of

__all__ = ["is_of_table", "load", "read_schema", "save_model", "schema_of"]


def load(
    path: str | os.PathLike[str],
    backend: str | Backend = "numpy",
    device: Any = None,
    dtype: Any = None,
) -> Model:
    """Read the model that `Model.save`, `xpnet train` or an earlier `save_model` wrote.

    The arguments are those of `xpnet.load`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FileError
        It is damaged, or not a model that was trained on a table.
    """
    path = path_of(path)
    extra = describe(path)["extra"]
    if SCHEMA not in extra:
        raise FileError(
            f"{quoted(path)} was not trained on a table, so it does not say which columns it "
            "takes: train one with xpnet train data.csv --target COLUMN"
        )
    nets = load_all(path, backend, device, dtype)
    with blaming(path, "has a schema that can't be used"):
        check_entries(extra, len(nets))
        members = tuple(
            Member(net, Schema.from_json(extra[schema_entry(k)])) for k, net in enumerate(nets)
        )
        for member in members:
            check_fit(member)
        if any(predicts(member) != predicts(members[0]) for member in members):
            raise ValueError("its networks have different targets")
        judgement = judgement_in(extra, [member.schema for member in members])
        return Model(members, *judgement, estimator=extra.get(ESTIMATOR, ""))


def save_model(net: Network, schema: Schema, path: str | os.PathLike[str]) -> None:
    """Write the network and the schema to one model file, whole or not at all.

    Raises
    ------
    TypeError, ValueError
        ``net`` is not a `Network`, ``schema`` not a `Schema`, or their widths or heads differ.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {quoted(net)}")
    if not isinstance(schema, Schema):
        raise TypeError(f"schema must be a Schema, such as Schema.fit gives, got {quoted(schema)}")
    path, widths = path_of(path), (net.sizes[0], net.sizes[-1])
    if widths != (schema.width, schema.target.width):
        raise ValueError(
            f"the network has {widths[0]} inputs and {widths[1]} outputs, but the schema has "
            f"{schema.width} and {schema.target.width}: make the network with schema.width and "
            "schema.target.width"
        )
    heads, own = heads_of(schema.target), net.loss.heads if net.loss else ()
    if heads and own != heads:
        raise ValueError(
            f"the network has heads of {own} classes, but the schema has {heads}: make the network "
            "with loss=schema.target.loss"
        )
    save(net, path, extra={SCHEMA: schema.to_json()})


def read_schema(path: str | os.PathLike[str]) -> Schema | None:
    """The schema in a model file; None for a model that was not trained on a table.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FileError
        It is not a model file, or it or its schema is damaged.
    """
    path = path_of(path)
    return schema_of(describe(path), path)


def schema_of(described: Mapping[str, Any], path: str) -> Schema | None:
    """The schema in what `describe` returned for ``path``; None if there is none."""
    text = described["extra"].get(SCHEMA)
    if text is None:
        return None
    with blaming(path, "has a schema that can't be used"):
        return Schema.from_json(text)


def is_of_table(extra: Mapping[str, str]) -> bool:
    """Whether the extra entries of a file are those of a model of a table."""
    return SCHEMA in extra
