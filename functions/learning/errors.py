"""Errors of the learning functions, by blame."""

from __future__ import annotations


class FunctionError(Exception):
    """A learning function cannot go on. The subclass says whose fault it is."""


class SettingsError(FunctionError):
    """A setting is missing or wrong: the provider's fault. Names key, value and what is allowed."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"setting {key}: {value!r} is not allowed; allowed: {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


class PeerError(FunctionError):
    """The other end sent a message that does not fit. Says what was expected and what came."""

    def __init__(self, field: str, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received}")
        self.field = field
        self.expected = expected
        self.received = received
