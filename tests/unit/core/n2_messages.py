"""One of each N2 message, about a UE with the context 99 and a transaction 9 that nobody waits for."""

from __future__ import annotations

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile, SecurityCapabilities, TunnelEnd, VersionRange
from net4ai.codecs.declaration import Message

UE, TRANSACTION = 99, 9
ONE = VersionRange(lowest=1, highest=1)
CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
QOS = (QosProfile(five_qi=1, priority=1),)
TUNNEL_END = TunnelEnd(teid=1, address="127.0.0.1", port=2152, bulk_port=2153)

N2_MESSAGES: dict[type[Message], n2.N2] = {
    type(message): message
    for message in (
        n2.SetupRequest(versions=ONE, node="ran-1"),
        n2.SetupResponse(version=1),
        n2.SetupFailure(cause=1, versions=ONE),
        n2.InitialUeMessage(ran_ue=UE, nas=b"x"),
        n2.UplinkNasTransport(ran_ue=UE, nas=b"x"),
        n2.DownlinkNasTransport(ran_ue=UE, nas=b"x"),
        n2.SessionSetupRequest(ran_ue=UE, transaction=TRANSACTION, job=1, qos=QOS),
        n2.SessionSetupResponse(ran_ue=UE, transaction=TRANSACTION, session=1),
        n2.SessionSetupFailure(ran_ue=UE, transaction=TRANSACTION, cause=1),
        n2.PduSessionSetupRequest(ran_ue=UE, transaction=TRANSACTION, job=1, qos=QOS, uplink=TUNNEL_END),
        n2.PduSessionSetupResponse(ran_ue=UE, transaction=TRANSACTION, session=1, downlink=TUNNEL_END),
        n2.ContextReleaseRequest(ran_ue=UE, cause=1),
        n2.ContextReleaseCommand(ran_ue=UE, cause=1),
        n2.ContextReleaseComplete(ran_ue=UE),
        n2.InitialContextSetupRequest(ran_ue=UE, key=bytes(32), capabilities=CAPABILITIES, nas=b"x"),
        n2.InitialContextSetupResponse(ran_ue=UE),
        n2.InitialContextSetupFailure(ran_ue=UE, cause=1),
        n2.SessionModifyRequest(ran_ue=UE, transaction=TRANSACTION, session=1, qos=QOS),
        n2.SessionModifyResponse(ran_ue=UE, transaction=TRANSACTION),
        n2.SessionModifyFailure(ran_ue=UE, transaction=TRANSACTION, cause=1),
        n2.SessionReleaseCommand(ran_ue=UE, transaction=TRANSACTION, session=1, cause=1),
        n2.SessionReleaseResponse(ran_ue=UE, transaction=TRANSACTION),
        n2.HandoverRequired(ran_ue=UE, target="ran-2", cause=1, container=b""),
        n2.HandoverRequest(
            transaction=TRANSACTION,
            key=bytes(32),
            next_hop_chaining_count=1,
            capabilities=CAPABILITIES,
            sessions=(),
            container=b"",
        ),
        n2.HandoverRequestAcknowledge(transaction=TRANSACTION, ran_ue=UE, container=b""),
        n2.HandoverFailure(transaction=TRANSACTION, cause=1),
        n2.HandoverCommand(ran_ue=UE, container=b""),
        n2.HandoverPreparationFailure(ran_ue=UE, cause=1),
        n2.HandoverCancel(ran_ue=UE, cause=1),
        n2.HandoverCancelAcknowledge(ran_ue=UE),
        n2.HandoverNotify(ran_ue=UE),
        n2.ErrorIndication(cause=Cause.UNEXPECTED_MESSAGE, message_type=1, ran_ue=UE),
        n2.OverloadStart(reduction=50, wait_time=100),
        n2.OverloadStop(),
        n2.Paging(temporary_identity=5),
    )
}
