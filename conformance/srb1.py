"""PDUs of SRB1 made by hand, of a UE that the tester plays: for what its own bearer would never send.

Numbers count from 0 at the start of a connection: Setup Complete is COUNT 0, and Security Mode Complete, where nothing
was said between them, COUNT 1. The bearer of the tester goes on beside, and does not know what was sent here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from net4ai.codecs import rrc
from net4ai.codecs.l2 import BearerType, MissingRange, Segmentation, SegmentOffset, StatusReport
from net4ai.conformance.pdus import L2Pdu, l2_pdu

if TYPE_CHECKING:
    from net4ai.conformance.ran_node_tester import PlayedUe
    from net4ai.stack.security.srb_security import SrbSecurity

SRB1 = {"bearer_type": BearerType.SRB, "bearer": 1}
"""In expectations of PDUs."""
CONNECTED, SECURED = 1, 2
"""The next COUNT up, of a UE that has done nothing but connect; or register."""


def nas_sdu(nas: bytes) -> bytes:
    """A NAS message as it is inside SRB1."""
    return rrc.UplinkInformationTransfer(nas=nas).encode()


def data_pdu(ue: PlayedUe, count: int, sdu: bytes, **header: Any) -> L2Pdu:
    """A data PDU in clear; `header` are those of `l2_pdu`."""
    return l2_pdu(BearerType.SRB, 1, ue.c_rnti, count, sdu, **header)


def segment_pdu(ue: PlayedUe, count: int, segmentation: Segmentation, offset: int, octets: bytes) -> L2Pdu:
    """A segment in clear, with a poll. A first one has no offset on the wire."""
    head = b"" if segmentation is Segmentation.FIRST else SegmentOffset(offset=offset).to_bytes()
    return data_pdu(ue, count, head + octets, segmentation=segmentation, poll=True)


def protected_pdu(ue: PlayedUe, count: int, sdu: bytes, *, ciphered: bool = True, **header: Any) -> L2Pdu:
    """A data PDU with its MAC-I, enciphered unless told otherwise."""
    return with_mac(data_pdu(ue, count, sdu, has_mac=True, ciphered=ciphered, **header), keys(ue))


def status_pdu(
    ue: PlayedUe, next_count: int, missing: Sequence[tuple[int, int]] = (), count: int | None = None
) -> L2Pdu:
    """A status report; `missing` are first COUNT and length. With a `count` of its own it is protected."""
    ranges = b"".join(MissingRange(first=first, length=length).to_bytes() for first, length in missing)
    return report_pdu(ue, StatusReport(next_count=next_count, missing=ranges).to_bytes(), count)


def report_pdu(ue: PlayedUe, body: bytes, count: int | None = None) -> L2Pdu:
    """A status report of any body. With a `count` of its own it is protected."""
    pdu = data_pdu(ue, count or 0, body, is_data=False, has_mac=count is not None)
    return pdu if count is None else with_mac(pdu, keys(ue))


def with_mac(pdu: L2Pdu, security: SrbSecurity) -> L2Pdu:
    """`pdu`, whose header says that it has a MAC-I, with it."""
    head = pdu.header.to_bytes()
    whole = security.protect(head, pdu.body, pdu.header.count, pdu.header.bearer, pdu.header.ciphered)
    return replace(pdu, body=whole[len(head) :])


def keys(ue: PlayedUe) -> SrbSecurity:
    """Keys of the connection. Raises RuntimeError in a case that has none yet."""
    if ue.security is None:
        raise RuntimeError("no RRC security yet: registration comes first")
    return ue.security


def be_deaf(ue: PlayedUe) -> None:
    """From now on the UE's bearer acknowledges nothing."""
    ue.pdus.drop(L2Pdu, "out", times=1_000_000, is_data=False, **SRB1)


def hear_again(ue: PlayedUe) -> None:
    """The bearer acknowledges again, so that the UE can be released."""
    ue.pdus.reset()
