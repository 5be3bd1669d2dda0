"""Between the control bus and T4: instances are created and invited, turns started, their ends reported (R71-R77)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from net4ai.codecs import link
from net4ai.codecs.bus import (
    BeginExecution,
    Done,
    ExecutionBegun,
    ExecutionOutcome,
    FinishExecution,
    FunctionProgress,
    InstanceAccepted,
    InstantiateFunction,
    InviteInstance,
    StartTurns,
    TerminateFunction,
    TurnsDone,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.stack.drops import Drop
from net4ai.stack.forwarding.executions import Part
from net4ai.stack.forwarding.path_switch import path_switch_requested
from net4ai.stack.forwarding.routes import check_wanted, release_instance, release_routes, session_added_over_t8
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.stack.forwarding.function import ForwardingFunction


def serve(function: ForwardingFunction) -> SignallingRelay:
    """Take the requests of this module from the bus."""
    relay = SignallingRelay(function)
    entity = function.entity
    entity.handle(InstantiateFunction, relay.instantiate)
    entity.handle(TerminateFunction, relay.terminate)
    entity.handle(InviteInstance, relay.invite)
    entity.handle(BeginExecution, relay.begin)
    entity.handle(StartTurns, relay.start)
    entity.handle(FinishExecution, relay.finish)
    return relay


def _seats(numbers: list[int]) -> tuple[link.SeatNumber, ...]:
    return tuple(link.SeatNumber(seat=number) for number in numbers)


def _end_point(as_server: bool) -> link.EndPoint:
    return link.EndPoint.ROUTINE_SERVER if as_server else link.EndPoint.ROUTINE_CLIENT


class SignallingRelay:
    """Between the bus and T4."""

    def __init__(self, function: ForwardingFunction) -> None:
        self.function = function
        self._ended: dict[tuple[Part, int, int, bool], list[tuple[int, int, int]]] = {}
        """Ends of turns that are not told yet, by the part they belong to, execution, instance and as server."""

    def turn_ended(self, part: Part, message: link.Done) -> None:
        """To be told with all others of the moment."""
        as_server = message.end_point == link.EndPoint.ROUTINE_SERVER
        instance = part, message.execution, message.instance, as_server
        self._ended.setdefault(instance, []).append((message.seat, message.turn, message.cause))

    def tell_ended_turns(self) -> None:
        """One message for all turns of an instance that have ended by now."""
        ended, self._ended = self._ended, {}
        for (part, execution, instance, as_server), turns in ended.items():
            done = TurnsDone(
                execution=execution, instance=instance, as_server=as_server, turns=turns, attempt=part.attempt
            )
            self.function.entity.tell(part.routine_manager, done)

    async def instantiate(self, request: InstantiateFunction) -> Done:
        """Create an instance on an attached application server (R50). One that runs there already goes on."""
        peer = self.function.peer_named(request.application_server)
        if peer.kind is not link.AttachKind.APPLICATION_SERVER:
            raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{peer.name} is no application server")
        if self.function.instances.get(request.instance) is peer:
            return Done()
        await peer.request(
            lambda transaction: link.Instantiate(
                transaction=transaction,
                instance=request.instance,
                function=request.function,
                settings=msgspec.json.encode(request.settings),
                memory_mib=request.memory_mib,
                busy_ms=round(request.busy_s * 1000),
            ),
            "instantiate-link",
        )
        self.function.instances[request.instance] = peer
        return Done()

    async def terminate(self, request: TerminateFunction) -> Done:
        """End an instance, and whatever leads to it (R52)."""
        release_instance(self.function, request.instance, Cause.NORMAL)
        self.function.executions.forget(request.instance)
        peer = self.function.instances.pop(request.instance, None)
        if peer is not None:
            await peer.request(lambda transaction: link.Terminate(transaction=transaction, instance=request.instance))
        return Done()

    async def invite(self, request: InviteInstance) -> InstanceAccepted:
        """Invite an instance (R71, R72)."""
        check_wanted(self.function, request)
        answer: link.Accept = await self.function.peer_of(request.instance).request(
            lambda transaction: link.Invite(
                transaction=transaction,
                execution=request.execution,
                instance=request.instance,
                end_point=_end_point(request.as_server),
                routine=request.routine,
                round=request.round,
                cut=request.cut,
                sequential=request.sequential,
                seats=_seats(request.seats),
                key=request.key,
                qfi=request.qfi,
            )
        )
        check_wanted(self.function, request)
        self.function.executions.invited(request)
        return InstanceAccepted(key=answer.key)

    async def begin(self, request: BeginExecution) -> ExecutionBegun:
        """These seats take part."""
        answer: link.Begun = await self.function.peer_of(request.instance).request(
            lambda transaction: link.Begin(
                transaction=transaction,
                execution=request.execution,
                instance=request.instance,
                seats=_seats(request.seats),
            )
        )
        return ExecutionBegun(next_turn=answer.next_turn)

    def start(self, event: StartTurns) -> Done:
        """Turns begin at an instance."""
        peer = self.function.peer_of(event.instance)
        for seat, turn in event.turns:
            peer.send(
                link.Start(
                    execution=event.execution,
                    instance=event.instance,
                    end_point=_end_point(event.as_server),
                    turn=turn,
                    seat=seat,
                    repetition=event.repetition,
                )
            )
        return Done()

    def finish(self, event: FinishExecution) -> Done:
        """The server shall say restart or complete."""
        self.function.peer_of(event.instance).send(
            link.Finish(execution=event.execution, instance=event.instance, repetition=event.repetition)
        )
        return Done()


def receive(function: ForwardingFunction, peer: LinkPeer, message: link.Link) -> None:
    """A signalling message from T4 or T8; what is not in the table is dropped."""
    handler = _HANDLERS[peer.kind].get(type(message))
    if handler is None:
        function.drops.count(Drop.UNEXPECTED_MESSAGE)
    else:
        handler(function, peer, message)


def _session_add(function: ForwardingFunction, peer: LinkPeer, message: link.SessionAdd) -> None:
    function.procedures.start("T8 session", session_added_over_t8(function, peer, message), execution=message.execution)


def _path_switch(function: ForwardingFunction, peer: LinkPeer, message: link.PathSwitch) -> None:
    procedure = path_switch_requested(function, peer, message)
    function.procedures.start("path switch", procedure, execution=message.execution)


def _session_release(function: ForwardingFunction, peer: LinkPeer, message: link.SessionRelease) -> None:
    """Only who is on a route can say that it has ended: who led it here, or was asked to lead it on."""
    named = {number.seat for number in message.seats}
    ended: dict[int, list[int]] = {}
    for (execution, instance), routes in function.routes.items():
        for seat, route in routes.seats.items():
            if execution == message.execution and (peer, message.instance) in route.peers and seat in (named or {seat}):
                ended.setdefault(instance, []).append(seat)
    for instance, seats in ended.items():
        release_routes(function, message.execution, instance, seats, cause_of(message.cause), peer)
    if not ended:
        function.drops.count(Drop.RELEASE_OF_NO_ROUTE)


def _done(function: ForwardingFunction, part: Part, message: link.Done) -> None:
    function.relay.turn_ended(part, message)


def _restart(function: ForwardingFunction, part: Part, message: link.Restart) -> None:
    outcome = ExecutionOutcome(
        execution=message.execution,
        instance=message.instance,
        restart=True,
        stop=False,
        cause=Cause.NORMAL,
        attempt=part.attempt,
    )
    function.entity.tell(part.routine_manager, outcome)


def _complete(function: ForwardingFunction, part: Part, message: link.Complete) -> None:
    outcome = ExecutionOutcome(
        execution=message.execution,
        instance=message.instance,
        restart=False,
        stop=message.stop,
        cause=message.cause,
        attempt=part.attempt,
    )
    function.entity.tell(part.routine_manager, outcome)


def _progress(function: ForwardingFunction, part: Part, message: link.Progress) -> None:
    try:
        values = msgspec.json.decode(message.values, type=dict[str, int | float | str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        function.drops.count(Drop.MALFORMED_PROGRESS, len(message.values))
        return
    progress = FunctionProgress(execution=message.execution, instance=message.instance, values=values)
    function.entity.tell(part.routine_manager, progress)


def _instance_lost(function: ForwardingFunction, peer: LinkPeer, message: link.InstanceLost) -> None:
    lose_instance(function, message.instance, cause_of(message.cause))
    function.announce()


def lose_instance(function: ForwardingFunction, instance: int, cause: Cause) -> None:
    """An instance is no more: its routes end, the routine manager of each of its executions is told."""
    function.instances.pop(instance, None)
    release_instance(function, instance, cause)
    for execution, part in function.executions.forget(instance):
        outcome = ExecutionOutcome(
            execution=execution, instance=instance, restart=False, stop=False, cause=cause, attempt=part.attempt
        )
        function.entity.tell(part.routine_manager, outcome)


def _of_its_instance(handler: Callable[..., None]) -> Callable[..., None]:
    """An application server speaks for the instances it hosts."""

    def checked(function: ForwardingFunction, peer: LinkPeer, message: Any) -> None:
        if function.instances.get(message.instance) is peer:
            handler(function, peer, message)
        else:
            function.drops.count(Drop.FOREIGN_INSTANCE)

    return checked


def _in_its_execution(handler: Callable[..., None]) -> Callable[..., None]:
    """What an instance says of an execution goes to who has invited it."""

    def told(function: ForwardingFunction, peer: LinkPeer, message: Any) -> None:
        part = function.executions.parts.get((message.execution, message.instance))
        if part is None:
            function.drops.count(Drop.ENDED_EXECUTION)
        else:
            handler(function, part, message)

    return _of_its_instance(told)


_HANDLERS: dict[link.AttachKind, dict[type, Callable[..., None]]] = {
    link.AttachKind.APPLICATION_SERVER: {
        link.Done: _in_its_execution(_done),
        link.Restart: _in_its_execution(_restart),
        link.Complete: _in_its_execution(_complete),
        link.Progress: _in_its_execution(_progress),
        link.InstanceLost: _of_its_instance(_instance_lost),
    },
    link.AttachKind.APPLICATION_CONTROLLER: {},
    link.AttachKind.TERMINAL: {},
    link.AttachKind.FORWARDING_FUNCTION: {
        link.SessionAdd: _session_add,
        link.PathSwitch: _path_switch,
        link.SessionRelease: _session_release,
    },
}
"""Signalling legal towards a forwarding function, by who is attached."""
