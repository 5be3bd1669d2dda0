"""N2 (AM-RAN): messages between a RAN node and the access manager over one TCP connection, after TS 38.413 (NGAP).

Each message is preceded by its length in 32 bits. NAS messages and session set-up of thousands of UEs pass here and
never over the control bus.
"""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_SESSIONS, QosProfile, VersionRange
from net4ai.codecs.declaration import Family, Message, Structure, enumeration, listing, nested, octets, text, unsigned
from net4ai.codecs.rrc import MAXIMUM_NAS_OCTETS

PORT = 46412
"""TCP port of the access manager, unless configured. (NGAP has 38412 over SCTP.)"""

VERSION = 1

MAXIMUM_MESSAGE = 65536
"""Longest N2 message, in octets."""


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


STRUCTURES: tuple[type[Structure], ...] = (VersionRange, QosProfile)
