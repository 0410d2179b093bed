"""The variable that gives NumPy's OpenBLAS the processor's best kernels where it takes others.

Those for AVX-512 are the best where a processor computes 512 bits at a time. Zen 4 has the same
instructions and does each in two halves: there the kernels for AVX2 are as fast in the product and
faster in what is around it (docs/performance.md has both). Which kernels OpenBLAS takes is asked of
it, not inferred: version 0.3.31 took Haswell (AVX2) on Zen 5, and SkylakeX (AVX-512) on Zen 4.
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
_TUNED = "XPNET_TUNED"  # set in a process that was restarted: never a second time
_WITH_AVX512 = ("SkylakeX", "Cooperlake", "SapphireRapids")
_WITH_AVX2 = ("Zen", "Haswell")


class Machine(NamedTuple):
    """What the decision depends on; ``kernels`` as `switchable_kernels` tells them."""

    system: str  # such as "Linux x86_64"
    cpuinfo: str
    kernels: str | None


def this_machine() -> Machine:
    """The one that this runs on. Does not import NumPy."""
    system = f"{platform.system()} {platform.machine()}"
    return Machine(system, read_cpuinfo(), switchable_kernels())


def better_kernels(machine: Machine) -> dict[str, str]:
    """The variable that chooses the better kernels; empty where OpenBLAS has chosen them, or can't.

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
    """`better_kernels`, unless the user has chosen kernels, or this process was restarted."""
    return {} if _VARIABLE in environ or _TUNED in environ else better_kernels(machine)


def mend() -> dict[str, str]:
    """The environment that makes NumPy's products faster on this machine.

    Returns
    -------
    dict of str
        Such as ``{"OPENBLAS_CORETYPE": "SkylakeX"}``, to be set before NumPy is imported; empty
        where there is nothing to mend, or where the variable is set already.
    """
    return needed(this_machine(), os.environ)


def restart_tuned() -> None:
    """Run this program anew, once, with what `mend` gives; return where that is nothing."""
    environment = mend()
    if not environment or not sys.executable:
        return
    chosen = " ".join(f"{name}={value}" for name, value in environment.items())
    print(f"restarted with {chosen}: faster kernels for NumPy's products (--no-tune: without)")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(
        sys.executable,
        [sys.executable, *sys.orig_argv[1:]],  # -m xpnet or the script, and the options
        {**os.environ, **environment, _TUNED: "1"},
    )
