"""Access manager: terminals register, consent and are invited through it (R57-R64, R72). It alone knows who is who.

Towards the rest of the core a terminal is a seat of an execution, and for routes a context at a RAN node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
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
    sessions: dict[int, int] = field(default_factory=dict)
    """DEP session by job."""
    requests: dict[int, Procedure[None]] = field(default_factory=dict)
    """Computing requests under way, by transaction of the terminal."""

    def send(self, message: nas.Nas) -> None:
        """Send a NAS message to the terminal."""
        self.association.send_nas(self.context, self.subscriber, message)


@dataclass(slots=True)
class Seating:
    """Who sits where at one server in one execution."""

    terminals: dict[int, Terminal]


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
                return
            terminal = Terminal(association, context, Replies(self.entity.procedures))
            self.terminals[key] = terminal
        if not isinstance(message, nas.RegistrationRequest) and not terminal.subscriber:
            association.drop("NAS message before registration")
            return
        _HANDLERS[type(message)](self, terminal, message)

    def _registration_request(self, terminal: Terminal, message: nas.RegistrationRequest) -> None:
        if register_terminal(self, terminal, message) and self.offers:
            self._announce(terminal)

    def _consent(self, terminal: Terminal, message: nas.Consent) -> None:
        if message.job not in self.offers:
            terminal.association.drop("consent to unknown job")
        elif message.given:
            terminal.consents[message.job] = message
        else:
            terminal.consents.pop(message.job, None)
        self.trace("consent", ue=terminal.subscriber, job=message.job, given=int(message.given))

    def _computing_request(self, terminal: Terminal, message: nas.ComputingRequest) -> None:
        if message.transaction not in terminal.requests:
            terminal.requests[message.transaction] = self.entity.procedures.start(
                "session set-up", set_up_session(self, terminal, message), ue=terminal.subscriber
            )

    def _routine_answer(self, terminal: Terminal, message: nas.RoutineAccept | nas.RoutineReject) -> None:
        if not terminal.replies.give(("invite", message.execution), message):
            terminal.association.drop("answer to no invitation")

    def _routine_done(self, terminal: Terminal, message: nas.RoutineDone) -> None:
        for (execution, instance), seating in self.seatings.items():
            if execution != message.execution:
                continue
            for seat, seated in seating.terminals.items():
                if seated is terminal:
                    self.entity.tell(
                        names.ROUTINE_MANAGER,
                        ClientDone(
                            execution=execution, instance=instance, seat=seat, turn=message.turn, cause=message.cause
                        ),
                    )
                    return
        terminal.association.drop("end of an unknown turn")

    def _announce(self, terminal: Terminal) -> None:
        offers = tuple(
            nas.JobOffer(job=o.job, service=o.service, purpose=o.purpose[:200], k=o.k, raw_data=o.raw_data)
            for o in self.offers.values()
        )
        terminal.send(nas.JobList(jobs=offers))

    # From the RAN nodes

    def terminal_lost(self, association: RanAssociation, context: int) -> None:
        """The RAN node has lost a terminal, or its context was released."""
        terminal = self.terminals.pop((association, context), None)
        if terminal is None:
            return
        if self.registered.get(terminal.subscriber) is terminal:
            del self.registered[terminal.subscriber]
        terminal.replies.fail_all(ProcedureError(Cause.PEER_LOST, terminal.subscriber))
        for procedure in list(terminal.requests.values()):
            procedure.cancel("terminal lost")
        self.trace("terminal lost", ue=terminal.subscriber)

    def association_lost(self, association: RanAssociation) -> None:
        """A RAN node has gone, and with it all its terminals."""
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
        """The job is over: consents to it end."""
        self.offers.pop(request.job, None)
        for terminal in self.registered.values():
            terminal.consents.pop(request.job, None)
        return Done()

    def select(self, request: SelectClients) -> ClientsSelected:
        """Seat willing terminals at each server, in an order nobody can foresee (R57, R61, R62, R84, R85)."""
        willing: dict[int, list[Terminal]] = {}
        for wish in request.servers:
            willing[wish.instance] = sorted(
                (
                    terminal
                    for terminal in self.registered.values()
                    if terminal.association.node == wish.node and self._eligible(terminal, request)
                ),
                key=lambda terminal: derive(self.seed, "seat", request.execution, terminal.subscriber),
            )
        enough = all(len(terminals) >= request.k for terminals in willing.values())
        if enough:
            for instance, terminals in willing.items():
                self._seat(request.execution, instance, terminals)
        return ClientsSelected(
            servers=[
                ServerSeats(
                    instance=instance, available=len(terminals), seats=list(range(len(terminals))) if enough else []
                )
                for instance, terminals in willing.items()
            ]
        )

    def _eligible(self, terminal: Terminal, request: SelectClients) -> bool:
        consent = terminal.consents.get(request.job)
        if consent is None or request.job not in terminal.sessions:
            return False
        return consent.privacy.k <= request.k and (consent.privacy.raw_data or not request.raw_data)

    def _seat(self, execution: int, instance: int, terminals: list[Terminal]) -> None:
        self.seatings[execution, instance] = Seating(dict(enumerate(terminals)))
        for seat, terminal in enumerate(terminals):
            self.trace("seat given", execution=execution, server=instance, seat=seat, ue=terminal.subscriber)

    async def invite(self, request: InviteClients) -> ClientsInvited:
        """Invite all terminals of a server; those who do not answer in time are left out (R72)."""
        seating = self.seatings.get((request.execution, request.instance))
        if seating is None:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no seats for execution {request.execution}")
        invitations = [
            self.entity.procedures.start(
                "invitation",
                invite_terminal(self, seating.terminals[seat], seat, request),
                ue=seating.terminals[seat].subscriber,
                execution=request.execution,
                seat=seat,
            )
            for seat in request.seats
            if seat in seating.terminals
        ]
        answers = [await invitation for invitation in invitations]
        return ClientsInvited(accepted=[answer for answer in answers if answer is not None])

    def start(self, event: StartClients) -> Done:
        """Tell terminals that their turn begins."""
        seating = self.seatings.get((event.execution, event.instance))
        for seat, turn in event.turns if seating else ():
            if seating and (terminal := seating.terminals.get(seat)) is not None:
                terminal.send(nas.RoutineStart(execution=event.execution, turn=turn, repetition=event.repetition))
        return Done()

    def complete(self, event: CompleteClients) -> Done:
        """The execution is over: its seats are forgotten."""
        seating = self.seatings.pop((event.execution, event.instance), None)
        for terminal in seating.terminals.values() if seating else ():
            if terminal.subscriber in self.registered:
                terminal.send(nas.RoutineComplete(execution=event.execution, cause=event.cause))
        return Done()

    def trace(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=names.ACCESS_MANAGER, kind="state", message=what, ids=ids)
        )


_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationRequest: AccessManager._registration_request,
    nas.Consent: AccessManager._consent,
    nas.ComputingRequest: AccessManager._computing_request,
    nas.RoutineAccept: AccessManager._routine_answer,
    nas.RoutineReject: AccessManager._routine_answer,
    nas.RoutineDone: AccessManager._routine_done,
}
"""Uplink NAS messages; `RanAssociation` lets no other pass."""

UPLINK_NAS = frozenset(_HANDLERS)
