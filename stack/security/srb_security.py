"""Security of a signalling radio bearer between UE and RAN node (TS 33.501 6.5, TS 38.323 5.8 and 5.9).

A protected PDU ends with a MAC-I over everything before it as it is on the wire, the payload in clear. Then payload and
MAC-I are enciphered, as PDCP does. Keys and algorithms are here; which PDU is protected how is for the bearer to know.
"""

from __future__ import annotations

import hmac

from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm
from net4ai.codecs.declaration import Buffer
from net4ai.stack.security.algorithms import MAC_SIZE, Direction, check_algorithms, nea2, nia2
from net4ai.stack.security.key_hierarchy import Purpose, algorithm_key


class SrbSecurity:
    """RRC keys and algorithms of one end: what it sends goes in the direction `sends`, UPLINK at the UE.

    `k_gnb` is the parent key, 32 octets. Has no state: COUNT is the bearer's. Raises `EncodeError` for a key that does
    not fit, `ValueError` for algorithms that do not go together.
    """

    def __init__(self, k_gnb: bytes, integrity: int, ciphering: int, sends: Direction) -> None:
        check_algorithms(integrity, ciphering)
        self.integrity = IntegrityAlgorithm(integrity)
        self.ciphering = CipheringAlgorithm(ciphering)
        self.sends = sends
        self.k_rrc_int = algorithm_key(k_gnb, Purpose.RRC_INTEGRITY, integrity)
        self.k_rrc_enc = algorithm_key(k_gnb, Purpose.RRC_CIPHERING, ciphering)

    @property
    def null(self) -> bool:
        """Null integrity: PDUs carry no MAC-I and nothing is checked."""
        return self.integrity == IntegrityAlgorithm.NIA0

    @property
    def keys(self) -> dict[str, bytes]:
        """The RRC keys by name, for the key log."""
        return {"K_RRCint": self.k_rrc_int, "K_RRCenc": self.k_rrc_enc}

    @property
    def ciphers(self) -> bool:
        return self.ciphering != CipheringAlgorithm.NEA0

    def protect(self, head: bytes, payload: bytes, count: int, bearer: int, ciphered: bool) -> bytes:
        """A whole PDU. `head` is its header, and segment offset where there is one; `bearer` the SRB's identity."""
        body = payload + nia2(self.k_rrc_int, count, bearer - 1, self.sends, head + payload)
        return head + (nea2(self.k_rrc_enc, count, bearer - 1, self.sends, body) if ciphered else body)

    def unprotect(self, head: Buffer, body: Buffer, count: int, bearer: int, ciphered: bool) -> bytes | None:
        """The payload in clear of a PDU of the other end, `head` and what follows it; None: the MAC-I is wrong. With
        null integrity there is no right one."""
        if self.null:
            return None
        sender = self.sends.other
        clear = nea2(self.k_rrc_enc, count, bearer - 1, sender, body) if ciphered else bytes(body)
        payload, mac = clear[:-MAC_SIZE], clear[-MAC_SIZE:]
        expected = nia2(self.k_rrc_int, count, bearer - 1, sender, bytes(head) + payload)
        return payload if hmac.compare_digest(mac, expected) else None

    def __repr__(self) -> str:
        return f"SrbSecurity({self.integrity.name}, {self.ciphering.name}, sends {self.sends.name})"
