"""Turn a user's table of numbers and text into X and Y, and outputs back into columns.

CSV is read by the standard library, Parquet by pyarrow and data frames by narwhals (extra
``data``). A `Schema` says how each column becomes numbers; it is stored in the model file as JSON.
"""

from __future__ import annotations

from xpnet.tables.csv_files import read_csv
from xpnet.tables.csv_written import write_csv
from xpnet.tables.frames import from_frame, read_parquet
from xpnet.tables.model import Model
from xpnet.tables.model_files import load, read_schema, save_model
from xpnet.tables.reading import read_table
from xpnet.tables.schema import Schema
from xpnet.tables.splitting import held_out
from xpnet.tables.table import Table
from xpnet.tables.training import train

__all__ = [
    "Model",
    "Schema",
    "Table",
    "from_frame",
    "held_out",
    "load",
    "read_csv",
    "read_parquet",
    "read_schema",
    "read_table",
    "save_model",
    "train",
    "write_csv",
]
