"""Random PDUs of every message: tshark shows what the codec encoded, field by field."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from wireshark_captures import fields, write_pcapng
from wireshark_pdus import pdus
from wireshark_values import declared_filters, parse

pytestmark = pytest.mark.tshark

PDUS = 2400
EXPERT = "net4ai.expert"


def test_every_field_is_what_was_encoded(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    kinds = {
        **declared_filters(),
        "dep.payload": "octets",
        "dep.body": "octets",
        "net4ai.payload": "octets",
        "net4ai.mac_i": "octets",
        "net4ai.cipher_text": "octets",
        "dep.extension.value": "octets",
        "dep.extension.timestamp": "number",
        "net4ai.message.record.ciphertext": "octets",
        "net4ai.message.record.tag": "octets",
        "net4ai.message.data": "octets",
    }
    made = [pdu for pdu, _ in zip(pdus(generator), range(PDUS), strict=False)]
    path = write_pcapng(tmp_path / "random.pcapng", (packet for packet, _ in made))
    problems = ["_ws.malformed", "_ws.lua.error", f"{EXPERT}.malformed", f"{EXPERT}.range", "frame.protocols"]
    shown = fields(path, [*kinds, *problems])
    assert len(shown) == len(made)
    for number, ((_, expected), found) in enumerate(zip(made, shown, strict=True), 1):
        assert "net4ai" in found.pop("frame.protocols")[0], f"frame {number} is not recognised"
        assert not found.keys() & {*problems}, f"frame {number}: {found}"
        parsed = {name: [parse(value, kinds[name]) for value in values] for name, values in found.items()}
        assert parsed == {name: values for name, values in expected.items() if name in kinds}, f"frame {number}"
