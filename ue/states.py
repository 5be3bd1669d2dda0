"""States of a terminal, and which messages are legal in which of them."""

from __future__ import annotations

from enum import Enum

from net4ai.codecs import nas, rrc
from net4ai.codecs.declaration import Message


class State(Enum):
    """How far the terminal has come (TS 38.331 4.2.1, TS 24.501 5.1.3)."""

    IDLE = "idle"
    CONNECTED = "connected"
    REGISTERED = "registered"


LEGAL: dict[State, frozenset[type[Message]]] = {
    State.IDLE: frozenset({rrc.Setup, rrc.Reject}),
    State.CONNECTED: frozenset(
        {rrc.DownlinkInformationTransfer, rrc.Release, nas.RegistrationAccept, nas.RegistrationReject}
    ),
    State.REGISTERED: frozenset(
        {
            rrc.DownlinkInformationTransfer,
            rrc.Reconfiguration,
            rrc.Release,
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
"""Messages a terminal takes, by state; all others are dropped. Each only on its own bearer."""


def is_legal(message: object, state: State, bearer: str) -> bool:
    """Whether a terminal in `state` takes `message` from `bearer`. Unknown messages are never legal."""
    return isinstance(message, Message) and type(message) in LEGAL[state] and bearer == message.BEARER
