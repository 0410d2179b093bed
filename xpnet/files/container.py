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

__all__ = [
    "CHECKPOINT",
    "MODEL",
    "Container",
    "Tensor",
    "blaming",
    "has_mark",
    "opened",
    "sealed",
    "write_arrays",
]

CHECKPOINT, MODEL = "xpnet checkpoint ", "xpnet model "
"""How the formats of xpnet's two kinds of files begin."""

_LARGEST = 100_000_000  # most bytes of a header, as in the safetensors library
_LONGEST = 1 << 24  # most bytes of a header that are searched for a mark
_AXES = 8  # most axes of a tensor, to bound the digits of the product of its lengths
_PIECE = 1 << 19  # bytes read, hashed and checked while they are in the cache
_DIGEST, _BLANK = "sha256", "0" * 64
_SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2,
          "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8}  # fmt: skip
_DTYPES = {"float32": "F32", "float64": "F64"}
_ARRAYS = {"BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2",
           "I32": "<i4", "U32": "<u4", "F32": "<f4", "F64": "<f8", "I64": "<i8",
           "U64": "<u8"}  # fmt: skip
"""NumPy's dtypes in little-endian order; it has none for the other ones."""
_CODES = {np.dtype(dtype): name for name, dtype in _ARRAYS.items()}
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
def blaming(
    path: str,
    verdict: str = "is not a model file, or is damaged",
    kind: type[FileError] = FileError,
) -> Iterator[None]:
    """Turn errors in the block into a FileError, or one of that kind, that names the file."""
    try:
        yield
    except FileError:
        raise
    except _AT_FAULT as error:
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        reason = f"{quoted(text)} is missing" if isinstance(error, KeyError) else text
        what = printable(reason, 400) or type(error).__name__
        raise kind(f"{path!r} {verdict}: {what}") from error


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
        if _DIGEST in self.metadata:
            self._check_digest()
        return numbers

    def arrays(self) -> dict[str, Host]:
        """Read every tensor, of whatever dtype, by its name; call it once.

        Raises
        ------
        ValueError
            NumPy has no such dtype, or the file has no checksum, or a wrong one.
        """
        found: dict[str, Host] = {}
        for name, tensor in sorted(self.tensors.items(), key=lambda item: item[1].start):
            if tensor.dtype not in _ARRAYS:
                raise ValueError(f"{quoted(name)} has the dtype {tensor.dtype}")
            found[name] = x = np.empty(tensor.shape, _ARRAYS[tensor.dtype])
            raw = x.reshape(-1).view(np.uint8).data
            for start in range(0, len(raw), _PIECE):
                piece = raw[start : start + _PIECE]
                self._read_into(piece)
                self._hash.update(piece)
        self._check_digest()
        return found

    def _check_digest(self) -> None:
        if self._hash.hexdigest() != self.metadata.get(_DIGEST):
            raise ValueError(
                "its checksum does not match its bytes: it is damaged, or was changed by "
                "another program after xpnet wrote it"
            )

    def _read_into(self, view: memoryview) -> None:
        """Fill the view from the file, by several reads if one returns too few bytes."""
        done = 0
        while done < len(view):
            n = self._file.readinto(view[done:])  # type: ignore[attr-defined]
            if not n:
                raise ValueError("it became shorter while it was read")
            done += n


def has_mark(path: str | os.PathLike[str], kind: str) -> bool:
    """Whether a file begins as a safetensors file of the kind; it may be damaged."""
    with open(path, "rb") as file:
        n = int.from_bytes(file.read(8), "little")
        header = file.read(min(n, _LONGEST))
    # the mark by itself stands in texts on xpnet too
    return header.startswith(b"{") and f'"{kind}'.encode() in header


@contextmanager
def opened(
    path: str, what: str = "model file", kind: type[FileError] = FileError
) -> Iterator[Container]:
    """Open the file and check its header; it is closed at the end of the block.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it is a folder, a pipe or a device.
    FileError
        It is not a safetensors file, or it is damaged. ``kind`` may be a more special error.
    """
    with os.fdopen(open_regular(path, what), "rb", buffering=0) as file:
        with blaming(path, f"is not a {what}, or is damaged", kind):
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


def write_arrays(file: BinaryIO, metadata: Mapping[str, str], arrays: Mapping[str, Host]) -> None:
    """Write a safetensors file with its digest, array by array, so that nothing is copied.

    Arrays with larger numbers come first, so that all are aligned.
    """
    order = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    parts = [(name, _little(x)) for name, x in order]
    header: dict[str, Any] = {"__metadata__": {**metadata, _DIGEST: _BLANK}}
    at = 0
    for name, x in parts:
        places = [at, at + x.nbytes]
        header[name] = {"dtype": _CODES[x.dtype], "shape": list(x.shape), "data_offsets": places}
        at += x.nbytes
    bodies: list[Any] = [x.reshape(-1).view(np.uint8).data for _, x in parts]
    for piece in (_with_digest(header, bodies), *bodies):
        file.write(piece)


def _little(x: Host) -> Host:
    """The array in C order and in little-endian order; itself if it is."""
    x = np.asarray(x, dtype=x.dtype.newbyteorder("<"), order="C")
    if x.dtype not in _CODES:
        raise ValueError(f"a file cannot hold an array of {x.dtype}")
    return x


def sealed(content: bytes) -> bytes:
    """The file with a digest and a sorted header; safetensors writes headers in any order."""
    size = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata: Mapping[str, str] = header.get("__metadata__", {})
    header["__metadata__"] = {**metadata, _DIGEST: _BLANK}
    return _with_digest(header, [rest]) + rest


def _with_digest(header: Mapping[str, Any], bodies: Iterable[Any]) -> bytes:
    """The beginning of a file, whose blank digest is replaced by that of the whole."""
    import hashlib

    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    beginning = len(text).to_bytes(8, "little") + text
    digest = hashlib.sha256(beginning)
    for body in bodies:
        digest.update(body)
    mark = f'"{_DIGEST}":"%s"'
    return beginning.replace((mark % _BLANK).encode(), (mark % digest.hexdigest()).encode(), 1)
