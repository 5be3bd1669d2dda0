"""Messages in words: every one of them has a line, and the line says what counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs import dep, link, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionHandle, SessionLimits
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.describe import describe, describe_dep, values
from net4ai.codecs.strategies import messages

FAMILIES = [rrc.Rrc.FAMILY, nas.Nas.FAMILY, n2.N2.FAMILY, link.Link.FAMILY]
LIMITS = SessionLimits(segment_size=1400, unscheduled=0, maximum_message=64, maximum_open=1)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (rrc.Release(transaction=2, cause=Cause.OVERLOAD), "RRC Release (transaction 2, cause OVERLOAD)"),
        (rrc.Release(transaction=2, cause=9999), "RRC Release (transaction 2, cause UNSPECIFIED)"),
        (nas.ServiceAccept(), "Service Accept"),
        (nas.DeregistrationRequest(switch_off=True), "Deregistration Request (UE) (switch off)"),
        (nas.DeregistrationRequest(switch_off=False), "Deregistration Request (UE)"),
        (rrc.DownlinkInformationTransfer(nas=b"abc"), "DL Information Transfer"),
        (
            rrc.ReconfigurationComplete(
                transaction=1,
                sessions=tuple(SessionHandle(session=n, handle=n + 16, limits=LIMITS) for n in range(5)),
            ),
            "RRC Reconfiguration Complete (transaction 1, sessions: session 0 handle 0x10; session 1 handle 0x11; "
            "session 2 handle 0x12; 2 more)",
        ),
        (UnknownMessage(99, b"abc"), "unknown message 99 (3 octets)"),
    ],
)
def test_what_is_said(message: Message | UnknownMessage, text: str) -> None:
    assert describe(message) == text


def test_dep() -> None:
    header = dep.DepHeader(
        version=1, type=dep.DepType.ACK, response=True, congestion=0, qfi=1, extension_words=0, handle=0x1234,
        message_id=3, offset=1400,
    )  # fmt: skip
    body = dep.AckBody(highest_packet=4, delay=5, segment_size=1400, map_bits=8, congestion=0, map=b"\x80")
    assert describe_dep(header, body) == (
        "ACK answer 3, up to 1400, highest packet 4, map of 1 octets, handle 0x00001234"
    )
    of_no_type = dep.DepHeader(
        version=1, type=13, congestion=0, qfi=1, extension_words=0, handle=1, message_id=3, offset=0
    )  # fmt: skip
    assert describe_dep(of_no_type, None) == "type 13, handle 0x00000001"


@settings(max_examples=300)
@given(st.sampled_from(FAMILIES).flatmap(messages))
def test_every_message_has_a_line_and_fits_json(message: Message | UnknownMessage) -> None:
    text = describe(message)
    assert text.startswith(message.NAME) and "\n" not in text and len(text) < 1000
    assert json.loads(json.dumps(values(message))) == values(message)
