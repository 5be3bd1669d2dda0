"""Access manager: terminals register, consent and are invited through it (R57-R64, R72). It alone knows who is who.

Towards the rest of the core a terminal is a seat of an execution, and for routes a context at a RAN node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from net4ai.codecs import nas
from net4ai.codecs.bus import (
    ClientDone,
    ClientsInvited,
    ClientsSelected,
    CompleteClients,
    Done,
    InviteClients,
    OfferJob,
    SelectClients,
    ServerSeats,
    StartClients,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.derivation import derive
from net4ai.core import names
from net4ai.core.invite_terminal import invite_terminal
from net4ai.core.ran_association import RanAssociation
from net4ai.core.register_terminal import register_terminal
from net4ai.core.set_up_session import set_up_session
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureError, Replies
from net4ai.stack.trace import TraceEvent

MAXIMUM_TERMINALS = 65536
OFFERS_PER_MESSAGE = 32
"""A Job List holds no more."""


@dataclass(eq=False, slots=True)
class Terminal:
    """A terminal's context: from its first NAS message until its RAN node releases it."""

    association: RanAssociation
    context: int
    """Its context's identity at the RAN node."""
    replies: Replies
    subscriber: str = ""
    """Subscription identity; empty until registered."""
    temporary_identity: int = 0
    consents: dict[int, nas.Consent] = field(default_factory=dict)
    """Consents in force, by job (R58)."""
    answered: set[int] = field(default_factory=set)
    """Jobs whose offer it has answered, either way."""
    sessions: dict[int, int] = field(default_factory=dict)
    """DEP session by job."""
    requests: dict[int, Procedure[None]] = field(default_factory=dict)
    """Computing requests under way, by transaction of the terminal."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where it sits, by execution."""
    lost: bool = False
    """The context has gone; there may be a newer one of the same subscriber."""

    def send(self, message: nas.Nas) -> None:
        """Send a NAS message to the terminal."""
        if self.lost:
            self.association.drop("terminal lost")
        else:
            self.association.send_nas(self.context, self.subscriber, message)


@dataclass(eq=False, slots=True)
class Place:
    """A terminal's seat at a server in an execution."""

    terminal: Terminal
    instance: int
    seat: int
    turn: int | None = None
    """Its turn under way."""


@dataclass(frozen=True, slots=True)
class Seating:
    """Who sits where at one server in one execution."""

    job: int
    places: dict[int, Place]
    """By seat."""


class AccessManager:
    """Terminals, job offers, seats."""

    def __init__(
        self, entity: ControlEntity, seed: int, subscribers: Collection[str], random_identity: Callable[[], int]
    ) -> None:
        self.entity = entity
        self.seed = seed
        self.subscribers = frozenset(subscribers)
        """Subscriptions that may access the network (R57)."""
        self.random_identity = random_identity
        self.associations: dict[str, RanAssociation] = {}
        """By name of the RAN node."""
        self.terminals: dict[tuple[RanAssociation, int], Terminal] = {}
        self.registered: dict[str, Terminal] = {}
        self.offers: dict[int, OfferJob] = {}
        self.seatings: dict[tuple[int, int], Seating] = {}
        """By execution and server instance."""
        for body, handler in (
            (OfferJob, self.offer),
            (WithdrawJob, self.withdraw),
            (SelectClients, self.select),
            (InviteClients, self.invite),
            (StartClients, self.start),
            (CompleteClients, self.complete),
        ):
            entity.handle(body, handler)  # type: ignore[arg-type]

    # From the terminals

    def receive_nas(self, association: RanAssociation, context: int, message: nas.Nas) -> None:
        """A NAS message of a terminal; decoded, and legal on N2."""
        key = association, context
        terminal = self.terminals.get(key)
        if terminal is None:
            if len(self.terminals) >= MAXIMUM_TERMINALS or not isinstance(message, nas.RegistrationRequest):
                association.drop("no context for NAS message")
                association.release(context, Cause.NO_RESOURCES)
                return
            terminal = Terminal(association, context, Replies(self.entity.procedures))
            self.terminals[key] = terminal
        _HANDLERS[type(message)](self, terminal, message)

    def _registration_request(self, terminal: Terminal, message: nas.RegistrationRequest) -> None:
        if register_terminal(self, terminal, message) and self.offers:
            self._announce(terminal)

    def _consent(self, terminal: Terminal, message: nas.Consent) -> None:
        if message.job not in self.offers:
            terminal.association.drop("consent to unknown job")
            return
        terminal.answered.add(message.job)
        if message.given:
            terminal.consents[message.job] = message
        else:
            terminal.consents.pop(message.job, None)
        self.trace("consent", ue=terminal.subscriber, job=message.job, given=int(message.given))

    def _computing_request(self, terminal: Terminal, message: nas.ComputingRequest) -> None:
        if message.transaction in terminal.requests:
            terminal.association.drop("request under way")
            return
        procedure = self.entity.procedures.start(
            "session set-up", set_up_session(self, terminal, message), ue=terminal.subscriber
        )
        if not procedure.done:
            terminal.requests[message.transaction] = procedure

    def _routine_answer(self, terminal: Terminal, message: nas.RoutineAccept | nas.RoutineReject) -> None:
        if not terminal.replies.give(("invite", message.execution), message):
            terminal.association.drop("answer to no invitation")

    def _routine_done(self, terminal: Terminal, message: nas.RoutineDone) -> None:
        place = terminal.places.get(message.execution)
        if place is None or place.turn != message.turn:
            terminal.association.drop("end of an unknown turn")
            return
        self._turn_ended(message.execution, place, message.cause)

    def _turn_ended(self, execution: int, place: Place, cause: int) -> None:
        if place.turn is not None:
            done = ClientDone(
                execution=execution, instance=place.instance, seat=place.seat, turn=place.turn, cause=cause
            )
            place.turn = None
            self.entity.tell(names.ROUTINE_MANAGER, done)

    def _announce(self, terminal: Terminal) -> None:
        offers = [
            nas.JobOffer(
                job=o.job, service=_clipped(o.service, 64), purpose=_clipped(o.purpose, 200), k=o.k, raw_data=o.raw_data
            )
            for o in self.offers.values()
        ]
        for start in range(0, len(offers), OFFERS_PER_MESSAGE):
            terminal.send(nas.JobList(jobs=tuple(offers[start : start + OFFERS_PER_MESSAGE])))

    # From the RAN nodes

    def ran_node_known(self, association: RanAssociation, node: str) -> None:
        """A RAN node has set up its association. An older one of the same name is void, and so are its contexts."""
        if (old := self.associations.get(node)) is not None and old is not association:
            old.reset()
        self.associations[node] = association

    def release(self, terminal: Terminal, cause: Cause) -> None:
        """A terminal shall go, at its RAN node too."""
        terminal.association.release(terminal.context, cause)
        self.terminal_lost(terminal.association, terminal.context)

    def terminal_lost(self, association: RanAssociation, context: int) -> None:
        """The RAN node has lost a terminal, or its context was released."""
        terminal = self.terminals.pop((association, context), None)
        if terminal is None:
            return
        terminal.lost = True
        if self.registered.get(terminal.subscriber) is terminal:
            del self.registered[terminal.subscriber]
        terminal.replies.fail_all(ProcedureError(Cause.PEER_LOST, "terminal lost"))
        for procedure in list(terminal.requests.values()):
            procedure.cancel("terminal lost")
        for execution, place in terminal.places.items():
            self._turn_ended(execution, place, Cause.PEER_LOST)
        self.trace("terminal lost", ue=terminal.subscriber)

    def association_lost(self, association: RanAssociation) -> None:
        """A RAN node has gone, and with it all its terminals."""
        if self.associations.get(association.node) is association:
            del self.associations[association.node]
        for owner, context in list(self.terminals):
            if owner is association:
                self.terminal_lost(association, context)

    # From the control plane

    def offer(self, request: OfferJob) -> Done:
        """Announce the job to everyone who is there (R59); others hear of it when they register."""
        self.offers[request.job] = request
        for terminal in list(self.registered.values()):
            self._announce(terminal)
        return Done()

    def withdraw(self, request: WithdrawJob) -> Done:
        """The job is over: consents to it end, and seats that nobody has taken back."""
        self.offers.pop(request.job, None)
        for terminal in self.registered.values():
            terminal.consents.pop(request.job, None)
            terminal.answered.discard(request.job)
        for (execution, instance), seating in list(self.seatings.items()):
            if seating.job == request.job:
                self._clear_seats(execution, instance, Cause.CANCELLED)
        return Done()

    def select(self, request: SelectClients) -> ClientsSelected:
        """Seat willing terminals at each server, in an order drawn from the seed (R57, R61, R62, R83-R85)."""
        willing: dict[int, list[Terminal]] = {}
        pending = 0
        for node in {wish.node: None for wish in request.servers}:
            pending += sum(_pending(terminal, request) for terminal in self._at(node))
            instances = [wish.instance for wish in request.servers if wish.node == node]
            terminals = sorted(
                (terminal for terminal in self._at(node) if _eligible(terminal, request)),
                key=lambda terminal: derive(self.seed, "seat", request.execution, terminal.subscriber),
            )
            for index, instance in enumerate(instances):
                willing[instance] = terminals[index :: len(instances)]
        enough = all(len(terminals) >= request.k for terminals in willing.values())
        seated = enough and not (request.gather and pending)
        if seated:
            for instance, terminals in willing.items():
                self._seat(request, instance, terminals)
        return ClientsSelected(
            servers=[
                ServerSeats(
                    instance=wish.instance,
                    available=len(willing[wish.instance]),
                    seats=list(range(len(willing[wish.instance]))) if seated else [],
                )
                for wish in request.servers
            ],
            pending=pending,
        )

    def _at(self, node: str) -> Iterator[Terminal]:
        return (terminal for terminal in self.registered.values() if terminal.association.node == node)

    def _seat(self, request: SelectClients, instance: int, terminals: list[Terminal]) -> None:
        places = {seat: Place(terminal, instance, seat) for seat, terminal in enumerate(terminals)}
        self.seatings[request.execution, instance] = Seating(request.job, places)
        for seat, place in places.items():
            place.terminal.places[request.execution] = place
            self.trace(
                "seat given", execution=request.execution, server=instance, seat=seat, ue=place.terminal.subscriber
            )

    async def invite(self, request: InviteClients) -> ClientsInvited:
        """Invite all terminals of a server; those who do not answer in time are left out (R72)."""
        seating = self.seatings.get((request.execution, request.instance))
        if seating is None:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no seats for execution {request.execution}")
        invitations = [
            self.entity.procedures.start(
                "invitation",
                invite_terminal(self, seating.places[seat].terminal, seating.job, seat, request),
                ue=seating.places[seat].terminal.subscriber,
                execution=request.execution,
                seat=seat,
            )
            for seat in request.seats
            if seat in seating.places
        ]
        answers = [await invitation for invitation in invitations]
        return ClientsInvited(accepted=[answer for answer in answers if answer is not None])

    def start(self, event: StartClients) -> Done:
        """Tell terminals that their turn begins. That of one who has gone ends at once."""
        seating = self.seatings.get((event.execution, event.instance))
        for seat, turn in event.turns if seating else ():
            if seating is None or (place := seating.places.get(seat)) is None:
                continue
            place.turn = turn
            if place.terminal.lost:
                self._turn_ended(event.execution, place, Cause.PEER_LOST)
            else:
                place.terminal.send(nas.RoutineStart(execution=event.execution, turn=turn, repetition=event.repetition))
        return Done()

    def complete(self, event: CompleteClients) -> Done:
        """The execution is over: its seats are forgotten."""
        self._clear_seats(event.execution, event.instance, event.cause)
        return Done()

    def _clear_seats(self, execution: int, instance: int, cause: int) -> None:
        seating = self.seatings.pop((execution, instance), None)
        for place in seating.places.values() if seating else ():
            place.terminal.places.pop(execution, None)
            if not place.terminal.lost:
                place.terminal.send(nas.RoutineComplete(execution=execution, cause=cause))

    def trace(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=names.ACCESS_MANAGER, kind="state", message=what, ids=ids)
        )


def _eligible(terminal: Terminal, request: SelectClients) -> bool:
    """It is willing and has its session (R57)."""
    return _willing(terminal, request) and request.job in terminal.sessions


def _pending(terminal: Terminal, request: SelectClients) -> bool:
    """It may still become eligible without anything else happening."""
    if request.job not in terminal.answered:
        return True
    return _willing(terminal, request) and request.job not in terminal.sessions


def _willing(terminal: Terminal, request: SelectClients) -> bool:
    """It consents, and what it demands for its data is met (R57, R60, R61)."""
    consent = terminal.consents.get(request.job)
    if consent is None:
        return False
    return consent.privacy.k <= request.k and (consent.privacy.raw_data or not request.raw_data)


def _clipped(text: str, octets: int) -> str:
    """As much of `text` as fits."""
    return text.encode()[:octets].decode(errors="ignore")


_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationRequest: AccessManager._registration_request,
    nas.Consent: AccessManager._consent,
    nas.ComputingRequest: AccessManager._computing_request,
    nas.RoutineAccept: AccessManager._routine_answer,
    nas.RoutineReject: AccessManager._routine_answer,
    nas.RoutineDone: AccessManager._routine_done,
}
"""Uplink NAS messages; `RanAssociation` lets no other pass."""
