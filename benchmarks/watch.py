"""What a file that is read may do to this process: the memory it takes, and what it starts."""

from __future__ import annotations

import importlib
import pkgutil
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import xpnet

__all__ = ["audited", "memory_for"]

_FORBIDDEN = (
    "import", "exec", "compile", "code.__new__", "marshal.", "pickle.", "socket.", "subprocess.",
    "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "ctypes.",
)  # fmt: skip
_HARMLESS = "socket.gethostname"  # for a checkpoint's lock
_SPARE = 64 << 20

_seen: set[str] = set()
_state = {"watching": False, "hooked": False}


@contextmanager
def audited() -> Iterator[set[str]]:
    """Yield what is imported, unpickled, executed or started within this context.

    xpnet's own modules, parts of which are imported when they are used, are imported before.
    """
    for module in pkgutil.walk_packages(xpnet.__path__, "xpnet."):
        with suppress(ImportError):  # of a package that is not installed
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    if not _state["hooked"]:
        sys.addaudithook(_audit)  # there is no way to remove it
        _state["hooked"] = True
    _seen.clear()
    _state["watching"] = True
    try:
        yield _seen
    finally:
        _state["watching"] = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _state["watching"] and event.startswith(_FORBIDDEN) and event != _HARMLESS:
        _seen.add(f"{event} {str(arguments)[:80]}")


@contextmanager
def memory_for(file: Path) -> Iterator[None]:
    """Let this process take twice the size of a file and 64 MB more; beyond is a MemoryError.

    Counted in addresses, of which a process has more than of memory. Linux only.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2 * file.stat().st_size + _SPARE
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
