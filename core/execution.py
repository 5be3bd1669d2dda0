"""One execution of a routine at one of its servers: figure 6 of the paper, with the invitation in two phases.

2    invite the server                                    InviteInstance
3    invite all clients; they answer                      InviteClients / InviteInstance
4    at least k accepted: routes and keys in one batch    InstallRoutes, BeginExecution
5    turns: start, data, done                             StartTurns, StartClients ... TurnsDone
6    the server says restart (again from 3) or complete   FinishExecution, ExecutionOutcome

Where the execution was broken off before, all of it comes again but the turns the server has committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs.bus import (
    BeginExecution,
    ClientAccepted,
    ClientsInvited,
    CompleteClients,
    Done,
    ExecuteRoutine,
    ExecutionBegun,
    ExecutionOutcome,
    FinishExecution,
    InstallRoutes,
    Instance,
    InstanceAccepted,
    InviteClients,
    InviteInstance,
    MoveClient,
    MoveRoute,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
    ServerAssignment,
    StartClients,
    StartTurns,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.core import names
from net4ai.core.names import forwarding_function
from net4ai.core.together import guarded, outcomes, together
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, outcome_of

if TYPE_CHECKING:
    from net4ai.core.routine_manager import RoutineManager

MAXIMUM_REPETITIONS = 0xFFFF
"""Restarts of one execution; the start message counts them in 16 bits."""

RESUMABLE = frozenset({Cause.TOO_FEW_CLIENTS, Cause.PEER_LOST, Cause.TIMEOUT, Cause.FUNCTION_NOT_HERE})
"""Ends of an execution that say nothing against it: with who is back it goes on where it was."""


class ServerExecution:
    """An execution at one server."""

    def __init__(
        self, manager: RoutineManager, request: ExecuteRoutine, assignment: ServerAssignment, attempt: int
    ) -> None:
        self.manager = manager
        self.entity = manager.entity
        self.request = request
        self.server = assignment.instance
        self.concrete = dict(zip(assignment.seats, assignment.clients, strict=False))
        """Concrete clients by seat; empty: the clients are terminals."""
        self.invited = list(assignment.seats)
        self.given = max([assignment.given, *(seat + 1 for seat in assignment.seats)])
        """Seats given out when the execution began."""
        self.begun: list[int] = []
        """Seats the server knows of, in order."""
        self.seats: list[int] = []
        """Those that still take part, in order."""
        self.stop = False
        self.committed = 0
        """Turns committed since this attempt began."""
        self._attempt = attempt
        self._next_turn = 0
        """Turns below it are done with: committed, or passed over."""
        self._server_key = b""
        self._begins: dict[int, str] = {}
        """Forwarding function where a seat's route may begin."""
        self._laid: set[int] = set()
        """Seats whose routes are there."""
        self._moved: dict[int, MoveClient] = {}
        """Seats of terminals that were handed over while their routes were being laid."""

    @property
    def instances(self) -> list[Instance]:
        """Server and concrete clients."""
        return [self.server, *self.concrete.values()]

    # Steps 2 to 4

    async def prepare(self) -> None:
        """Invite the server, then the clients; with k acceptances lay the routes. Raises `ProcedureError`."""
        self._server_key = (await self._invite_instance(self.server, True, self.invited, b"")).key
        self.seats = await self._connect(self.invited)
        self.begun = list(self.seats)
        self._next_turn = (await self._begin(self.server, self.begun)).next_turn
        if self._next_turn and self.request.sequential:
            # It was committed, though nobody may have lived to hear of it.
            self._trace_committed((self._next_turn - 1) % self.given, self._next_turn - 1)
        await self._begin_clients()

    async def _connect(self, seats: list[int]) -> list[int]:
        """Steps 3 and 4 for these seats: those that take part, in order. Raises `ProcedureError`."""
        if self.concrete:
            routes = {self.server.node: await self._invite_concrete(seats)}
        else:
            routes = await self._invite_terminals(seats)
        self._check_k(sum(map(len, routes.values())), "accepted the invitation")
        connected = [*await self._lay(routes), *await self._follow()]
        self._check_k(len(connected), "could be reached")
        return sorted(connected)

    async def _invite_terminals(self, seats: list[int]) -> dict[str, list[RouteClient]]:
        """Routes of those who accept, by the RAN node they begin at."""
        request = self.request
        answer = await self.entity.call(
            names.ACCESS_MANAGER,
            InviteClients(
                execution=request.execution,
                instance=self.server.instance,
                seats=seats,
                function=request.client_function,
                settings=request.client_settings,
                routine=request.routine,
                round=request.round,
                cut=request.cut,
                sequential=request.sequential,
                key=self._server_key,
                qfi=request.qfi,
                routine_manager=self.entity.name,
            ),
            ClientsInvited,
            timer="invite-clients",
        )
        routes: dict[str, list[RouteClient]] = {}
        for accepted in answer.accepted:
            routes.setdefault(accepted.node or self.server.node, []).append(_terminal_route(accepted))
        return routes

    async def _invite_concrete(self, seats: list[int]) -> list[RouteClient]:
        """Routes of those who accept. One that is gone comes back: without it nothing goes on."""
        invitations = {
            seat: self._invite_instance(self.concrete[seat], False, [seat], self._server_key) for seat in seats
        }
        answers = await outcomes(self.entity.procedures, invitations)
        for answer in answers.values():
            if isinstance(answer, ProcedureError) and answer.cause in RESUMABLE:
                raise answer
        return [
            RouteClient(seat=seat, instance=self.concrete[seat].instance, node=self.concrete[seat].node, key=answer.key)
            for seat, answer in answers.items()
            if isinstance(answer, InstanceAccepted)
        ]

    async def _invite_instance(
        self, instance: Instance, as_server: bool, seats: list[int], key: bytes
    ) -> InstanceAccepted:
        return await self.entity.call(
            forwarding_function(instance.node),
            InviteInstance(
                execution=self.request.execution,
                instance=instance.instance,
                as_server=as_server,
                routine=self.request.routine,
                round=self.request.round,
                cut=self.request.cut,
                sequential=self.request.sequential,
                seats=seats,
                key=key,
                qfi=self.request.qfi,
                routine_manager=self.entity.name,
                attempt=self._attempt,
            ),
            InstanceAccepted,
        )

    async def _lay(self, routes: dict[str, list[RouteClient]]) -> list[int]:
        """Have the routes laid, at all nodes at once; seats whose routes are laid. Raises `ProcedureError`."""
        self._laid.clear()
        self._begins |= {client.seat: node for node, clients in routes.items() for client in clients}
        laying = {node: self._lay_at(node, clients) for node, clients in routes.items()}
        answers = await outcomes(self.entity.procedures, laying)
        failed = [answer for answer in answers.values() if isinstance(answer, ProcedureError)]
        if failed and (len(failed) == len(answers) or isinstance(answers.get(self.server.node), ProcedureError)):
            raise failed[0]
        laid = [seat for answer in answers.values() if isinstance(answer, RoutesInstalled) for seat in answer.seats]
        self._laid.update(laid)
        return laid

    async def _follow(self) -> list[int]:
        """Terminals that were handed over meanwhile: a route that is there moves, one that could not be laid is laid
        where they are now. Gives the seats of the latter."""
        moved, self._moved = self._moved, {}
        for seat in self._laid & set(moved):
            await outcome_of(self.move(moved[seat]))
        routes: dict[str, list[RouteClient]] = {}
        for seat in sorted(set(moved) - self._laid):
            routes.setdefault(moved[seat].node, []).append(_moved_route(moved[seat]))
        answers = {node: await outcome_of(self._lay_at(node, clients)) for node, clients in routes.items()}
        self._begins |= {client.seat: node for node, clients in routes.items() for client in clients}
        laid = [seat for answer in answers.values() if isinstance(answer, RoutesInstalled) for seat in answer.seats]
        self._laid.update(laid)
        return laid

    async def move(self, event: MoveClient) -> None:
        """A terminal was handed over: its route goes on from where it is now. Raises `ProcedureError`: it has ended."""
        if event.seat not in self._laid:
            self._moved[event.seat] = event
            return
        move = MoveRoute(
            execution=self.request.execution,
            instance=self.server.instance,
            client=_moved_route(event),
            node="" if event.node == self.server.node else self.server.node,
            attempt=self._attempt,
        )
        self._begins[event.seat] = event.node
        await self.entity.call(forwarding_function(event.node), move, Done, timer="move-route")
        ids = {"execution": self.request.execution, "seat": event.seat, "server": self.server.instance}
        self.manager.trace("route moved", node=event.node, **ids)

    async def _lay_at(self, node: str, clients: list[RouteClient]) -> RoutesInstalled:
        return await self.entity.call(
            forwarding_function(node),
            InstallRoutes(
                execution=self.request.execution,
                instance=self.server.instance,
                clients=clients,
                node="" if node == self.server.node else self.server.node,
                attempt=self._attempt,
            ),
            RoutesInstalled,
            timer="install-routes",
        )

    async def _begin(self, instance: Instance, seats: list[int]) -> ExecutionBegun:
        return await self.entity.call(
            forwarding_function(instance.node),
            BeginExecution(execution=self.request.execution, instance=instance.instance, seats=seats),
            ExecutionBegun,
        )

    async def _begin_clients(self) -> None:
        """Concrete clients begin when their server has."""
        clients = [(self.concrete[seat], seat) for seat in self.seats if seat in self.concrete]
        await together(self.entity.procedures, [self._begin(client, [seat]) for client, seat in clients])

    def _check_k(self, count: int, what: str) -> None:
        """R84: fewer than k clients end the execution before anything was sent."""
        if count < self.request.k:
            detail = f"{count} of {len(self.invited)} clients {what} at {self.server.node}, {self.request.k} are needed"
            raise ProcedureError(Cause.TOO_FEW_CLIENTS, detail)

    # Steps 5 and 6

    async def run(self) -> None:
        """Turns, until the server says complete. Raises `ProcedureError`."""
        repetition = max(0, self._next_turn - 1) // self.given
        while True:
            await self._repeat(repetition)
            outcome = await self._finish(repetition)
            if outcome.cause != Cause.NORMAL:
                raise ProcedureError(cause_of(outcome.cause), f"the server at {self.server.node} failed")
            if not outcome.restart:
                self.stop = outcome.stop
                return
            if repetition == MAXIMUM_REPETITIONS:
                raise ProcedureError(Cause.NO_RESOURCES, f"restarted {MAXIMUM_REPETITIONS} times")
            repetition += 1
            self.seats = await self._connect(self.begun)
            await self._begin_clients()

    async def _repeat(self, repetition: int) -> None:
        """Each seat's turn, one after another (R79) or all at once; those that are done with are passed over."""
        numbered = [(seat, repetition * self.given + seat) for seat in self.seats]
        turns = [(seat, turn) for seat, turn in numbered if turn >= self._next_turn]
        if self.request.sequential:
            for seat, turn in turns:
                await self._turns([(seat, turn)], repetition)
        elif turns:
            await self._turns(turns, repetition)

    async def _turns(self, turns: list[tuple[int, int]], repetition: int) -> None:
        """Start turns at both ends and wait for their ends (R74, R78): who has started communicates at once."""
        starts = [self._start(self.server, True, turns, repetition)]
        if self.concrete:
            starts += [self._start(self.concrete[seat], False, [(seat, turn)], repetition) for seat, turn in turns]
        else:
            starts.append(self._start_terminals(turns, repetition))
        ends = together(self.entity.procedures, [self._turn_of(seat, turn) for seat, turn in turns])
        await guarded(self.entity.procedures, ends, starts)

    async def _start(self, instance: Instance, as_server: bool, turns: list[tuple[int, int]], repetition: int) -> None:
        start = StartTurns(
            execution=self.request.execution,
            instance=instance.instance,
            as_server=as_server,
            turns=turns,
            repetition=repetition,
        )
        await self.entity.call(forwarding_function(instance.node), start, Done)

    async def _start_terminals(self, turns: list[tuple[int, int]], repetition: int) -> None:
        start = StartClients(
            execution=self.request.execution, instance=self.server.instance, turns=turns, repetition=repetition
        )
        await self.entity.call(names.ACCESS_MANAGER, start, Done)

    async def _turn_of(self, seat: int, turn: int) -> None:
        """Wait until the server has committed the turn, and a concrete client has ended it too."""
        instance = self.server.instance
        ends = [self._end_of("server turn", instance, turn)]
        if seat in self.concrete:
            ends.append(self._end_of("client turn", self.concrete[seat].instance, turn))
        try:
            await together(self.entity.procedures, ends)
        except ProcedureCancelled:
            raise
        except ProcedureError as error:
            await self._leave_out(seat, error.cause)
        else:
            self.committed += 1
            self._trace_committed(seat, turn)

    def _trace_committed(self, seat: int, turn: int) -> None:
        ids = {"execution": self.request.execution, "seat": seat, "turn": turn, "server": self.server.instance}
        self.manager.trace("turn committed", **ids)

    async def _end_of(self, side: str, instance: int, turn: int) -> None:
        """Wait until one side has ended the turn. Raises `ProcedureError`."""
        key = side, self.request.execution, instance, turn
        cause = await self.manager.replies.expect(key, self.entity.timers["turn"])
        if cause != Cause.NORMAL:
            raise ProcedureError(cause_of(cause))

    async def _leave_out(self, seat: int, cause: Cause) -> None:
        """A client has failed or gone silent: go on without it if k still holds, else abort (R80)."""
        self.manager.trace("client left out", execution=self.request.execution, seat=seat, cause=cause.name)
        self.seats.remove(seat)
        self._remove_routes({self.server.node, self._begins[seat]}, self.server.instance, [seat])
        self.manager.tell_progress(
            self.request, f"seat {seat} at {self.server.node} left out: {cause.name}", {"round": self.request.round}
        )
        self._check_k(len(self.seats), "are left")

    async def _finish(self, repetition: int) -> ExecutionOutcome:
        execution, instance = self.request.execution, self.server.instance
        finish = FinishExecution(execution=execution, instance=instance, repetition=repetition)
        asked = self.entity.call(forwarding_function(self.server.node), finish, Done)
        said = self.manager.replies.expect(("outcome", execution, instance), self.entity.timers["finish"])
        outcome: ExecutionOutcome = await guarded(self.entity.procedures, said, [asked])
        return outcome

    # The end

    def clear(self, cause: Cause) -> dict[str, list[Procedure[Done | ProcedureError]]]:
        """Take routes and invitations back, however it ended: what of it is under way, by forwarding function."""
        clearing = self._remove_routes({self.server.node, *self._begins.values()}, self.server.instance, [])
        for client in self.concrete.values():
            for node, removals in self._remove_routes({client.node}, client.instance, []).items():
                clearing.setdefault(node, []).extend(removals)
        if not self.concrete:
            self.entity.tell(
                names.ACCESS_MANAGER,
                CompleteClients(
                    execution=self.request.execution,
                    instance=self.server.instance,
                    seats=self.invited,
                    cause=cause,
                    keep=cause == Cause.NORMAL or cause in RESUMABLE,
                ),
            )
        return clearing

    def _remove_routes(
        self, nodes: set[str], instance: int, seats: list[int]
    ) -> dict[str, list[Procedure[Done | ProcedureError]]]:
        request = RemoveRoutes(execution=self.request.execution, instance=instance, seats=seats, attempt=self._attempt)
        return {node: [self._in_background(forwarding_function(node), request)] for node in sorted(nodes)}

    def _in_background(self, to: str, request: RemoveRoutes) -> Procedure[Done | ProcedureError]:
        call = outcome_of(self.entity.call(to, request, Done))
        return self.entity.procedures.start("remove routes", call, traced=False)


def _moved_route(moved: MoveClient) -> RouteClient:
    return RouteClient(seat=moved.seat, context=moved.context, session=moved.session)


def _terminal_route(accepted: ClientAccepted) -> RouteClient:
    if accepted.token:
        return RouteClient(seat=accepted.seat, token=accepted.token, key=accepted.key)
    return RouteClient(seat=accepted.seat, context=accepted.context, session=accepted.session, key=accepted.key)
