"""Format numbers in few characters, for people."""

from __future__ import annotations

__all__ = ["amount", "duration", "number", "shape"]


def amount(n: int | None, unit: str = "") -> str:
    """Return three significant digits with k, M, G, T or P: 51.4 M, 784 B; "" for None."""
    if n is None:
        return ""
    value, prefix = float(n), ""
    for larger in ("k", "M", "G", "T", "P"):
        if value < 999.5:
            break
        value, prefix = value / 1000, larger
    return f"{value:.3g} {prefix}{unit}".rstrip()


def duration(seconds: float | None) -> str:
    """Return a duration in s, ms or µs, with three significant digits: 12.3 µs; "" for None."""
    if seconds is None:
        return ""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def number(x: float, digits: int = 3) -> str:
    """Return x with ``digits`` significant digits; 0 has no sign."""
    return f"{x + 0.0:.{digits}g}"


def shape(of: tuple[int, ...]) -> str:
    """Return a shape as "128 × 784"; "number" if there are no axes."""
    return " × ".join(map(str, of)) or "number"
