"""The golden captures are what the nodes send, to the octet, and what they say they show."""

from __future__ import annotations

import pytest
from make_golden import FOLDER, GOLDEN, make
from wireshark_captures import fields, info, tshark

SHOWN = {
    "registration": [
        "RRC Setup Request",
        "RRC Setup",
        "Registration Request",
        "NAS Security Mode Command",
        "NAS Security Mode Complete",
        "Initial Context Setup Request",
        "Security Mode Command",
        "Security Mode Complete",
        "Registration Accept",
        "Registration Complete",
    ],
    "session": [
        "Job List",
        "Consent",
        "Computing Request",
        "Session Setup Request",
        "RRC Reconfiguration",
        "RRC Reconfiguration Complete",
        "Session Setup Response",
        "Computing Accept",
    ],
    "execution": [
        "Routine Invite",
        "Routine Accept",
        "Session Add",
        "Routine Start",
        "Start",
        "DEP DATA msg 1",
        "Done",
        "Routine Done",
        "Routine Complete",
    ],
    "reestablishment": [
        "RRC Re-establishment Request",
        "RRC Re-establishment",
        "DEP PATH 1 REESTABLISHED",
        "RRC Re-establishment Complete",
        "DEP PATH 1 REESTABLISHED, answer",
    ],
    "paging": [
        "UE Context Release Request",
        "RRC Release",
        "N2 Paging",
        "Paging",
        "RRC Setup Request",
        "Service Request",
        "Service Accept",
        "Job List",
    ],
    "deregistration": ["Deregistration Request (UE)", "Deregistration Accept (UE)", "UE Context Release Command"],
    "handover-preparation": [
        "Handover Required",
        "Handover Request",
        "Handover Request Acknowledge",
        "Handover Command",
    ],
    "dep": [
        "DEP DATA msg 1",
        "DEP GRANT",
        "retransmission",
        "duplicate",
        "DEP ACK",
        "DEP PATH 1 BEARER_CHANGED",
        "DEP CAPSULE epoch 1, 64 octets",
        "DEP CAPSULE epoch 1, answer",
    ],
}
"""What the information column of each capture has."""


@pytest.mark.parametrize("name", GOLDEN)
def test_it_is_what_the_nodes_send(name: str) -> None:
    made, kept = make(name), (FOLDER / f"{name}.pcapng").read_bytes()
    assert made == kept, f"{name}.pcapng is stale: python tests/wireshark/make_golden.py --update"


@pytest.mark.tshark
@pytest.mark.parametrize("name", GOLDEN)
def test_it_shows_what_it_should_and_nothing_is_wrong(name: str) -> None:
    path = FOLDER / f"{name}.pcapng"
    told = info(path)
    assert not [text for text in SHOWN[name] if not any(text in line for line in told)]
    assert not tshark(path, "-2", "-Y", "_ws.malformed || _ws.lua.error || _ws.expert.severity > 0x400000")


def test_every_golden_capture_is_listed() -> None:
    text = (FOLDER.parent / "README.md").read_text()
    assert sorted(SHOWN) == sorted(GOLDEN) == sorted(path.stem for path in FOLDER.glob("*.pcapng"))
    assert not [name for name in GOLDEN if f"`golden/{name}.pcapng`" not in text]


@pytest.mark.tshark
def test_procedures_can_be_followed() -> None:
    """Requests lead to their answers, and a turn's DEP to its session, as the guide says."""
    wanted = ["net4ai.rrc.response_in", "net4ai.rrc.type"]
    shown = fields(FOLDER / "registration.pcapng", wanted, "-2", "-Y", "net4ai.rrc.type in {1, 2, 11}")
    assert all("net4ai.rrc.response_in" in packet for packet in shown if packet["net4ai.rrc.type"] != ["0x0b"])
    assert any("net4ai.rrc.response_in" in packet for packet in shown if packet["net4ai.rrc.type"] == ["0x0b"])
