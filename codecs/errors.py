"""Errors of the codecs. Decoding any bytes gives a value or a `DecodeError`, nothing else."""

from __future__ import annotations


class DecodeError(ValueError):
    """The bytes are not what they should be: the peer's fault.

    `reason` is the short name under which the drop is counted and traced, e.g. ``"truncated"``.
    """

    def __init__(self, what: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{what}: {reason}" + (f" ({detail})" if detail else ""))
        self.what = what
        self.reason = reason
        self.detail = detail


class EncodeError(ValueError):
    """A value does not fit its field: local misuse. Names the message, the field, the value and what is allowed."""

    def __init__(self, what: str, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{what}.{field}: {value!r} is not allowed; allowed: {allowed}")
        self.what = what
        self.field = field
        self.value = value
        self.allowed = allowed
