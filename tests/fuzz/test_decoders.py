"""Any octets decode to a value or to the one error of the decoder, nothing else."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from decoders import Decoder, Octets, all_decoders

from net4ai.codecs.declaration import Message
from net4ai.codecs.errors import DecodeError

COUNT = 20_000
"""Random inputs for each decoder, and as many mutated ones."""

NAMES = (
    "RRC",
    "NAS",
    "protected NAS",
    "N2",
    "link",
    "message of a function",
    "L2 header",
    "L2 PDU of the tester",
    "status report",
    "SRB0",
    "attach",
    "DEP header",
    "DEP",
    "DEP with extensions",
    "DEP extensions",
    "bus envelope",
    "bus envelope, signed",
    "parts of bus envelopes",
    "bus body",
    "to the compute worker",
    "of the compute worker",
    "frames",
    "capture stream",
    "capture file",
    "statement",
    "scenario",
)

UNLIKELY = (
    "bus envelope",
    "bus envelope, signed",
    "parts of bus envelopes",
    "bus body",
    "to the compute worker",
    "of the compute worker",
    "statement",
    "scenario",
)
"""Of these a random input is hardly ever accepted: the mutated ones are."""


@pytest.fixture(scope="module")
def decoders(examples: list[Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decoder]:
    by_structure: Octets = defaultdict(list)
    for example in examples:
        by_structure[example.structure].append(example.octets)
    return all_decoders(by_structure, tmp_path_factory.mktemp("files"))


def test_no_decoder_is_left_out(decoders: dict[str, Decoder]) -> None:
    assert tuple(decoders) == NAMES


def octets(generator: random.Random) -> bytes:
    """Short ones, long ones; evenly spread octets and small numbers, which make plausible lengths."""
    size = generator.choice((8, generator.randrange(40), generator.randrange(200)))
    if generator.random() < 0.5:
        return generator.randbytes(size)
    return bytes(generator.choices((0, 0, 0, 1, 1, 2, 3, 5, 255), k=size))


def mutations(generator: random.Random, whole: bytes) -> Iterator[bytes]:
    at = generator.randrange(len(whole))
    other = generator.randrange(len(whole))
    yield whole[:at] + bytes((whole[at] ^ 1 << generator.randrange(8),)) + whole[at + 1 :]
    yield whole[:at] + generator.randbytes(1) + whole[at + 1 :]
    yield whole[:at]
    yield whole[:at] + whole[at + 1 :]
    yield whole[:at] + generator.randbytes(generator.randrange(5)) + whole[at:]
    yield whole[:at] + whole[min(at, other) : max(at, other)] + whole[at:]
    yield whole[:at] + bytes((generator.choice((0, 255)),)) * (len(whole) - at)


def random_inputs(decoder: Decoder, generator: random.Random) -> Iterator[bytes]:
    for _ in range(COUNT // decoder.share):
        yield decoder.start(generator) + octets(generator)


def mutated_inputs(decoder: Decoder, generator: random.Random) -> Iterator[bytes]:
    for _ in range(COUNT // decoder.share // 7 + 1):
        yield from mutations(generator, generator.choice(decoder.valid))


def feed(decoder: Decoder, inputs: Iterator[bytes]) -> tuple[int, int]:
    """Values and refusals. Anything else raises, and the input is printed."""
    values = errors = 0
    for given in inputs:
        try:
            decoder.decode(given)
            values += 1
        except decoder.errors:
            errors += 1
        except BaseException:
            print(f"input: {given.hex(' ')}")
            raise
    return values, errors


@pytest.mark.parametrize("name", NAMES)
def test_random_inputs(decoders: dict[str, Decoder], name: str, seed: int) -> None:
    decoder = decoders[name]
    values, errors = feed(decoder, random_inputs(decoder, random.Random(f"{seed} random {name}")))
    assert values or name in UNLIKELY, "no input was ever accepted: the inputs are too wild to test anything"
    assert errors, "no input was ever refused"


@pytest.mark.parametrize("name", NAMES)
def test_mutated_inputs(decoders: dict[str, Decoder], name: str, seed: int) -> None:
    decoder = decoders[name]
    for given in decoder.valid:
        decoder.decode(given)
    values, errors = feed(decoder, mutated_inputs(decoder, random.Random(f"{seed} mutated {name}")))
    assert values, "no input was ever accepted"
    assert errors, "no input was ever refused"


def test_mutated_examples_can_be_sent_on(example: Any, seed: int) -> None:
    generator = random.Random(f"{seed} {example.title}")
    is_message = issubclass(example.structure, Message)
    decode = example.structure.FAMILY.decode if is_message else example.structure.from_bytes
    for _ in range(30):
        for given in mutations(generator, example.octets):
            try:
                value = decode(given)
            except DecodeError:
                continue
            again = value.encode() if hasattr(value, "encode") else value.to_bytes()
            assert decode(again) == value, given.hex(" ")
            assert len(again) == len(given), given.hex(" ")
