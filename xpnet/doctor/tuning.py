"""Find the variable that makes NumPy's OpenBLAS use the processor's best kernels, if it does not.

If a processor computes 512 bits at a time, the AVX-512 kernels are best. Zen 4 has the same
instructions, but executes each in two halves. There the AVX2 kernels are as fast in the product and
faster in the work around it (docs/performance.md has figures of both). OpenBLAS is asked which
kernels it uses, as this cannot be inferred: version 0.3.31 used Haswell (AVX2) on Zen 5, and
SkylakeX (AVX-512) on Zen 4.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from typing import NamedTuple

from xpnet.doctor.blas import switchable_kernels
from xpnet.doctor.cpu import has_avx512, is_zen4, read_cpuinfo

__all__ = ["Machine", "better_kernels", "mend", "needed", "restart_tuned", "this_machine"]

_VARIABLE = "OPENBLAS_CORETYPE"  # OpenBLAS reads it once, when it is loaded
_TUNED = "XPNET_TUNED"  # set in a restarted process, which does not restart again
_WITH_AVX512 = ("SkylakeX", "Cooperlake", "SapphireRapids")
_WITH_AVX2 = ("Zen", "Haswell")


class Machine(NamedTuple):
    """The facts that decide which kernels are best; ``kernels`` is from `switchable_kernels`."""

    system: str  # such as "Linux x86_64"
    cpuinfo: str
    kernels: str | None


def this_machine() -> Machine:
    """Return the facts about this machine, without importing NumPy if it bundles OpenBLAS."""
    system = f"{platform.system()} {platform.machine()}"
    return Machine(system, read_cpuinfo(), switchable_kernels())


def better_kernels(machine: Machine) -> dict[str, str]:
    """Return the variable that selects better kernels; {} if OpenBLAS uses them or cannot switch.

    Examples
    --------
    >>> flags = "flags : avx2 avx512f avx512cd avx512bw avx512dq avx512vl"
    >>> better_kernels(Machine("Linux x86_64", flags, "Haswell"))
    {'OPENBLAS_CORETYPE': 'SkylakeX'}
    >>> better_kernels(Machine("Linux x86_64", "flags : avx2", "Haswell"))
    {}
    """
    if machine.system != "Linux x86_64" or not has_avx512(machine.cpuinfo):
        return {}
    best = _WITH_AVX2 if is_zen4(machine.cpuinfo) else _WITH_AVX512
    if machine.kernels is None or machine.kernels.lower() in map(str.lower, best):
        return {}
    return {_VARIABLE: best[0]}


def needed(machine: Machine, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `better_kernels`, or {} if the user chose kernels or this process was restarted."""
    return {} if _VARIABLE in environ or _TUNED in environ else better_kernels(machine)


def mend() -> dict[str, str]:
    """Return the environment that makes NumPy's products faster on this machine.

    Returns
    -------
    dict of str
        Such as ``{"OPENBLAS_CORETYPE": "SkylakeX"}``, to be set before NumPy is imported. Empty if
        nothing needs to change, if the variable is already set, or in a restarted process.
    """
    return needed(this_machine(), os.environ)


def restart_tuned() -> None:
    """Restart this program, once, with the environment of `mend`; return if that is empty."""
    environment = mend()
    if not environment or not sys.executable:
        return
    chosen = " ".join(f"{name}={value}" for name, value in environment.items())
    print(f"restarted with {chosen}: faster kernels for NumPy's products (--no-tune prevents this)")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(
        sys.executable,
        [sys.executable, *sys.orig_argv[1:]],  # -m xpnet or the script, and the options
        {**os.environ, **environment, _TUNED: "1"},
    )
