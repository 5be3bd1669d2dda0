"""Bodies about terminals: offers, seats, invitations, turns (SM-AM, TM-AM, RtM-AM)."""

from __future__ import annotations

from typing import Any

from net4ai.codecs.bus.body import Body
from net4ai.codecs.service import Quality

# --- SM-AM, TM-AM: terminals


class OfferJob(Body):
    """SM-AM. Announce a job to terminals, present and coming (R59)."""

    job: int
    service: str
    purpose: str
    k: int
    raw_data: bool
    qualities: list[Quality] = []
    """QoS flows of a terminal's session for the job."""
    session_kbps: int = 0
    """Session AMBR; 0: none."""
    edge: str = ""
    """Edge to which a terminal's PDU session for the job leads; empty: it has a DEP session on computing bearers."""


class ConsentCount(Body):
    """Event AM-SM: how many terminals at each RAN node consent to a job now; sent when that has changed."""

    job: int
    nodes: dict[str, int]


class WithdrawJob(Body):
    """SM-AM. The job is over."""

    job: int


class ServerWish(Body):
    """A server that needs terminals, and those it can have."""

    instance: int
    node: str
    nodes: list[str] = []
    """RAN nodes whose terminals it can have; empty: those of its own node."""


class SelectClients(Body):
    """TM-AM. Choose and seat terminals for an execution (R57, R62, R83-R85)."""

    job: int
    execution: int
    k: int
    raw_data: bool
    """The routine asks for raw data: unwilling terminals are left out (R61)."""
    servers: list[ServerWish]
    resume: bool = False
    """The execution has its seats: give back those whose terminals are here; the others count as pending."""
    gather: bool = False
    """Seat nobody while terminals are pending: who takes part shall not depend on who was quickest."""


class ServerSeats(Body):
    """How many terminals a server can have, and the seats given out (none if any server has fewer than k)."""

    instance: int
    available: int
    seats: list[int]
    given: int = 0
    """Seats given out when the execution began, also those whose terminals are not here now; 0: `seats` are all."""


class ClientsSelected(Body):
    """TM-AM."""

    servers: list[ServerSeats]
    pending: int = 0
    """Terminals at these nodes that have not answered the offer yet, or consented and have no session yet."""


# --- RtM-AM: routine manager - access manager


class InviteClients(Body):
    """R72, R79. One message for all terminals of a server."""

    execution: int
    instance: int
    seats: list[int]
    function: str
    settings: dict[str, Any]
    routine: str
    round: int
    cut: int
    sequential: bool
    key: bytes = b""
    qfi: int = 1
    routine_manager: str = "routine-manager"
    """Who is told of the clients' turns."""


class ClientAccepted(Body):
    """A terminal that takes part, and where its route begins."""

    seat: int
    context: int
    """Identity of the terminal's context at its RAN node."""
    session: int
    key: bytes = b""
    node: str = ""
    """Its RAN node; or, with a token, the edge its PDU session leads to."""
    token: str = ""
    """Of its PDU session, where its route begins on T2a."""


class ClientsInvited(Body):
    """RtM-AM. Those who did not accept are missing."""

    accepted: list[ClientAccepted]


class MoveClient(Body):
    """AM-RtM: a terminal has been handed over; its route goes on from another RAN node (R107)."""

    execution: int
    instance: int
    seat: int
    context: int
    """Identity of the terminal's context at the RAN node where it is now."""
    session: int
    node: str
    """That RAN node."""


class StartClients(Body):
    """Event RtM-AM: the turns of these seats begin (R76, R79)."""

    execution: int
    instance: int
    turns: list[tuple[int, int]]
    """Seat and turn."""
    repetition: int


class ClientsDone(Body):
    """Event AM-RtM: turns of terminals have failed; those of one moment in one message (R74, R80)."""

    execution: int
    instance: int
    turns: list[tuple[int, int, int]]
    """Seat, turn and cause."""


class CompleteClients(Body):
    """Event RtM-AM: the execution is over for these seats."""

    execution: int
    instance: int
    seats: list[int]
    cause: int
    keep: bool = False
    """The seats stay who they are: the execution may be resumed."""
