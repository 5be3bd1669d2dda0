"""What a RAN node knows of one UE: a radio identity, bearers, sessions. No subscription."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from net4ai.codecs import rrc
from net4ai.codecs.common import SessionConfiguration
from net4ai.codecs.declaration import Message
from net4ai.stack.hop import Address, Hop
from net4ai.stack.procedure import Replies


class State(Enum):
    """How far the connection has come."""

    SETTING_UP = "setting up"
    CONNECTED = "connected"
    RELEASING = "releasing"
    """Released as far as everyone else is concerned; only the acknowledgement of RRC Release is waited for."""


LEGAL: dict[State, frozenset[type[Message]]] = {
    State.SETTING_UP: frozenset({rrc.SetupComplete}),
    State.CONNECTED: frozenset(
        {rrc.UplinkInformationTransfer, rrc.ReconfigurationComplete, rrc.ReconfigurationFailure}
    ),
    State.RELEASING: frozenset(),
}
"""Messages taken on SRB1, by state; all others are dropped."""


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
    jobs: dict[int, int] = field(default_factory=dict)
    """Session of each job."""
    jobs_under_way: set[int] = field(default_factory=set)
    """Jobs whose session is being set up."""
    turns: list[object] = field(default_factory=list)
    """Reconfigurations under way (the first) and waiting."""
    reconfiguration: rrc.Reconfiguration | None = None
    """Sent and not answered."""
    last_transaction: int = rrc.TRANSACTION_MAXIMUM

    @property
    def c_rnti(self) -> int:
        return self.hop.identity

    def next_transaction(self) -> int:
        """The next identifier in turn: a late answer to a message must not be taken for that to a newer one."""
        self.last_transaction = (self.last_transaction + 1) % (rrc.TRANSACTION_MAXIMUM + 1)
        return self.last_transaction
