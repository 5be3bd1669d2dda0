"""What is wrong with a protected message, or with using a protection."""

from __future__ import annotations

from net4ai.stack.drops import Drop


class ProtectionError(ValueError):
    """A protected message cannot be taken: the peer's fault, or an attack. `reason` is what the drop is counted as."""

    def __init__(self, reason: Drop, detail: str = "") -> None:
        super().__init__(f"{reason}" + (f": {detail}" if detail else ""))
        self.reason = reason


class CountExhausted(RuntimeError):
    """Every COUNT of this key has been used; only new keys let it go on (TS 33.501 6.4.3.1, 6.9.4)."""
