"""The port of NAS messages: plain before security, in their protection afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from net4ai.codecs import nas
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.conformance.log import Packet
from net4ai.conformance.pattern import Malformed, describe
from net4ai.conformance.port import MessagePort
from net4ai.stack.hop import Address
from net4ai.stack.security.errors import ProtectionError
from net4ai.stack.security.nas_security import LEGAL_HEADERS, NasSecurity

if TYPE_CHECKING:
    from net4ai.conformance.tester import Tester


class NasPort(MessagePort):
    """NAS. With `security` set, `send` protects and what comes protected is unwrapped; what is not authentic is told as
    malformed. `send_plain` and `send(..., header=...)` do what should not be done."""

    def __init__(self, tester: Tester, transmit: Callable[[bytes, Address | None], None]) -> None:
        super().__init__(tester, "NAS", nas.Nas.FAMILY, transmit)
        self.security: NasSecurity | None = None
        """The tester's end of NAS security; None: not on yet."""
        self.protected: nas.Protected | None = None
        """The protection of the last message that came in one."""

    def send(
        self,
        message: Message | UnknownMessage,
        *,
        to: Address | None = None,
        header: SecurityHeaderType | None = None,
    ) -> None:
        """Send a message: protected where security is on, with this security header or the one that belongs to it."""
        kept = self._meddle("out", message)
        if self.security is None or not isinstance(kept, nas.Nas):
            if kept is not None:
                self._send_as_is(kept, to)
            return
        chosen = header or usual_header(kept)
        self._tester.log.step("out", self.name, f"{describe(kept)} [{chosen.name.lower().replace('_', ' ')}]")
        self._transmit(self.security.protect(kept, chosen).encode(), to)

    def send_plain(self, message: Message | UnknownMessage) -> None:
        """Send a message without protection, also where security is on."""
        self._send_as_is(message, None)

    def receive(self, octets: bytes, packet: Packet | None, source: Address | None = None) -> Any:
        try:
            message = self._family.decode(octets)
            if isinstance(message, nas.Protected) and self.security is not None:
                self.protected = message
                octets = self.security.unprotect(message)
        except ProtectionError as error:
            self.deliver(Malformed(octets, DecodeError("NAS", str(error))), packet, source)
            return None
        except DecodeError as error:
            self.deliver(Malformed(octets, error), packet, source)
            return None
        return super().receive(octets, packet, source)

    def reset(self) -> None:
        super().reset()
        self.security = self.protected = None


def usual_header(message: nas.Nas) -> SecurityHeaderType:
    """The security header type a message comes with."""
    return max(LEGAL_HEADERS.get(message.CODE) or {SecurityHeaderType.INTEGRITY_AND_CIPHERING})
