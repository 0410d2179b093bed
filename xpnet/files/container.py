"""Read untrusted safetensors files: first the header, which is checked, then the numbers.

    8 bytes     n, in little-endian order
    n bytes     JSON: {"__metadata__": {name: text}, tensor: {"dtype", "shape", "data_offsets"}, …}
    the rest    the tensors' numbers, one after another, without gaps

The metadata of a file that xpnet wrote has "sha256", the SHA-256 of the whole file. For the hash,
64 zeros replace the 64 digits of the digest.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from xpnet.errors import FileError, printable, quoted
from xpnet.files.jsonable import list_of, loads, mapping, text_of
from xpnet.typing import Host
from xpnet.whole_file import open_regular

__all__ = ["Container", "Tensor", "blaming", "opened", "sealed"]

_LARGEST = 100_000_000  # most bytes of a header, as in the safetensors library
_AXES = 8  # most axes of a tensor, to bound the digits of the product of its lengths
_PIECE = 1 << 19  # bytes read, hashed and checked while they are in the cache
_DIGEST, _BLANK = "sha256", "0" * 64
_SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2,
          "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8}  # fmt: skip
_DTYPES = {"float32": "F32", "float64": "F64"}
_AT_FAULT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class Tensor(NamedTuple):
    """A tensor's dtype and shape, and the range of its bytes, counted from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@contextmanager
def blaming(path: str, verdict: str = "is not a model file, or is damaged") -> Iterator[None]:
    """Turn errors in the block into a FileError that names the file."""
    try:
        yield
    except FileError:
        raise
    except _AT_FAULT as error:
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        reason = f"{quoted(text)} is missing" if isinstance(error, KeyError) else text
        what = printable(reason, 400) or type(error).__name__
        raise FileError(f"{path!r} {verdict}: {what}") from error


class Container:
    """An open file whose header has been read and checked.

    Attributes
    ----------
    metadata : dict of str to str
    tensors : dict of str to Tensor
    """

    def __init__(self, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
        n = int.from_bytes(prefix, "little")
        if size == 0:
            raise ValueError("it is empty")
        if n > _LARGEST and len(prefix) == 8:
            raise ValueError(
                f"its header would have {n:,} bytes, but at most {_LARGEST:,} are allowed: it "
                "is a different kind of file"
            )
        if len(prefix) < 8 or n > size - 8:
            raise ValueError(f"it is too short for a header of {n:,} bytes ({size:,} bytes)")
        header = file.read(n)
        if len(header) < n:
            raise ValueError("it became shorter while it was read")
        self._file, self._rest = file, size - 8 - n
        found = dict(mapping(loads(header), "the header"))
        self.metadata = _texts(found.pop("__metadata__", {}))
        self.tensors = {name: _tensor(name, entry) for name, entry in found.items()}
        _check_places(self.tensors.values(), self._rest)
        import hashlib  # 3 ms, spent only if a file is read

        self._hash = hashlib.sha256(prefix + self._blanked(header))

    def _blanked(self, header: bytes) -> bytes:
        """The header with zeros in place of its digest."""
        digest = self.metadata.get(_DIGEST)
        if digest is None:
            return header
        if not re.fullmatch("[0-9a-f]{64}", digest) or header.count(digest.encode()) != 1:
            raise ValueError(f"its {_DIGEST} is not a checksum: {quoted(digest)}")
        return header.replace(digest.encode(), _BLANK.encode())

    def numbers(self, dtype: str) -> Host:
        """Read all tensors' numbers in the file's order, (n,) float32 or float64; call it once.

        Raises
        ------
        ValueError
            A tensor has a different dtype, a number is NaN or infinite, or the checksum is wrong.
        """
        for name, tensor in self.tensors.items():
            if tensor.dtype != _DTYPES[dtype]:
                raise ValueError(f"{quoted(name)} must be {_DTYPES[dtype]}, got {tensor.dtype}")
        numbers = np.empty(
            self._rest // np.dtype(dtype).itemsize, np.dtype(dtype).newbyteorder("<")
        )
        finite, each = True, _PIECE // numbers.itemsize
        for start in range(0, len(numbers), each):
            piece = numbers[start : start + each]
            raw = piece.view(np.uint8).data
            self._read_into(raw)
            self._hash.update(raw)
            finite = finite and bool(np.isfinite(piece).all())
        if not finite:
            raise ValueError("it has parameters or statistics that are NaN or infinite")
        if self._hash.hexdigest() != self.metadata.get(_DIGEST, self._hash.hexdigest()):
            raise ValueError(
                "its checksum does not match its bytes: it is damaged, or was changed by "
                "another program after xpnet wrote it"
            )
        return numbers

    def _read_into(self, view: memoryview) -> None:
        """Fill the view from the file, by several reads if one returns too few bytes."""
        done = 0
        while done < len(view):
            n = self._file.readinto(view[done:])  # type: ignore[attr-defined]
            if not n:
                raise ValueError("it became shorter while it was read")
            done += n


@contextmanager
def opened(path: str) -> Iterator[Container]:
    """Open the file and check its header; it is closed at the end of the block.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it is a folder, a pipe or a device.
    FileError
        It is not a safetensors file, or it is damaged.
    """
    with os.fdopen(open_regular(path, "model file"), "rb", buffering=0) as file:
        with blaming(path):
            container = Container(file)
        yield container


def _texts(found: Any) -> dict[str, str]:
    metadata = mapping(found, "the header's metadata")
    return {name: text_of(metadata, name) for name in metadata}


def _tensor(name: str, found: Any) -> Tensor:
    """A header's entry as a `Tensor`; its shape and dtype must match its number of bytes."""
    entry = mapping(found, quoted(name))
    if set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the header needs dtype, shape and data_offsets of {quoted(name)}")
    dtype, shape, places = text_of(entry, "dtype"), list_of(entry, "shape"), entry["data_offsets"]
    if not isinstance(places, list) or len(places) != 2:
        raise ValueError(f"the data_offsets of {quoted(name)} are not two numbers")
    if not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, *places)):
        raise ValueError(f"the shape and data_offsets of {quoted(name)} are not integers ≥ 0")
    start, stop = places
    if dtype not in _SIZES or len(shape) > _AXES:
        raise ValueError(f"{quoted(name)} has {len(shape)} axes of the dtype {quoted(dtype)}")
    if math.prod(shape) * _SIZES[dtype] != stop - start:
        raise ValueError(
            f"{quoted(name)} has {stop - start} bytes, which do not fit {quoted(shape)} {dtype}"
        )
    return Tensor(dtype, tuple(shape), start, stop)


def _check_places(tensors: Iterable[Tensor], size: int) -> None:
    """Check that the tensors follow each other without gaps up to the file's end."""
    at = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.stop)):
        if tensor.start != at:
            raise ValueError("its tensors overlap, or leave gaps")
        at = tensor.stop
    if at != size:
        raise ValueError(f"its tensors need {at:,} bytes, but it has {size:,}")


def sealed(content: bytes) -> bytes:
    """The file with a digest and a sorted header; safetensors writes headers in any order."""
    import hashlib

    size = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata: Mapping[str, str] = header.get("__metadata__", {})
    header["__metadata__"] = {**metadata, _DIGEST: _BLANK}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    beginning = len(text).to_bytes(8, "little") + text
    digest = hashlib.sha256(beginning)
    digest.update(rest)
    mark = f'"{_DIGEST}":"%s"'
    return (
        beginning.replace((mark % _BLANK).encode(), (mark % digest.hexdigest()).encode(), 1) + rest
    )
