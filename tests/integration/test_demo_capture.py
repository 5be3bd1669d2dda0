"""The capture of a run with real sockets, losses and reordering, as tshark reads it, beside what the nodes traced.

The run has its key log on: what is enciphered on the Uu and on N2 is there in clear on interfaces of its own.

The tap is at the forwarding functions (Uu, T4; T8 at the receiver) and at the core (N2, bus). What is lost on the radio
was captured before it was lost downlink, and was not captured uplink; either way a message that came to its end was
captured whole, once.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from run_process import PATIENCE, EndedRun

from net4ai.app.wireshark import check_capture, find_tshark
from net4ai.stack.dep_endpoint import digest

pytestmark = pytest.mark.tshark

FORWARDING_FUNCTIONS = {"ran-1", "ran-2", "edge"}
INBOUND, OUTBOUND = "0x00000001", "0x00000002"
AT_THE_TAP = {"out": INBOUND, "in": OUTBOUND}
"""What the end of a message sends comes in at the forwarding function."""
LINKS_IN_CLEAR = {"RRC in clear": "Uu"}
BUS_TYPE = 4
"""The how manyeth text of a bus message is its type: after signature, process, id and kind."""


def tshark(demo: EndedRun, filter: str, *names: str) -> Iterator[list[str]]:
    """These fields of the packets that `filter` lets through, in a first pass as in a live capture."""
    program = find_tshark()
    assert program is not None
    with resources.as_file(resources.files("net4ai.pcaps") / "wireshark") as plugin:
        command = [program, "-n", "-r", str(demo.folder / "demo.pcapng"), "-X", f"lua_script:{plugin / 'net4ai.lua'}"]
        command += ["-Y", filter, "-T", "fields"] + [part for name in names for part in ("-e", name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    for line in done.stdout.splitlines():
        yield line.split("\t")


def messages(demo: EndedRun) -> Iterator[dict[str, Any]]:
    return (event for event in demo.trace if event["kind"] == "message")


def test_every_packet_is_recognised_and_none_is_malformed(demo: EndedRun) -> None:
    assert check_capture(demo.folder / "demo.pcapng") == []


def test_whole_messages_are_what_was_sent(demo: EndedRun) -> None:
    """Every DEP message that a UE, an application server or the controller sent or received, octet for octet."""
    captured = Counter(
        (link, direction, int(message_id, 0), digest([bytes.fromhex(octets)]))
        for link, direction, message_id, octets in tshark(
            demo,
            "net4ai_message",
            "frame.interface_name",
            "frame.packet_flags_direction",
            "dep.message_id",
            "dep.message",
        )
    )
    traced = [event for event in messages(demo) if event["message"] == "DEP message"]
    expected = Counter(
        (event["link"], AT_THE_TAP[event["direction"]], event["ids"]["message_id"], event["ids"]["digest"])
        for event in traced
    )
    assert {link for link, *_ in expected} == {"Uu", "T4"}
    # Over T8 goes what the edge's server exchanges with others than the controller.
    at = {
        name: Counter(
            ("T8", INBOUND, event["ids"]["message_id"], event["ids"]["digest"])
            for event in traced
            if event["node"] == name
        )
        for name in ("edge-app-server", "controller-health-research")
    }
    expected += at["edge-app-server"] - at["controller-health-research"]
    assert sum(expected.values()) > 500
    assert captured == expected


def test_signalling_is_what_was_sent(demo: EndedRun) -> None:
    """Messages by link and name, repeated PDUs left out: RRC, link signalling, N2 and bus."""
    packets = tshark(
        demo,
        "(net4ai_rrc || net4ai_n2 || net4ai_link) && !net4ai.repeats && !(net4ai.has_mac == 1)"
        " && !(net4ai.rrc.type in {19, 20})",
        "frame.interface_name",
        "_ws.col.Info",
    )
    captured = Counter((LINKS_IN_CLEAR.get(link, link), info.split(", ")[0].split(" (")[0]) for link, info in packets)
    captured += Counter(
        ("bus", texts.split(",")[BUS_TYPE])
        for _, texts in tshark(demo, 'frame.interface_name == "bus"', "frame.number", "json.value.string")
    )
    expected: Counter[tuple[str, str]] = Counter()
    for event in messages(demo):
        node, link, direction = event["node"], event["link"], event["direction"]
        if event["message"] == "DEP message" or event["message"] == "DEP data passed on":
            continue
        tapped = {
            "Uu": node in FORWARDING_FUNCTIONS,
            "T4": node in FORWARDING_FUNCTIONS,
            "T8": node in FORWARDING_FUNCTIONS and direction == "in",
            "N2": node == "core",
            "bus": direction == "in",
        }
        expected[link, event["message"]] += tapped.get(link, False)
    # A request that came before the core was there was refused before it became a message.
    refused = [event for event in demo.trace if event["kind"] == "drop" and event["drop"] == "no N2 connection"]
    expected["Uu", "RRC Setup Request"] += len(refused)
    assert {link for link, _ in +expected} == {"Uu", "T4", "T8", "N2", "bus"}
    # Attach Requests are repeated as a sign of life, octet by octet, and so are their answers.
    for counts in (captured, expected):
        for key in [key for key in counts if key[1] in ("Attach Request", "Attach Accept")]:
            counts[key] = min(counts[key], 1)
    assert captured == +expected


def test_nas_in_clear_is_what_was_sent(demo: EndedRun) -> None:
    """The first message of a terminal is in clear on N2, all others have an interface of their own."""
    packets = tshark(
        demo,
        'net4ai_nas && (frame.interface_name == "NAS in clear" || net4ai.n2.type == 4)',
        "frame.interface_name",
        "_ws.col.Info",
    )
    captured = Counter(info.split(", ")[-1].split(" (")[0] for _, info in packets)
    expected = Counter(
        event["message"] for event in messages(demo) if event["link"] == "NAS" and event["node"] == "access-manager"
    )
    assert len(expected) >= 14
    assert captured == expected


def test_nas_is_protected_on_every_way(demo: EndedRun) -> None:
    """What passes enciphered on the Uu, on N2 and in RRC is as many messages as there are in clear."""
    protected = Counter(
        link for (link,) in tshark(demo, "net4ai.nas.type == 0x7e && !net4ai.repeats", "frame.interface_name")
    )
    in_clear = sum(1 for _ in tshark(demo, 'frame.interface_name == "NAS in clear"', "frame.number"))
    assert protected["N2"] == in_clear
    assert protected["RRC in clear"] + protected["Uu"] == in_clear
    assert not any(
        True for _ in tshark(demo, 'net4ai.nas.type == 0x88 && frame.interface_name in {"Uu", "N2"}', "frame.number")
    )
