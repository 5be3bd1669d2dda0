"""Every decoder, by name: what it does, the only errors it may raise, how inputs begin, and inputs that are valid."""

from __future__ import annotations

import hmac
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from net4ai.app.scenario import load_scenario
from net4ai.app.schema import convert
from net4ai.app.yaml_document import ConfigurationError, parse
from net4ai.codecs import bus, compute, dep, l2, link, n2, nas, rrc
from net4ai.codecs.declaration import Family, Structure
from net4ai.codecs.envelope import Envelope, Reassembler, encode, node_key, seal
from net4ai.codecs.envelope import decode as decode_envelope
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.message import Content, ElementType, Message, decode_message, encode_message
from net4ai.conformance import pdus
from net4ai.conformance.statement import Statement
from net4ai.stack.dep.extensions import Extensions, extension
from net4ai.stack.io.capture import ALL_LINKS
from net4ai.stack.io.capture_reader import CaptureError, read_capture
from net4ai.stack.io.capture_stream import CaptureStream
from net4ai.stack.io.pcapng import interface_block, names_block, packet_block, section_block
from net4ai.stack.io.stream import FrameDecoder
from net4ai.stack.link_peer import read_unattached, unattached_pdu
from net4ai.stack.message_hooks import DepPdu
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.errors import ProtectionError
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu

Octets = dict[type[Structure], list[bytes]]
"""The examples of the specification."""
Start = Callable[[random.Random], bytes]

RUN_KEY = bytes(32)
K_AMF = bytes(range(32))
PROCESS = "core"
KEY = node_key(RUN_KEY, PROCESS)


@dataclass(frozen=True, slots=True)
class Decoder:
    """One decoder."""

    decode: Callable[[bytes], Any]
    valid: list[bytes]
    start: Start = lambda generator: b""
    """Most random inputs begin like one that is known: others end after their first octet."""
    errors: tuple[type[Exception], ...] = (DecodeError,)
    share: int = 1
    """One input where others get this many: for those that are slow."""


def start_with(starts: Iterable[bytes]) -> Start:
    choices = list(starts)
    return lambda generator: generator.choice(choices) if generator.random() < 0.9 else b""


def family(family: Family, examples: Octets) -> Decoder:
    """The messages of one protocol."""
    valid = [octets for message in family.messages.values() for octets in examples[message]]
    return Decoder(family.decode, valid, start_with(bytes((code,)) for code in family.messages))


# Layer 2, SRB0, attach messages


def decode_status_report(octets: bytes) -> list[l2.MissingRange]:
    return l2.StatusReport.from_bytes(octets).missing_ranges()


def decode_srb0(octets: bytes) -> Any:
    return rrc.Rrc.FAMILY.decode(srb0_sdu(octets))


def layer_2(examples: Octets) -> dict[str, Decoder]:
    on_srb0 = [srb0_pdu(octets) for message in rrc.Rrc.FAMILY.messages.values() for octets in examples[message]]
    attach = [
        unattached_pdu(message.from_bytes(octets[1:]), 1)
        for message in (link.AttachRequest, link.AttachAccept, link.AttachReject)
        for octets in examples[message]
    ]
    return {
        "L2 header": Decoder(l2.L2Header.from_bytes, examples[l2.L2Header]),
        "L2 PDU of the tester": Decoder(pdus.L2Pdu.decode, on_srb0),
        "status report": Decoder(decode_status_report, examples[l2.StatusReport]),
        "SRB0": Decoder(decode_srb0, on_srb0, start_with(pdu[:9] for pdu in on_srb0)),
        "attach": Decoder(read_unattached, attach, start_with(pdu[:9] for pdu in attach)),
    }


# DEP


def decode_dep(octets: bytes) -> tuple[dep.DepHeader, Any]:
    header, end = dep.DepHeader.read(octets)
    body = dep.BODIES.get(header.type)  # type: ignore[call-overload]
    return header, body and body.from_bytes(octets[end:])


def decode_whole_dep(octets: bytes) -> Any:
    """Header, extensions, body and payload, as tester and message hooks read them."""
    DepPdu.from_bytes(octets)
    read = pdus.DepPdu.decode(octets, 1, False)
    return str(read), Extensions(read.extensions)


def dep_decoders(examples: Octets) -> dict[str, Decoder]:
    header = dep.DepHeader.from_bytes(examples[dep.DepHeader][0])
    typed = [
        (replace(header, type=kind, extension_words=words), body)
        for kind, structure in dep.BODIES.items()
        for body in examples[structure]
        for words in (0, 2)
    ]
    plain = [of_type.to_bytes() + body for of_type, body in typed if not of_type.extension_words]
    extended = [
        of_type.to_bytes() + extension(1, b"time") * (of_type.extension_words // 2) + body for of_type, body in typed
    ]
    alone = [extension(kind, b"time", critical) for kind in (0, 1, 77) for critical in (False, True)]
    return {
        "DEP header": Decoder(dep.DepHeader.from_bytes, examples[dep.DepHeader]),
        "DEP": Decoder(decode_dep, plain, start_with(bytes((first,)) for first in range(0x11, 0x20))),
        "DEP with extensions": Decoder(decode_whole_dep, extended, start_with(pdu[:16] for pdu in extended)),
        "DEP extensions": Decoder(Extensions, alone, start_with(octets[:2] for octets in alone)),
    }


# NAS, protected


def unprotect(octets: bytes) -> Any:
    """Protected NAS messages at a core that has keys."""
    message = nas.Nas.FAMILY.decode(octets)
    security = NasSecurity(K_AMF, 2, 2, Direction.DOWNLINK)
    return nas.Nas.FAMILY.decode(security.unprotect(message)) if isinstance(message, nas.Protected) else message


def protected(examples: Octets) -> Decoder:
    terminal = NasSecurity(K_AMF, 2, 2, Direction.UPLINK)
    valid = [
        terminal.protect(message.from_bytes(octets[1:]), nas.SecurityHeaderType.INTEGRITY_AND_CIPHERING).encode()
        for message in (nas.Consent, nas.RegistrationComplete, nas.RoutineAccept, nas.Status)
        for octets in examples[message]
    ]
    start = start_with(octets[:2] for octets in valid)
    return Decoder(unprotect, valid, start, (DecodeError, ProtectionError))


# Messages of functions


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


def messages() -> Decoder:
    tensor = Message(tag=1, content=Content.TENSOR, data=bytes(24), element_type=ElementType.FLOAT32, dimensions=(2, 3))
    return Decoder(
        decode_message, [encode_message(tensor), encode_message(Message(tag=2, data=b"data"))], message_start
    )


# The bus


def envelope(**fields: Any) -> Envelope:
    return Envelope(
        **{"process": PROCESS, "id": "00" * 16, "kind": "request", "type": "Done", "sender": "a", "to": "b"} | fields
    )


def decode_signed(octets: bytes) -> Any:
    """With its true signature: whoever has a key may still send anything."""
    return decode_envelope(sign(octets), lambda process: KEY)


def sign(octets: bytes) -> bytes:
    signed = b'"process":"core",' + octets
    return b'{"hmac":"%b",%b' % (hmac.digest(KEY, signed, "sha256").hex().encode(), signed)


def reassemble(octets: bytes) -> Any:
    return Reassembler().add(decode_signed(octets), 0)


def signed_part(octets: bytes) -> bytes:
    return octets.partition(b'"process":"core",')[2]


BODY_TYPES = list(bus.BODIES.values())
BODIES: list[bus.Body] = [
    bus.StartJob(service=1, job="train", k=2, cut=1),
    bus.JobProgress(job=1, what="waiting", values={"there": 1, "of": "two"}),
    bus.JobEnded(job=1, cause=0, detail="as wanted"),
    bus.NodeAvailable(node="ran-1", kind="ran-node", application_servers=["ran-1-app-server"]),
    bus.FunctionProgress(execution=1, instance=2, values={"loss": 0.5}),
]


def decode_body(octets: bytes) -> bus.Body:
    """The first octet says of what type, the rest is JSON."""
    return bus.decode_body(octets[1:], BODY_TYPES[octets[0] % len(BODY_TYPES)] if octets else bus.Done)


def bus_decoders() -> dict[str, Decoder]:
    whole = encode(envelope(body=msgspec.Raw(b'{"job":1}')), KEY)
    parts = [msgspec.structs.replace(envelope(body=msgspec.Raw(b'"a"')), part=part, parts=2) for part in (0, 1)]
    tails = [signed_part(octets) for octets in (*whole, *(seal(part, KEY) for part in parts))]
    bodies = [bytes((BODY_TYPES.index(type(body)),)) + msgspec.json.encode(body) for body in BODIES]
    return {
        "bus envelope": Decoder(
            lambda octets: decode_envelope(octets, lambda process: KEY),
            whole,
            start_with((whole[0][:90], b'{"hmac":"')),
        ),
        "bus envelope, signed": Decoder(decode_signed, tails, start_with((tails[0][:60],))),
        "parts of bus envelopes": Decoder(reassemble, tails, start_with((tails[0][:60],))),
        "bus body": Decoder(decode_body, bodies, start_with(body[:6] for body in bodies)),
    }


# The compute worker


def compute_decoders() -> dict[str, Decoder]:
    to_worker = [
        compute.encode(compute.Load(instance=1, function="echo", settings={"a": [1, 2.5, None]}, private={"b": b"c"})),
        compute.encode(
            compute.Begin(
                instance=1, execution=2, routine="bottom", as_server=True, round=0, cut=1, seats=[1, 2], sequential=True
            )
        ),
        compute.encode(compute.DeliverResult(instance=1, body=b"octets")),
        compute.encode(compute.Unload(instance=1)),
    ]
    from_worker = [
        compute.encode(compute.Loaded(instance=1)),
        compute.encode(compute.Begun(instance=1, execution=2, as_server=False)),
        compute.encode(compute.Log(instance=1, line="a line")),
        compute.encode(compute.Dropped(instance=1, reason="malformed", octets=3)),
    ]
    return {
        "to the compute worker": Decoder(compute.decode_to_worker, to_worker, start_with(m[:10] for m in to_worker)),
        "of the compute worker": Decoder(
            compute.decode_from_worker, from_worker, start_with(m[:10] for m in from_worker)
        ),
    }


# Streams and files


def decode_frames(octets: bytes) -> list[bytes]:
    decoder = FrameDecoder(100)
    decoder.feed(octets)
    return list(iter(decoder.next_frame, None))


def decode_capture(octets: bytes) -> Any:
    stream = CaptureStream()
    stream.feed(octets)
    return list(stream.packets()), stream.names, stream.comments, stream.left


def capture_file() -> bytes:
    interface = ALL_LINKS["Uu"]
    return b"".join(
        (
            section_block(["a run"]),
            interface_block(interface, 1000),
            names_block([(bytes((10, 0, 0, 1)), "ran-1")]),
            packet_block(0, 10**18, bytes(30), 40, "in", "a comment"),
        )
    )


def stream_decoders(folder: Path) -> dict[str, Decoder]:
    capture = capture_file()
    path = folder / "capture.pcapng"

    def read_file(octets: bytes) -> Any:
        path.write_bytes(octets)
        return read_capture(path)

    return {
        "frames": Decoder(decode_frames, [b"\0\0\0\x02ab\0\0\0\0"], start_with((b"\0\0\0", b"\0\0\0\x04"))),
        "capture stream": Decoder(decode_capture, [capture], start_with((capture[:12], capture[:40])), (CaptureError,)),
        "capture file": Decoder(
            read_file, [capture], start_with((capture[:12], capture[:40])), (CaptureError,), share=100
        ),
    }


# What people write


def decode_statement(octets: bytes) -> Statement:
    return convert(parse(octets, "statement"), Statement)


def document_decoders(folder: Path) -> dict[str, Decoder]:
    shipped = files("net4ai.scenarios")
    service = "blood-pressure.service.yaml"
    (folder / service).write_bytes((shipped / service).read_bytes())
    path = folder / "scenario.yaml"

    def read_scenario(octets: bytes) -> Any:
        path.write_bytes(octets)
        return load_scenario(path)

    own = files("net4ai.conformance") / "net4ai.yaml"
    return {
        "statement": Decoder(
            decode_statement, [own.read_bytes()], start_with((b"implementation: ",)), (ConfigurationError,), share=200
        ),
        "scenario": Decoder(
            read_scenario,
            [(shipped / "blood-pressure.yaml").read_bytes()],
            start_with((b"name: ",)),
            (ConfigurationError,),
            share=200,
        ),
    }


def all_decoders(examples: Octets, folder: Path) -> dict[str, Decoder]:
    """By name. `folder`: for files."""
    return {
        "RRC": family(rrc.Rrc.FAMILY, examples),
        "NAS": family(nas.Nas.FAMILY, examples),
        "protected NAS": protected(examples),
        "N2": family(n2.N2.FAMILY, examples),
        "link": family(link.Link.FAMILY, examples),
        "message of a function": messages(),
        **layer_2(examples),
        **dep_decoders(examples),
        **bus_decoders(),
        **compute_decoders(),
        **stream_decoders(folder),
        **document_decoders(folder),
    }
