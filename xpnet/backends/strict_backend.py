"""array-api-strict, for tests: only what the standard promises, on simulated devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends.base import Backend
from xpnet.errors import quoted
from xpnet.typing import Array, Host

__all__ = ["StrictBackend", "create", "devices", "is_on_host", "to_numpy"]


def to_numpy(x: Array) -> Host:
    """Return the array on the host."""
    import array_api_strict as xp

    return np.asarray(x.to_device(xp.Device("CPU_DEVICE")))


class StrictBackend(Backend):
    """Arrays that refuse functions outside the standard, and operations across devices."""

    name = "array-api-strict"
    packages = ("array_api_strict",)

    to_numpy = staticmethod(to_numpy)

    def device_name(self) -> Any:
        """Return the name by which `get_backend` finds this device."""
        return _name(self.device)


def is_on_host(x: Any) -> bool:
    """Return False: also the simulated CPU counts as a device."""
    return False


def devices() -> list[str]:
    """Return the names of this library's devices."""
    import array_api_strict as xp

    return [_name(device) for device in xp.__array_namespace_info__().devices()]


def _name(device: Any) -> str:
    return str(device).partition("'")[2].rstrip("')")


def create(device: Any) -> Backend:
    """Return the backend on a simulated device: None ("CPU_DEVICE"), its name or the object."""
    import array_api_strict as xp

    if device is None or device == "cpu":
        device = "CPU_DEVICE"
    try:
        return StrictBackend(xp, device if isinstance(device, xp.Device) else xp.Device(device))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"device {quoted(device)} is not available: array-api-strict has {', '.join(devices())}"
        ) from error
