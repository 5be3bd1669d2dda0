"""Between the control bus and T4: instances are created and invited, turns started, their ends reported (R71-R77)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from net4ai.codecs import link
from net4ai.codecs.bus import (
    BeginExecution,
    Done,
    ExecutionOutcome,
    FinishExecution,
    FunctionProgress,
    InstanceAccepted,
    InstantiateFunction,
    InviteInstance,
    StartTurns,
    TerminateFunction,
    TurnDone,
)
from net4ai.codecs.causes import Cause
from net4ai.stack.forwarding.routes import release_routes, session_added_over_t8
from net4ai.stack.link_peer import LinkPeer

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
        await peer.request(
            lambda transaction: link.Instantiate(
                transaction=transaction,
                instance=request.instance,
                function=request.function,
                settings=msgspec.json.encode(request.settings),
            ),
            "instantiate",
        )
        self.function.instances[request.instance] = peer
        return Done()

    async def terminate(self, request: TerminateFunction) -> Done:
        """End an instance (R52)."""
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

    async def begin(self, request: BeginExecution) -> Done:
        """These seats take part."""
        await self.function.peer_of(request.instance).request(
            lambda transaction: link.Begin(
                transaction=transaction,
                execution=request.execution,
                instance=request.instance,
                seats=_seats(request.seats),
            )
        )
        return Done()

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
    handler = _HANDLERS.get(type(message))
    if handler is None:
        function.drops.count("unexpected message")
        return
    handler(function, peer, message)


def _session_add(function: ForwardingFunction, peer: LinkPeer, message: link.SessionAdd) -> None:
    function.procedures.start("T8 session", session_added_over_t8(function, peer, message), execution=message.execution)


def _session_release(function: ForwardingFunction, peer: LinkPeer, message: link.SessionRelease) -> None:
    seats = [number.seat for number in message.seats]
    release_routes(function, message.execution, message.instance, seats, Cause.NORMAL)


def _done(function: ForwardingFunction, peer: LinkPeer, message: link.Done) -> None:
    function.entity.tell(
        ROUTINE_MANAGER,
        TurnDone(
            execution=message.execution,
            instance=message.instance,
            as_server=message.end_point == link.EndPoint.ROUTINE_SERVER,
            seat=message.seat,
            turn=message.turn,
            cause=message.cause,
        ),
    )


def _restart(function: ForwardingFunction, peer: LinkPeer, message: link.Restart) -> None:
    _outcome(function, message.execution, message.instance, restart=True, stop=False, cause=Cause.NORMAL)


def _complete(function: ForwardingFunction, peer: LinkPeer, message: link.Complete) -> None:
    _outcome(function, message.execution, message.instance, restart=False, stop=message.stop, cause=message.cause)


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
    except msgspec.MsgspecError:
        function.drops.count("malformed progress", len(message.values))
        return
    function.entity.tell(
        ROUTINE_MANAGER,
        FunctionProgress(execution=message.execution, instance=message.instance, values=values),
    )


_HANDLERS: dict[type, Callable[..., None]] = {
    link.SessionAdd: _session_add,
    link.SessionRelease: _session_release,
    link.Done: _done,
    link.Restart: _restart,
    link.Complete: _complete,
    link.Progress: _progress,
}
"""Signalling legal towards a forwarding function once the peer is attached."""
