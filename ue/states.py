"""States of a terminal, and which messages are legal in which of them. RRC and NAS have states of their own."""

from __future__ import annotations

from enum import Enum

from net4ai.codecs import nas, rrc
from net4ai.codecs.declaration import Message


class RrcState(Enum):
    """The radio connection (TS 38.331 4.2.1). All but IDLE are RRC_CONNECTED there."""

    IDLE = "idle"
    CONNECTED = "connected"
    """SRB1 is there, security is not on yet."""
    SECURED = "secured"
    """Security is on."""
    HANDING_OVER = "handing over"
    """Security is on; the target of a handover has not answered yet (5.3.5.5.2)."""
    REESTABLISHING = "re-establishing"
    """The radio link has failed; the context is kept (5.3.7)."""


class NasState(Enum):
    """The registration (TS 24.501 5.1.3)."""

    DEREGISTERED = "deregistered"
    REGISTERED = "registered"
    DEREGISTERING = "deregistering"
    """The terminal has asked to leave."""


RRC_LEGAL: dict[RrcState, frozenset[type[Message]]] = {
    RrcState.IDLE: frozenset({rrc.Setup, rrc.Reject}),
    RrcState.CONNECTED: frozenset({rrc.DownlinkInformationTransfer, rrc.SecurityModeCommand, rrc.Release}),
    RrcState.SECURED: frozenset({rrc.DownlinkInformationTransfer, rrc.Reconfiguration, rrc.Release}),
    RrcState.HANDING_OVER: frozenset({rrc.DownlinkInformationTransfer, rrc.Reconfiguration, rrc.Release}),
    RrcState.REESTABLISHING: frozenset({rrc.Setup, rrc.Reject, rrc.Reestablishment}),
}
"""RRC messages a terminal takes, by state; all others are dropped. Each only on its own bearer."""

CELL_WIDE: frozenset[type[Message]] = frozenset({rrc.SystemInformation, rrc.Paging})
"""RRC messages to all UEs of the cell: the process takes them, in every state of its terminals."""

NAS_LEGAL: dict[NasState, frozenset[type[Message]]] = {
    NasState.DEREGISTERED: frozenset(
        {
            nas.RegistrationAccept,
            nas.RegistrationReject,
            nas.AuthenticationRequest,
            nas.AuthenticationReject,
            nas.SecurityModeCommand,
            nas.Status,
        }
    ),
    NasState.REGISTERED: frozenset(
        {
            nas.RegistrationAccept,
            nas.RegistrationReject,
            nas.AuthenticationRequest,
            nas.AuthenticationReject,
            nas.NetworkDeregistrationRequest,
            nas.ServiceAccept,
            nas.ServiceReject,
            nas.Status,
            nas.JobList,
            nas.ComputingAccept,
            nas.PduSessionAccept,
            nas.ComputingReject,
            nas.RoutineInvite,
            nas.RoutineStart,
            nas.RoutineComplete,
        }
    ),
    NasState.DEREGISTERING: frozenset({nas.DeregistrationAccept, nas.NetworkDeregistrationRequest, nas.Status}),
}
"""NAS messages a terminal takes, by state; all others are dropped. DEREGISTERED is the state of a registration, too."""


def is_legal_rrc(message: object, state: RrcState, bearer: str) -> bool:
    """Whether a terminal in `state` takes `message` from `bearer`. Unknown messages are never legal."""
    return isinstance(message, Message) and type(message) in RRC_LEGAL[state] and bearer == message.BEARER


def is_legal_nas(message: object, state: NasState) -> bool:
    """Whether a terminal in `state` takes the NAS `message`. Unknown messages are never legal."""
    return isinstance(message, Message) and type(message) in NAS_LEGAL[state]
