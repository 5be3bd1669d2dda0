"""What a DEP session tells its owner."""

from __future__ import annotations

from dataclasses import dataclass

from net4ai.codecs.causes import Cause


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message. `body` is writable, aligned to 64 octets and belongs to the taker."""

    qfi: int
    message_id: int
    is_response: bool
    body: memoryview


@dataclass(frozen=True, slots=True)
class MessageAcknowledged:
    """The peer has the whole message."""

    qfi: int
    message_id: int
    is_response: bool


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """A message of ours did not arrive, or is not known to have arrived."""

    qfi: int
    message_id: int
    is_response: bool
    cause: Cause


@dataclass(frozen=True, slots=True)
class CapsuleReceived:
    """A key capsule of the peer, opaque to DEP: once per epoch, epochs only grow."""

    epoch: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The data phase is over. Nothing comes after this."""

    cause: Cause


Event = MessageReceived | MessageAcknowledged | MessageFailed | CapsuleReceived | SessionClosed
