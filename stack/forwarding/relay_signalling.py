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
from net4ai.stack.forwarding.routes import release_routes, session_added_over_t8
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError

ROUTINE_MANAGER = "routine-manager"

if TYPE_CHECKING:
    from net4ai.stack.forwarding.function import ForwardingFunction


def serve(function: ForwardingFunction) -> None:
    """Take the requests of this module from the bus."""
    relay = SignallingRelay(function)
    entity = function.entity
    entity.handle(InstantiateFunction, relay.instantiate)
    entity.handle(TerminateFunction, relay.terminate)
    entity.handle(InviteInstance, relay.invite)
    entity.handle(BeginExecution, relay.begin)
    entity.handle(StartTurns, relay.start)
    entity.handle(FinishExecution, relay.finish)


def _seats(numbers: list[int]) -> tuple[link.SeatNumber, ...]:
    return tuple(link.SeatNumber(seat=number) for number in numbers)


def _end_point(as_server: bool) -> link.EndPoint:
    return link.EndPoint.ROUTINE_SERVER if as_server else link.EndPoint.ROUTINE_CLIENT


class SignallingRelay:
    """From the bus to T4."""

    def __init__(self, function: ForwardingFunction) -> None:
        self.function = function

    async def instantiate(self, request: InstantiateFunction) -> Done:
        """Create an instance on an attached application server (R50)."""
        peer = self.function.peer_named(request.application_server)
        if peer.kind is not link.AttachKind.APPLICATION_SERVER:
            raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{peer.name} is no application server")
        await peer.request(
            lambda transaction: link.Instantiate(
                transaction=transaction,
                instance=request.instance,
                function=request.function,
                settings=msgspec.json.encode(request.settings),
            ),
            "instantiate-link",
        )
        self.function.instances[request.instance] = peer
        return Done()

    async def terminate(self, request: TerminateFunction) -> Done:
        """End an instance, and whatever leads to it (R52)."""
        for execution, instance in list(self.function.routes):
            if instance == request.instance:
                release_routes(self.function, execution, instance, [], Cause.NORMAL)
        peer = self.function.instances.pop(request.instance, None)
        if peer is not None:
            await peer.request(lambda transaction: link.Terminate(transaction=transaction, instance=request.instance))
        return Done()

    async def invite(self, request: InviteInstance) -> InstanceAccepted:
        """Invite an instance (R71, R72)."""
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
            )
        )
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


def _session_release(function: ForwardingFunction, peer: LinkPeer, message: link.SessionRelease) -> None:
    """Only who led a route here can take it back."""
    routes = function.routes.get((message.execution, message.instance))
    theirs = {seat for seat, route in routes.seats.items() if route.label[0] is peer.hop} if routes else set()
    seats = theirs & {number.seat for number in message.seats} if message.seats else theirs
    if seats:
        release_routes(function, message.execution, message.instance, sorted(seats), cause_of(message.cause))
    else:
        function.drops.count(Drop.RELEASE_OF_NO_ROUTE)


def _done(function: ForwardingFunction, peer: LinkPeer, message: link.Done) -> None:
    function.entity.tell(
        ROUTINE_MANAGER,
        TurnsDone(
            execution=message.execution,
            instance=message.instance,
            as_server=message.end_point == link.EndPoint.ROUTINE_SERVER,
            turns=[(message.seat, message.turn, message.cause)],
        ),
    )


def _restart(function: ForwardingFunction, peer: LinkPeer, message: link.Restart) -> None:
    _outcome(function, message.execution, message.instance, restart=True, stop=False, cause=Cause.NORMAL)


def _complete(function: ForwardingFunction, peer: LinkPeer, message: link.Complete) -> None:
    _outcome(function, message.execution, message.instance, restart=False, stop=message.stop, cause=message.cause)


def tell_servers_lost(function: ForwardingFunction, peer: LinkPeer) -> None:
    """The executions whose routine server was at this peer cannot go on."""
    for (execution, instance), routes in function.routes.items():
        if routes.to_server and function.instances.get(instance) is peer:
            _outcome(function, execution, instance, restart=False, stop=False, cause=Cause.PEER_LOST)


def _outcome(
    function: ForwardingFunction, execution: int, instance: int, *, restart: bool, stop: bool, cause: int
) -> None:
    function.entity.tell(
        ROUTINE_MANAGER,
        ExecutionOutcome(execution=execution, instance=instance, restart=restart, stop=stop, cause=cause),
    )


def _progress(function: ForwardingFunction, peer: LinkPeer, message: link.Progress) -> None:
    try:
        values = msgspec.json.decode(message.values, type=dict[str, int | float | str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        function.drops.count(Drop.MALFORMED_PROGRESS, len(message.values))
        return
    function.entity.tell(
        ROUTINE_MANAGER,
        FunctionProgress(execution=message.execution, instance=message.instance, values=values),
    )


def _of_its_instance(handler: Callable[..., None]) -> Callable[..., None]:
    """An application server speaks for the instances it hosts."""

    def checked(function: ForwardingFunction, peer: LinkPeer, message: Any) -> None:
        if function.instances.get(message.instance) is peer:
            handler(function, peer, message)
        else:
            function.drops.count(Drop.FOREIGN_INSTANCE)

    return checked


_HANDLERS: dict[link.AttachKind, dict[type, Callable[..., None]]] = {
    link.AttachKind.APPLICATION_SERVER: {
        link.Done: _of_its_instance(_done),
        link.Restart: _of_its_instance(_restart),
        link.Complete: _of_its_instance(_complete),
        link.Progress: _of_its_instance(_progress),
    },
    link.AttachKind.APPLICATION_CONTROLLER: {},
    link.AttachKind.FORWARDING_FUNCTION: {
        link.SessionAdd: _session_add,
        link.SessionRelease: _session_release,
    },
}
"""Signalling legal towards a forwarding function, by who is attached."""
