"""Access manager: terminals register, consent and are invited through it (R57-R64, R72). It alone knows who is who.

Towards the rest of the core a terminal is a seat of an execution, and for routes a context at a RAN node.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

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
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.derivation import derive
from net4ai.core import names, nas_dialogue, page_terminal
from net4ai.core.config import CoreConfig
from net4ai.core.deregister_terminal import deregister_terminal
from net4ai.core.invite_terminal import invite_terminal
from net4ai.core.overload import Overload
from net4ai.core.prepare_handover import free_prepared
from net4ai.core.ran_association import RanAssociation
from net4ai.core.release_session import release_session
from net4ai.core.terminal import Place, Seating, Terminal
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, Promise
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.trace import TraceEvent

OFFERS_PER_MESSAGE = 32
"""A Job List holds no more."""


class AccessManager:
    """Terminals, job offers, seats."""

    def __init__(self, entity: ControlEntity, config: CoreConfig, random_identity: Callable[[], int]) -> None:
        self.entity = entity
        self.seed = config.seed
        self.subscribers = {identity: bytes.fromhex(key) for identity, key in config.subscribers.items()}
        """K_AMF of each subscription that may access the network (R57)."""
        self.integrity = config.integrity
        self.ciphering = config.ciphering
        self.ran_nodes = frozenset(name for name, kind in config.nodes.items() if kind == "ran-node")
        """RAN nodes of the network."""
        self.random_identity = random_identity
        self.on_security: Callable[[Terminal, NasSecurity], None] = lambda terminal, security: None
        """Called when a terminal gets NAS keys: for the key log."""
        self.overload = Overload(self, config.overload)
        self.status_rate = ErrorRate()
        """Of NAS Status, over all terminals."""
        self.associations: dict[str, RanAssociation] = {}
        """By name of the RAN node."""
        self.terminals: dict[tuple[RanAssociation, int], Terminal] = {}
        """Those that are connected, registered or not."""
        self.prepared: dict[tuple[RanAssociation, int], Terminal] = {}
        """Those another RAN node has prepared for, by the context there."""
        self.registered: dict[str, Terminal] = {}
        """By subscription, connected or idle."""
        self.by_temporary_identity: dict[int, Terminal] = {}
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

    # To the terminals

    def send(
        self,
        terminal: Terminal,
        message: nas.Nas,
        transmit: Callable[[bytes], None] | None = None,
        protect: nas_dialogue.Protect | None = None,
    ) -> None:
        """Send a NAS message to a terminal; an idle one is paged first. The rest is as `nas_dialogue.send` has it."""
        if terminal.lost:
            self.drop(terminal, Drop.TERMINAL_LOST)
        elif terminal.idle:
            page_terminal.queue(self, terminal, message)
        else:
            nas_dialogue.send(self, terminal, message, transmit, protect)

    def announce(self, terminal: Terminal) -> None:
        """All jobs on offer, to a terminal."""
        offers = [
            nas.JobOffer(
                job=o.job, service=_clipped(o.service, 64), purpose=_clipped(o.purpose, 200), k=o.k, raw_data=o.raw_data
            )
            for o in self.offers.values()
        ]
        for start in range(0, len(offers), OFFERS_PER_MESSAGE):
            self.send(terminal, nas.JobList(jobs=tuple(offers[start : start + OFFERS_PER_MESSAGE])))

    def deregister(self, subscriber: str, cause: Cause = Cause.DEREGISTERED, *, register_again: bool = False) -> bool:
        """Have a subscriber's terminal leave. False: it is not registered."""
        terminal = self.registered.get(subscriber)
        if terminal is not None:
            deregister_terminal(self, terminal, cause, register_again)
        return terminal is not None

    def remove_subscription(self, subscriber: str) -> None:
        """A subscription ends: its terminal must leave and will not be registered again (R57)."""
        self.subscribers.pop(subscriber, None)
        self.deregister(subscriber, Cause.NOT_ALLOWED)

    def deactivate(self, terminal: Terminal) -> None:
        """Nothing has been said for a while: the terminal's connection ends, its registration stays."""
        self.disconnect(terminal, Cause.USER_INACTIVITY)

    def release(self, terminal: Terminal, cause: Cause) -> None:
        """A terminal shall go, at its RAN node too."""
        if terminal.association is not None:
            terminal.association.release(terminal.context, cause)
        self.forget(terminal)

    # Registrations

    def take_identity(self, terminal: Terminal) -> None:
        """A newcomer has proved who it is: it gets a temporary identity, and an older context of it goes."""
        if (old := self.registered.pop(terminal.subscriber, None)) is not None:
            self.release(old, Cause.PEER_LOST)
        identity = self.random_identity()
        while identity in self.by_temporary_identity:
            identity = self.random_identity()
        terminal.temporary_identity = identity
        self.by_temporary_identity[identity] = terminal

    def terminal_registered(self, terminal: Terminal) -> None:
        """It has taken its temporary identity: it is a terminal of the network, and hears of the jobs."""
        if (old := self.registered.get(terminal.subscriber)) is not None:
            self.release(old, Cause.PEER_LOST)
        terminal.registered = True
        self.registered[terminal.subscriber] = terminal
        self.trace("terminal registered", ue=terminal.subscriber, node=terminal.node)
        self.announce(terminal)

    def terminal_reachable(self, terminal: Terminal) -> None:
        """It is connected again: what waited for that is said."""
        self.trace("terminal connected", ue=terminal.subscriber, node=terminal.node)
        terminal.replies.give(page_terminal.CONNECTED, None)
        while terminal.queued and not terminal.idle:
            self.send(terminal, terminal.queued.popleft())

    def forget(self, terminal: Terminal) -> None:
        """Nothing stays of a terminal, its registration neither."""
        if terminal.lost:
            return
        terminal.lost = True
        self._connection_lost(terminal)
        if self.registered.get(terminal.subscriber) is terminal:
            del self.registered[terminal.subscriber]
        if self.by_temporary_identity.get(terminal.temporary_identity) is terminal:
            del self.by_temporary_identity[terminal.temporary_identity]
        terminal.queued.clear()
        for procedure in (terminal.registration, terminal.paging, terminal.leaving, terminal.reachable):
            if procedure is not None:
                procedure.cancel("terminal lost")
        if terminal.registered:
            self.trace("terminal lost", ue=terminal.subscriber)

    # Connections

    def connect(self, terminal: Terminal, association: RanAssociation, context: int) -> None:
        """An idle terminal has a connection."""
        terminal.association, terminal.context, terminal.node = association, context, association.node
        self.terminals[association, context] = terminal
        if terminal.reachable is not None:
            terminal.reachable.cancel("connected")
            terminal.reachable = None

    def disconnect(self, terminal: Terminal, cause: Cause) -> None:
        """A registered terminal's connection ends, at its RAN node too; it is idle."""
        if terminal.association is not None:
            terminal.association.release(terminal.context, cause)
            # First: whoever hears that the connection is lost may have the terminal forgotten.
            terminal.reachable = self.entity.procedures.start("mobile reachable", self._away(terminal), traced=False)
            self._connection_lost(terminal)
            self.trace("terminal idle", ue=terminal.subscriber)

    async def _away(self, terminal: Terminal) -> None:
        await self.entity.procedures.sleep(self.entity.timers["mobile-reachable"])
        terminal.reachable = None
        self.forget(terminal)

    def _connection_lost(self, terminal: Terminal) -> None:
        """With the connection go its sessions and its seats."""
        if terminal.association is None:
            return
        self.terminals.pop((terminal.association, terminal.context), None)
        free_prepared(self, terminal, Cause.PEER_LOST)
        terminal.association, terminal.secured = None, False
        terminal.sessions.clear()
        terminal.quality.clear()
        terminal.replies.fail_all(ProcedureError(Cause.PEER_LOST, "terminal lost"))
        for procedure in (*terminal.requests.values(), *terminal.procedures):
            procedure.cancel("terminal lost")
        places, terminal.places = terminal.places, {}
        for execution, place in places.items():
            place.left = True
            self.turn_ended(execution, place, Cause.PEER_LOST)

    def run_for(self, terminal: Terminal, name: str, coroutine: Coroutine[Promise[Any], None, None]) -> None:
        """Start a procedure that ends with the terminal's connection."""
        terminal.procedures = {procedure for procedure in terminal.procedures if not procedure.done}
        terminal.procedures.add(self.entity.procedures.start(name, coroutine, ue=terminal.subscriber))

    # From the RAN nodes

    def ran_node_known(self, association: RanAssociation, node: str) -> None:
        """A RAN node has set up its association. An older one of the same name is void, and so are its contexts."""
        if (old := self.associations.get(node)) is not None and old is not association:
            old.reset()
        self.associations[node] = association

    def context_released(self, association: RanAssociation, context: int, cause: Cause) -> None:
        """The RAN node asks for the release of a context: it has lost the terminal, or nothing is said any more."""
        terminal = self.terminals.get((association, context))
        if terminal is not None and terminal.registered and cause is Cause.USER_INACTIVITY:
            self.deactivate(terminal)
            return
        self.terminal_lost(association, context)
        association.release(context, cause)

    def terminal_lost(self, association: RanAssociation, context: int) -> None:
        """The RAN node has lost a terminal, or its context was released."""
        terminal = self.terminals.get((association, context))
        if terminal is not None:
            self.forget(terminal)
        elif (prepared := self.prepared.pop((association, context), None)) is not None:
            prepared.handover = None

    def association_lost(self, association: RanAssociation) -> None:
        """A RAN node has gone, and with it all its terminals; those that are idle stay."""
        if self.associations.get(association.node) is association:
            del self.associations[association.node]
        for owner, context in list(self.terminals):
            if owner is association:
                self.terminal_lost(association, context)
        for owner, context in list(self.prepared):
            if owner is association:
                self.terminal_lost(association, context)

    # From the control plane

    def offer(self, request: OfferJob) -> Done:
        """Announce the job to everyone who is there (R59); others hear of it when they register."""
        self.offers[request.job] = request
        for terminal in list(self.registered.values()):
            self.announce(terminal)
        return Done()

    def withdraw(self, request: WithdrawJob) -> Done:
        """The job is over: seats that nobody has taken back end, consents to it, and its sessions."""
        self.offers.pop(request.job, None)
        for (execution, instance), seating in list(self.seatings.items()):
            if seating.job == request.job:
                self._clear_seats(execution, instance, Cause.CANCELLED)
        for terminal in list(self.registered.values()):
            terminal.consents.pop(request.job, None)
            terminal.answered.discard(request.job)
            if request.job in terminal.sessions:
                self.run_for(terminal, "session release", release_session(self, terminal, request.job, Cause.NORMAL))
        return Done()

    def select(self, request: SelectClients) -> ClientsSelected:
        """Seat willing terminals at each server, in an order drawn from the seed (R57, R61, R62, R83-R85)."""
        willing: dict[int, list[Terminal]] = {}
        pending = 0
        for node in {wish.node: None for wish in request.servers}:
            awaited = [terminal for terminal in self._at(node) if _pending(terminal, request)]
            for terminal in awaited:
                if terminal.idle:  # connected again, it asks for its session
                    page_terminal.page(self, terminal)
            pending += len(awaited)
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
        return (terminal for terminal in self.registered.values() if terminal.node == node)

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
            if seat in seating.places and not seating.places[seat].left
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
            if place.left:
                self.turn_ended(event.execution, place, Cause.PEER_LOST)
            else:
                start = nas.RoutineStart(execution=event.execution, turn=turn, repetition=event.repetition)
                self.send(place.terminal, start)
        return Done()

    def complete(self, event: CompleteClients) -> Done:
        """The execution is over: its seats are forgotten."""
        self._clear_seats(event.execution, event.instance, event.cause)
        return Done()

    def _clear_seats(self, execution: int, instance: int, cause: int) -> None:
        seating = self.seatings.pop((execution, instance), None)
        for place in seating.places.values() if seating else ():
            if not place.left:
                place.terminal.places.pop(execution, None)
                self.send(place.terminal, nas.RoutineComplete(execution=execution, cause=cause))

    def turn_ended(self, execution: int, place: Place, cause: int) -> None:
        """A turn under way has ended: the routine manager is told."""
        if place.turn is not None:
            done = ClientDone(
                execution=execution, instance=place.instance, seat=place.seat, turn=place.turn, cause=cause
            )
            place.turn = None
            self.entity.tell(names.ROUTINE_MANAGER, done)

    # Trace

    def drop(self, terminal: Terminal, reason: str) -> None:
        """Refuse a message of a terminal: trace it under its reason."""
        procedures = self.entity.procedures
        ids: dict[str, int | str] = {"ue": terminal.subscriber}
        procedures.trace(TraceEvent(time=procedures.now, node="core", kind="drop", link="NAS", drop=reason, ids=ids))

    def trace(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=names.ACCESS_MANAGER, kind="state", message=what, ids=ids)
        )

    def trace_message(
        self,
        link: str,
        node: str,
        message: Message | UnknownMessage,
        direction: str,
        peer: str,
        size: int,
        ids: dict[str, int | str],
    ) -> None:
        """A line of trace for a message."""
        for key in ("ran_ue", "execution", "turn", "job", "session", "transaction"):
            if isinstance(value := getattr(message, key, None), int):
                ids[key] = value
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(
                time=procedures.now,
                node=node,
                kind="message",
                link=link,
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer=peer,
                size=size,
                ids=ids,
            )
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
