"""Scapy layers against the codec: the same octets built, the same values read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs import dep, generate, l2, link, message, n2, nas, rrc, scapy_layers
from net4ai.codecs.declaration import Family, FixedField, ListField, Message, NestedField, Structure, UnknownMessage
from net4ai.codecs.scapy_layers import IP, L2, UDP, Dep, N2Frame, Raw, fuzz, rdpcap
from net4ai.codecs.strategies import messages, values
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.clock import SystemClock

FAMILIES: dict[str, Family] = {
    "Rrc": rrc.Rrc.FAMILY,
    "Nas": nas.Nas.FAMILY,
    "N2": n2.N2.FAMILY,
    "Link": link.Link.FAMILY,
}
HEADERS = {l2.L2Header: "L2", dep.DepHeader: "Dep", dep.Extension: "DepExtension"}
BODIES_OF = {type_: f"Dep{type_.name.title().replace('_', '')}" for type_ in dep.BODIES}
BODIES = {body: BODIES_OF[type_] for type_, body in dep.BODIES.items()}
EVERY_FAMILY = pytest.mark.parametrize("title", FAMILIES)


def named(name: str) -> Any:
    return getattr(scapy_layers, name)


def layer_of(structure: type[Structure]) -> Any:
    if issubclass(structure, Message):
        return named(
            f"{next(title for title, family in FAMILIES.items() if family is structure.FAMILY)}{structure.__name__}"
        )
    return named(HEADERS.get(structure) or BODIES.get(structure) or structure.__name__)  # type: ignore[call-overload]


def declared() -> Iterator[type[Structure]]:
    for _, module in generate.MODULES:
        yield from generate.structures(module)
        for family in generate.families(module):
            yield from family.messages.values()


def field_names(structure: type[Structure]) -> Iterator[tuple[str, Any]]:
    for name, spec in structure.DECLARATION.items():
        if not (isinstance(spec, FixedField) and (spec.reserved or spec.constant is not None)):
            yield name, spec


def built(value: Structure) -> Any:
    """The layer with the fields of `value`."""
    structure, payload, given = type(value), b"", {}
    for name, spec in field_names(structure):
        content = getattr(value, name)
        if (structure, name) in scapy_layers.PAYLOADS:
            payload = content
            continue
        if (structure, name) in scapy_layers.LISTS:
            element = scapy_layers.LISTS[structure, name]
            size = element.fixed_run().size
            content = [built(element.from_bytes(content[at : at + size])) for at in range(0, len(content), size)]
        elif isinstance(spec, ListField):
            content = [built(element) for element in content]
        elif isinstance(spec, NestedField):
            content = built(content)
        given[scapy_layers.field_name(name)] = content
    made = layer_of(structure)(**given)
    return made / Raw(payload) if payload else made


def read(structure: type[Structure], layer: Any) -> Structure:
    """The value of a layer that Scapy has read."""
    found = {}
    for name, spec in field_names(structure):
        if (structure, name) in scapy_layers.PAYLOADS:
            found[name] = bytes(layer.payload)
            continue
        content = getattr(layer, scapy_layers.field_name(name))
        if (structure, name) in scapy_layers.LISTS:
            content = b"".join(bytes(element) for element in content)
        elif isinstance(spec, ListField):
            content = tuple(read(spec.element, element) for element in content)
        elif isinstance(spec, NestedField):
            content = read(spec.element, content)
        elif content is None or name in ("nas", "container"):
            content = bytes(content or b"")
        found[name] = content
    return structure(**found)


def encoded(value: Structure) -> bytes:
    if isinstance(value, l2.L2Header):
        more = (value.segmentation in scapy_layers._HAS_OFFSET) + (value.has_mac and not value.ciphered)
        return value.to_bytes() + bytes(4 * more)
    return value.encode() if isinstance(value, Message) else value.to_bytes()


def whole_elements(value: Structure) -> bool:
    """Octets that are structures are whole ones: others cannot be built as such."""
    for name, _ in field_names(type(value)):
        element = scapy_layers.LISTS.get((type(value), name))
        if element is not None and len(getattr(value, name)) % element.fixed_run().size:
            return False
    return True


def assert_agree(value: Structure) -> None:
    octets = encoded(value)
    assert bytes(built(value)) == octets
    layer = layer_of(type(value))(octets)
    assert read(type(value), layer) == value
    layer.clear_cache()
    assert bytes(layer) == octets, "what was read is built again"


def test_every_declaration_has_a_layer() -> None:
    found = list(declared())
    assert len(found) > 120
    for structure in found:
        layer = layer_of(structure)
        assert layer.__doc__ and layer.__name__ in scapy_layers.__all__, structure


def test_the_examples_of_the_specification(example: Any) -> None:
    if isinstance(example.value, dep.Extension):
        return  # the layer holds the extension's value too: below
    assert_agree(example.value)


@EVERY_FAMILY
def test_every_message_is_built_and_read_alike(title: str) -> None:
    @settings(max_examples=150)
    @given(messages(FAMILIES[title]))
    def agree(value: Message | UnknownMessage) -> None:
        if isinstance(value, UnknownMessage):
            layer = named(title)(value.encode())
            assert type(layer) is named(title)
            assert (layer.code, layer.body, bytes(layer)) == (value.code, value.body, value.encode())
            assert bytes(named(title)(code=value.code, body=value.body)) == value.encode()
            return
        layer = named(title)(value.encode())
        assert type(layer) is layer_of(type(value)), "the layer of the protocol finds the message's"
        assert_agree(value)

    agree()


STRUCTURES = [item for item in declared() if not issubclass(item, Message) and item is not dep.Extension]


@settings(max_examples=400)
@given(st.sampled_from(STRUCTURES).flatmap(values))
def test_every_structure_is_built_and_read_alike(value: Structure) -> None:
    if isinstance(value, dep.DepHeader) and value.extension_words:
        return  # extensions would have to follow
    if whole_elements(value):
        assert_agree(value)


# ---------------------------------------------------------------------------------------------------------------------
# Layers on top of each other


def kinds(packet: Any) -> list[str]:
    return [layer.__name__ for layer in packet.layers()]


def test_defaults_make_legal_messages() -> None:
    for title, family in FAMILIES.items():
        for structure in family.messages.values():
            made = family.decode(bytes(layer_of(structure)()))
            assert type(made) is structure, (title, made)
    for type_, body in dep.BODIES.items():
        octets = bytes(Dep() / named(BODIES_OF[type_])())
        header, end = dep.DepHeader.read(octets)
        assert (header.type, header.version, header.extension_words) == (type_, dep.VERSION, 0)
        body.from_bytes(octets[end:])


@pytest.mark.parametrize("type_", dep.BODIES)
def test_bodies_lie_on_dep_and_dep_on_l2(type_: dep.DepType) -> None:
    given_fields = {"ranges": [named("MissingOctets")(end=5)]} if type_ == dep.DepType.NACK else {}
    pdu = L2(c_rnti=7) / Dep(handle=0xDEADBEEF) / named(BODIES_OF[type_])(**given_fields)
    again = L2(bytes(pdu))
    assert kinds(again)[:3] == ["L2", "Dep", BODIES_OF[type_]]
    header = l2.L2Header.from_bytes(bytes(pdu)[:8])
    assert (header.is_data, header.bearer_type, header.bearer, header.c_rnti) == (True, l2.BearerType.CRB, 1, 7)


def test_data_knows_the_length_of_its_message() -> None:
    pdu = Dep(offset=100) / named("DepData")() / Raw(b"12345")
    assert dep.DataBody.from_bytes(bytes(pdu)[16:24]).message_length == 105
    given_length = Dep() / named("DepData")(message_length=7) / Raw(b"12345")
    assert Dep(bytes(given_length)).message_length == 7


def test_a_message_begins_with_its_prefix() -> None:
    pdu = L2() / Dep() / named("DepData")() / named("MessagePrefix")(tag=2, content=message.Content.JSON) / Raw(b"{}")
    again = L2(bytes(pdu))
    assert kinds(again) == ["L2", "Dep", "DepData", "MessagePrefix", "Raw"]
    assert message.decode_message(bytes(again["MessagePrefix"])) == message.Message(
        tag=2, content=message.Content.JSON, data=b"{}"
    )
    later = L2(bytes(L2() / Dep(offset=64) / named("DepData")() / Raw(bytes(again["MessagePrefix"]))))
    assert kinds(later)[3:] == ["Raw"], "only a message's first octets are a prefix"


def test_extensions_are_padded_and_counted() -> None:
    extension = named("DepExtension")
    pdu = Dep(extensions=[extension(type=1, value=b"1234"), extension(value=b"123456789")]) / named("DepGrant")(limit=5)
    octets = bytes(pdu)
    assert dep.DepHeader.read(octets)[0].extension_words == 2 + 4
    again = Dep(octets)
    assert [(item.type, item.words, item.value) for item in again.extensions] == [
        (1, 2, b"1234"),
        (0, 4, b"123456789\0\0\0"),
    ]
    assert again["DepGrant"].limit == 5
    head = dep.Extension(critical=True, type=5, words=1)
    assert bytes(extension(critical=1, type=5)) == head.to_bytes()
    assert read(dep.Extension, extension(head.to_bytes())) == head


@pytest.mark.parametrize("segmentation", l2.Segmentation)
@pytest.mark.parametrize("has_mac", [False, True])
@pytest.mark.parametrize("ciphered", [False, True])
def test_offset_and_mac_are_there_when_the_header_says_so(
    segmentation: l2.Segmentation, has_mac: bool, ciphered: bool
) -> None:
    header = l2.L2Header(
        is_data=True, segmentation=segmentation, has_mac=has_mac, ciphered=ciphered, bearer_type=0, bearer=1, c_rnti=7,
        count=3,
    )  # fmt: skip
    has_offset = segmentation in (l2.Segmentation.LAST, l2.Segmentation.MIDDLE)
    offset = l2.SegmentOffset(offset=99).to_bytes() if has_offset else b""
    body = rrc.UplinkInformationTransfer(nas=nas.SecurityModeComplete().encode()).encode()
    octets = header.to_bytes() + offset + body + (b"\x11\x22\x33\x44" if has_mac else b"")
    packet = L2(octets)
    assert packet.segment_offset == (99 if has_offset else None)
    assert packet.mac == (0x11223344 if has_mac and not ciphered else None)
    clear = not ciphered and segmentation == l2.Segmentation.COMPLETE
    assert kinds(packet)[1] == ("RrcUplinkInformationTransfer" if clear else "Raw")
    packet.clear_cache()
    assert bytes(packet) == octets


@pytest.mark.parametrize(
    ("security_header", "inside"),
    [(1, "NasConsent"), (2, "Raw"), (3, "NasConsent"), (4, "Raw"), (9, "Raw")],
)
def test_protected_nas_is_opened_unless_it_may_be_enciphered(security_header: int, inside: str) -> None:
    protected = named("NasProtected")(security_header=security_header, count=5) / named("NasConsent")(job=3)
    transfer = named("RrcDownlinkInformationTransfer")(nas=protected)
    read_nas = L2(bytes(L2() / transfer)).nas
    assert kinds(read_nas) == ["NasProtected", inside]
    inner = nas.Nas.FAMILY.decode(rrc.Rrc.FAMILY.decode(bytes(transfer)).nas)  # type: ignore[union-attr]
    assert isinstance(inner, nas.Protected) and inner.count == 5


def test_link_signalling_and_dep_on_fixed_links() -> None:
    signalling = L2() / named("LinkAttachRequest")(name_="ran-1", bulk_port=5)
    assert kinds(L2(bytes(signalling))) == ["L2", "LinkAttachRequest"]
    header = l2.L2Header.from_bytes(bytes(signalling)[:8])
    assert (header.bearer_type, header.bearer) == (l2.BearerType.FIXED_LINK, 0)
    assert kinds(L2(bytes(L2(bearer_type="FIXED_LINK") / Dep() / named("DepBusy")()))) == ["L2", "Dep", "DepBusy"]


def test_srb0_and_srb1_by_the_message() -> None:
    bearers = {
        name: l2.L2Header.from_bytes(bytes(L2() / named(name)())[:8]).bearer
        for name in ("RrcSetupRequest", "RrcPaging", "RrcSetupComplete", "RrcReestablishment")
    }
    assert bearers == {"RrcSetupRequest": 0, "RrcPaging": 0, "RrcSetupComplete": 1, "RrcReestablishment": 1}


def test_status_reports() -> None:
    report = l2.StatusReport(next_count=20, missing=l2.MissingRange(first=10, length=3).to_bytes())
    pdu = L2(count=4) / built(report)
    assert not pdu.is_data
    again = L2(bytes(pdu))
    assert bytes(pdu)[8:] == report.to_bytes()
    assert read(l2.StatusReport, again["StatusReport"]) == report


def test_n2_frames_and_what_follows_them() -> None:
    frames = [n2.SetupRequest(versions=n2.VersionRange(lowest=1, highest=1), node="ran-1"), n2.OverloadStop()]
    octets = b"".join(len(item.encode()).to_bytes(4, "big") + item.encode() for item in frames)
    first = N2Frame(octets)
    assert kinds(first) == ["N2Frame", "N2SetupRequest", "Padding"]
    assert kinds(N2Frame(bytes(first["Padding"])))[1] == "N2OverloadStop"
    assert bytes(N2Frame() / named("N2SetupRequest")(node="ran-1")) == octets[: len(frames[0].encode()) + 4]
    assert N2Frame.tcp_reassemble(octets[:6], {}, {}) is None
    assert kinds(N2Frame.tcp_reassemble(octets, {}, {}))[1] == "N2SetupRequest"


@pytest.mark.parametrize("ports", [(46400, 46400), (46401, 46401), (5000, 46400), (46401, 5000)])
def test_udp_ports(ports: tuple[int, int]) -> None:
    datagram = IP(bytes(IP() / UDP(sport=ports[0], dport=ports[1]) / L2() / named("RrcSetup")()))
    assert kinds(datagram)[2:] == ["L2", "RrcSetup"]
    assert (IP() / UDP() / L2()).dport == 46400


def test_fuzz_keeps_what_is_constant() -> None:
    for _ in range(20):
        octets = bytes(L2() / fuzz(named("RrcSystemInformation")()))
        assert octets[8:10] == bytes((20, 1))
        fuzzed = bytes(fuzz(named("NasRoutineInvite")(function="local-training")))
        assert fuzzed[0] == 0x88 and b"local-training" in fuzzed


@given(st.binary(max_size=80))
@settings(max_examples=300)
def test_any_octets_can_be_shown(octets: bytes) -> None:
    """What is cut short is Raw."""
    lower = [bytes(UDP(sport=46400, len=8 + len(octets))), bytes(UDP(dport=46401, len=8 + len(octets)))]
    packets = [UDP(header + octets) for header in lower]
    packets += [N2Frame(len(octets).to_bytes(4, "big") + octets), L2(bytes((32, 0)) + bytes(6) + octets)]
    for packet in packets:
        assert packet.show(dump=True)
        assert bytes(packet).endswith(octets)


def test_our_captures_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    data = L2(c_rnti=7) / Dep() / named("DepData")() / Raw(b"octets")
    with CaptureFile(path, SystemClock()) as capture:
        capture.link("Uu").datagram("ue-1/3", "ran-1", 46400, 46400, bytes(L2() / named("RrcSetupRequest")()))
        capture.link("T4").datagram("ran-1", "ran-1-app-server", 46401, 46401, bytes(data))
        capture.link("N2").message("core", "ran-1", n2.OverloadStop().encode())
        capture.link("bus").message("task-manager", "routine-manager", b'{"kind": "request"}')
    first, second, third, fourth = rdpcap(str(path))
    assert kinds(first) == ["IP", "UDP", "L2", "RrcSetupRequest"]
    assert kinds(second) == ["IP", "UDP", "L2", "Dep", "DepData", "Raw"]
    assert (first.src, second.chksum) == ("10.101.0.3", IP(bytes(second)).chksum)
    assert kinds(third) == ["ExportedPdu", "N2OverloadStop"]
    assert kinds(fourth) == ["ExportedPdu", "Raw"]
    assert fourth["Raw"].load == b'{"kind": "request"}'


def test_without_scapy_the_extra_is_named() -> None:
    script = "import sys; sys.modules['scapy'] = None; import net4ai.codecs.scapy_layers"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'net4ai[scapy]'" in done.stderr.splitlines()[-1]
