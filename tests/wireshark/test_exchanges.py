"""Requests, answers and sessions are linked; each fault gives exactly the remark it should."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_reassembly import data_pdu
from wireshark_captures import (
    RAN_NODE,
    RAN_NODE_BULK,
    UE,
    UE_BULK,
    Packet,
    exported_pdu,
    fields,
    info,
    udp,
    write_pcapng,
)

from net4ai.codecs import dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SecurityCapabilities,
    SessionConfiguration,
    SessionHandle,
    SessionLimits,
    VersionRange,
)
from net4ai.codecs.declaration import Message

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)

pytestmark = pytest.mark.tshark

MILLISECOND = 1_000_000
C_RNTI = 7
LIMITS = SessionLimits(segment_size=1400, unscheduled=0, maximum_message=1 << 20, maximum_open=4)
FLOW = FlowMapping(qfi=1, bearer=1)


class Conversation:
    """Packets of one UE, up and down; a COUNT for each bearer and direction."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._counts: dict[tuple[l2.BearerType, int, bool], int] = {}

    def signal(
        self,
        item: Message,
        *,
        up: bool,
        bearer: int = 1,
        kind: l2.BearerType = l2.BearerType.SRB,
        time: int | None = None,
    ) -> None:
        c_rnti = C_RNTI if kind != l2.BearerType.SRB or bearer else 0
        key = (kind, bearer, up)
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        header = l2.L2Header(is_data=True, segmentation=0, bearer_type=kind, bearer=bearer, c_rnti=c_rnti, count=count)
        ends = (UE, RAN_NODE) if up else (RAN_NODE, UE)
        self.packets.append(Packet(udp(header.to_bytes() + item.encode(), *ends), time=self._time(time)))

    def data(self, pdu: bytes, *, up: bool, time: int | None = None) -> None:
        ends = (UE_BULK, RAN_NODE_BULK) if up else (RAN_NODE_BULK, UE_BULK)
        self.packets.append(Packet(udp(pdu, *ends), time=self._time(time)))

    def _time(self, time: int | None) -> int:
        if time is not None:
            return time
        last = self.packets[-1].time if self.packets else 0
        assert last is not None
        return last + 2 * MILLISECOND


def reconfigure(conversation: Conversation, handle_up: int, handle_down: int) -> None:
    qos = QosProfile(five_qi=128, priority=20)
    conversation.signal(
        rrc.Reconfiguration(
            transaction=1,
            bearers=(BearerConfiguration(bearer=1, mode=BearerMode.UNACKNOWLEDGED, qos=qos),),
            released_bearers=b"",
            sessions=(SessionConfiguration(session=3, dep_version=1, handle=handle_up, limits=LIMITS, flows=(FLOW,)),),
        ),
        up=False,
    )
    answer = SessionHandle(session=3, handle=handle_down, limits=LIMITS)
    conversation.signal(rrc.ReconfigurationComplete(transaction=1, sessions=(answer,)), up=True)


def test_rrc_and_nas_answers_are_linked(tmp_path: Path) -> None:
    conversation = Conversation()
    versions = VersionRange(lowest=1, highest=1)
    request = rrc.SetupRequest(ue_identity=2**63 + 5, cause=rrc.EstablishmentCause.MO_DATA, bulk_port=5001)
    registration = nas.RegistrationRequest(versions=versions, capabilities=CAPABILITIES, identity="imsi-1")
    accept = nas.RegistrationAccept(version=1, temporary_identity=9)
    conversation.signal(request, up=True, bearer=0)
    conversation.signal(request, up=True, bearer=0)
    setup = rrc.Setup(transaction=2, ue_identity=2**63 + 5, c_rnti=C_RNTI, bulk_port=46401)
    conversation.signal(setup, up=False, bearer=0)
    conversation.signal(rrc.SetupComplete(transaction=2, nas=registration.encode()), up=True)
    conversation.signal(rrc.DownlinkInformationTransfer(nas=accept.encode()), up=False)
    path = write_pcapng(tmp_path / "setup.pcapng", conversation.packets)
    kinds = ("response_in", "response_to", "response_time")
    names = [f"net4ai.{family}.{kind}" for family in ("rrc", "nas") for kind in kinds]
    assert fields(path, names, "-2") == [
        {"net4ai.rrc.response_in": ["3"]},
        {"net4ai.rrc.response_in": ["3"]},
        {
            "net4ai.rrc.response_to": ["1"],
            "net4ai.rrc.response_time": ["0.004000000"],
            "net4ai.rrc.response_in": ["4"],
        },
        {
            "net4ai.rrc.response_to": ["3"],
            "net4ai.rrc.response_time": ["0.002000000"],
            "net4ai.nas.response_in": ["5"],
        },
        {"net4ai.nas.response_to": ["4"], "net4ai.nas.response_time": ["0.002000000"]},
    ]
    assert info(path) == [
        "RRC Setup Request",
        "RRC Setup Request",
        "RRC Setup",
        "RRC Setup Complete, Registration Request",
        "DL Information Transfer, Registration Accept",
    ]


def test_repeated_transaction_numbers_belong_to_the_newest_request(tmp_path: Path) -> None:
    conversation = Conversation()
    for _ in range(2):
        conversation.signal(
            rrc.Reconfiguration(transaction=0, released_bearers=b""), up=False, time=len(conversation.packets) * 1000
        )
        conversation.signal(rrc.ReconfigurationComplete(transaction=0), up=True, time=len(conversation.packets) * 1000)
    path = write_pcapng(tmp_path / "transactions.pcapng", conversation.packets)
    shown = fields(path, ["net4ai.rrc.response_in", "net4ai.rrc.response_to"], "-2")
    assert [list(packet.values()) for packet in shown] == [[["2"]], [["1"]], [["4"]], [["3"]]]


def test_link_and_n2_answers_are_linked(tmp_path: Path) -> None:
    conversation = Conversation()
    signal = {"bearer": 0, "kind": l2.BearerType.FIXED_LINK}
    start = link.Start(execution=1, instance=2, end_point=link.EndPoint.ROUTINE_CLIENT, turn=3, seat=4, repetition=0)
    done = link.Done(
        execution=1, instance=2, end_point=link.EndPoint.ROUTINE_CLIENT, turn=3, seat=4, cause=Cause.NORMAL
    )
    # Both ends number their requests: transaction 5 of one is not transaction 5 of the other.
    conversation.signal(link.Terminate(transaction=5, instance=1), up=True, **signal)  # type: ignore[arg-type]
    conversation.signal(link.Terminate(transaction=5, instance=2), up=False, **signal)  # type: ignore[arg-type]
    conversation.signal(link.Acknowledge(transaction=5), up=True, **signal)  # type: ignore[arg-type]
    conversation.signal(link.Acknowledge(transaction=5), up=False, **signal)  # type: ignore[arg-type]
    conversation.signal(start, up=False, **signal)  # type: ignore[arg-type]
    conversation.signal(done, up=True, **signal)  # type: ignore[arg-type]
    requests = [
        n2.SessionSetupRequest(ran_ue=1, transaction=8, job=1),
        n2.SessionSetupRequest(ran_ue=2, transaction=8, job=1),
        n2.SessionSetupFailure(ran_ue=2, transaction=8, cause=Cause.NO_RESOURCES),
        n2.SessionSetupResponse(ran_ue=1, transaction=8, session=0),
    ]
    packets = [*conversation.packets, *(Packet(exported_pdu("net4ai_n2", item.encode()), "N2") for item in requests)]
    path = write_pcapng(tmp_path / "link.pcapng", packets)
    names = ["net4ai.link.response_in", "net4ai.link.response_to", "net4ai.n2.response_in", "net4ai.n2.response_to"]
    links = [next(iter(packet.values()))[0] for packet in fields(path, names, "-2")]
    assert links == ["4", "3", "2", "1", "6", "5", "10", "9", "8", "7"]


def test_dep_answers_are_linked_by_the_handles_of_their_session(tmp_path: Path) -> None:
    conversation = Conversation()
    reconfigure(conversation, handle_up=0xAAAA, handle_down=0xBBBB)
    reconfigure(conversation, handle_up=0xCCCC, handle_down=0xDDDD)
    ask, answer = (message.encode_message(message.Message(tag, data=bytes(40))) for tag in (1, 2))
    for number, handle in enumerate((0xAAAA, 0xCCCC)):
        conversation.data(data_pdu(ask, 0, number, message_id=1, handle=handle), up=True)
    for number, handle in enumerate((0xDDDD, 0xBBBB)):
        conversation.data(data_pdu(answer, 0, number, message_id=1, handle=handle, response=True), up=False)
    path = write_pcapng(tmp_path / "dep.pcapng", conversation.packets)
    names = ["dep.response_in", "dep.response_to", "dep.response_time", "dep.session_added_in", "net4ai.session"]
    shown = fields(path, names, "-2", "-Y", "dep")
    assert [packet.pop("net4ai.session") for packet in shown] == [["3"]] * 4
    assert shown == [
        {"dep.response_in": ["8"], "dep.session_added_in": ["2"]},
        {"dep.response_in": ["7"], "dep.session_added_in": ["4"]},
        {"dep.response_to": ["6"], "dep.response_time": ["0.002000000"], "dep.session_added_in": ["4"]},
        {"dep.response_to": ["5"], "dep.response_time": ["0.006000000"], "dep.session_added_in": ["2"]},
    ]
    assert len(fields(path, ["frame.number"], "-Y", "net4ai.handle == 0xaaaa")) == 2


def test_dep_answers_are_linked_without_signalling(tmp_path: Path) -> None:
    """A capture that began later."""
    conversation = Conversation()
    sent = message.encode_message(message.Message(1, data=bytes(40)))
    conversation.data(data_pdu(sent, 0, 0, handle=0xAAAA), up=True)
    conversation.data(data_pdu(sent, 0, 0, handle=0xBBBB, response=True), up=False)
    path = write_pcapng(tmp_path / "later.pcapng", conversation.packets)
    assert fields(path, ["dep.response_in", "dep.response_to"], "-2") == [
        {"dep.response_in": ["2"]},
        {"dep.response_to": ["1"]},
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Expert information


def crb(body: bytes, **fixed: int) -> bytes:
    header = l2.L2Header(is_data=True, segmentation=0, bearer_type=l2.BearerType.CRB, bearer=1, c_rnti=7, count=1)
    values = {"version": 1, "type": dep.DepType.DATA, "congestion": 0, "qfi": 1, "extension_words": 0}
    values |= {"handle": 1, "message_id": 1, "offset": 0}
    return header.to_bytes() + dep.DepHeader(**{**values, **fixed}).to_bytes() + body


def srb(body: bytes) -> bytes:
    header = l2.L2Header(is_data=True, segmentation=0, bearer_type=l2.BearerType.SRB, bearer=1, c_rnti=7, count=1)
    return header.to_bytes() + body


def set_bit(pdu: bytes, octet: int, bit: int) -> bytes:
    return pdu[:octet] + bytes([pdu[octet] | bit]) + pdu[octet + 1 :]


DATA = dep.DataBody(message_length=100, packet_number=1).to_bytes() + bytes(50)
RELEASE = rrc.Release(transaction=0, cause=Cause.NORMAL).encode()
ERROR = dep.ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=5).to_bytes()
RANGES = dep.NackBody(ranges=dep.MissingOctets(start=0, end=1).to_bytes()).to_bytes()
EXPERTS = ("malformed", "range", "cut", "unknown", "reserved", "retransmission", "error", "differs")


FAULTS: list[tuple[bytes, list[str]]] = [
    (crb(DATA), []),
    (srb(RELEASE), []),
    (set_bit(crb(DATA), 9, 0x08), ["reserved"]),
    (set_bit(crb(DATA), 0, 0x40), ["range"]),
    (crb(DATA, version=2), ["unknown"]),
    (crb(b"", type=14), ["unknown"]),
    (crb(b"abc", type=dep.DepType.PATH), ["malformed"]),
    (crb(b"", type=dep.DepType.EXT), ["unknown"]),
    (crb(ERROR, type=dep.DepType.ERROR, handle=0), ["error"]),
    (crb(ERROR[:5], type=dep.DepType.ERROR, handle=0), ["malformed"]),
    (crb(ERROR + b"x", type=dep.DepType.ERROR, handle=0), ["malformed"]),
    (crb(RANGES[:7], type=dep.DepType.NACK), ["malformed"]),
    (crb(dep.DataBody(message_length=10, packet_number=1).to_bytes() + bytes(11)), ["malformed"]),
    (crb(DATA, extension_words=200), ["malformed"]),
    (srb(b""), ["malformed"]),
    (srb(b"\x63abc"), ["unknown"]),
    (srb(RELEASE + b"x"), ["malformed"]),
    (srb(RELEASE[:-1]), ["malformed"]),
    (srb(b"\x0a\x09\x00\x01"), ["range"]),
    (srb(rrc.ReconfigurationFailure(transaction=0, cause=Cause.NO_RESOURCES).encode()), ["error"]),
    (srb(rrc.DownlinkInformationTransfer(nas=b"\xee").encode()), ["unknown"]),
    (srb(rrc.UplinkInformationTransfer(nas=b"").encode()), ["malformed"]),
    (srb(rrc.UplinkInformationTransfer(nas=b"\x41\x01\x01\x02\xff\xff").encode()), ["malformed"]),
]


def test_faults_are_named(tmp_path: Path) -> None:
    packets = [Packet(udp(pdu, ("10.0.0.1", 50_000 + number))) for number, (pdu, _) in enumerate(FAULTS)]
    path = write_pcapng(tmp_path / "faults.pcapng", packets)
    shown = fields(path, [f"net4ai.expert.{name}" for name in EXPERTS])
    for (pdu, experts), found in zip(FAULTS, shown, strict=True):
        assert [name.removeprefix("net4ai.expert.") for name in found] == experts, pdu.hex()
