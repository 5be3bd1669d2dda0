"""RRC-like messages between a UE and its RAN node, after TS 38.331, in an encoding of our own."""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    MAXIMUM_SESSIONS,
    BearerConfiguration,
    CipheringAlgorithm,
    IntegrityAlgorithm,
    SessionConfiguration,
    SessionHandle,
    SessionRelease,
)
from net4ai.codecs.declaration import (
    Family,
    Message,
    Structure,
    constant,
    enumeration,
    flag,
    listing,
    octets,
    reserved,
    unsigned,
)

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


class ReestablishmentCause(IntEnum):
    """Why a UE wants its connection back (TS 38.331, ReestablishmentCause)."""

    RECONFIGURATION_FAILURE = 0
    HANDOVER_FAILURE = 1
    OTHER_FAILURE = 2
    """The radio link has failed."""


MAXIMUM_CELL = 1007
"""TS 38.331: PhysCellId is 0 to 1007."""
MAXIMUM_CQI = 15
"""TS 38.214, table 5.2.2.1-2."""
MAXIMUM_MEASUREMENTS = 8
MAXIMUM_MEASURED_CELLS = 8
MAXIMUM_PAGED = 32


class MeasurementConfiguration(Structure, reference="TS 38.331 MeasConfig, PeriodicalReportConfig"):
    """A measurement the UE shall report periodically."""

    measurement: int = unsigned(8, "Identity of the measurement.", minimum=1, maximum=64)
    interval: int = unsigned(16, "Milliseconds between reports.", minimum=40)
    amount: int = unsigned(8, "Number of reports; 0: without end.")


class MeasuredCell(Structure, reference="TS 38.331 MeasResults; TS 38.133 10.1"):
    """What a UE hears of a cell, as indices."""

    cell: int = unsigned(16, "Physical cell identity.", maximum=MAXIMUM_CELL)
    rsrp: int = unsigned(8, "Reference signal received power: -157 dBm + index.", maximum=127)
    rsrq: int = unsigned(8, "Reference signal received quality: -43.5 dB + index / 2.", maximum=127)
    sinr: int = unsigned(8, "Signal to noise and interference ratio: -23.5 dB + index / 2.", maximum=127)


class Synchronisation(Structure, reference="TS 38.331 ReconfigurationWithSync; R107"):
    """Another cell the UE shall go on in (handover); in the source's container the cell it is in, and its bulk port."""

    cell: int = unsigned(16, "Physical cell identity of the target.", maximum=MAXIMUM_CELL)
    c_rnti: int = unsigned(16, "Radio identity of the UE in the target cell.", minimum=1)
    bulk_port: int = unsigned(16, "UDP port of the target's bulk socket.", minimum=1)
    next_hop_chaining_count: int = unsigned(8, "Of the target's key.", maximum=7)
    t304: int = unsigned(16, "Milliseconds in which the UE must have arrived.", minimum=50, maximum=10000)


class DataBearerConfiguration(Structure, reference="TS 38.331 DRB-ToAddMod, SDAP-Config; R95"):
    """A data radio bearer to add, with SDAP headers in both directions: the classic path."""

    bearer: int = unsigned(8, "Identity of the data radio bearer.", minimum=1, maximum=MAXIMUM_BEARERS)
    session: int = unsigned(8, "Identity of its PDU session.", maximum=MAXIMUM_SESSIONS - 1)
    flows: bytes = octets(8, "QoS flows mapped to it, one octet each; the first is the default.", maximum=8)


class PagingRecord(Structure, reference="TS 38.331 PagingRecord"):
    """A UE that is looked for."""

    temporary_identity: int = unsigned(32, "Temporary identity given at registration.", hexadecimal=True)


class Rrc(Message):
    """Any RRC-like message."""

    FAMILY = Family("RRC", "RRC-like messages: SRB0 before the UE has a C-RNTI, SRB1 afterwards.")


class SetupRequest(
    Rrc,
    code=1,
    name="RRC Setup Request",
    bearer="SRB0",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.3.3.2",
):
    """A UE asks for a connection."""

    ue_identity: int = unsigned(64, "Random number the UE recognises its answer by.", hexadecimal=True)
    cause: int = enumeration(8, EstablishmentCause, "Establishment cause.")
    bulk_port: int = unsigned(16, "UDP port of the UE's bulk socket.", minimum=1)


class Setup(
    Rrc,
    code=2,
    name="RRC Setup",
    bearer="SRB0",
    direction="down",
    before_security=True,
    reference="TS 38.331 5.3.3.3",
):
    """The RAN node accepts and names the C-RNTI. In answer to a Re-establishment Request: there is no context."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    ue_identity: int = unsigned(64, "The identity of the request.", hexadecimal=True)
    c_rnti: int = unsigned(16, "Radio identity of the UE in this cell.", minimum=1)
    bulk_port: int = unsigned(16, "UDP port of the RAN node's bulk socket.", minimum=1)


class SetupComplete(
    Rrc,
    code=3,
    name="RRC Setup Complete",
    bearer="SRB1",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.3.3.4",
):
    """The UE is connected; carries its first NAS message."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class Reject(
    Rrc, code=4, name="RRC Reject", bearer="SRB0", direction="down", before_security=True, reference="TS 38.331 5.3.15"
):
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
    released_bearers: bytes = octets(
        8, "Identities of bearers to release, one octet each.", maximum=MAXIMUM_BEARERS, default=b""
    )
    sessions: tuple[SessionConfiguration, ...] = listing(
        SessionConfiguration, "DEP sessions to add or renew.", maximum=MAXIMUM_SESSIONS
    )
    released_sessions: tuple[SessionRelease, ...] = listing(
        SessionRelease, "DEP sessions to release.", maximum=MAXIMUM_SESSIONS
    )
    measurements: tuple[MeasurementConfiguration, ...] = listing(
        MeasurementConfiguration, "Measurements to add or change.", maximum=MAXIMUM_MEASUREMENTS
    )
    released_measurements: bytes = octets(
        8, "Identities of measurements to end, one octet each.", maximum=MAXIMUM_MEASUREMENTS, default=b""
    )
    synchronisation: tuple[Synchronisation, ...] = listing(
        Synchronisation, "Handover: the cell to go on in.", maximum=1
    )
    ue_maximum_bit_rate: int = unsigned(
        32,
        "UE AMBR: of all flows of the UE without a guaranteed bit rate, in each direction, in kilobit per second; "
        "0: none.",
        default=0,
    )
    data_bearers: tuple[DataBearerConfiguration, ...] = listing(
        DataBearerConfiguration, "Data radio bearers to add.", maximum=MAXIMUM_BEARERS, default=()
    )
    released_data_bearers: bytes = octets(
        8, "Identities of data radio bearers to release, one octet each.", maximum=MAXIMUM_BEARERS, default=b""
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
    Rrc,
    code=8,
    name="DL Information Transfer",
    bearer="SRB1",
    direction="down",
    before_security=True,
    reference="TS 38.331 5.7.1",
):
    """A NAS message for the UE."""

    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class UplinkInformationTransfer(
    Rrc,
    code=9,
    name="UL Information Transfer",
    bearer="SRB1",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.7.2",
):
    """A NAS message for the core."""

    nas: bytes = octets(16, "NAS message.", maximum=MAXIMUM_NAS_OCTETS)


class Release(
    Rrc, code=10, name="RRC Release", bearer="SRB1", direction="down", before_security=True, reference="TS 38.331 5.3.8"
):
    """The connection ends: the UE frees all bearers and sessions."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    cause: int = enumeration(16, Cause, "Why.")


class SecurityModeCommand(
    Rrc, code=11, name="Security Mode Command", bearer="SRB1", direction="down", reference="TS 38.331 5.3.4"
):
    """Starts security: integrity protected with the new key, not yet enciphered."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    integrity: int = enumeration(8, IntegrityAlgorithm, "Integrity algorithm.")
    ciphering: int = enumeration(8, CipheringAlgorithm, "Ciphering algorithm.")


class SecurityModeComplete(
    Rrc, code=12, name="Security Mode Complete", bearer="SRB1", direction="up", reference="TS 38.331 5.3.4.3"
):
    """Security is on: integrity protected, not yet enciphered; all that follows is both."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)


class SecurityModeFailure(
    Rrc,
    code=13,
    name="Security Mode Failure",
    bearer="SRB1",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.3.4.3",
):
    """The command is not authentic, or asks for what the UE cannot do. Nothing has changed."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    cause: int = enumeration(16, Cause, "Why.")


class ReestablishmentRequest(
    Rrc,
    code=14,
    name="RRC Re-establishment Request",
    bearer="SRB0",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.3.7.4",
):
    """A UE whose radio link has failed wants to go on with its context."""

    ue_identity: int = unsigned(64, "Random number the UE recognises a Setup or Reject by.", hexadecimal=True)
    cell: int = unsigned(16, "Physical cell identity of the cell it was connected to.", maximum=MAXIMUM_CELL)
    c_rnti: int = unsigned(16, "Its radio identity there.", minimum=1)
    short_mac: int = unsigned(16, "Low 16 bits of a MAC-I over these three (5.3.7.4).", hexadecimal=True)
    cause: int = enumeration(8, ReestablishmentCause, "Re-establishment cause.")
    bulk_port: int = unsigned(16, "UDP port of the UE's bulk socket.", minimum=1)


class Reestablishment(
    Rrc, code=15, name="RRC Re-establishment", bearer="SRB1", direction="down", reference="TS 38.331 5.3.7.5"
):
    """First PDU of a fresh SRB1 of the same C-RNTI, integrity protected with the next key, not enciphered."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)
    next_hop_chaining_count: int = unsigned(8, "Of the next key.", maximum=7)


class ReestablishmentComplete(
    Rrc, code=16, name="RRC Re-establishment Complete", bearer="SRB1", direction="up", reference="TS 38.331 5.3.7.5"
):
    """The UE goes on. Bearers, sessions and measurements are as before; what was under way is sent again by DEP."""

    transaction: int = unsigned(8, "RRC transaction identifier.", maximum=TRANSACTION_MAXIMUM)


class MeasurementReport(
    Rrc, code=17, name="Measurement Report", bearer="SRB1", direction="up", reference="TS 38.331 5.5.5"
):
    """What a UE hears, the serving cell first."""

    measurement: int = unsigned(8, "Identity of the measurement.", minimum=1, maximum=64)
    cells: tuple[MeasuredCell, ...] = listing(MeasuredCell, "The cells.", maximum=MAXIMUM_MEASURED_CELLS)


class Paging(
    Rrc,
    code=18,
    name="Paging",
    bearer="SRB0",
    direction="down",
    before_security=True,
    reference="TS 38.331 5.3.2",
):
    """To every UE camping in the cell: the core looks for these."""

    records: tuple[PagingRecord, ...] = listing(PagingRecord, "The UEs.", maximum=MAXIMUM_PAGED)


class SystemInformationRequest(
    Rrc,
    code=19,
    name="System Information Request",
    bearer="SRB0",
    direction="up",
    before_security=True,
    reference="TS 38.331 5.2.2.3.3",
):
    """A UE process camps: it wants to hear the cell. UDP has no broadcast without set-up; this is its substitute."""

    version: int = constant(8, 1, "Version of these messages.")


class SystemInformation(
    Rrc,
    code=20,
    name="System Information",
    bearer="SRB0",
    direction="down",
    before_security=True,
    reference="TS 38.331 5.2.2",
):
    """The cell, sent periodically to whoever camps in it: hearing it is being in synchrony."""

    version: int = constant(8, 1, "Version of these messages.")
    cell: int = unsigned(16, "Physical cell identity.", maximum=MAXIMUM_CELL)
    period: int = unsigned(16, "Milliseconds between two of these messages.", minimum=20)
    barred: bool = flag("No UE may connect.")
    reserved_flags: int = reserved(7)


class ChannelQualityReport(
    Rrc,
    code=21,
    name="Channel Quality Report",
    bearer="SRB1",
    direction="up",
    reference="TS 38.214 5.2.2; TS 38.212 6.3.1.1.2",
):
    """How well the UE can be sent to. In NR these are bits of uplink control information on the PUCCH; here it is a
    message, and nobody answers it."""

    cqi: int = unsigned(8, "Channel quality indicator, of table 5.2.2.1-2; 0: out of range.", maximum=MAXIMUM_CQI)
    rate: int = unsigned(32, "What that gives with the UE's bandwidth, in kbit/s; 0: not limited, or out of range.")
