from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from net4ai.codecs.declaration import FixedField, Structure
from net4ai.codecs.dep import DataBody, DepHeader
from net4ai.codecs.l2 import L2Header, StatusReport
from net4ai.codecs.message import MessagePrefix
from net4ai.codecs.numpy_types import DATA_HEADERS, bit_field, header_type, headers_type

COUNT = 500


def random_headers(seed: int, *structures: type[Structure]) -> bytes:
    generator = random.Random(seed)
    return b"".join(_random(generator, structure) for _ in range(COUNT) for structure in structures)


def _random(generator: random.Random, structure: type[Structure]) -> bytes:
    values: dict[str, Any] = {
        name: generator.randint(spec.minimum, spec.largest)
        for name, spec in structure.DECLARATION.items()
        if isinstance(spec, FixedField) and not spec.reserved and spec.constant is None
    }
    return structure(**values).to_bytes()


@pytest.mark.parametrize("structure", [L2Header, DepHeader, DataBody, MessagePrefix])
def test_columns_are_what_the_scalar_unpacker_reads(structure: type[Structure], seed: int) -> None:
    octets = random_headers(seed, structure)
    headers = np.frombuffer(octets, header_type(structure))
    size = structure.fixed_run().size
    scalar = [structure.from_bytes(octets[at : at + size]) for at in range(0, len(octets), size)]
    assert len(headers) == COUNT
    for name in asdict(scalar[0]):
        column = bit_field(structure, name).read(headers)
        assert column.tolist() == [int(getattr(header, name)) for header in scalar], name


def test_the_32_octets_before_the_payload(seed: int) -> None:
    assert DATA_HEADERS.itemsize == 32
    octets = random_headers(seed, L2Header, DepHeader, DataBody)
    headers = np.frombuffer(octets, DATA_HEADERS)
    for at, header in enumerate(headers):
        start = 32 * at
        assert header["L2Header"]["count"] == L2Header.read(octets, start)[0].count
        assert header["DepHeader"]["handle"] == DepHeader.read(octets, start + 8)[0].handle
        assert header["DataBody"]["packet_number"] == DataBody.read(octets, start + 24)[0].packet_number


def test_a_batch_of_datagrams_end_to_end() -> None:
    segment = 32 + 100
    datagrams = bytearray(3 * segment)
    headers: Any = np.ndarray(3, DATA_HEADERS, datagrams, strides=(segment,))
    headers["DataBody"]["packet_number"] = [7, 8, 9]
    bit_field(DepHeader, "qfi").write(headers["DepHeader"], [1, 2, 63])
    bit_field(DepHeader, "type").write(headers["DepHeader"], 1)
    bit_field(DepHeader, "version").write(headers["DepHeader"], 1)
    for index, (number, qfi) in enumerate([(7, 1), (8, 2), (9, 63)]):
        header, end = DepHeader.read(datagrams, index * segment + 8)
        assert (header.version, header.type, header.qfi) == (1, 1, qfi)
        assert DataBody.read(datagrams, end)[0].packet_number == number


def test_writing_leaves_the_neighbours_alone(seed: int) -> None:
    octets = bytearray(random_headers(seed, L2Header))
    before = [L2Header.from_bytes(octets[at : at + 8]) for at in range(0, len(octets), 8)]
    headers = np.frombuffer(octets, header_type(L2Header))
    bit_field(L2Header, "segmentation").write(headers, np.arange(COUNT))
    for at, (header, old) in enumerate(zip(headers, before, strict=True)):
        new = L2Header.from_bytes(header.tobytes())
        assert asdict(new) == {**asdict(old), "segmentation": at % 4}


def test_names_of_words() -> None:
    assert header_type(L2Header).names == ("word_0", "word_1", "c_rnti", "count")
    assert headers_type(L2Header, DataBody).names == ("L2Header", "DataBody")


def test_misuse_is_named() -> None:
    with pytest.raises(TypeError, match="StatusReport has fields of variable length"):
        header_type(StatusReport)
    with pytest.raises(KeyError, match="L2Header has no field 'qfi'; it has version"):
        bit_field(L2Header, "qfi")
