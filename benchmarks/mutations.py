"""Damage to files: bits, bytes, splices, edits of the header, and other files of their name.

A mutation is a function of (content, other contents, rng) that returns new content. Those in
`SEALED` compute a new checksum, or leave it out like older files, so that the checks after it are
reached.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from xpnet.files.container import sealed

__all__ = ["MUTATIONS", "SEALED", "Content", "header_of", "joined", "texts_of"]

Rng = np.random.Generator
Content = tuple[dict[str, Any], bytes]  # a header, and the numbers
Mutation = Callable[[bytes, list[bytes], Rng], bytes]

_DEEP = "nested deeply"  # stands for more brackets than Python's json can write


def header_of(content: bytes) -> Content:
    """Return the header of a safetensors file, and its numbers."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def texts_of(metadata: Mapping[str, str]) -> list[str]:
    """Return the names of the entries that are JSON, of a model file or of a checkpoint."""
    parts = ("network", "extra.", "settings", "data", "environment", "run")
    return [name for name in metadata if name.startswith(parts)]


def joined(header: bytes, numbers: bytes) -> bytes:
    """Return the file with this header's text and these numbers."""
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + numbers


def _flipped(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Flip one to eight bits."""
    found = np.frombuffer(content, np.uint8).copy()
    for at in rng.integers(0, len(found), rng.integers(1, 9)):
        found[at] ^= np.uint8(1 << rng.integers(8))
    return found.tobytes()


def _cut(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Truncate the file, leave out or double a part, or append to it."""
    a, b = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    return (
        content[:a],
        content[:a] + content[b:],
        content[:b] + content[a:],
        content + rng.bytes(int(rng.integers(1, 64))),
    )[rng.integers(4)]


def _spliced(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Join the beginning of this file to the end of another, or its header to other numbers."""
    other = others[rng.integers(len(others))]
    if rng.random() < 0.5:
        return content[: rng.integers(len(content))] + other[rng.integers(len(other)) :]
    at, there = (8 + int.from_bytes(c[:8], "little") for c in (content, other))
    return content[:at] + other[there:]


def _retyped(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Replace characters of the header; its length is correct, its checksum the old one."""
    size = int.from_bytes(content[:8], "little")
    header, numbers = bytearray(content[8 : 8 + size]), content[8 + size :]
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(header)))
        new = b'0123456789{}[]",:-eE.nulltrue \\\x00\x1b\xff'
        start = int(rng.integers(len(new)))
        header[at : at + int(rng.integers(0, 3))] = new[start : start + int(rng.integers(0, 3))]
    return joined(bytes(header), numbers)


def _hostile(rng: Rng) -> Any:
    """Return a value that is wrong for almost every setting."""
    values: tuple[Any, ...] = (
        None, True, False, -1, 0, 1, 2, 7, 10**400, -(10**400), 2**63, 2**31, 0.5, -0.0, 1e308,
        float("nan"), float("inf"), "", "relu", "x" * 5_000, "\x1b[31m\n", "\ud800", "float64",
        [], [[]], [0], [1, 2], {}, {"layer": "dense"}, {"name": "huber"}, {"": None}, _DEEP,
        {"layer": "residual", "layers": []}, {"name": "masked", "loss": {"name": "masked"}},
    )  # fmt: skip
    return values[rng.integers(len(values))]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return every (container, key) within a value of JSON."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        found.append((value, key))
        _places(inner, found)
    return found


def _edit(value: Any, rng: Rng) -> None:
    """Replace, leave out, double or rename one place of a value of JSON, or copy another there."""
    places = _places(value, [])
    (container, key), (from_, there) = (places[rng.integers(len(places))] for _ in range(2))
    how = int(rng.integers(6))
    if how == 0:
        del container[key]
    elif how == 1:
        container[key] = json.loads(json.dumps(from_[there]))
    elif how == 2 and isinstance(container, list):
        container.insert(key, json.loads(json.dumps(container[key])))
    elif how == 2:
        container[f"{key}s"] = container.pop(key)
    elif how == 3 and type(container[key]) in (int, float):
        container[key] += int(rng.integers(-2, 3))
    else:
        container[key] = _hostile(rng)


def _text(value: Any, rng: Rng) -> str:
    """Return JSON of a value, sometimes with a repeated key."""
    text = json.dumps(value).replace(f'"{_DEEP}"', "[" * 3_000 + "]" * 3_000)
    if rng.random() < 0.05 and text.startswith("{") and text != "{}":
        entry = text[1:].partition(":")[0]
        text = f"{{{entry}: 1, {text[1:]}"
    return text


def _resettled(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Edit the settings, or a table's schema, in one place or two."""
    header, numbers = header_of(content)
    texts = texts_of(header["__metadata__"])
    name = texts[rng.integers(len(texts))]
    settings = json.loads(header["__metadata__"][name])
    for _ in range(rng.integers(1, 3)):
        if settings:
            _edit(settings, rng)
    header["__metadata__"][name] = _text(settings, rng)
    return _closed(header, numbers, rng)


def _relabelled(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Edit the header: metadata, and tensors' names, dtypes, shapes and places."""
    header, numbers = header_of(content)
    for _ in range(rng.integers(1, 3)):
        if header:
            _edit(header, rng)
    return _closed(header, numbers, rng)


def _renumbered(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Change the numbers: bits, zeros, negative ones, NaN, infinity."""
    header, numbers = header_of(content)
    kinds = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    values = np.frombuffer(numbers, "<f8" if kinds == {"F64"} else "<f4").copy()
    at = rng.integers(0, len(values), rng.integers(1, 4))
    choice = (0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 1e30, 1e-30)
    values[at] = choice[rng.integers(len(choice))]
    return _closed(header, values.tobytes(), rng)


def _closed(header: dict[str, Any], numbers: bytes, rng: Rng) -> bytes:
    """Return the file of header and numbers, with a checksum or, like files of 0.1.0, without."""
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict):
        metadata.pop("sha256", None)
        text = json.dumps(header)
        if rng.random() < 0.75 and f'"{_DEEP}"' not in text:
            return sealed(joined(text.encode(), numbers))
    return joined(_text(header, rng).encode(), numbers)


def _moved(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Change lengths, shapes and offsets by little or much, or the length of the header."""
    header, numbers = header_of(content)
    names = [name for name in header if name != "__metadata__"]
    for _ in range(rng.integers(1, 4)):
        entry = header[names[rng.integers(len(names))]]
        values = entry["shape" if entry["shape"] and rng.random() < 0.5 else "data_offsets"]
        far = (0, -1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, len(numbers), 2 * values[0])
        near = values[0] + int(rng.integers(-8, 9))
        values[rng.integers(len(values))] = near if rng.random() < 0.5 else far[rng.integers(8)]
    found = _closed(header, numbers, rng)
    if rng.random() < 0.2:
        length = int.from_bytes(found[:8], "little") + int(rng.integers(-64, 65))
        found = max(0, length).to_bytes(8, "little") + found[8:]
    return found


def _doubled(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Repeat a key of the header, or of the JSON within it, with the same value or with another."""
    size = int.from_bytes(content[:8], "little")
    text, numbers = content[8 : 8 + size].decode(), content[8 + size :]
    keys = list(re.finditer(r'(?<=[{,])\\?"[^"\\]*\\?":', text))
    key = keys[rng.integers(len(keys))]
    quote = (key.group().count("\\") and '\\"') or '"'
    value = ("1", "null", f"{quote}x{quote}", "[]", "{}")[rng.integers(5)]
    doubled = f"{text[: key.start()]}{key.group()}{value},{text[key.start() :]}"
    return _resealed(doubled.encode(), numbers)


def _resealed(text: bytes, numbers: bytes) -> bytes:
    """Return the file with this header's text, and the digest that belongs to it."""
    blank = re.sub(rb'("sha256":")[0-9a-f]{64}', rb"\g<1>" + b"0" * 64, text)
    digest = hashlib.sha256(joined(blank, numbers)).hexdigest().encode()
    return joined(re.sub(rb'("sha256":")0{64}', rb"\g<1>" + digest, blank), numbers)


class _Harmful:
    """What a pickle runs when it is loaded."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def _pickled(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """Return another kind of file: a pickle, an archive with one, as torch's, or a .npy."""
    harm = pickle.dumps(_Harmful(), protocol=int(rng.integers(0, 6)))
    kind = int(rng.integers(6))
    if kind == 0:
        return harm + content[: rng.integers(len(content))]
    if kind == 1:
        return len(harm).to_bytes(8, "little") + harm + content
    file = io.BytesIO()
    if kind == 2:
        np.save(file, np.asarray([_Harmful()], dtype=object), allow_pickle=True)
    elif kind == 3:
        np.savez(file, theta=np.asarray([_Harmful()], dtype=object), x=np.zeros(3))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", harm)
            archive.writestr("archive/data/0", content if kind == 4 else b"")
    return file.getvalue()


MUTATIONS: dict[str, Mutation] = {
    "bits": _flipped,
    "cuts": _cut,
    "splices": _spliced,
    "header's characters": _retyped,
    "settings": _resettled,
    "header": _relabelled,
    "numbers": _renumbered,
    "lengths and offsets": _moved,
    "doubled keys": _doubled,
    "renamed pickles": _pickled,
}
SEALED = frozenset(("settings", "header", "numbers", "lengths and offsets", "doubled keys"))
"""Mutations after which the file may be valid and describe a different network."""
