"""Units of time and rate. All times of the machines are whole nanoseconds."""

from __future__ import annotations

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

KILOBIT = 1000
"""In bits. Bit rates of the machines are whole bits per second, of messages whole kilobits per second."""
