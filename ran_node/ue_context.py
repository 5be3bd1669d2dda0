"""What a RAN node knows of one UE: a radio identity, bearers, sessions. No subscription."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.common import MAXIMUM_SESSIONS, SessionConfiguration, SessionHandle
from net4ai.codecs.declaration import Message
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer
from net4ai.stack.hop import Address, Hop
from net4ai.stack.procedure import Procedure, Replies
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.units import KILOBIT

if TYPE_CHECKING:
    from net4ai.ran_node.user_plane import PduSession


class State(Enum):
    """How far the connection has come."""

    SETTING_UP = "setting up"
    CONNECTED = "connected"
    """Security is not on yet."""
    SECURED = "secured"
    LOST = "lost"
    """The radio link has failed; the UE may come back (TS 38.331 5.3.7)."""
    HANDING_OVER = "handing over"
    """The UE was told to go to another RAN node; it may come back."""
    PREPARED = "prepared"
    """For a UE of another RAN node, that is handed over."""
    RELEASING = "releasing"
    """Released as far as everyone else is concerned; only the acknowledgement of RRC Release is waited for."""


LEGAL: dict[State, frozenset[type[Message]]] = {
    State.SETTING_UP: frozenset({rrc.SetupComplete}),
    State.CONNECTED: frozenset(
        {
            rrc.UplinkInformationTransfer,
            rrc.SecurityModeComplete,
            rrc.SecurityModeFailure,
        }
    ),
    State.SECURED: frozenset(
        {
            rrc.UplinkInformationTransfer,
            rrc.ReconfigurationComplete,
            rrc.ReconfigurationFailure,
            rrc.MeasurementReport,
            rrc.ChannelQualityReport,
        }
    ),
    State.LOST: frozenset(),
    State.HANDING_OVER: frozenset(
        {
            rrc.UplinkInformationTransfer,
            rrc.MeasurementReport,
            rrc.ChannelQualityReport,
            rrc.ReconfigurationFailure,
        }
    ),
    State.PREPARED: frozenset({rrc.ReconfigurationComplete}),
    State.RELEASING: frozenset(),
}
"""Messages taken on SRB1, by state; all others are dropped."""


@dataclass(eq=False, slots=True)
class Attempt:
    """A re-establishment that is answered and not completed: what counts once it is."""

    ue_identity: int
    source: Address
    bulk_address: Address
    bearer: AcknowledgedBearer
    """The fresh SRB1."""
    k_gnb: bytes
    security: SrbSecurity
    transaction: int
    """Of the answer, and so of the completion."""


@dataclass(eq=False, slots=True)
class UeContext:
    """One UE's context."""

    number: int
    """Identity on N2."""
    ue_identity: int
    source: Address
    hop: Hop
    replies: Replies
    state: State = State.SETTING_UP
    sessions: dict[int, SessionConfiguration] = field(default_factory=dict)
    """DEP sessions as the UE has taken them. Its bearers are those of the hop."""
    handles: dict[int, SessionHandle] = field(default_factory=dict)
    """The UE's own handles of them."""
    pdu_sessions: dict[int, PduSession] = field(default_factory=dict)
    """PDU sessions, on data radio bearers. Their identities are those of DEP sessions too: none is in both."""
    jobs: dict[int, int] = field(default_factory=dict)
    """Session of each job."""
    jobs_under_way: set[int] = field(default_factory=set)
    """Jobs whose session is being set up."""
    turns: list[object] = field(default_factory=list)
    """Reconfigurations under way (the first) and waiting."""
    reconfiguration: rrc.Reconfiguration | None = None
    """Sent and not answered."""
    ue_maximum_bit_rate: int = 0
    """UE AMBR in kilobit per second; 0: none."""
    k_gnb: bytes | None = None
    """Key of the connection, 32 octets, once security is on."""
    security: SrbSecurity | None = None
    attempt: Attempt | None = None
    """Re-establishment under way."""
    came_back: Attempt | None = None
    """The last one that was completed: its request may come twice."""
    held: list[rrc.Rrc] = field(default_factory=list)
    """Messages that wait for the UE to come back."""
    measured: rrc.MeasurementReport | None = None
    """What the UE has reported last."""
    channel_quality: rrc.ChannelQualityReport | None = None
    """The same, of how fast it can be sent to."""
    last_active: int = 0
    """When NAS or DEP last passed, in nanoseconds."""
    watch: Procedure[None] | None = None
    """Looks for inactivity."""
    last_transaction: int = rrc.TRANSACTION_MAXIMUM

    @property
    def c_rnti(self) -> int:
        return self.hop.identity

    def free_session(self) -> int | None:
        """The lowest identity that no session has."""
        taken = self.sessions.keys() | self.pdu_sessions.keys()
        return next((number for number in range(MAXIMUM_SESSIONS) if number not in taken), None)

    def advance(self, now: int) -> None:
        """Time has come to `now`, for its bearers."""
        self.hop.advance(now)
        if self.attempt is not None:
            self.attempt.bearer.advance(now)

    def next_deadline(self) -> int | None:
        """When to call `advance`."""
        deadlines = [self.hop.next_deadline(), self.attempt.bearer.next_deadline() if self.attempt else None]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def apply_ceilings(self, now: int) -> None:
        """Aggregate maximum bit rates hold towards the UE: its PDUs carry its own handles."""
        self.hop.set_ue_ceiling(self.ue_maximum_bit_rate * KILOBIT, now)
        for session, answer in self.handles.items():
            self.hop.set_session_ceiling(session, answer.handle, self.sessions[session].maximum_bit_rate * KILOBIT, now)

    def next_transaction(self) -> int:
        """The next identifier in turn: a late answer to a message must not be taken for that to a newer one."""
        self.last_transaction = (self.last_transaction + 1) % (rrc.TRANSACTION_MAXIMUM + 1)
        return self.last_transaction
