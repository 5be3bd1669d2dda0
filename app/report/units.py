"""Numbers for people."""

from __future__ import annotations


def quantity(size: float) -> str:
    """Bytes with a decimal unit: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 999.5 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def span(seconds: float) -> str:
    """A time from microseconds to hours: 12 ms, 3.4 s, 2 min 05 s."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        milliseconds = seconds * 1e3
        return f"{milliseconds:.0f} ms" if milliseconds >= 9.95 else f"{milliseconds:.1f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def figure(value: float) -> str:
    """A value with four digits that matter: 12.68."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:.2e}"


def many(count: int, what: str, plural: str = "") -> str:
    """1 message, 1,988 messages."""
    return f"{count:,} {what if count == 1 else plural or what + 's'}"
