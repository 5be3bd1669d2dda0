"""States of a terminal, and which messages are legal in which of them. RRC and NAS have states of their own."""

from __future__ import annotations

from enum import Enum

from net4ai.codecs import nas, rrc
from net4ai.codecs.declaration import Message


class RrcState(Enum):
    """The radio connection (TS 38.331 4.2.1)."""

    IDLE = "idle"
    CONNECTED = "connected"


class NasState(Enum):
    """The registration (TS 24.501 5.1.3)."""

    DEREGISTERED = "deregistered"
    REGISTERED = "registered"


RRC_LEGAL: dict[RrcState, frozenset[type[Message]]] = {
    RrcState.IDLE: frozenset({rrc.Setup, rrc.Reject}),
    RrcState.CONNECTED: frozenset({rrc.DownlinkInformationTransfer, rrc.Reconfiguration, rrc.Release}),
}
"""RRC messages a terminal takes, by state; all others are dropped. Each only on its own bearer."""

NAS_LEGAL: dict[NasState, frozenset[type[Message]]] = {
    NasState.DEREGISTERED: frozenset({nas.RegistrationAccept, nas.RegistrationReject}),
    NasState.REGISTERED: frozenset(
        {
            nas.RegistrationAccept,
            nas.JobList,
            nas.ComputingAccept,
            nas.ComputingReject,
            nas.RoutineInvite,
            nas.RoutineStart,
            nas.RoutineComplete,
        }
    ),
}
"""NAS messages a terminal takes, by state; all others are dropped."""


def is_legal_rrc(message: object, state: RrcState, bearer: str) -> bool:
    """Whether a terminal in `state` takes `message` from `bearer`. Unknown messages are never legal."""
    return isinstance(message, Message) and type(message) in RRC_LEGAL[state] and bearer == message.BEARER


def is_legal_nas(message: object, state: NasState) -> bool:
    """Whether a terminal in `state` takes the NAS `message`. Unknown messages are never legal."""
    return isinstance(message, Message) and type(message) in NAS_LEGAL[state]
