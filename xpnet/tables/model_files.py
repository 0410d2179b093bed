"""Save and read a schema in the model file of its network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from xpnet.errors import quoted
from xpnet.files.container import blaming
from xpnet.files.load import describe
from xpnet.files.save import save
from xpnet.network import Network
from xpnet.tables.schema import Schema
from xpnet.tables.several import heads_of
from xpnet.whole_file import path_of

__all__ = ["read_schema", "save_model", "schema_of"]

_KEY = "schema"


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
    save(net, path, extra={_KEY: schema.to_json()})


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
    text = described["extra"].get(_KEY)
    if text is None:
        return None
    with blaming(path, "has a schema that can't be used"):
        return Schema.from_json(text)
