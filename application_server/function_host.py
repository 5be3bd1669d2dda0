"""The host of service functions: creates instances, runs their executions and turns, carries their messages.

Messages of `net4ai.codecs.compute` in, messages out. It runs in the compute worker of a node, or in the node's own
loop where everything shares one process. Whatever a function does, the host answers and lives on.

A turn that did not end well leaves its channel closed: what is still under way of it cannot be told from what comes
next. Only `CloseChannel` makes room for a new one. What a function commits, and what is undone, is said in
`net4ai.application_server.instance`; it is in the instance's file before the node is told.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from net4ai.application_server.checkpoint import CheckpointFile
from net4ai.application_server.find_function import Find, installed_function
from net4ai.application_server.function_context import HostContext, Reply, Scope, current_scope, printable
from net4ai.application_server.host_channel import HostChannel, Room
from net4ai.application_server.instance import MAXIMUM_EXECUTIONS, Instance, Run, RunningTurn
from net4ai.codecs.compute import (
    Begin,
    Begun,
    CloseChannel,
    CloseResults,
    Deliver,
    DeliverResult,
    Dropped,
    End,
    Ended,
    Forget,
    Load,
    Loaded,
    LoadFailed,
    Log,
    Ping,
    Pong,
    ResultSent,
    RunTurn,
    Send,
    Sent,
    ToWorker,
    TurnDone,
    Unload,
)
from net4ai.functions.api import ChannelClosed, Execution, Outcome, Radio, Role, Turn
from net4ai.stack.drops import Drop

MAXIMUM_INSTANCES = 65536
TRACEBACK_LINES = 40

T = TypeVar("T")


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be had)"
    return printable(f"{type(error).__name__}: {text}")


class FunctionHost:
    """Runs functions as messages say. Needs a running loop; `reply` is called from it, also within `receive`."""

    def __init__(self, reply: Reply, find: Find = installed_function, room: Room = nullcontext) -> None:
        self._reply = reply
        self._room = room
        self._find = find
        self._instances: dict[int, Instance] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        """Keeps tasks alive that outlive their execution by a moment."""

    def receive(self, message: ToWorker) -> None:
        """A message of the node. Never raises for what is in it."""
        _HANDLERS[type(message)](self, message)

    def close(self) -> None:
        """Unload all instances."""
        for number in list(self._instances):
            self._unload(number)

    def ping(self, message: Ping) -> None:
        self._reply(Pong())

    # Instances

    def load(self, message: Load) -> None:
        number = message.instance
        self._unload(number)
        now = asyncio.get_running_loop().time
        context = HostContext(number, message.settings, message.private, self._reply, self._room, now)
        before = current_scope.set(Scope(0))
        try:
            if len(self._instances) >= MAXIMUM_INSTANCES:
                raise LookupError(f"there are {MAXIMUM_INSTANCES} instances already")
            function = self._find(message.function)(context)
            file = CheckpointFile(Path(message.checkpoint)) if message.checkpoint else None
            instance = Instance(number, message.function, function, context, file)
        except (Exception, SystemExit) as error:
            context.close()
            self._log(number, error)
            self._reply(LoadFailed(instance=number, detail=_described(error)))
        else:
            self._instances[number] = instance
            self._reply(Loaded(instance=number))
        finally:
            current_scope.reset(before)

    def unload(self, message: Unload) -> None:
        instance = self._unload(message.instance)
        if instance is not None and instance.file is not None and message.remove_checkpoint:
            self._guarded(instance, instance.file.remove)

    def _unload(self, number: int) -> Instance | None:
        instance = self._instances.pop(number, None)
        if instance is not None:
            instance.context.close()
            for key in list(instance.runs):
                instance.leave(key, "the instance was unloaded")
        return instance

    # Executions

    def begin(self, message: Begin) -> None:
        instance = self._instances.get(message.instance)
        if instance is None:
            self._reply(_begun(message, "unknown instance"))
            return
        run = Run(
            Execution(
                message.execution,
                message.routine,
                Role.SERVER if message.as_server else Role.CLIENT,
                message.round,
                message.cut,
                tuple(message.seats),
                message.sequential,
            )
        )
        instance.leave(run.key, "the execution begins anew")
        instance.forget_failed_ends(message.execution)
        if len(instance.runs) >= MAXIMUM_EXECUTIONS:
            oldest = next(iter(instance.runs))
            instance.leave(oldest, "too many executions")
            self._reply(Log(instance=instance.number, line=f"execution {oldest[0]} forgotten: too many executions"))
        instance.runs[run.key] = run
        self._start(run, self._begin(instance, run, message, list(instance.leaving)))

    async def _begin(self, instance: Instance, run: Run, message: Begin, before: Iterable[asyncio.Task[None]]) -> None:
        """What was under way before ends first, and is undone. An execution that has committed something goes on."""
        await _finished(before)
        run.refusal = self._guarded(instance, lambda: instance.roll_back(run))
        known = instance.executions.get(run.key)
        if known is None and not run.refusal:
            instance.dirty = True
            _, run.refusal = await self._attempt(instance, run, lambda: instance.function.begin(run.execution))
            if not run.refusal:
                run.refusal = self._guarded(instance, lambda: instance.commit_begin(run))
        run.begun.set()
        self._reply(_begun(message, run.refusal, known.next_turn if known is not None and run.as_server else 0))

    def end(self, message: End) -> None:
        instance, run, fault = self._find_run(message.instance, message.execution, True)
        answered = instance.ended.get((message.execution, message.repetition)) if instance else None
        if answered is not None:
            self._reply(answered)
        elif instance is None or run is None:
            self._reply(_ended(message, Outcome.COMPLETE, fault))
        elif not run.ending:
            run.ending = True
            self._start(run, self._end(instance, run, message))

    async def _end(self, instance: Instance, run: Run, message: End) -> None:
        await run.begun.wait()
        await _finished(self._abandon_turns(run))
        error, closed = run.refusal, False
        if not error and run.commits_turns:
            error = self._guarded(instance, lambda: instance.roll_back(run))
        outcome = None
        if not error:
            instance.dirty = True
            outcome, error = await self._attempt(instance, run, lambda: instance.function.end(run.execution))
            closed = error.startswith(ChannelClosed.__name__)
        if not error and not isinstance(outcome, Outcome):
            error = printable(f"TypeError: end returned {type(outcome).__name__}; allowed: an Outcome")
        ended = _ended(message, outcome or Outcome.COMPLETE, error, closed)
        if not error:
            error = self._guarded(instance, lambda: instance.commit_end(run, ended))
        if error:
            ended = _ended(message, Outcome.COMPLETE, error, closed)
            instance.remember_failed_end(ended)
        run.ending = False
        self._reply(ended)
        if error or outcome is not Outcome.RESTART:
            instance.leave(run.key, "the execution has ended")

    def _abandon_turns(self, run: Run) -> list[asyncio.Task[None]]:
        for turn in run.turns.values():
            turn.channel.close("the execution ends")
        run.turns.clear()
        under_way = [task for task in run.tasks if task is not asyncio.current_task()]
        for task in under_way:
            task.cancel()
        return under_way

    def forget(self, message: Forget) -> None:
        instance = self._instances.get(message.instance)
        if instance is not None:
            instance.leave((message.execution, message.as_server), "the execution was forgotten")

    # Turns

    def run_turn(self, message: RunTurn) -> None:
        instance, run, fault = self._find_run(message.instance, message.execution, message.as_server, message.seat)
        if instance is None or run is None or run.ending:
            self._reply(_turn_done(message, fault or "the execution is ending"))
            return
        before = run.turns.get(message.seat)
        committed = instance.committed_fault(run, message) if before is None else None
        if committed is not None:
            self._reply(_turn_done(message, committed))
        elif before is not None and not before.channel.closed:
            if before.number != message.turn:
                self._reply(_turn_done(message, f"seat {message.seat} is still in turn {before.number}"))
        elif (newer := self._newer_turn(run, message)) is not None:
            self._reply(_turn_done(message, f"passed over: turn {newer} has begun"))
        else:
            after = [] if before is None else [before.task]
            after += self._pass_over(run, message.seat)
            channel = self._channel(run, message)
            task = self._start(run, self._turn(instance, run, message, channel, after))
            run.turns[message.seat] = RunningTurn(message.turn, channel, task)

    def _newer_turn(self, run: Run, message: RunTurn) -> int | None:
        """A later turn that is under way where they come one after another."""
        later = [turn.number for turn in run.turns.values() if turn.number > message.turn]
        return min(later) if later and run.execution.sequential else None

    def _pass_over(self, run: Run, seat: int) -> list[asyncio.Task[None]]:
        """The next turn begins: where they come one after another, those before are over, done or not (R79)."""
        if not run.execution.sequential:
            return []
        over = {other: turn for other, turn in run.turns.items() if other != seat}
        for other, turn in over.items():
            turn.channel.close("the next turn has begun")
            turn.task.cancel()
            del run.turns[other]
        return [turn.task for turn in over.values()]

    async def _turn(
        self,
        instance: Instance,
        run: Run,
        message: RunTurn,
        channel: HostChannel,
        after: Iterable[asyncio.Task[None]],
    ) -> None:
        await _finished(after)
        await run.begun.wait()
        error = instance.committed_fault(run, message)
        if error is None:
            error = run.refusal or await self._play(instance, run, message, channel)
            if error:
                channel.close(f"turn {message.turn} failed")
        current = run.turns[message.seat]
        if current.task is asyncio.current_task():
            del run.turns[message.seat]
        elif error:
            return  # a new attempt at the turn waits already, and will tell
        self._reply(_turn_done(message, error))

    async def _play(self, instance: Instance, run: Run, message: RunTurn, channel: HostChannel) -> str:
        """A turn, from the state it is to begin with until it is committed. Gives what was wrong."""
        if run.commits_turns:
            error = self._guarded(instance, lambda: instance.prepare_turn(run, message.turn))
            if error:
                return error
        instance.dirty = True
        turn = Turn(message.turn, message.seat, message.repetition)
        call = instance.function.server_turn if run.as_server else instance.function.client_turn
        radio = None if message.radio is None else Radio(**msgspec.structs.asdict(message.radio))
        _, error = await self._attempt(instance, run, lambda: call(run.execution, turn, channel), radio)
        if not error and run.commits_turns:
            error = self._guarded(instance, lambda: instance.commit_turn(run, message.turn))
        if not error and run.as_server:
            run.remember(message)
        return error

    # Channels

    def deliver(self, message: Deliver) -> None:
        _, run, fault = self._find_run(message.instance, message.execution, message.as_server, message.seat)
        reason = self._channel(run, message).deliver(message.body) if run else fault
        self._dropped(message, reason)

    def close_channel(self, message: CloseChannel) -> None:
        run = self._find_run(message.instance, message.execution, message.as_server, message.seat)[1]
        if run is not None and (channel := run.channels.pop(message.seat, None)) is not None:
            channel.close("the session has ended")

    def sent(self, message: Sent) -> None:
        run = self._find_run(message.instance, message.execution, message.as_server, message.seat)[1]
        if run is not None and (channel := run.channels.get(message.seat)) is not None:
            channel.sent()

    def deliver_result(self, message: DeliverResult) -> None:
        instance = self._instances.get(message.instance)
        reason = instance.context.result_channel.deliver(message.body) if instance else "unknown instance"
        self._dropped(message, reason)

    def result_sent(self, message: ResultSent) -> None:
        if (instance := self._instances.get(message.instance)) is not None:
            instance.context.result_channel.sent()

    def close_results(self, message: CloseResults) -> None:
        if (instance := self._instances.get(message.instance)) is not None:
            instance.context.close_results("the session has ended")

    def _channel(self, run: Run, message: RunTurn | Deliver) -> HostChannel:
        channel = run.channels.get(message.seat)
        if channel is None:
            instance, execution, as_server, seat = message.instance, message.execution, message.as_server, message.seat
            channel = HostChannel(
                lambda body: self._reply(
                    Send(instance=instance, execution=execution, as_server=as_server, seat=seat, body=body)
                ),
                self._room,
            )
            run.channels[message.seat] = channel
        return channel

    def _dropped(self, message: Deliver | DeliverResult, reason: str) -> None:
        if reason:
            self._reply(Dropped(instance=message.instance, reason=reason, octets=len(message.body)))

    # Helpers

    def _find_run(
        self, number: int, execution: int, as_server: bool, seat: int | None = None
    ) -> tuple[Instance | None, Run | None, str]:
        """Instance, run, and what is unknown of them."""
        instance = self._instances.get(number)
        if instance is None:
            return None, None, "unknown instance"
        run = instance.runs.get((execution, as_server))
        if run is None:
            return instance, None, "unknown execution"
        if seat is not None and seat not in run.seats:
            return instance, None, Drop.UNKNOWN_SEAT.value
        return instance, run, ""

    def _start(self, run: Run, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        for tasks in (run.tasks, self._tasks):
            tasks[task] = None
            task.add_done_callback(tasks.pop)
        return task

    async def _attempt(
        self, instance: Instance, run: Run, call: Callable[[], Awaitable[T]], radio: Radio | None = None
    ) -> tuple[T | None, str]:
        """Result and error of a call into a function. Raises only where the host has cancelled it."""
        current_scope.set(Scope(run.execution.number, radio))
        try:
            result = await call()
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            _stop_if_cancelled()
            if not isinstance(error, ChannelClosed):
                self._log(instance.number, error)
            return None, _described(error)
        _stop_if_cancelled()
        return result, ""

    def _guarded(self, instance: Instance, call: Callable[[], object]) -> str:
        """What was wrong with a call that commits or undoes; empty: nothing."""
        try:
            call()
        except (Exception, SystemExit) as error:
            self._log(instance.number, error)
            return _described(error)
        return ""

    def _log(self, number: int, error: BaseException) -> None:
        lines = "".join(traceback.format_exception(error)).splitlines()
        for line in lines[-TRACEBACK_LINES:]:
            self._reply(Log(instance=number, line=printable(line)))


def _stop_if_cancelled() -> None:
    """Raises CancelledError where the host has cancelled this task, whatever the function made of it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _finished(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for the end of tasks, however they end; to be cancelled meanwhile leaves them alone."""
    waiting = list(tasks)
    if waiting:
        await asyncio.wait(waiting)


def _begun(message: Begin, detail: str, next_turn: int = 0) -> Begun:
    return Begun(
        instance=message.instance,
        execution=message.execution,
        as_server=message.as_server,
        detail=detail,
        next_turn=next_turn,
    )


def _turn_done(message: RunTurn, error: str) -> TurnDone:
    return TurnDone(
        instance=message.instance,
        execution=message.execution,
        as_server=message.as_server,
        seat=message.seat,
        turn=message.turn,
        error=error,
    )


def _ended(message: End, outcome: Outcome, error: str, closed: bool = False) -> Ended:
    return Ended(
        instance=message.instance,
        execution=message.execution,
        repetition=message.repetition,
        outcome=outcome.value,
        error=error,
        closed=closed,
    )


_HANDLERS: dict[type, Callable[[FunctionHost, Any], None]] = {
    Load: FunctionHost.load,
    Begin: FunctionHost.begin,
    RunTurn: FunctionHost.run_turn,
    Deliver: FunctionHost.deliver,
    CloseChannel: FunctionHost.close_channel,
    Sent: FunctionHost.sent,
    DeliverResult: FunctionHost.deliver_result,
    ResultSent: FunctionHost.result_sent,
    CloseResults: FunctionHost.close_results,
    End: FunctionHost.end,
    Forget: FunctionHost.forget,
    Unload: FunctionHost.unload,
    Ping: FunctionHost.ping,
}
