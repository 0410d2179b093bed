"""Who a process is: its number, when it began, and within what these two mean something."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import NamedTuple

__all__ = ["Process", "this_process"]


class Process(NamedTuple):
    """A process that may be on another machine, or in another container.

    Attributes
    ----------
    number : int
        The process id.
    host : str
    began : str
        The system's count of ticks when it began; "" if that is not known. It tells a process from
        a later one with the same id.
    space : str
        Boot and namespace in which the id is unique; "" if the system has none. Two containers may
        have the same host name, and each a process 1.
    """

    number: int
    host: str
    began: str = ""
    space: str = ""

    def is_gone(self) -> bool | None:
        """Whether it has ended; None if that cannot be seen from here."""
        here = this_process()
        if (self.host, self.space) != (here.host, here.space) or os.name != "posix":
            return None
        if self.number == here.number:
            return self.began != here.began
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # another user's, which still exists; or no process id
            pass
        began = _began(self.number)
        return began is None or bool(self.began and began != self.began)


def this_process() -> Process:
    """The running process."""
    return Process(os.getpid(), socket.gethostname(), _began(os.getpid()) or "", _space())


def _began(number: int) -> str | None:
    """When a process began; "" if the system does not tell, None if it is a dead one's entry."""
    try:
        with open(f"/proc/{number}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    if len(fields) < 20:
        return ""
    return None if fields[0] in (b"Z", b"X") else fields[19].decode("ascii", "replace")


def _space() -> str:
    """The boot of the kernel and the namespace of process ids, on Linux."""
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""
