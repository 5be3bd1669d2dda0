"""A routine manager whose world is scripted."""

from __future__ import annotations

from core_bench import Bench

from net4ai.codecs.bus import (
    BeginExecution,
    ClientAccepted,
    ClientsInvited,
    CompleteClients,
    ExecuteRoutine,
    ExecutionBegun,
    ExecutionOutcome,
    InstallRoutes,
    Instance,
    InstanceAccepted,
    InviteClients,
    InviteInstance,
    RemoveRoutes,
    RoutesInstalled,
    RoutineFinished,
    ServerAssignment,
    StartClients,
    TurnsDone,
)
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.routine_manager import RoutineManager

SERVER_1, SERVER_2 = Instance(1, "local", "ran-1", "as-1"), Instance(2, "local", "ran-2", "as-2")
GLOBAL = Instance(3, "global", "edge", "as-3")


class World(Bench):
    """A routine manager. Everyone else answers as asked for, and every request is in `story` in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.manager = RoutineManager(self.entity(names.ROUTINE_MANAGER))
        self.task_manager = self.scripted(names.TASK_MANAGER)
        self.access_manager = self.scripted(names.ACCESS_MANAGER)
        self.fpf = {node: self.scripted(names.forwarding_function(node)) for node in ("ran-1", "ran-2", "edge")}
        self.accepted: dict[int, list[int]] = {1: [0, 1, 2], 2: [0, 1, 2]}
        """Seats that accept, by server."""
        self.access_manager.answers[InviteClients] = self.invite
        for function in self.fpf.values():
            function.answers[InviteInstance] = InstanceAccepted(key=b"key")
            function.answers[InstallRoutes] = lambda request: RoutesInstalled([c.seat for c in request.clients])

    def invite(self, request: InviteClients) -> ClientsInvited:
        return ClientsInvited(
            [ClientAccepted(seat, 50 + seat, 9, b"%d" % seat) for seat in self.accepted.get(request.instance, [0])]
        )

    def execute(
        self,
        *servers: ServerAssignment,
        sequential: bool = True,
        k: int = 2,
        execution: int = 7,
        next_turn: int | None = None,
    ) -> None:
        """`next_turn`: it is resumed, and the server at ran-1 says so."""
        if next_turn is not None:
            self.fpf["ran-1"].answers[BeginExecution] = ExecutionBegun(next_turn)
        request = ExecuteRoutine(
            execution=execution,
            job=1,
            requester=names.TASK_MANAGER,
            routine="bottom",
            client_function="data-source",
            client_settings={"a": 1},
            round=4,
            cut=2,
            sequential=sequential,
            k=k,
            servers=list(servers) or [ServerAssignment(SERVER_1, [0, 1, 2])],
            resume=next_turn is not None,
        )
        self.call(names.ROUTINE_MANAGER, request)

    @property
    def story(self) -> list[str]:
        """Requests in the order they were sent, by type and callee, without repetitions."""
        seen = {}
        for envelope in self.sent:
            if envelope.kind == "request" and envelope.sender == names.ROUTINE_MANAGER:
                seen[envelope.id] = f"{envelope.type} {envelope.to}"
        return list(seen.values())

    def turns(self) -> list[list[tuple[int, int]]]:
        return [event.turns for event in self.access_manager.of(StartClients)]

    def done(
        self, seat: int, turn: int, cause: Cause = Cause.NORMAL, instance: int = 1, as_server: bool = True
    ) -> None:
        self.fpf["ran-1"].tell(names.ROUTINE_MANAGER, TurnsDone(7, instance, as_server, [(seat, turn, cause)]))

    def outcome(
        self, restart: bool = False, stop: bool = False, cause: Cause = Cause.NORMAL, instance: int = 1
    ) -> None:
        self.fpf["ran-1"].tell(names.ROUTINE_MANAGER, ExecutionOutcome(7, instance, restart, stop, cause))

    def ended(self) -> list[RoutineFinished]:
        return self.task_manager.of(RoutineFinished)

    def assert_cleared(self, *nodes: str, cause: Cause) -> None:
        """Routes and seats were taken back, nothing is left."""
        for node in nodes or ("ran-1",):
            assert self.fpf[node].of(RemoveRoutes)[-1].seats == []
            assert len([request for request in self.fpf[node].of(RemoveRoutes) if not request.seats]) == 1
        assert {event.cause for event in self.access_manager.of(CompleteClients)} == {cause}
        assert not self.manager.executions
        assert not len(self.manager.replies)
        self.assert_nothing_under_way()

    def assert_nothing_under_way(self) -> None:
        """Of the manager's own; who is silent still serves what it was asked."""
        assert not [each.name for each in self.procedures.open if not each.name.startswith("serve")]


def both() -> tuple[ServerAssignment, ServerAssignment]:
    return ServerAssignment(SERVER_1, [0, 1, 2]), ServerAssignment(SERVER_2, [0, 1, 2])
