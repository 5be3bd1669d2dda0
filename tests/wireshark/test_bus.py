"""The control bus: JSON in the capture, its envelope as fields, who says what to whom in the information column."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from wireshark_captures import Packet, bus_message, bus_packets, exported_pdu, fields, info, tshark, write_pcapng

from net4ai.codecs.envelope import Envelope, seal

pytestmark = pytest.mark.tshark

NAMES = ("id", "kind", "type", "sender", "to", "process", "error", "part", "parts")


def bus(name: str) -> str:
    return f"net4ai.bus.{name}"


def test_envelopes_are_fields(tmp_path: Path) -> None:
    path = write_pcapng(tmp_path / "bus.pcapng", bus_packets())
    request, _, part, refusal, event = fields(path, [bus(name) for name in NAMES])
    texts = {"kind": "request", "type": "StartTurns", "sender": "task-manager", "to": "ran-1", "process": "core"}
    assert request == {bus(name): [value] for name, value in {**texts, "id": "a" * 32}.items()}
    assert (part[bus("part")], part[bus("parts")]) == (["1"], ["3"])
    assert refusal[bus("error")] == ["BUSY"] and event[bus("kind")] == ["event"]
    assert info(path) == [
        "StartTurns request, task-manager > ran-1",
        "StartTurns reply, ran-1 > task-manager",
        "StartTurns request, task-manager > ran-1",
        "StartTurns reply, ran-1 > task-manager, BUSY",
        "StartTurns event, ran-1 > task-manager",
    ]
    assert len(fields(path, ["json.key"], "-Y", "json")) == 5, "Wireshark's own JSON is there as well"


def test_replies_are_linked(tmp_path: Path) -> None:
    path = write_pcapng(tmp_path / "bus.pcapng", bus_packets())
    for passes in ((), ("-2",)):
        shown = fields(path, [bus(name) for name in ("response_in", "response_to", "response_time")], *passes)
        answer = {bus("response_to"): ["1"], bus("response_time"): ["0.001000000"]}
        assert shown[1] == answer and shown[3][bus("response_to")] == ["3"] and shown[4] == {}
    assert shown[0] == {bus("response_in"): ["2"]}
    assert [len(fields(path, ["frame.number"], "-Y", filter)) for filter in FILTERS] == [2, 1]


FILTERS = ('net4ai.bus.id == "' + "a" * 32 + '"', "net4ai.expert.error")


def test_what_the_codec_writes(tmp_path: Path) -> None:
    """Not the copy of it in the helpers of these tests."""
    names = {"id": "d" * 32, "kind": "event", "type": "JobEnded", "sender": "job-manager", "to": "task-manager"}
    envelope = msgspec.convert({**names, "process": "core"}, Envelope)
    path = write_pcapng(tmp_path / "sealed.pcapng", [Packet(exported_pdu("json", seal(envelope, bytes(32))), "bus")])
    assert info(path) == ["JobEnded event, job-manager > task-manager"]


def test_damaged_messages_and_other_json_are_left_alone(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    whole = bus_message("request", "e" * 32, "a", "b", body={"x": [1, {"y": "\\"}]})
    texts = [b"", b"{", b"[1, 2]", b'{"kind": 5}', b'{"sender":"x","to"', b"null", b'"text', b"{}"]
    texts += [whole[: generator.randrange(len(whole))] for _ in range(100)]
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.choice(b'"{}[]\\:,0a\xff')
        texts.append(bytes(damaged))
    path = write_pcapng(tmp_path / "json.pcapng", [Packet(exported_pdu("json", text), "bus") for text in texts])
    assert tshark(path, "-2", "-V").count("Frame Number:") == len(texts)
    assert not tshark(path, "-2", "-Y", "_ws.lua.error")
