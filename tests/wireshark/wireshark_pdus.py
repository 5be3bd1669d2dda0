"""Random valid PDUs of every message and DEP type, in packets, with the Wireshark fields they must give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from wireshark_captures import Packet, exported_pdu, udp
from wireshark_values import (
    Fields,
    expected_fields,
    expected_message_fields,
    merge,
    random_value,
)

from net4ai.codecs import dep, l2, lua_fields, message
from net4ai.codecs.declaration import Structure


def l2_header(generator: random.Random, **fixed: int) -> l2.L2Header:
    values = {
        "is_data": True,
        "segmentation": l2.Segmentation.COMPLETE,
        "poll": generator.random() < 0.5,
        "has_mac": generator.random() < 0.2,
        "ciphered": generator.random() < 0.05,
        "c_rnti": generator.randrange(1 << 16),
        "count": generator.randrange(1 << 32),
    }
    return l2.L2Header(**{**values, **fixed})


def on_layer_2(header: l2.L2Header, sdu: bytes, found: Fields, generator: random.Random) -> bytes:
    if header.ciphered and len(sdu):
        # What follows the header cannot be read.
        found.clear()
        found["net4ai.cipher_text"] = [sdu]
    merge(found, expected_fields(header, "net4ai"))
    mac = b""
    if header.has_mac:
        mac = generator.randbytes(4)
        merge(found, {"net4ai.mac_i": [mac]})
    return udp(header.to_bytes() + sdu + mac)


def family_pdu(name: str, code: int, generator: random.Random) -> tuple[Packet, Fields]:
    item = random_value(lua_fields.FAMILIES[name].messages[code], generator)
    found = expected_message_fields(item, name)
    if name in ("n2", "nas"):
        prefix = len(item.encode()).to_bytes(4, "big") if name == "n2" and generator.random() < 0.5 else b""
        return Packet(exported_pdu(f"net4ai_{name}", prefix + item.encode()), "N2"), found
    bearer_type = l2.BearerType.SRB if name == "rrc" else l2.BearerType.FIXED_LINK
    bearer = 1 if item.BEARER == "SRB1" else 0
    header = l2_header(generator, bearer_type=bearer_type, bearer=bearer)
    return Packet(on_layer_2(header, item.encode(), found, generator)), found


def dep_pdu(kind: int, generator: random.Random) -> tuple[Packet, Fields]:
    header = random_value(dep.DepHeader, generator)
    words = 0 if kind == dep.DepType.DATA else generator.choice([0, 0, 3])
    fixed = {"version": dep.VERSION, "type": kind, "extension_words": words}
    header = dep.DepHeader(**{**values_of(header), **fixed})
    found = expected_fields(header, "dep")
    parts = [header.to_bytes()]
    if words:
        for length, kinds in ((1, (0, 2, 127)), (2, (0, 1, 1, generator.randrange(128)))):
            extension = dep.Extension(critical=generator.random() < 0.3, type=generator.choice(kinds), words=length)
            value = generator.randbytes(4 * (length - 1))
            parts.append(extension.to_bytes() + value)
            merge(found, expected_fields(extension, "dep.extension"))
            merge(found, {"dep.extension.value": [value]})
            if extension.type == dep.ExtensionType.TIMESTAMP:
                merge(found, {"dep.extension.timestamp": [int.from_bytes(value, "big")]})
    if kind == dep.DepType.DATA:
        payload = generator.randbytes(generator.randint(0, 80))
        length = min(header.offset + len(payload) + generator.randrange(1 << 20), (1 << 32) - 1)
        payload = payload[: length - header.offset]
        body: Structure = dep.DataBody(message_length=length, packet_number=generator.randrange(1 << 32))
        merge(found, {"dep.payload": [payload]} | expected_fields(body, "dep.data"))
        parts += [body.to_bytes(), payload]
    elif kind in dep.BODIES:
        body = random_value(dep.BODIES[dep.DepType(kind)], generator)
        name = lua_fields.snake_case(type(body).__name__.removesuffix("Body"))
        merge(found, expected_fields(body, f"dep.{name}"))
        parts.append(body.to_bytes())
    else:
        rest = generator.randbytes(generator.randint(0, 30))
        merge(found, {"dep.body": [rest]})
        parts.append(rest)
    bearer_type = generator.choice([l2.BearerType.CRB, l2.BearerType.FIXED_LINK])
    layer_2 = l2_header(generator, bearer_type=bearer_type, bearer=generator.randint(1, 63))
    return Packet(on_layer_2(layer_2, b"".join(parts), found, generator)), found


def values_of(value: Structure) -> dict[str, int]:
    return {
        name: getattr(value, name)
        for name, spec in value.DECLARATION.items()
        if not (getattr(spec, "reserved", False) or getattr(spec, "constant", None) is not None)
    }


def status_pdu(generator: random.Random) -> tuple[Packet, Fields]:
    report = random_value(l2.StatusReport, generator)
    found = expected_fields(report, "net4ai.status")
    kind = generator.choice([l2.BearerType.SRB, l2.BearerType.FIXED_LINK])
    header = l2_header(generator, is_data=False, bearer_type=kind, bearer=1)
    return Packet(on_layer_2(header, report.to_bytes(), found, generator)), found


def segment_pdu(generator: random.Random) -> tuple[Packet, Fields]:
    payload = generator.randbytes(generator.randint(1, 40))
    kind = generator.choice([l2.Segmentation.LAST, l2.Segmentation.MIDDLE])
    offset = random_value(l2.SegmentOffset, generator)
    shown = expected_fields(offset, "net4ai.segment")
    header = l2_header(generator, segmentation=kind, bearer_type=l2.BearerType.SRB, bearer=1)
    found: Fields = {}
    packet = on_layer_2(header, offset.to_bytes() + payload, found, generator)
    merge(shown, {"net4ai.cipher_text" if header.ciphered else "net4ai.payload": [payload]})
    return Packet(packet), {**found, **shown}


def message_pdu(generator: random.Random) -> tuple[Packet, Fields]:
    """A function message alone: tensors, JSON, bytes; sealed records too."""
    content = generator.choice(list(message.Content))
    data, element_type, dimensions = generator.randbytes(generator.randint(1, 64)), message.ElementType.NONE, ()
    if content == message.Content.JSON:
        data = b'{"metric": 12.5}'
    if content == message.Content.TENSOR:
        element_type = generator.choice(list(message.ElementType)[1:])
        dimensions = tuple(generator.randint(1, 3) for _ in range(generator.randint(0, 4)))
        size = message.ELEMENT_SIZE[element_type]
        for dimension in dimensions:
            size *= dimension
        data = generator.randbytes(size)
    item = message.Message(
        tag=generator.randrange(1 << 16),
        content=content,
        data=data,
        index=generator.randrange(1 << 32),
        element_type=element_type,
        dimensions=dimensions,
    )
    encoded = message.encode_message(item)
    prefix = message.MessagePrefix.read(encoded)[0]
    if generator.random() < 0.3:
        return sealed_pdu(prefix, generator)
    found = expected_fields(prefix, "net4ai.message")
    found["net4ai.message.data"] = [data]
    return Packet(exported_pdu("net4ai_message", encoded), "N2"), found


def sealed_pdu(prefix: message.MessagePrefix, generator: random.Random) -> tuple[Packet, Fields]:
    """Records in place of the data."""
    prefix = replace(prefix, record_size=64)
    found, parts = expected_fields(prefix, "net4ai.message"), [prefix.to_bytes()]
    for sequence in range(generator.randint(1, 3)):
        ciphertext, tag = generator.randbytes(generator.randint(1, 64)), generator.randbytes(16)
        record = message.Record(
            last=generator.random() < 0.5,
            epoch=generator.randrange(1 << 32),
            length=len(ciphertext),
            sequence=sequence,
        )
        merge(found, expected_fields(record, "net4ai.message.record"))
        merge(found, {"net4ai.message.record.ciphertext": [ciphertext], "net4ai.message.record.tag": [tag]})
        parts += [record.to_bytes(), ciphertext, tag]
    return Packet(exported_pdu("net4ai_message", b"".join(parts)), "N2"), found


def pdus(generator: random.Random) -> Iterator[tuple[Packet, Fields]]:
    """Every message and DEP type in turn, without end."""
    while True:
        for name, family in lua_fields.FAMILIES.items():
            for code in family.messages:
                yield family_pdu(name, code, generator)
        for kind in (*range(1, 16), *dep.DepType):
            yield dep_pdu(kind, generator)
        yield status_pdu(generator)
        yield segment_pdu(generator)
        yield message_pdu(generator)
