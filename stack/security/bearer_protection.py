"""What a signalling radio bearer protects of what it sends, and demands of what comes (TS 38.331 5.3.1.2).

Protection begins in the middle of a connection, in each direction with one service data unit that is integrity
protected and in clear: Security Mode Command and Complete, or Re-establishment. The bearer asks here, PDU by PDU.
"""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.l2 import L2Header
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import MAC_SIZE
from net4ai.stack.security.errors import ProtectionError
from net4ai.stack.security.srb_security import SrbSecurity


class Protection(IntEnum):
    """How a PDU is, or is to be, protected."""

    CLEAR = 0
    INTEGRITY = 1
    INTEGRITY_AND_CIPHERING = 2

    @property
    def size(self) -> int:
        """Octets that it adds to a PDU."""
        return MAC_SIZE if self else 0


class BearerProtection:
    """Protection of one bearer, both directions. Begins without any."""

    def __init__(self) -> None:
        self.security: SrbSecurity | None = None
        """Keys and algorithms; the last ones stay when security stops, for repetitions of what they protected."""
        self.sending = Protection.CLEAR
        """Of service data units that are sent from now on."""
        self.verifies = False
        """A MAC-I that comes is verified."""
        self.required = False
        """What comes without a MAC-I is dropped."""
        self.took_one = False
        """A protected PDU was taken in order: what comes behind it must be protected, and enciphered."""
        self._newest_status = -1

    @property
    def null(self) -> bool:
        """Security is on with null integrity: nothing is protected, and all counts as verified."""
        return self.security is not None and self.security.null

    @property
    def ciphering_required(self) -> bool:
        """What comes anew must be enciphered: all behind the first protected PDU."""
        return self.took_one and self.security is not None and self.security.ciphers

    def start(self, security: SrbSecurity, required: bool) -> None:
        """Use these keys; `required`: at once, otherwise from the first verified PDU on."""
        self.security = security
        self.took_one = False
        self._newest_status = -1
        self.verifies = not security.null
        self.required = required and self.verifies
        self.sending = Protection.INTEGRITY if self.verifies else Protection.CLEAR

    def start_ciphering(self) -> None:
        """Encipher what is sent from now on, where the algorithms say so."""
        if self.sending and self.security is not None and self.security.ciphers:
            self.sending = Protection.INTEGRITY_AND_CIPHERING

    def stop(self) -> None:
        """Send and take in clear again: the other end has refused the keys."""
        self.sending = Protection.CLEAR
        self.verifies = self.required = False

    def took_first(self) -> None:
        """The first protected PDU was taken in order: from here on all must be protected and enciphered."""
        self.required = self.took_one = True

    def protect(self, head: bytes, payload: bytes, count: int, bearer: int, protection: Protection) -> bytes:
        """A PDU to send. `head` is header and segment offset, with the flags that `protection` means."""
        if self.security is None or protection is Protection.CLEAR:
            return head + payload
        ciphered = protection is Protection.INTEGRITY_AND_CIPHERING
        return self.security.protect(head, payload, count, bearer, ciphered)

    def unprotect(self, header: L2Header, head: Buffer, body: Buffer) -> tuple[bytes, Protection]:
        """Payload in clear of a PDU that has come, and how it was protected. Raises `ProtectionError`."""
        if not header.has_mac:
            if self.required or header.ciphered:
                raise ProtectionError(Drop.NOT_PROTECTED, f"COUNT {header.count}")
            return bytes(body), Protection.CLEAR
        if self.security is None or not self.verifies:
            raise ProtectionError(Drop.INTEGRITY_NOT_CONFIGURED)
        if len(body) <= MAC_SIZE:
            raise ProtectionError(Drop.PDU_EMPTY)
        payload = self.security.unprotect(head, body, header.count, header.bearer, header.ciphered)
        if payload is None:
            raise ProtectionError(Drop.INTEGRITY_FAILURE, f"COUNT {header.count}")
        if not header.is_data:
            if header.count <= self._newest_status:
                raise ProtectionError(Drop.REPLAY, f"status report {header.count}, newest {self._newest_status}")
            self._newest_status = header.count
        return payload, Protection.INTEGRITY_AND_CIPHERING if header.ciphered else Protection.INTEGRITY
