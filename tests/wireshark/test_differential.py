"""Random PDUs of every message: tshark shows what the codec encoded, field by field."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from wireshark_captures import tshark, write_pcapng
from wireshark_pdus import pdus
from wireshark_values import Fields, declared_filters, parse

pytestmark = pytest.mark.tshark

PDUS = 100_000
BATCH = 5000
"""PDUs of one capture."""
FOUND_OUT = {
    "dep.payload": "octets",
    "dep.body": "octets",
    "dep.extension.value": "octets",
    "dep.extension.timestamp": "number",
    "net4ai.payload": "octets",
    "net4ai.cipher_text": "octets",
    "net4ai.mac_i": "octets",
    "net4ai.message.data": "octets",
    "net4ai.message.record.ciphertext": "octets",
    "net4ai.message.record.tag": "octets",
}
"""Fields that are not declared, and what they hold."""
KINDS = {**declared_filters(), **FOUND_OUT}
PROBLEMS = ["_ws.malformed", "_ws.lua.error", "net4ai.expert.malformed", "net4ai.expert.range"]
SEPARATOR, OCCURRENCES = "\x1f", "\x1e"
NO_OCTETS = "<MISSING>"


def shown_in(path: Path) -> list[dict[str, list[str]]]:
    """The fields of each packet. As columns: a tenth of the time JSON takes."""
    names = ["frame.protocols", *PROBLEMS, *KINDS]
    wanted = [part for name in names for part in ("-e", name)]
    separators = ["-E", f"separator={SEPARATOR}", "-E", f"aggregator={OCCURRENCES}"]
    lines = tshark(path, "-T", "fields", *separators, *wanted).removesuffix("\n").split("\n")
    return [
        {name: text.split(OCCURRENCES) for name, text in zip(names, line.split(SEPARATOR), strict=True) if text}
        for line in lines
    ]


def check(expected: Fields, found: dict[str, list[str]], where: str) -> None:
    assert "net4ai" in found.pop("frame.protocols")[0], f"{where} is not recognised"
    assert not found.keys() & {*PROBLEMS}, f"{where}: {found}"
    parsed = {name: [parse(value, KINDS[name]) for value in values] for name, values in found.items()}
    wanted = {name: values for name, values in expected.items() if name in KINDS}
    # A column does not show texts and octets of length 0.
    for values in (parsed, wanted):
        for name in [name for name in values if KINDS[name] != "number"]:
            values[name] = [value for value in values[name] if value]
            if not values[name]:
                del values[name]
    assert parsed == wanted, where


@pytest.mark.parametrize("batch", range(-(-PDUS // BATCH)))
def test_every_field_is_what_was_encoded(tmp_path: Path, seed: int, batch: int) -> None:
    generator = random.Random(seed + batch)
    made = [pdu for pdu, _ in zip(pdus(generator), range(min(BATCH, PDUS)), strict=False)]
    path = write_pcapng(tmp_path / "random.pcapng", (packet for packet, _ in made))
    shown = shown_in(path)
    assert len(shown) == len(made)
    for number, ((_, expected), found) in enumerate(zip(made, shown, strict=True), 1):
        check(expected, found, f"frame {number}")
