"""RRC-like messages between a UE and its RAN node, after TS 38.331, in an encoding of our own."""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    MAXIMUM_SESSIONS,
    BearerConfiguration,
    SessionConfiguration,
    SessionHandle,
    SessionRelease,
)
from net4ai.codecs.declaration import Family, Message, Structure, enumeration, listing, octets, unsigned

MAXIMUM_NAS_OCTETS = 16384
"""Longest NAS message inside RRC or N2."""

TRANSACTION_MAXIMUM = 3
"""TS 38.331: RRC-TransactionIdentifier is 0 to 3, so at most four are open."""


class EstablishmentCause(IntEnum):
    """Why a UE wants a connection (TS 38.331, EstablishmentCause)."""

    MO_SIGNALLING = 3
    MO_DATA = 4
    MT_ACCESS = 2
    HIGH_PRIORITY_ACCESS = 1


class Rrc(Message):
    """Any RRC-like message."""

    FAMILY = Family("RRC", "RRC-like messages: SRB0 before the UE has a C-RNTI, SRB1 afterwards.")


class SetupRequest(Rrc, code=1, name="RRC Setup Request", bearer="SRB0", direction="up", reference="TS 38.331 5.3.3.2"):
    """A UE asks for a connection."""

    ue_identity: int = unsigned(64, "Random number the UE recognises its answer by.", hexadecimal=True)
    cause: int = enumeration(8, EstablishmentCause, "Establishment cause.")
    bulk_port: int = unsigned(16, "UDP port of the UE's bulk socket.", minimum=1)


class Setup(Rrc, code=2, name="RRC Setup", bearer="SRB0", direction="down", reference="TS 38.331 5.3.3.3"):
    """The RAN node accepts and names the C-RNTI."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    ue_identity: int = unsigned(64, "The identity of the request.", hexadecimal=True)
    c_rnti: int = unsigned(16, "Radio identity of the UE in this cell.", minimum=1)
    bulk_port: int = unsigned(16, "UDP port of the RAN node's bulk socket.", minimum=1)


class SetupComplete(
    Rrc, code=3, name="RRC Setup Complete", bearer="SRB1", direction="up", reference="TS 38.331 5.3.3.4"
):
    """The UE is connected; carries its first NAS message."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class Reject(Rrc, code=4, name="RRC Reject", bearer="SRB0", direction="down", reference="TS 38.331 5.3.15"):
    """The RAN node refuses the connection."""

    ue_identity: int = unsigned(64, "The identity of the request.", hexadecimal=True)
    wait_time: int = unsigned(16, "Milliseconds before the UE may ask again.")
    cause: int = enumeration(16, Cause, "Why.")


class Reconfiguration(
    Rrc, code=5, name="RRC Reconfiguration", bearer="SRB1", direction="down", reference="TS 38.331 5.3.5; R98-R104"
):
    """Computing radio bearers and DEP sessions to add, renew or release. Taken as a whole or refused as a whole."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    bearers: tuple[BearerConfiguration, ...] = listing(
        BearerConfiguration, "Computing radio bearers to add or change.", maximum=MAXIMUM_BEARERS
    )
    released_bearers: bytes = octets(8, "Identities of bearers to release, one octet each.", maximum=MAXIMUM_BEARERS)
    sessions: tuple[SessionConfiguration, ...] = listing(
        SessionConfiguration, "DEP sessions to add or renew.", maximum=MAXIMUM_SESSIONS
    )
    released_sessions: tuple[SessionRelease, ...] = listing(
        SessionRelease, "DEP sessions to release.", maximum=MAXIMUM_SESSIONS
    )


class ReconfigurationComplete(
    Rrc, code=6, name="RRC Reconfiguration Complete", bearer="SRB1", direction="up", reference="TS 38.331 5.3.5.3"
):
    """The UE has taken the configuration; its own handles for the sessions added or renewed."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    sessions: tuple[SessionHandle, ...] = listing(SessionHandle, "The UE's handles.", maximum=MAXIMUM_SESSIONS)


class ReconfigurationFailure(
    Rrc, code=7, name="RRC Reconfiguration Failure", bearer="SRB1", direction="up", reference="TS 38.331 5.3.5.8"
):
    """The UE has taken nothing of the configuration."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    cause: int = enumeration(16, Cause, "Why.")


class DownlinkInformationTransfer(
    Rrc, code=8, name="DL Information Transfer", bearer="SRB1", direction="down", reference="TS 38.331 5.7.1"
):
    """A NAS message for the UE."""

    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class UplinkInformationTransfer(
    Rrc, code=9, name="UL Information Transfer", bearer="SRB1", direction="up", reference="TS 38.331 5.7.2"
):
    """A NAS message for the core."""

    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class Release(Rrc, code=10, name="RRC Release", bearer="SRB1", direction="down", reference="TS 38.331 5.3.8"):
    """The connection ends: the UE frees all bearers and sessions."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    cause: int = enumeration(16, Cause, "Why.")


STRUCTURES: tuple[type[Structure], ...] = (BearerConfiguration, SessionConfiguration, SessionHandle, SessionRelease)
