"""The host of service functions: creates instances, runs their executions and turns, carries their messages.

Messages of `net4ai.codecs.compute` in, messages out. It runs in the compute worker of a node, or in the node's own
loop where everything shares one process. Whatever a function does, the host answers and lives on.

A turn that did not end well leaves its channel closed: what is still under way of it cannot be told from what comes
next. Only `CloseChannel` makes room for a new one.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from net4ai.application_server.function_context import (
    HostChannel,
    HostContext,
    Reply,
    Room,
    Scope,
    current_scope,
    printable,
)
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
    ResultSent,
    RunTurn,
    Send,
    Sent,
    ToWorker,
    TurnDone,
    Unload,
)
from net4ai.functions.api import ChannelClosed, Execution, Outcome, Role, ServiceFunction, Turn

ENTRY_POINTS = "net4ai.functions"
"""Group of entry points under which functions are installed."""

MAXIMUM_INSTANCES = 65536
MAXIMUM_EXECUTIONS = 16
"""Executions one instance takes part in at a time; a further one makes it forget the oldest."""
REMEMBERED_TURNS = 65536
"""Committed turns an execution remembers, to answer a repeated start."""
REMEMBERED_ENDS = 16
"""Ends an instance remembers, to answer a repeated one."""
TRACEBACK_LINES = 40

T = TypeVar("T")

Find = Callable[[str], type[ServiceFunction]]


# --- Finding functions


def installed_function(name: str) -> type[ServiceFunction]:
    """The function installed under `name`. Raises `LookupError`, and whatever its module raises."""
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    found = {point.value: point for point in points if point.name == name}
    if len(found) != 1:
        fault = f"is installed more than once: {', '.join(sorted(found))}" if found else "is not installed"
        raise LookupError(f"function {name!r} {fault}; installed: {', '.join(sorted(points.names))}")
    (point,) = found.values()
    return _checked(name, point.load())


def any_function(name: str) -> type[ServiceFunction]:
    """As `installed_function`; "module:Class" is looked for on the import path, too. For one's own machine."""
    module, colon, attribute = name.partition(":")
    if not colon:
        return installed_function(name)
    return _checked(name, getattr(importlib.import_module(module), attribute))


def _checked(name: str, found: object) -> type[ServiceFunction]:
    if not (isinstance(found, type) and issubclass(found, ServiceFunction)):
        raise TypeError(f"function {name!r} is {found!r}; allowed: a subclass of ServiceFunction")
    return found


# --- Instances and their executions


@dataclass(eq=False, slots=True)
class _RunningTurn:
    number: int
    channel: HostChannel
    task: asyncio.Task[None]


class _Run:
    """An execution at an instance."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.seats = frozenset(execution.seats)
        self.as_server = execution.role is Role.SERVER
        self.begun = asyncio.Event()
        self.refusal = ""
        """Why it did not begin."""
        self.ending = False
        self.channels: dict[int, HostChannel] = {}
        self.turns: dict[int, _RunningTurn] = {}
        """Under way, by seat."""
        self.committed: OrderedDict[int, int] = OrderedDict()
        """Seat by turn."""
        self.tasks: dict[asyncio.Task[None], None] = {}
        """Whatever runs for this execution, in order."""

    def cancel(self, reason: str) -> list[asyncio.Task[None]]:
        """Close and cancel everything; gives the tasks that have yet to end."""
        for channel in [*self.channels.values(), *(turn.channel for turn in self.turns.values())]:
            channel.close(reason)
        for task in self.tasks:
            task.cancel()
        return list(self.tasks)

    def commit(self, turn: int, seat: int) -> None:
        self.committed[turn] = seat
        if len(self.committed) > REMEMBERED_TURNS:
            self.committed.popitem(last=False)

    def check_committed(self, message: RunTurn) -> str:
        """What is wrong with the start of a turn that is committed; empty: it is a repetition."""
        seat = self.committed[message.turn]
        return "" if seat == message.seat else f"turn {message.turn} was committed by seat {seat}"


@dataclass(eq=False, slots=True)
class _Instance:
    number: int
    function: ServiceFunction
    context: HostContext
    runs: OrderedDict[tuple[int, bool], _Run] = field(default_factory=OrderedDict)
    """By execution and whether the instance is its server."""
    ended: OrderedDict[tuple[int, int], Ended] = field(default_factory=OrderedDict)
    """What was answered, by execution and repetition."""


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
        self._instances: dict[int, _Instance] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        """Keeps tasks alive that outlive their execution by a moment."""

    def receive(self, message: ToWorker) -> None:
        """A message of the node. Never raises for what is in it."""
        _HANDLERS[type(message)](self, message)

    def close(self) -> None:
        """Unload all instances."""
        for number in list(self._instances):
            self._unload(number)

    # Instances

    def load(self, message: Load) -> None:
        number = message.instance
        self._unload(number)
        context = HostContext(number, message.settings, message.private, self._reply, self._room)
        before = current_scope.set(Scope(0))
        try:
            if len(self._instances) >= MAXIMUM_INSTANCES:
                raise LookupError(f"there are {MAXIMUM_INSTANCES} instances already")
            function = self._find(message.function)(context)
        except (Exception, SystemExit) as error:
            context.close()
            self._log(number, error)
            self._reply(LoadFailed(instance=number, detail=_described(error)))
        else:
            self._instances[number] = _Instance(number, function, context)
            self._reply(Loaded(instance=number))
        finally:
            current_scope.reset(before)

    def unload(self, message: Unload) -> None:
        self._unload(message.instance)

    def _unload(self, number: int) -> None:
        instance = self._instances.pop(number, None)
        if instance is not None:
            instance.context.close()
            for run in instance.runs.values():
                run.cancel("the instance was unloaded")

    # Executions

    def begin(self, message: Begin) -> None:
        instance = self._instances.get(message.instance)
        if instance is None:
            self._reply(_begun(message, "unknown instance"))
            return
        execution = Execution(
            message.execution,
            message.routine,
            Role.SERVER if message.as_server else Role.CLIENT,
            message.round,
            message.cut,
            tuple(message.seats),
            message.sequential,
        )
        key = message.execution, message.as_server
        before = self._forget(instance, key, "the execution begins anew")
        for end in [end for end in instance.ended if message.as_server and end[0] == message.execution]:
            del instance.ended[end]
        if len(instance.runs) >= MAXIMUM_EXECUTIONS:
            oldest = next(iter(instance.runs))
            self._forget(instance, oldest, "too many executions")
            self._reply(Log(instance=instance.number, line=f"execution {oldest[0]} forgotten: too many executions"))
        run = instance.runs[key] = _Run(execution)
        self._start(run, self._begin(instance, run, message, before))

    async def _begin(
        self, instance: _Instance, run: _Run, message: Begin, before: Iterable[asyncio.Task[None]]
    ) -> None:
        await _finished(before)
        _, run.refusal = await self._attempt(instance, run, lambda: instance.function.begin(run.execution))
        run.begun.set()
        self._reply(_begun(message, run.refusal))

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

    async def _end(self, instance: _Instance, run: _Run, message: End) -> None:
        await run.begun.wait()
        await _finished(self._abandon_turns(run))
        outcome, error = None, run.refusal
        if not error:
            outcome, error = await self._attempt(instance, run, lambda: instance.function.end(run.execution))
        if not error and not isinstance(outcome, Outcome):
            error = printable(f"TypeError: end returned {type(outcome).__name__}; allowed: an Outcome")
        run.ending = False
        ended = _ended(message, outcome or Outcome.COMPLETE, error)
        instance.ended[message.execution, message.repetition] = ended
        if len(instance.ended) > REMEMBERED_ENDS:
            instance.ended.popitem(last=False)
        self._reply(ended)
        if error or outcome is not Outcome.RESTART:
            self._forget(instance, (message.execution, True), "the execution has ended")

    def _abandon_turns(self, run: _Run) -> list[asyncio.Task[None]]:
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
            self._forget(instance, (message.execution, message.as_server), "the execution was forgotten")

    def _forget(self, instance: _Instance, key: tuple[int, bool], reason: str) -> list[asyncio.Task[None]]:
        run = instance.runs.pop(key, None)
        return [] if run is None else run.cancel(reason)

    # Turns

    def run_turn(self, message: RunTurn) -> None:
        instance, run, fault = self._find_run(message.instance, message.execution, message.as_server, message.seat)
        if instance is None or run is None or run.ending:
            self._reply(_turn_done(message, fault or "the execution is ending"))
            return
        before = run.turns.get(message.seat)
        if before is None and message.turn in run.committed:
            self._reply(_turn_done(message, run.check_committed(message)))
        elif before is None or before.channel.closed:
            channel = self._channel(run, message)
            after = [] if before is None else [before.task]
            task = self._start(run, self._turn(instance, run, message, channel, after))
            run.turns[message.seat] = _RunningTurn(message.turn, channel, task)
        elif before.number != message.turn:
            self._reply(_turn_done(message, f"seat {message.seat} is still in turn {before.number}"))

    async def _turn(
        self,
        instance: _Instance,
        run: _Run,
        message: RunTurn,
        channel: HostChannel,
        after: Iterable[asyncio.Task[None]],
    ) -> None:
        await _finished(after)
        await run.begun.wait()
        if message.turn in run.committed:
            error = run.check_committed(message)
        elif run.refusal:
            error = run.refusal
        else:
            turn = Turn(message.turn, message.seat, message.repetition)
            call = instance.function.server_turn if run.as_server else instance.function.client_turn
            _, error = await self._attempt(instance, run, lambda: call(run.execution, turn, channel))
            if error:
                channel.close(f"turn {message.turn} failed")
            elif run.as_server:
                run.commit(message.turn, message.seat)
        current = run.turns[message.seat]
        if current.task is asyncio.current_task():
            del run.turns[message.seat]
        elif error:
            return  # a new attempt at the turn waits already, and will tell
        self._reply(_turn_done(message, error))

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

    def _channel(self, run: _Run, message: RunTurn | Deliver) -> HostChannel:
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
    ) -> tuple[_Instance | None, _Run | None, str]:
        """Instance, run, and what is unknown of them."""
        instance = self._instances.get(number)
        if instance is None:
            return None, None, "unknown instance"
        run = instance.runs.get((execution, as_server))
        if run is None:
            return instance, None, "unknown execution"
        if seat is not None and seat not in run.seats:
            return instance, None, "unknown seat"
        return instance, run, ""

    def _start(self, run: _Run, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        for tasks in (run.tasks, self._tasks):
            tasks[task] = None
            task.add_done_callback(tasks.pop)
        return task

    async def _attempt(self, instance: _Instance, run: _Run, call: Callable[[], Awaitable[T]]) -> tuple[T | None, str]:
        """Result and error of a call into a function. Raises only where the host has cancelled it."""
        current_scope.set(Scope(run.execution.number))
        try:
            result = await call()
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            _stop_if_cancelled()
            if not isinstance(error, ChannelClosed):
                self._log(instance.number, error)
            return None, _described(error)
        _stop_if_cancelled()
        return result, ""

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


def _begun(message: Begin, detail: str) -> Begun:
    return Begun(instance=message.instance, execution=message.execution, as_server=message.as_server, detail=detail)


def _turn_done(message: RunTurn, error: str) -> TurnDone:
    return TurnDone(
        instance=message.instance,
        execution=message.execution,
        as_server=message.as_server,
        seat=message.seat,
        turn=message.turn,
        error=error,
    )


def _ended(message: End, outcome: Outcome, error: str) -> Ended:
    return Ended(
        instance=message.instance,
        execution=message.execution,
        repetition=message.repetition,
        outcome=outcome.value,
        error=error,
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
}
