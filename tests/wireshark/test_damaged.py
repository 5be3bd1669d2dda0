"""Damaged PDUs: never a Lua error, and what is wrong is said."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from wireshark_captures import RAN_NODE, UE, Packet, exported_pdu, fields, tshark, udp, write_pcapng
from wireshark_pdus import pdus
from wireshark_values import ENCIPHERED, random_value

from net4ai.codecs import lua_fields, nas
from net4ai.codecs.declaration import Buffer, Family
from net4ai.codecs.errors import DecodeError

pytestmark = pytest.mark.tshark

PDUS = 10_000
BEYOND_OURS = "_ws.malformed && !net4ai.expert.malformed && !net4ai.expert.range && !net4ai.expert.differs"
HEADERS = 28
"""IPv4 and UDP."""


def damage(pdu: bytes, generator: random.Random) -> bytes:
    """Cut, lengthened, flipped, overwritten, spliced or nothing of the old."""
    octets = bytearray(pdu)
    for _ in range(generator.randint(1, 3)):
        at = generator.randrange(len(octets)) if octets else 0
        match generator.randrange(7):
            case 0:
                del octets[at:]
            case 1:
                octets += generator.randbytes(generator.randint(1, 40))
            case 2 | 3 if octets:
                octets[at] ^= 1 << generator.randrange(8)
            case 4:
                octets[at : at + 4] = generator.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\x80" * 4])
            case 5:
                octets[at : at + generator.randint(1, 8)] = b""
            case 6 if generator.random() < 0.1:
                octets = bytearray(generator.randbytes(generator.randint(0, 100)))
    return bytes(octets)


def damaged_packet(packet: Packet, generator: random.Random) -> Packet:
    if packet.interface == "N2":
        length = struct.unpack_from(">H", packet.data, 2)[0]
        name = packet.data[4 : 4 + length].rstrip(b"\0").decode()
        return Packet(exported_pdu(name, damage(packet.data[8 + length :], generator)), "N2")
    source, destination = generator.choice([(UE, RAN_NODE), (RAN_NODE, UE)])
    return Packet(udp(damage(packet.data[HEADERS:], generator), source, destination))


def test_no_lua_error_on_damaged_pdus(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    made = [damaged_packet(packet, generator) for (packet, _), _ in zip(pdus(generator), range(PDUS), strict=False)]
    path = write_pcapng(tmp_path / "damaged.pcapng", made)
    assert tshark(path, "-2", "-V").count("Frame Number:") == PDUS
    assert not tshark(path, "-2", "-Y", f"_ws.lua.error || {BEYOND_OURS}")


def test_no_lua_error_on_cut_packets(tmp_path: Path, seed: int) -> None:
    """As a capture with a snapshot length leaves them: cut, which is not malformed."""
    generator = random.Random(seed)
    made = [packet for (packet, _), _ in zip(pdus(generator), range(600), strict=False) if packet.interface != "N2"]
    path = tmp_path / "cut.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for packet in made:
            kept = packet.data[: generator.randint(HEADERS + 1, len(packet.data))]
            file.write(struct.pack("<IIII", 0, 0, len(kept), len(packet.data)) + kept)
    assert tshark(path, "-V").count("Frame Number:") == len(made)
    wrong = tshark(path, "-Y", "_ws.lua.error || net4ai.expert.malformed || net4ai.expert.range", "-V")
    assert not wrong


def decodes(family: Family, data: Buffer, protected: bool = False) -> bool:
    """Whether the codec takes the message, and the NAS message inside; what a protected one has inside its like is not
    looked at."""
    try:
        item = family.decode(data)
    except DecodeError:
        return False
    inner = getattr(item, "nas", None)
    if isinstance(item, nas.Protected) and item.security_header not in ENCIPHERED and not protected:
        return decodes(nas.Nas.FAMILY, item.message, protected=True)
    return inner is None or decodes(nas.Nas.FAMILY, inner)


def test_malformed_is_what_the_codec_refuses(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    made = []
    for name, family in lua_fields.FAMILIES.items():
        for item in family.messages.values():
            made += [(name, damage(random_value(item, generator).encode(), generator)) for _ in range(30)]
    # N2: a first octet of 0 says that a length of 32 bits comes first.
    made = [(name, data) for name, data in made if data and not (name == "n2" and not data[0])]
    packets = [Packet(exported_pdu(f"net4ai_{name}", data), "N2") for name, data in made]
    path = write_pcapng(tmp_path / "refused.pcapng", packets)
    shown = fields(path, ["net4ai.expert.malformed", "net4ai.expert.range"])
    for (name, data), found in zip(made, shown, strict=True):
        assert bool(found) != decodes(lua_fields.FAMILIES[name], data), f"{name} {data.hex()}"
