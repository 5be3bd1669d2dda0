"""Any octets decode to a value or to a DecodeError, nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from net4ai.codecs import dep, l2, link, n2, nas, rrc
from net4ai.codecs.declaration import Family, Message
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.message import decode_message

COUNT = 20_000
"""Random inputs for each decoder."""

Decode = Callable[[bytes], Any]


def decode_status_report(octets: bytes) -> list[l2.MissingRange]:
    return l2.StatusReport.from_bytes(octets).missing_ranges()


def decode_dep(octets: bytes) -> tuple[dep.DepHeader, Any]:
    header, end = dep.DepHeader.read(octets)
    body = dep.BODIES.get(header.type)  # type: ignore[call-overload]
    return header, body and body.from_bytes(octets[end:])


def start_with(choices: bytes) -> Callable[[random.Random], bytes]:
    """Most inputs begin like a message that is known: others end after their first octet."""
    return lambda generator: bytes((generator.choice(choices),)) if generator.random() < 0.9 else b""


def family_start(family: Family) -> Callable[[random.Random], bytes]:
    return start_with(bytes(family.messages))


def message_start(generator: random.Random) -> bytes:
    """Nothing, magic and version, or a prefix whose length fits the inputs of 8 octets."""
    if generator.random() < 0.1:
        return b""
    start = bytes.fromhex("4e3401 00 00000000")
    if generator.random() < 0.5:
        return start[:3]
    content = bytes(generator.randrange(limit) for limit in (5, 10, 4))
    sizes = b"".join(generator.choice((0, 1, 2, 4, 8)).to_bytes(4, "big") for _ in range(8))
    return start + content + bytes(13) + (8).to_bytes(8, "big") + sizes


DECODERS: dict[str, tuple[Decode, Callable[[random.Random], bytes]]] = {
    "RRC": (rrc.Rrc.FAMILY.decode, family_start(rrc.Rrc.FAMILY)),
    "NAS": (nas.Nas.FAMILY.decode, family_start(nas.Nas.FAMILY)),
    "N2": (n2.N2.FAMILY.decode, family_start(n2.N2.FAMILY)),
    "link": (link.Link.FAMILY.decode, family_start(link.Link.FAMILY)),
    "L2 header": (l2.L2Header.from_bytes, lambda generator: b""),
    "status report": (decode_status_report, lambda generator: b""),
    "DEP": (decode_dep, start_with(bytes(range(0x11, 0x20)))),
    "message": (decode_message, message_start),
}


def octets(generator: random.Random) -> bytes:
    """Short ones, long ones; evenly spread octets and small numbers, which make plausible lengths."""
    size = generator.choice((8, generator.randrange(40), generator.randrange(200)))
    if generator.random() < 0.5:
        return generator.randbytes(size)
    return bytes(generator.choices((0, 0, 0, 1, 1, 2, 3, 5, 255), k=size))


@pytest.mark.parametrize("name", DECODERS)
def test_random_octets(name: str, seed: int) -> None:
    decode, start = DECODERS[name]
    generator = random.Random(f"{seed} {name}")
    values = errors = 0
    for _ in range(COUNT):
        given = start(generator) + octets(generator)
        try:
            decode(given)
            values += 1
        except DecodeError:
            errors += 1
        except BaseException:
            print(f"input: {given.hex(' ')}")
            raise
    assert values + errors == COUNT
    assert values, "no input was ever accepted: the inputs are too wild to test anything"
    assert errors, "no input was ever refused"


def mutated(generator: random.Random, whole: bytes) -> Iterator[bytes]:
    at = generator.randrange(len(whole))
    other = generator.randrange(len(whole))
    yield whole[:at] + bytes((whole[at] ^ 1 << generator.randrange(8),)) + whole[at + 1 :]
    yield whole[:at] + generator.randbytes(1) + whole[at + 1 :]
    yield whole[:at]
    yield whole[:at] + whole[at + 1 :]
    yield whole[:at] + generator.randbytes(generator.randrange(5)) + whole[at:]
    yield whole[:at] + whole[min(at, other) : max(at, other)] + whole[at:]
    yield whole[:at] + bytes((generator.choice((0, 255)),)) * (len(whole) - at)


def test_mutated_examples(example: Any, seed: int) -> None:
    generator = random.Random(f"{seed} {example.title}")
    is_message = issubclass(example.structure, Message)
    decode = example.structure.FAMILY.decode if is_message else example.structure.from_bytes
    for _ in range(30):
        for given in mutated(generator, example.octets):
            try:
                value = decode(given)
                again = value.encode() if hasattr(value, "encode") else value.to_bytes()
                assert decode(again) == value, "a value that was accepted can be sent on"
                assert len(again) == len(given)
            except DecodeError:
                pass
            except BaseException:
                print(f"input: {given.hex(' ')}")
                raise
