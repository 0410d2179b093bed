"""Describe the processor: its name, vector instructions, number of processors and load."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cpu", "describe_cpu", "has_avx512", "is_zen4", "read_cpuinfo"]

# the instructions that compilers call skylake-avx512 and OpenBLAS's SkylakeX kernels may use; a
# Xeon Phi has avx512f, but not the last three
_AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})


@dataclass(frozen=True)
class Cpu:
    """The processor.

    Attributes
    ----------
    name : str
    processors : int
        Number of processors that this process may use.
    vectors : str or None
        The widest of "AVX", "AVX2" and "AVX-512"; None if unknown.
    load : float or None
        Average number of running processes in the last minute; None if unknown.
    """

    name: str
    processors: int
    vectors: str | None
    load: float | None


def describe_cpu() -> Cpu:
    """Describe this machine's processor."""
    text = read_cpuinfo()
    name = _entry(text, "model name") or platform.processor() or platform.machine()
    return Cpu(name, _processors(), _vectors(text), _load())


def read_cpuinfo() -> str:
    """Return Linux's /proc/cpuinfo; "" on other systems."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def has_avx512(cpuinfo: str) -> bool:
    """Whether the processor has every instruction of OpenBLAS's SkylakeX kernels."""
    return set(_entry(cpuinfo, "flags").split()) >= _AVX512


def is_zen4(cpuinfo: str) -> bool:
    """Whether it is a Zen 4, AMD's family 25 with AVX-512.

    It executes each AVX-512 instruction in two halves.
    """
    amd = _entry(cpuinfo, "vendor_id") == "AuthenticAMD"
    return amd and _entry(cpuinfo, "cpu family") == "25" and has_avx512(cpuinfo)


def _vectors(cpuinfo: str) -> str | None:
    if has_avx512(cpuinfo):
        return "AVX-512"
    flags = _entry(cpuinfo, "flags").split()
    return next((flag.upper() for flag in ("avx2", "avx") if flag in flags), None)


def _entry(cpuinfo: str, key: str) -> str:
    """Return the first processor's value of ``key``, or ""."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):  # Windows, or a container that hides it
        return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
