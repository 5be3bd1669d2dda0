"""N2 (AM-RAN): messages between a RAN node and the access manager over one TCP connection, after TS 38.413 (NGAP).

Each message is preceded by its length in 32 bits. NAS messages and session set-up of thousands of UEs pass here and
never over the control bus.
"""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_SESSIONS, QosProfile, SecurityCapabilities, TunnelEnd, VersionRange
from net4ai.codecs.declaration import Family, Message, Structure, enumeration, listing, nested, octets, text, unsigned
from net4ai.codecs.rrc import MAXIMUM_NAS_OCTETS

PORT = 46412
"""TCP port of the access manager, unless configured. (NGAP has 38412 over SCTP.)"""

VERSION = 1

MAXIMUM_MESSAGE = 65536
"""Longest N2 message, in octets."""

KEY_OCTETS = 32
"""K_gNB."""
MAXIMUM_CONTAINER = 16384
"""Octets of what one RAN node has another one, or a UE, told in a handover."""


class SessionItem(Structure, reference="TS 38.413 9.3.4.1; R107"):
    """A DEP session of a UE that is handed over."""

    session: int = unsigned(8, "Identity of the session at the UE.", maximum=MAXIMUM_SESSIONS - 1)
    job: int = unsigned(32, "Number of the job the session is for.")
    qos: tuple[QosProfile, ...] = listing(QosProfile, "Quality of service, one for each QoS flow.", maximum=8)
    maximum_bit_rate: int = unsigned(32, "Session AMBR in kilobit per second; 0: none.", default=0)


class N2(Message):
    """Any N2 message."""

    FAMILY = Family("N2", "Messages between RAN node and access manager.")


class SetupRequest(N2, code=1, name="N2 Setup Request", bearer="N2", direction="up", reference="TS 38.413 8.7.1"):
    """A RAN node introduces itself."""

    versions: VersionRange = nested(VersionRange, "Versions the node can speak.")
    node: str = text("Name of the RAN node.", maximum=64)


class SetupResponse(N2, code=2, name="N2 Setup Response", bearer="N2", direction="down", reference="TS 38.413 8.7.1"):
    """The node is known from now on."""

    version: int = unsigned(8, "Version agreed on.", minimum=1)


class SetupFailure(N2, code=3, name="N2 Setup Failure", bearer="N2", direction="down", reference="TS 38.413 8.7.1"):
    """The node is refused."""

    cause: int = enumeration(16, Cause, "Why.")
    versions: VersionRange = nested(VersionRange, "Versions the core can speak.")


class InitialUeMessage(N2, code=4, name="Initial UE Message", bearer="N2", direction="up", reference="TS 38.413 8.6.1"):
    """First NAS message of a UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class UplinkNasTransport(
    N2, code=5, name="Uplink NAS Transport", bearer="N2", direction="up", reference="TS 38.413 8.6.3"
):
    """A NAS message for the access manager."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class DownlinkNasTransport(
    N2, code=6, name="Downlink NAS Transport", bearer="N2", direction="down", reference="TS 38.413 8.6.2"
):
    """A NAS message for a UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class SessionSetupRequest(
    N2, code=7, name="Session Setup Request", bearer="N2", direction="down", reference="TS 38.413 8.2.1; R97"
):
    """The RAN node shall set up a DEP session for a UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    job: int = unsigned(32, "Number of the job the session is for.")
    qos: tuple[QosProfile, ...] = listing(QosProfile, "Wanted quality of service, one for each QoS flow.", maximum=8)
    maximum_bit_rate: int = unsigned(32, "Session AMBR in kilobit per second; 0: none.", default=0)


class SessionSetupResponse(
    N2, code=8, name="Session Setup Response", bearer="N2", direction="up", reference="TS 38.413 8.2.1; R98"
):
    """The session is set up, mapped to its bearers, and known to the UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    session: int = unsigned(8, "Identity of the session at the UE.", maximum=MAXIMUM_SESSIONS - 1)


class SessionSetupFailure(
    N2, code=9, name="Session Setup Failure", bearer="N2", direction="up", reference="TS 38.413 8.2.1; R106"
):
    """No session, no bearer."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    cause: int = enumeration(16, Cause, "Why.")


class PduSessionSetupRequest(
    N2, code=34, name="PDU Session Setup Request", bearer="N2", direction="down", reference="TS 38.413 8.2.1; R95"
):
    """The RAN node shall set up a PDU session for a UE: a data radio bearer, and a tunnel to a user plane function."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    job: int = unsigned(32, "Number of the job the session is for.")
    qos: tuple[QosProfile, ...] = listing(QosProfile, "Wanted quality of service, one for each QoS flow.", maximum=8)
    uplink: TunnelEnd = nested(TunnelEnd, "Where the user plane function receives.")


class PduSessionSetupResponse(
    N2, code=35, name="PDU Session Setup Response", bearer="N2", direction="up", reference="TS 38.413 8.2.1; R95"
):
    """The PDU session has its data radio bearer, known to the UE, and its tunnel. Refusals: Session Setup Failure."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    session: int = unsigned(8, "Identity of the session at the UE.", maximum=MAXIMUM_SESSIONS - 1)
    downlink: TunnelEnd = nested(TunnelEnd, "Where the RAN node receives.")


class ContextReleaseRequest(
    N2, code=10, name="UE Context Release Request", bearer="N2", direction="up", reference="TS 38.413 8.3.2"
):
    """The RAN node has lost the UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    cause: int = enumeration(16, Cause, "Why.")


class ContextReleaseCommand(
    N2, code=11, name="UE Context Release Command", bearer="N2", direction="down", reference="TS 38.413 8.3.3"
):
    """The RAN node shall release the UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    cause: int = enumeration(16, Cause, "Why.")


class ContextReleaseComplete(
    N2, code=12, name="UE Context Release Complete", bearer="N2", direction="up", reference="TS 38.413 8.3.3"
):
    """The UE's context at the RAN node is gone."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")


class InitialContextSetupRequest(
    N2, code=13, name="Initial Context Setup Request", bearer="N2", direction="down", reference="TS 38.413 8.3.1"
):
    """The core vouches for the UE: the RAN node starts security, then delivers the NAS message."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    key: bytes = octets(8, "K_gNB, 32 octets.", maximum=KEY_OCTETS)
    capabilities: SecurityCapabilities = nested(SecurityCapabilities, "Security capabilities of the UE.")
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)
    ue_maximum_bit_rate: int = unsigned(32, "UE AMBR in kilobit per second; 0: none.", default=0)


class InitialContextSetupResponse(
    N2, code=14, name="Initial Context Setup Response", bearer="N2", direction="up", reference="TS 38.413 8.3.1"
):
    """Security is on between UE and RAN node."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")


class InitialContextSetupFailure(
    N2, code=15, name="Initial Context Setup Failure", bearer="N2", direction="up", reference="TS 38.413 8.3.1"
):
    """Security could not be started; the NAS message was not delivered."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    cause: int = enumeration(16, Cause, "Why.")


class SessionModifyRequest(
    N2, code=16, name="Session Modify Request", bearer="N2", direction="down", reference="TS 38.413 8.2.3; R102"
):
    """The RAN node shall give a session other quality of service, on a bearer that fits."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    session: int = unsigned(8, "Identity of the session at the UE.", maximum=MAXIMUM_SESSIONS - 1)
    qos: tuple[QosProfile, ...] = listing(QosProfile, "Wanted quality of service, one for each QoS flow.", maximum=8)
    maximum_bit_rate: int = unsigned(32, "Session AMBR in kilobit per second; 0: none.", default=0)


class SessionModifyResponse(
    N2, code=17, name="Session Modify Response", bearer="N2", direction="up", reference="TS 38.413 8.2.3"
):
    """The session has its new bearers, known to the UE."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")


class SessionModifyFailure(
    N2, code=18, name="Session Modify Failure", bearer="N2", direction="up", reference="TS 38.413 8.2.3; R106"
):
    """The session is as it was."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    cause: int = enumeration(16, Cause, "Why.")


class SessionReleaseCommand(
    N2, code=19, name="Session Release Command", bearer="N2", direction="down", reference="TS 38.413 8.2.2; R107"
):
    """The session ends; with the last session of a bearer the bearer ends."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")
    session: int = unsigned(8, "Identity of the session at the UE.", maximum=MAXIMUM_SESSIONS - 1)
    cause: int = enumeration(16, Cause, "Why.")


class SessionReleaseResponse(
    N2, code=20, name="Session Release Response", bearer="N2", direction="up", reference="TS 38.413 8.2.2; R107"
):
    """The session is gone, also where it never was."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the RAN node.")
    transaction: int = unsigned(32, "Number of the request.")


class HandoverRequired(
    N2, code=21, name="Handover Required", bearer="N2", direction="up", reference="TS 38.413 8.4.1; R107"
):
    """The source wants a UE to go on at another RAN node."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the source.")
    target: str = text("Name of the target RAN node.", maximum=64)
    cause: int = enumeration(16, Cause, "Why.")
    container: bytes = octets(16, "For the target, opaque to the core.", maximum=MAXIMUM_CONTAINER)


class HandoverRequest(
    N2, code=22, name="Handover Request", bearer="N2", direction="down", reference="TS 38.413 8.4.2; R107"
):
    """The target shall reserve what the UE needs."""

    transaction: int = unsigned(32, "Number of the request.")
    key: bytes = octets(8, "K_gNB of the target, 32 octets.", maximum=KEY_OCTETS)
    next_hop_chaining_count: int = unsigned(8, "Of this key.", maximum=7)
    capabilities: SecurityCapabilities = nested(SecurityCapabilities, "Security capabilities of the UE.")
    sessions: tuple[SessionItem, ...] = listing(SessionItem, "Its DEP sessions.", maximum=MAXIMUM_SESSIONS)
    container: bytes = octets(16, "From the source, opaque to the core.", maximum=MAXIMUM_CONTAINER)
    ue_maximum_bit_rate: int = unsigned(32, "UE AMBR in kilobit per second; 0: none.", default=0)


class HandoverRequestAcknowledge(
    N2, code=23, name="Handover Request Acknowledge", bearer="N2", direction="up", reference="TS 38.413 8.4.2"
):
    """The target waits for the UE."""

    transaction: int = unsigned(32, "Number of the request.")
    ran_ue: int = unsigned(32, "Identity of the UE's context at the target.")
    container: bytes = octets(16, "RRC Reconfiguration for the UE.", maximum=MAXIMUM_CONTAINER)


class HandoverFailure(
    N2, code=24, name="Handover Failure", bearer="N2", direction="up", reference="TS 38.413 8.4.2; R106"
):
    """The target has reserved nothing."""

    transaction: int = unsigned(32, "Number of the request.")
    cause: int = enumeration(16, Cause, "Why.")


class HandoverCommand(N2, code=25, name="Handover Command", bearer="N2", direction="down", reference="TS 38.413 8.4.1"):
    """All is prepared."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the source.")
    container: bytes = octets(16, "RRC Reconfiguration for the UE.", maximum=MAXIMUM_CONTAINER)


class HandoverPreparationFailure(
    N2, code=26, name="Handover Preparation Failure", bearer="N2", direction="down", reference="TS 38.413 8.4.1"
):
    """The UE stays where it is."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the source.")
    cause: int = enumeration(16, Cause, "Why.")


class HandoverCancel(N2, code=27, name="Handover Cancel", bearer="N2", direction="up", reference="TS 38.413 8.4.5"):
    """The source has thought better of it."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the source.")
    cause: int = enumeration(16, Cause, "Why.")


class HandoverCancelAcknowledge(
    N2, code=28, name="Handover Cancel Acknowledge", bearer="N2", direction="down", reference="TS 38.413 8.4.5"
):
    """What was prepared is free again."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the source.")


class HandoverNotify(
    N2, code=33, name="Handover Notify", bearer="N2", direction="up", reference="TS 38.413 8.4.3; R107"
):
    """The UE has come to the target."""

    ran_ue: int = unsigned(32, "Identity of the UE's context at the target.")


class ErrorIndication(N2, code=29, name="Error Indication", bearer="N2", direction="both", reference="TS 38.413 8.7.5"):
    """A message could not be taken. Never sent in answer to Error Indication; rate-limited."""

    cause: int = enumeration(16, Cause, "Why.")
    message_type: int = unsigned(8, "Message type of the message; 0: none could be read.")
    ran_ue: int = unsigned(32, "Identity of the UE's context it named; 0: none.", default=0)


class OverloadStart(N2, code=30, name="Overload Start", bearer="N2", direction="down", reference="TS 38.413 8.7.7"):
    """The core has too much to do: the RAN node rejects a share of the new connections."""

    reduction: int = unsigned(
        8, "Percentage to reject; high-priority access is never rejected.", minimum=1, maximum=100
    )
    wait_time: int = unsigned(16, "Milliseconds rejected UEs shall wait.")


class OverloadStop(N2, code=31, name="Overload Stop", bearer="N2", direction="down", reference="TS 38.413 8.7.8"):
    """All is as usual again."""


class Paging(N2, code=32, name="N2 Paging", bearer="N2", direction="down", reference="TS 38.413 8.5.1"):
    """The RAN node shall page a UE in its cell."""

    temporary_identity: int = unsigned(32, "Temporary identity of the UE.", hexadecimal=True)
