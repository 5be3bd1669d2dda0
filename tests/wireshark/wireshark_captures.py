"""Small captures for tests, and what tshark makes of them."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import net4ai.pcaps

PLUGIN = Path(net4ai.pcaps.__file__).parent / "wireshark" / "net4ai.lua"
RAW_IP = 101
EXPORTED_PDU = 252
INTERFACES = (
    ("Uu", RAW_IP),
    ("T4", RAW_IP),
    ("N2", EXPORTED_PDU),
    ("bus", EXPORTED_PDU),
    ("RRC in clear", EXPORTED_PDU),
    ("NAS in clear", EXPORTED_PDU),
)
SIGNALLING_PORT = 46400
BULK_PORT = 46401

UE = ("10.0.0.1", SIGNALLING_PORT)
RAN_NODE = ("10.0.0.2", SIGNALLING_PORT)
UE_BULK = ("10.0.0.1", BULK_PORT)
RAN_NODE_BULK = ("10.0.0.2", BULK_PORT)

Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a capture. `time` in nanoseconds; None: a millisecond after the one before."""

    data: bytes
    interface: str = "Uu"
    time: int | None = None


def udp(payload: bytes, source: Endpoint = UE, destination: Endpoint = RAN_NODE) -> bytes:
    """An IPv4 packet with a UDP datagram."""
    datagram = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    addresses = b"".join(bytes(map(int, address.split("."))) for address, _ in (source, destination))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0) + addresses + datagram


def exported_pdu(dissector: str, payload: bytes, addresses: tuple[str, str] | None = None) -> bytes:
    """A PDU for the dissector of that name, perhaps with the addresses of its source and destination."""
    name = dissector.encode()
    name += bytes(-len(name) % 4)
    tags = struct.pack(">HH", 12, len(name)) + name
    for tag, address in zip((20, 21), addresses or (), strict=False):
        tags += struct.pack(">HH4B", tag, 4, *map(int, address.split(".")))
    return tags + bytes(4) + payload


def bus_message(kind: str, identifier: str, sender: str, to: str, **more: object) -> bytes:
    """A message on the control bus, as `codecs/envelope.py` writes it."""
    members = {"hmac": "00" * 32, "process": "core", "id": identifier, "kind": kind, "type": "StartTurns"}
    return json.dumps({**members, "sender": sender, "to": to, **more}, separators=(",", ":")).encode()


def bus_packets() -> list[Packet]:
    """A request and its answer, another one and its failure, an event; texts that could be mistaken for members."""
    body = {"to": "nobody", "name": 'a "quoted" {word', "list": [1, [2, {"kind": "x"}]]}
    messages = [
        bus_message("request", "a" * 32, "task-manager", "ran-1", body=body),
        bus_message("reply", "a" * 32, "ran-1", "task-manager", body=None),
        bus_message("request", "b" * 32, "task-manager", "ran-1", part=1, parts=3, body='half of {"'),
        bus_message("reply", "b" * 32, "ran-1", "task-manager", error={"cause": "BUSY", "detail": "later"}),
        bus_message("event", "c" * 32, "ran-1", "task-manager", body={}),
    ]
    return [Packet(exported_pdu("json", data), "bus") for data in messages]


def write_pcapng(path: Path, packets: Iterable[Packet]) -> Path:
    """A capture with one interface block for each link."""
    with path.open("wb") as file:
        file.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for name, link_type in INTERFACES:
            options = _option(2, name.encode()) + _option(9, b"\x09") + _option(0, b"")
            file.write(_block(1, struct.pack("<HHI", link_type, 0, 0) + options))
        time = 0
        for packet in packets:
            time = time + 1_000_000 if packet.time is None else packet.time
            interface = [name for name, _ in INTERFACES].index(packet.interface)
            head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(packet.data), len(packet.data))
            file.write(_block(6, head + packet.data + bytes(-len(packet.data) % 4)))
    return path


def _block(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def tshark(path: Path, *arguments: str, plugin: bool = True, environment: dict[str, str] | None = None) -> str:
    """What tshark prints. Fails on an exit code and on any word about Lua on stderr."""
    script = ["-X", f"lua_script:{PLUGIN}"] if plugin else []
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *script, *arguments],
        capture_output=True,
        env={**os.environ, **(environment or {})},
        timeout=300,
        check=False,
    )
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, errors
    assert "lua" not in errors.lower(), errors
    return done.stdout.decode(errors="replace")


def fields(path: Path, names: Sequence[str], *arguments: str) -> list[dict[str, list[str]]]:
    """The values of these fields in each packet, fields that are absent left out."""
    wanted = [part for name in names for part in ("-e", name)]
    found: list[dict[str, Any]] = json.loads(tshark(path, "-T", "json", *wanted, *arguments))
    return [packet["_source"]["layers"] for packet in found]


def info(path: Path, *arguments: str) -> list[str]:
    """The information column of each packet."""
    return tshark(path, "-T", "fields", "-e", "_ws.col.Info", *arguments).splitlines()
