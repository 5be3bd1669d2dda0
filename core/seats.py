"""Seats: who sits where at the servers of an execution, invited, started, done, complete (figure 6; R57-R85).

A seat belongs to a subscriber as long as the execution may be resumed, whether or not its terminal is there. Nobody but
the access manager knows whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from net4ai.codecs import nas
from net4ai.codecs.bus import (
    ClientsDone,
    ClientsInvited,
    ClientsSelected,
    CompleteClients,
    Done,
    InviteClients,
    SelectClients,
    ServerSeats,
    ServerWish,
    StartClients,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.derivation import derive
from net4ai.core import page_terminal
from net4ai.core.consents import unfinished_jobs
from net4ai.core.invite_terminal import invite_terminal
from net4ai.core.share_out import share_out
from net4ai.core.store import SeatingRow, Store, StoreError
from net4ai.core.terminal import Place, Seating, Terminal
from net4ai.stack.procedure import Procedure, ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager

ENDS_PER_MESSAGE = 1024
"""Ends of turns in one bus message, which has 64 KiB."""

Choice = dict[int, dict[int, Terminal]]
"""Terminals for each server instance, by seat."""


class Seats:
    """Seats of all executions under way."""

    def __init__(self, manager: AccessManager, store: Store) -> None:
        self._manager = manager
        self._store = store
        self.seatings: dict[tuple[int, int], Seating] = {}
        """By execution and server instance."""
        self._failures: dict[tuple[str, int, int], list[tuple[int, int, int]]] = {}
        """Turns that have failed and are not told yet: seat, turn and cause, by routine manager and server."""
        self._telling: Procedure[None] | None = None
        manager.entity.handle(SelectClients, self.select)
        manager.entity.handle(InviteClients, self.invite)
        manager.entity.handle(StartClients, self.start)
        manager.entity.handle(CompleteClients, self.complete)

    # Selection

    def select(self, request: SelectClients) -> ClientsSelected:
        """Seat willing terminals at each server (R57, R61, R62, R83-R85), or with `resume` those who had the seats.

        All servers get their seats or none. Raises `ProcedureError`: nothing to resume, or seats could not be kept.
        """
        choice, pending = self._had_seats(request) if request.resume else self._choose(request)
        seated = all(len(seats) >= request.k for seats in choice.values()) and not (request.gather and pending)
        if seated:
            self._seat(request, choice)
        servers = []
        for instance, seats in choice.items():
            given = len(self.seatings[request.execution, instance].places) if seated else 0
            sitting = list(seats) if seated else []
            servers.append(ServerSeats(instance=instance, available=len(seats), seats=sitting, given=given))
        return ClientsSelected(servers=servers, pending=pending)

    def _choose(self, request: SelectClients) -> tuple[Choice, int]:
        """Who can have a seat now, in an order drawn from the seed; how many may still come."""
        options: dict[Terminal, frozenset[int]] = {}
        pending = 0
        for terminal in self._manager.registered.values():
            possible = frozenset(wish.instance for wish in request.servers if terminal.node in _nodes(wish))
            if possible and self._eligible(terminal, request):
                options[terminal] = possible
            elif possible and self._may_come(terminal.subscriber, request):
                pending += self._await(terminal)
        seed, execution = self._manager.seed, request.execution
        drawn = sorted(options, key=lambda terminal: derive(seed, "seat", execution, terminal.subscriber))
        servers = [wish.instance for wish in request.servers]
        shares = share_out({terminal: options[terminal] for terminal in drawn}, servers, request.k)
        return {instance: dict(enumerate(terminals)) for instance, terminals in shares.items()}, pending

    def _had_seats(self, request: SelectClients) -> tuple[Choice, int]:
        """Who of those that have the seats is here; the others count as pending, but who does not want to any more."""
        choice: Choice = {}
        pending = 0
        for wish in request.servers:
            seating = self.seatings.get((request.execution, wish.instance))
            if seating is None:
                raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no seats for execution {request.execution}")
            choice[wish.instance] = {}
            for seat, place in seating.places.items():
                terminal = self._manager.registered.get(place.subscriber)
                if terminal is not None and self._eligible(terminal, request):  # also one that was handed over
                    choice[wish.instance][seat] = terminal
                elif self._may_come(place.subscriber, request):
                    pending += self._await(terminal)
        return choice, pending

    def _await(self, terminal: Terminal | None) -> int:
        """One more is awaited; an idle terminal asks for its session when it is connected again."""
        if terminal is not None and terminal.idle:
            page_terminal.page(self._manager, terminal)
        return 1

    def _eligible(self, terminal: Terminal, request: SelectClients) -> bool:
        """It is willing and has its session (R57)."""
        return request.job in terminal.sessions and self._willing(terminal.subscriber, request)

    def _may_come(self, subscriber: str, request: SelectClients) -> bool:
        """It may still become eligible: it has not refused."""
        return not self._manager.consents.answered(subscriber, request.job) or self._willing(subscriber, request)

    def _willing(self, subscriber: str, request: SelectClients) -> bool:
        """It consents, and what it demands for its data is met (R57, R60, R61)."""
        consent = self._manager.consents.of(subscriber, request.job)
        if consent is None:
            return False
        return consent.privacy.k <= request.k and (consent.privacy.raw_data or not request.raw_data)

    def _seat(self, request: SelectClients, choice: Choice) -> None:
        """Give the seats, once they are stored. Raises `StoreError`."""
        if not request.resume:
            self._store.put(
                *(
                    SeatingRow(
                        execution=request.execution,
                        instance=instance,
                        job=request.job,
                        subscribers=msgspec.json.encode([terminal.subscriber for terminal in seats.values()]),
                    )
                    for instance, seats in choice.items()
                )
            )
            for instance, seats in choice.items():
                self._empty(request.execution, instance)
                subscribers = (terminal.subscriber for terminal in seats.values())
                self.seatings[request.execution, instance] = Seating.of(request.job, instance, subscribers)
        for instance, seats in choice.items():
            for seat, terminal in seats.items():
                place = self.seatings[request.execution, instance].places[seat]
                place.terminal = terminal
                terminal.places[request.execution] = place
                self._manager.trace(
                    "seat given", execution=request.execution, server=instance, seat=seat, ue=terminal.subscriber
                )

    # An execution

    async def invite(self, request: InviteClients) -> ClientsInvited:
        """Invite terminals of a server; those who do not answer in time are left out (R72)."""
        seating = self.seatings.get((request.execution, request.instance))
        if seating is None:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no seats for execution {request.execution}")
        seating.routine_manager = request.routine_manager
        invitations = [
            self._manager.entity.procedures.start(
                "invitation",
                invite_terminal(self._manager, place.terminal, seating.job, seat, request),
                ue=place.subscriber,
                execution=request.execution,
                seat=seat,
            )
            for seat in request.seats
            if (place := seating.places.get(seat)) is not None and place.terminal is not None
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
            if place.terminal is None:
                self.turn_ended(event.execution, place, place.away)
            else:
                start = nas.RoutineStart(execution=event.execution, turn=turn, repetition=event.repetition)
                self._manager.send(place.terminal, start)
        return Done()

    def turn_ended(self, execution: int, place: Place, cause: int) -> None:
        """A turn under way has ended. The routine manager is told of failures; what is committed the server says."""
        turn, place.turn = place.turn, None
        seating = self.seatings.get((execution, place.instance))
        if turn is None or cause == Cause.NORMAL or seating is None:
            return
        server = seating.routine_manager, execution, place.instance
        self._failures.setdefault(server, []).append((place.seat, turn, cause))
        if self._telling is None:
            self._telling = self._manager.entity.procedures.start("tell ends of turns", self._tell(), traced=False)

    async def _tell(self) -> None:
        """All ends of one moment go together: with a RAN node many terminals are lost at once."""
        entity = self._manager.entity
        await entity.procedures.sleep(0)
        failures, self._failures, self._telling = self._failures, {}, None
        for (routine_manager, execution, instance), turns in failures.items():
            for start in range(0, len(turns), ENDS_PER_MESSAGE):
                some = turns[start : start + ENDS_PER_MESSAGE]
                entity.tell(routine_manager, ClientsDone(execution=execution, instance=instance, turns=some))

    def complete(self, event: CompleteClients) -> Done:
        """The execution is over, or with `keep` for now: its seats are forgotten, or empty. Raises `StoreError`."""
        key = event.execution, event.instance
        self._empty(*key, event.cause)
        if not event.keep and self.seatings.pop(key, None) is not None:
            self._store.delete(_row(key))
        return Done()

    def end_job(self, job: int) -> None:
        """The job is over, and with it whatever of its executions nobody has taken back."""
        over = [key for key, seating in self.seatings.items() if seating.job == job]
        if not over:
            return
        for key in over:
            self._empty(*key, Cause.CANCELLED)
            del self.seatings[key]
        try:
            self._store.delete(*(_row(key) for key in over))
        except StoreError as error:
            self._manager.not_stored(error)

    def _empty(self, execution: int, instance: int, cause: int = Cause.CANCELLED) -> None:
        """Nobody sits at the server any more."""
        seating = self.seatings.get((execution, instance))
        for place in seating.places.values() if seating else ():
            terminal, place.terminal, place.turn = place.terminal, None, None
            if terminal is not None:
                terminal.places.pop(execution, None)
                self._manager.send(terminal, nas.RoutineComplete(execution=execution, cause=cause))

    # Terminals go

    def leave(self, terminal: Terminal, cause: Cause, job: int | None = None) -> None:
        """A terminal has lost its seats, of one job or all: turns of its own end at once."""
        for execution, place in list(terminal.places.items()):
            seating = self.seatings.get((execution, place.instance))
            if job is None or (seating is not None and seating.job == job):
                del terminal.places[execution]
                place.terminal, place.away = None, cause
                terminal.replies.fail(("invite", execution), ProcedureError(cause, "has left"))
                self.turn_ended(execution, place, cause)

    def recover(self) -> None:
        """Take the seats the store has kept; their terminals are yet to come. Raises `StoreError`."""
        jobs = unfinished_jobs(self._store)
        for row in list(self._store.all(SeatingRow)):
            if row.job in jobs:
                subscribers = msgspec.json.decode(row.subscribers, type=list[str])
                self.seatings[row.key] = Seating.of(row.job, row.instance, subscribers)
            else:
                self._store.delete(row)


def _nodes(wish: ServerWish) -> Iterable[str]:
    """RAN nodes whose terminals a server can have."""
    return wish.nodes or (wish.node,)


def _row(key: tuple[int, int]) -> SeatingRow:
    """What is needed to delete one."""
    return SeatingRow(execution=key[0], instance=key[1], job=0, subscribers=b"")
