"""One execution of a routine at one of its servers: figure 6 of the paper, with the invitation in two phases.

2    invite the server                                    InviteInstance
3    invite all clients; they answer                      InviteClients / InviteInstance
4    at least k accepted: routes and keys in one batch    InstallRoutes, BeginExecution
5    turns: start, data, done                             StartTurns, StartClients ... TurnDone
6    the server says restart (again from 5) or complete   FinishExecution, ExecutionOutcome
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
from net4ai.core.together import together
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError, outcome_of

if TYPE_CHECKING:
    from net4ai.core.routine_manager import RoutineManager

MAXIMUM_REPETITIONS = 0xFFFF
"""Restarts of one execution; the start message counts them in 16 bits."""


class ServerExecution:
    """An execution at one server."""

    def __init__(self, manager: RoutineManager, request: ExecuteRoutine, assignment: ServerAssignment) -> None:
        self.manager = manager
        self.entity = manager.entity
        self.request = request
        self.server = assignment.instance
        self.concrete = dict(zip(assignment.seats, assignment.clients, strict=False))
        """Concrete clients by seat; empty: the clients are terminals."""
        self.invited = list(assignment.seats)
        self.seats: list[int] = []
        """Seats that take part, in order."""
        self.stop = False
        self._turn = 0

    # Steps 2 to 4

    async def prepare(self) -> None:
        """Invite the server, then the clients; with k acceptances lay the routes. Raises `ProcedureError`."""
        server_key = (await self._invite_instance(self.server, True, self.invited, b"")).key
        routes = await (self._invite_concrete(server_key) if self.concrete else self._invite_terminals(server_key))
        self._check_k(len(routes), "accepted the invitation")
        installed = await self.entity.call(
            forwarding_function(self.server.node),
            InstallRoutes(execution=self.request.execution, instance=self.server.instance, clients=routes),
            RoutesInstalled,
            timer="install-routes",
        )
        self._check_k(len(installed.seats), "could be reached")
        self.seats = sorted(installed.seats)
        await self._begin(self.server, self.seats)
        for seat in self.seats:
            if seat in self.concrete:
                await self._begin(self.concrete[seat], [seat])

    async def _invite_terminals(self, server_key: bytes) -> list[RouteClient]:
        request = self.request
        answer = await self.entity.call(
            names.ACCESS_MANAGER,
            InviteClients(
                execution=request.execution,
                instance=self.server.instance,
                seats=self.invited,
                function=request.client_function,
                settings=request.client_settings,
                routine=request.routine,
                round=request.round,
                cut=request.cut,
                sequential=request.sequential,
                key=server_key,
            ),
            ClientsInvited,
            timer="invite-clients",
        )
        return [self._terminal_route(accepted) for accepted in answer.accepted]

    def _terminal_route(self, accepted: ClientAccepted) -> RouteClient:
        return RouteClient(seat=accepted.seat, context=accepted.context, session=accepted.session, key=accepted.key)

    async def _invite_concrete(self, server_key: bytes) -> list[RouteClient]:
        routes = []
        for seat, client in self.concrete.items():
            answer = await outcome_of(self._invite_instance(client, False, [seat], server_key))
            if isinstance(answer, InstanceAccepted):
                routes.append(RouteClient(seat=seat, instance=client.instance, node=client.node, key=answer.key))
        return routes

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
            ),
            InstanceAccepted,
        )

    async def _begin(self, instance: Instance, seats: list[int]) -> ExecutionBegun:
        return await self.entity.call(
            forwarding_function(instance.node),
            BeginExecution(execution=self.request.execution, instance=instance.instance, seats=seats),
            ExecutionBegun,
        )

    def _check_k(self, count: int, what: str) -> None:
        """R84: fewer than k clients end the execution before anything was sent."""
        if count < self.request.k:
            detail = f"{count} of {len(self.invited)} clients {what} at {self.server.node}, {self.request.k} are needed"
            raise ProcedureError(Cause.TOO_FEW_CLIENTS, detail)

    # Steps 5 and 6

    async def run(self) -> None:
        """Turns, until the server says complete. Raises `ProcedureError`."""
        for repetition in range(MAXIMUM_REPETITIONS + 1):
            if self.request.sequential:
                for seat in list(self.seats):
                    await self._turns([seat], repetition)
            else:
                await self._turns(list(self.seats), repetition)
            outcome = await self._finish(repetition)
            if outcome.cause != Cause.NORMAL:
                raise ProcedureError(cause_of(outcome.cause), f"the server at {self.server.node} failed")
            if not outcome.restart:
                self.stop = outcome.stop
                return
        raise ProcedureError(Cause.NO_RESOURCES, f"restarted {MAXIMUM_REPETITIONS} times")

    async def _turns(self, seats: list[int], repetition: int) -> None:
        """Start turns at both ends and wait for their ends (R74, R78)."""
        turns = [(seat, self._turn + index) for index, seat in enumerate(seats)]
        self._turn += len(turns)
        self._start(self.server, True, turns, repetition)
        if self.concrete:
            for seat, turn in turns:
                self._start(self.concrete[seat], False, [(seat, turn)], repetition)
        else:
            self.entity.tell(
                names.ACCESS_MANAGER,
                StartClients(
                    execution=self.request.execution,
                    instance=self.server.instance,
                    turns=turns,
                    repetition=repetition,
                ),
            )
        await together(self.entity.procedures, [self._turn_of(seat, turn) for seat, turn in turns])

    def _start(self, instance: Instance, as_server: bool, turns: list[tuple[int, int]], repetition: int) -> None:
        self.entity.tell(
            forwarding_function(instance.node),
            StartTurns(
                execution=self.request.execution,
                instance=instance.instance,
                as_server=as_server,
                turns=turns,
                repetition=repetition,
            ),
        )

    async def _turn_of(self, seat: int, turn: int) -> None:
        """Wait until the server has committed the turn, and a concrete client has ended it too."""
        execution, instance = self.request.execution, self.server.instance
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
            self.manager.trace("turn committed", execution=execution, seat=seat, turn=turn, server=instance)

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
        request = RemoveRoutes(execution=self.request.execution, instance=self.server.instance, seats=[seat])
        await outcome_of(self.entity.call(forwarding_function(self.server.node), request, Done))
        self.manager.tell_progress(
            self.request, f"seat {seat} at {self.server.node} left out: {cause.name}", {"round": self.request.round}
        )
        self._check_k(len(self.seats), "are left")

    async def _finish(self, repetition: int) -> ExecutionOutcome:
        key = "outcome", self.request.execution, self.server.instance
        self.entity.tell(
            forwarding_function(self.server.node),
            FinishExecution(execution=self.request.execution, instance=self.server.instance, repetition=repetition),
        )
        outcome: ExecutionOutcome = await self.manager.replies.expect(key, self.entity.timers["finish"])
        return outcome

    async def clear(self, cause: Cause) -> None:
        """Take routes and invitations back, however it ended."""
        if not self.concrete:
            self.entity.tell(
                names.ACCESS_MANAGER,
                CompleteClients(
                    execution=self.request.execution,
                    instance=self.server.instance,
                    seats=self.invited,
                    cause=cause,
                ),
            )
        request = RemoveRoutes(execution=self.request.execution, instance=self.server.instance)
        await outcome_of(self.entity.call(forwarding_function(self.server.node), request, Done))
