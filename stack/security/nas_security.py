"""NAS security of one terminal, at the terminal and at the core (TS 33.501 6.4, TS 24.501 4.4).

A protected NAS message is another message, perhaps enciphered, with its COUNT and a MAC-I over both. COUNT grows by one
with each message of a direction for as long as K_AMF is in use, over connections and idle times, so a `NasSecurity`
lives as long as the registration. Unlike TS 24.501 the whole COUNT is on the wire: there is no overflow to estimate.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from net4ai.codecs import nas
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import MAC_SIZE, Direction, check_algorithms, nea2, nia2
from net4ai.stack.security.errors import CountExhausted, ProtectionError
from net4ai.stack.security.key_hierarchy import Purpose, algorithm_key, k_gnb

BEARER = 1
"""BEARER of NAS over 3GPP access: the NAS connection identifier (TS 24.501 4.4.3.1)."""
MAXIMUM_NAS_COUNT = (1 << 24) - 1
"""NAS COUNT has 24 bits (TS 24.501 4.4.3.1)."""

_USUAL = frozenset({SecurityHeaderType.INTEGRITY_AND_CIPHERING})
_INITIAL = frozenset({SecurityHeaderType.INTEGRITY, SecurityHeaderType.INTEGRITY_AND_CIPHERING})
LEGAL_HEADERS: Mapping[int, frozenset[SecurityHeaderType]] = {
    nas.SecurityModeCommand.CODE: frozenset({SecurityHeaderType.INTEGRITY_NEW_CONTEXT}),
    nas.SecurityModeComplete.CODE: frozenset({SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT}),
    # The first message of a connection, by which the core finds the keys, is not enciphered.
    nas.ServiceRequest.CODE: frozenset({SecurityHeaderType.INTEGRITY}),
    nas.RegistrationRequest.CODE: _INITIAL,
    nas.DeregistrationRequest.CODE: _INITIAL,
    nas.Protected.CODE: frozenset(),
}
"""Security header types a message may come with; all that is not here comes enciphered. Protection never nests."""

_CIPHERED = (SecurityHeaderType.INTEGRITY_AND_CIPHERING, SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT)


class NasSecurity:
    """One end of NAS security: algorithm keys and the COUNT of both directions.

    `k_amf` are 32 octets; `sends` is UPLINK at the terminal, DOWNLINK at the core. With the null integrity algorithm
    MAC-I are zero and nothing is checked, replay included (TS 33.501 D.1); then ciphering must be null as well.
    Raises `EncodeError` for a key that does not fit, `ValueError` for algorithms that do not go together.
    """

    def __init__(self, k_amf: bytes, integrity: int, ciphering: int, sends: Direction) -> None:
        check_algorithms(integrity, ciphering)
        self.integrity = IntegrityAlgorithm(integrity)
        self.ciphering = CipheringAlgorithm(ciphering)
        self.sends = sends
        self.next_count = 0
        """COUNT of the next message this end sends."""
        self.last_accepted = -1
        """COUNT of the newest message that was taken from the other end; -1: none yet."""
        self.on_clear: Callable[[bytes, Direction], None] | None = None
        """Called with every message that was protected or unprotected, in clear, and its direction: see the key log."""
        self._k_amf = k_amf
        self._k_int = algorithm_key(k_amf, Purpose.NAS_INTEGRITY, integrity)
        self._k_enc = algorithm_key(k_amf, Purpose.NAS_CIPHERING, ciphering)

    def protect(self, message: nas.Nas, header: SecurityHeaderType) -> nas.Protected:
        """`message` in its protection, with the next COUNT. Raises `CountExhausted`, `EncodeError`."""
        count = self.next_count
        if count > MAXIMUM_NAS_COUNT:
            raise CountExhausted(f"NAS COUNT {count}; allowed: 0 to {MAXIMUM_NAS_COUNT}")
        clear = message.encode()
        inner = self._cipher(clear, count, self.sends) if header in _CIPHERED else clear
        mac = self._mac(count, self.sends, inner)
        self.next_count += 1
        if self.on_clear is not None:
            self.on_clear(clear, self.sends)
        return nas.Protected(security_header=header, mac=int.from_bytes(mac, "big"), count=count, message=inner)

    def unprotect(self, protected: nas.Protected) -> bytes:
        """The octets of the message inside, type first. Only then its COUNT counts as used.

        Raises `ProtectionError` with the reason `INTEGRITY_FAILURE`, `REPLAY`, `WRONG_SECURITY_HEADER` or `PDU_EMPTY`.
        """
        count, sender = protected.count, self.sends.other
        mac = self._mac(count, sender, protected.message)
        if self.integrity != IntegrityAlgorithm.NIA0:
            if not hmac.compare_digest(mac, protected.mac.to_bytes(MAC_SIZE, "big")):
                raise ProtectionError(Drop.INTEGRITY_FAILURE, f"NAS COUNT {count}")
            if count <= self.last_accepted:
                raise ProtectionError(Drop.REPLAY, f"NAS COUNT {count}, newest {self.last_accepted}")
        ciphered = protected.security_header in _CIPHERED
        inner = self._cipher(protected.message, count, sender) if ciphered else protected.message
        if not inner:
            raise ProtectionError(Drop.PDU_EMPTY, "no message inside")
        # The header stands outside the MAC-I: without this check it could be turned into another.
        if protected.security_header not in LEGAL_HEADERS.get(inner[0], _USUAL):
            detail = f"security header {protected.security_header} of message type {inner[0]:#x}"
            raise ProtectionError(Drop.WRONG_SECURITY_HEADER, detail)
        self.last_accepted = max(count, self.last_accepted)
        if self.on_clear is not None:
            self.on_clear(inner, sender)
        return inner

    @property
    def keys(self) -> dict[str, bytes]:
        """The NAS keys by name, for the key log."""
        return {"K_NASint": self._k_int, "K_NASenc": self._k_enc}

    def k_gnb(self, uplink_count: int) -> bytes:
        """K_gNB, 32 octets, by the COUNT of the Security Mode Complete or Service Request that led to it: the
        terminal has it from `protect`, the core from the message. Raises `EncodeError`."""
        return k_gnb(self._k_amf, uplink_count)

    def _mac(self, count: int, sender: Direction, inner: bytes) -> bytes:
        if self.integrity == IntegrityAlgorithm.NIA0:
            return bytes(MAC_SIZE)
        return nia2(self._k_int, count, BEARER, sender, count.to_bytes(4, "big") + inner)

    def _cipher(self, inner: bytes, count: int, sender: Direction) -> bytes:
        if self.ciphering == CipheringAlgorithm.NEA0:
            return inner
        return nea2(self._k_enc, count, BEARER, sender, inner)

    def __repr__(self) -> str:
        return f"NasSecurity({self.integrity.name}, {self.ciphering.name}, sends {self.sends.name})"
