"""What the access manager knows of one terminal, connected or not. Towards the rest of the core it is a seat."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from net4ai.codecs import n2, nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.core import names
from net4ai.stack.procedure import Procedure, Promise, Replies
from net4ai.stack.security.nas_security import NasSecurity

if TYPE_CHECKING:
    from net4ai.core.pdu_sessions import PduSession
    from net4ai.core.ran_association import RanAssociation

MAXIMUM_QUEUED = 32
"""Messages kept for a terminal that has to be paged first."""


@dataclass(eq=False, slots=True)
class Terminal:
    """A terminal's context: from its first registration request until it is deregistered.

    Connected (CM-CONNECTED, TS 23.501 5.3.3) it has an association and a context there. Released for inactivity it is
    idle: still registered, without both, and paged when there is something to say.
    """

    request: nas.RegistrationRequest
    """The request it came with; a repetition is known by it."""
    association: RanAssociation | None
    """N2 of the RAN node it is connected through; None: idle."""
    context: int
    """Its context's identity there."""
    node: str
    """The RAN node it is or was last connected through."""
    replies: Replies
    security: NasSecurity | None = None
    secured: bool = False
    """Secure exchange of NAS messages has begun on this connection: nothing goes or comes unprotected any more."""
    k_gnb: bytes = b""
    """Key of this connection; the RAN node derives its own from it."""
    next_hop: bytes = b""
    next_hop_chaining_count: int = 0
    """Of `next_hop` (TS 33.501 6.9.2.1)."""
    registration: Procedure[None] | None = None
    """Under way."""
    registered: bool = False
    temporary_identity: int = 0
    sessions: dict[int, int] = field(default_factory=dict)
    """DEP or PDU session by job."""
    pdu_sessions: dict[int, PduSession] = field(default_factory=dict)
    """By job, those that are PDU sessions."""
    quality: dict[int, tuple[QosProfile, ...]] = field(default_factory=dict)
    """Quality of service of its sessions, by job."""
    releasing: dict[int, Procedure[None]] = field(default_factory=dict)
    """Sessions that are being released, by job."""
    requests: dict[int, Procedure[None]] = field(default_factory=dict)
    """Computing requests under way, by transaction of the terminal."""
    procedures: set[Procedure[None]] = field(default_factory=set)
    """What else is under way on this connection and ends with it."""
    preparing: Procedure[n2.HandoverRequestAcknowledge] | None = None
    """Preparation of a handover under way at the target."""
    handover: tuple[RanAssociation, int] | None = None
    """The RAN node that has prepared for it, and the context there."""
    moving: Promise[None] | None = None
    """While a handover is prepared or carried out: kept when it is over, either way."""
    unused_keys: int = 0
    """NH that were given out since the terminal has gone by one."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where it sits, by execution."""
    queued: deque[nas.Nas] = field(default_factory=deque)
    """Messages that wait until it is connected again."""
    paging: Procedure[None] | None = None
    leaving: Procedure[None] | None = None
    """The network's deregistration under way."""
    reachable: Procedure[None] | None = None
    """Idle: ends its registration when it stays away (mobile reachable timer, TS 24.501 5.3.7)."""
    lost: bool = False
    """The context has gone; there may be a newer one of the same subscriber."""

    @property
    def subscriber(self) -> str:
        """Subscription identity."""
        return self.request.identity

    @property
    def idle(self) -> bool:
        """Registered, but not connected (CM-IDLE)."""
        return self.association is None


@dataclass(eq=False, slots=True)
class Place:
    """A subscriber's seat at a server in an execution."""

    subscriber: str
    instance: int
    seat: int
    terminal: Terminal | None = None
    """Who sits there; None: nobody now. Whoever comes back gets the seat when the execution is resumed."""
    turn: int | None = None
    """The turn under way."""
    away: Cause = Cause.PEER_LOST
    """Why nobody sits there."""


@dataclass(slots=True)
class Seating:
    """Who sits where at one server in one execution."""

    job: int
    places: dict[int, Place]
    """By seat."""
    routine_manager: str = names.ROUTINE_MANAGER
    """Who has invited them, and is told of their turns."""

    @classmethod
    def of(cls, job: int, instance: int, subscribers: Iterable[str]) -> Self:
        """Seats for subscribers, in order; nobody sits there yet."""
        places = enumerate(subscribers)
        return cls(job, {seat: Place(subscriber, instance, seat) for seat, subscriber in places})
