"""Stories for captures: a UE and its RAN node, or two ends of a fixed link, message by message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wireshark_captures import BULK_PORT, SIGNALLING_PORT, Packet, exported_pdu, udp

from net4ai.codecs import dep, l2, link, message, n2, rrc
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SessionConfiguration,
    SessionHandle,
    SessionLimits,
    VersionRange,
)
from net4ai.codecs.declaration import Message, Structure
from net4ai.codecs.message import PREFIX_SIZE

C_RNTI = 7
UP_HANDLE, DOWN_HANDLE = 0xAAAA, 0xBBBB
"""Given out by the RAN node, by the UE."""
LIMITS = SessionLimits(segment_size=100, unscheduled=300, maximum_message=1000, maximum_open=4)
FLOWS = (FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=2))
QOS = QosProfile(five_qi=128, priority=20)
VERSIONS = VersionRange(lowest=1, highest=1)


class Story:
    """What two ends say. Each story of a capture has addresses of its own: their number tells them apart."""

    def __init__(self, number: int = 0) -> None:
        self.packets: list[Packet] = []
        self.number = number
        self.ue, self.network = f"10.1.{number}.1", f"10.1.{number}.2"
        self._counts: dict[object, int] = {}

    def pdu(self, sdu: bytes, *, up: bool, bulk: bool = False, mac: bool = False, **header: Any) -> bytes:
        """A PDU on its way; COUNT goes on by itself unless given."""
        key = (header.get("bearer_type"), header.get("bearer"), header.get("is_data", True), up, bulk)
        count = self._counts.get(key, 0)
        usual = {
            "is_data": True,
            "segmentation": 0,
            "c_rnti": C_RNTI,
            "count": count,
            "has_mac": mac,
            "ciphered": False,
        }
        values = {**usual, **header}
        self._counts[key] = values["count"] + 1
        pdu = l2.L2Header(**values).to_bytes() + sdu + (b"MAC-" if mac else b"")
        self.datagram(pdu, up=up, bulk=bulk)
        return pdu

    def datagram(self, pdu: bytes, *, up: bool, bulk: bool = False) -> None:
        port = BULK_PORT if bulk else SIGNALLING_PORT
        ends = ((self.ue, port), (self.network, port))
        self.packets.append(Packet(udp(pdu, *(ends if up else ends[::-1]))))

    # Signalling

    def rrc(self, item: Message, *, up: bool | None = None, bearer: int | None = None, **more: Any) -> bytes:
        """An RRC message, where its declaration has it unless said otherwise."""
        bearer = int(item.BEARER == "SRB1") if bearer is None else bearer
        fixed = {"bearer_type": l2.BearerType.SRB, "bearer": bearer, "c_rnti": C_RNTI if bearer else 0}
        return self.pdu(item.encode(), up=item.DIRECTION == "up" if up is None else up, **{**fixed, **more})

    def status(self, next_count: int, *, up: bool, **more: Any) -> None:
        report = l2.StatusReport(next_count=next_count, missing=b"").to_bytes()
        fixed = {"bearer_type": l2.BearerType.SRB, "bearer": 1, "is_data": False}
        self.pdu(report, up=up, **{**fixed, **more})

    def link(self, item: Message, *, up: bool, c_rnti: int = 1) -> None:
        self.pdu(item.encode(), up=up, bearer_type=l2.BearerType.FIXED_LINK, bearer=0, c_rnti=c_rnti)

    def exported(self, item: Message, *, up: bool, dissector: str = "net4ai_n2", interface: str = "N2") -> None:
        """A message on N2 or, from the key log, in clear."""
        ends = (self.ue, self.network) if up else (self.network, self.ue)
        self.packets.append(Packet(exported_pdu(dissector, item.encode(), ends), interface))

    def set_up(self) -> Story:
        """An RRC connection."""
        self.rrc(rrc.SetupRequest(ue_identity=5, cause=rrc.EstablishmentCause.MO_DATA, bulk_port=BULK_PORT))
        self.rrc(rrc.Setup(transaction=0, ue_identity=5, c_rnti=C_RNTI, bulk_port=BULK_PORT))
        return self

    def add_session(self, *, up: int = UP_HANDLE, down: int = DOWN_HANDLE, **protection: Any) -> Story:
        """A session of two QoS flows, each on an unacknowledged bearer of its own."""
        for item in self.reconfiguration(up, down):
            self.rrc(item, **protection)
        return self

    def reconfiguration(self, up: int, down: int) -> tuple[Message, Message]:
        bearers = [BearerConfiguration(bearer=flow.bearer, mode=BearerMode.UNACKNOWLEDGED, qos=QOS) for flow in FLOWS]
        session = SessionConfiguration(session=3, dep_version=1, handle=up, limits=LIMITS, flows=FLOWS)
        answer = SessionHandle(session=3, handle=down, limits=LIMITS)
        return (
            rrc.Reconfiguration(transaction=1, bearers=tuple(bearers), sessions=(session,)),
            rrc.ReconfigurationComplete(transaction=1, sessions=(answer,)),
        )

    def attach(self) -> Story:
        """A fixed link."""
        kind = link.AttachKind.APPLICATION_SERVER
        request = link.AttachRequest(versions=VERSIONS, kind=kind, bulk_port=BULK_PORT, name="server")
        self.link(request, up=True, c_rnti=0)
        self.link(link.AttachAccept(version=1, peer=1, bulk_port=BULK_PORT, name="edge"), up=False, c_rnti=0)
        return self

    def n2_set_up(self) -> Story:
        self.exported(n2.SetupRequest(versions=VERSIONS, node="ran-1"), up=True)
        self.exported(n2.SetupResponse(version=1), up=False)
        return self

    # DEP

    def dep(
        self,
        kind: dep.DepType,
        body: Structure,
        *,
        up: bool = True,
        payload: bytes = b"",
        extensions: bytes = b"",
        crb: int = 1,
        layer_2: dict[str, Any] | None = None,
        **header: Any,
    ) -> bytes:
        """A DEP PDU on a computing bearer, of message 1 on QoS flow 1 unless said otherwise."""
        usual = {"version": 1, "type": kind, "congestion": 0, "qfi": 1, "extension_words": len(extensions) // 4}
        usual |= {"handle": UP_HANDLE if up else DOWN_HANDLE, "message_id": 1, "offset": 0}
        sdu = dep.DepHeader(**{**usual, **header}).to_bytes() + extensions + body.to_bytes() + payload
        fixed = {"bearer_type": l2.BearerType.CRB, "bearer": crb}
        return self.pdu(sdu, up=up, bulk=kind == dep.DepType.DATA, **{**fixed, **(layer_2 or {})})

    def data(self, offset: int, length: int, size: int | None = None, **more: Any) -> bytes:
        """A segment of a message of `length` octets."""
        size = min(LIMITS.segment_size, length - offset) if size is None else size
        number = self._counts.get("packet", 0)
        self._counts["packet"] = number + 1
        body = dep.DataBody(message_length=length, packet_number=number)
        whole = message.encode_message(message.Message(tag=1, data=bytes([self.number]) * max(0, length - PREFIX_SIZE)))
        return self.dep(dep.DepType.DATA, body, payload=whole[offset : offset + size], offset=offset, **more)

    def path(self, sequence: int, answer: bool, *, up: bool) -> None:
        body = dep.PathBody(sequence=sequence, reason=dep.PathReason.REESTABLISHED, answer=answer)
        self.dep(dep.DepType.PATH, body, up=up)

    def capsule(self, epoch: int, octets: bytes, *, up: bool) -> None:
        self.dep(dep.DepType.CAPSULE, dep.CapsuleBody(epoch=epoch, capsule=octets), up=up)


def with_bit(packet: Packet, octet: int, bit: int) -> Packet:
    """A packet with a bit of its UDP payload set."""
    data = bytearray(packet.data)
    data[28 + octet] |= bit
    return replace(packet, data=bytes(data))
