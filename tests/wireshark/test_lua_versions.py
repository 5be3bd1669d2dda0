"""Wireshark 4.0 and 4.2 have Lua 5.2, 4.4 and later 5.4: the plugin shows the same under both, and under 5.3.

A stand-in for Wireshark's Lua interface runs it here; what it shows under Wireshark itself is tested elsewhere.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import lupa.lua52
import lupa.lua53
import lupa.lua54
import pytest
from test_damaged import HEADERS, damaged_packet
from test_exchanges import Conversation, reconfigure
from test_reassembly import data_pdus, information_transfer, signalling, tensor_message, up
from wireshark_captures import PLUGIN, Packet, bus_packets, udp
from wireshark_pdus import pdus

from net4ai.codecs import message

API = PLUGIN.parent.parent.parent / "tests" / "wireshark" / "wireshark_api.lua"

RUNTIMES = (lupa.lua52.LuaRuntime, lupa.lua53.LuaRuntime, lupa.lua54.LuaRuntime)
NOWHERE = ("0.0.0.0", 0, "0.0.0.0", 0)

Line = tuple[str, bytes, tuple[str, int, str, int]]
"""Dissector, PDU, source and destination with their ports."""


def bare(packet: Packet) -> Line:
    if packet.interface == "bus":
        return "net4ai_bus", packet.data, NOWHERE
    if packet.interface == "N2":
        length = struct.unpack_from(">H", packet.data, 2)[0]
        return packet.data[4 : 4 + length].rstrip(b"\0").decode(), packet.data[8 + length :], NOWHERE
    source, destination = (".".join(map(str, packet.data[at : at + 4])) for at in (12, 16))
    ports = struct.unpack_from(">HH", packet.data, 20)
    return "net4ai", packet.data[HEADERS:], (source, ports[0], destination, ports[1])


def shown(runtime: type[Any], packets: list[Packet]) -> list[str]:
    """What the plugin shows of each packet, in a first and in a later pass."""
    lua = runtime(encoding="latin-1", unpack_returned_tuples=True)
    lua.globals().dofile(str(API))
    lua.globals().dofile(str(PLUGIN))
    dissect = lua.globals().dissect
    found = []
    for visited in (False, True):
        for number, packet in enumerate(packets, 1):
            name, data, ends = bare(packet)
            if data:
                found.append(dissect(name, data.decode("latin-1"), number, visited, *ends))
    for open_window in lua.globals().menus.values():
        open_window()
    return found + [f"{title}\n{text}" for title, text in sorted(lua.globals().windows.items())]


def conversation(generator: random.Random) -> list[Packet]:
    """Sessions, whole messages in pieces, answers."""
    made = Conversation()
    reconfigure(made, handle_up=0xFFFFFFFF, handle_down=0xBBBB)
    packets = made.packets
    packets += map(up, data_pdus(tensor_message(1000, generator), handle=0xFFFFFFFF))
    packets += map(up, generator.sample(data_pdus(message.encode_message(message.Message(3, data=bytes(3000)))), 7))
    packets += [Packet(udp(pdu)) for pdu in signalling([information_transfer(5000, generator)[0]])]
    return packets + bus_packets()


@pytest.mark.parametrize("kind", ["valid", "damaged", "conversation"])
def test_same_under_all_lua_versions(kind: str, seed: int) -> None:
    generator = random.Random(seed)
    packets = [packet for (packet, _), _ in zip(pdus(generator), range(700), strict=False)]
    if kind == "damaged":
        packets = [damaged_packet(packet, generator) for packet in packets]
    if kind == "conversation":
        packets = conversation(generator)
    old, *newer = (shown(runtime, packets) for runtime in RUNTIMES)
    for new in newer:
        for number, (first, second) in enumerate(zip(old, new, strict=True), 1):
            assert first == second, f"packet {number}"
    if kind != "damaged":
        assert not any("expert net4ai.expert.malformed" in text or "expert.range" in text for text in old)
    if kind == "conversation":
        assert any("FLOAT32 [1000] TENSOR tag 2 index 9" in text for text in old)
        assert any("columns bus StartTurns request, task-manager > ran-1" in text for text in old)
        sessions, procedures = old[-2:]
        assert "session 3" in sessions and "StartTurns" in procedures
