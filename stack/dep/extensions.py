"""Extensions between the header of a DEP PDU and its body. Known are PADDING and TIMESTAMP, on every type."""

from __future__ import annotations

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import Extension, ExtensionType
from net4ai.codecs.errors import DecodeError

_HEAD_SIZE = 4
_MODULUS = 1 << 32
_MICROSECOND = 1000


class Extensions:
    """The extensions of one PDU, as far as they concern a receiver. Raises `DecodeError`."""

    __slots__ = ("critical_unknown", "timestamp")

    def __init__(self, octets: Buffer) -> None:
        self.critical_unknown = False
        """Whether one of them must be understood, and is not."""
        self.timestamp: int | None = None
        """The sender's clock in microseconds, modulo 2^32."""
        at = 0
        while at < len(octets):
            extension, value_at = Extension.read(octets, at)
            at += 4 * extension.words
            if at > len(octets):
                raise DecodeError("Extension", "length out of range")
            if extension.type == ExtensionType.TIMESTAMP:
                if at - value_at != 4:
                    raise DecodeError("Extension", "length out of range", "timestamp")
                self.timestamp = int.from_bytes(octets[value_at:at], "big")
            elif extension.type != ExtensionType.PADDING and extension.critical:
                self.critical_unknown = True


class Jitter:
    """Interarrival jitter of PDUs with a timestamp: RFC 3550 6.4.1, with the arithmetic of its appendix A.8."""

    __slots__ = ("_scaled", "_transit")

    def __init__(self) -> None:
        self._scaled = 0
        """Sixteen times the jitter."""
        self._transit: int | None = None

    @property
    def microseconds(self) -> int:
        """Mean deviation of the transit time; 0 before the second sample."""
        return self._scaled >> 4

    def sample(self, timestamp: int, now: int) -> None:
        """A PDU sent at `timestamp` (the sender's microseconds) has arrived at `now` (our nanoseconds)."""
        transit = now // _MICROSECOND - timestamp
        if self._transit is not None:
            difference = (transit - self._transit) % _MODULUS
            self._scaled += min(difference, _MODULUS - difference) - ((self._scaled + 8) >> 4)
        self._transit = transit


def extension(kind: int, value: bytes = b"", critical: bool = False) -> bytes:
    """One extension as octets, its value padded to whole words: for tests of receivers. Raises `EncodeError`."""
    value += bytes(-len(value) % 4)
    head = Extension(critical=critical, type=kind, words=(_HEAD_SIZE + len(value)) // 4)
    return head.to_bytes() + value
