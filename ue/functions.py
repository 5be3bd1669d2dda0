"""Service functions that run for terminals at the compute worker (R65): loaded when a job first needs one.

Each job of each terminal has instances of its own, so that jobs share nothing. Functions of one name share a worker
process, for all terminals here. An instance lives until its job has ended or is left, or the terminal deregisters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from net4ai.codecs import compute, nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.errors import EncodeError
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, Replies
from net4ai.ue import take_part

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess
    from net4ai.ue.terminal import Terminal

WORKER_MEMORY_MIB = 4096
"""Memory the functions of one name may take, of all terminals of the process together; beyond that they are ended."""
BUSY_SECONDS = 60.0
"""Seconds they may compute without a pause; beyond that they are ended."""


@dataclass(eq=False, slots=True)
class FunctionInstance:
    """An instance of a service function."""

    number: int
    """At the compute worker; never given twice."""
    terminal: Terminal
    user: str
    """What it runs for: "job 5", or "session 0" where the network has not said which job that is."""
    function: str
    settings: bytes
    """JSON."""
    loaded: bool = False


class Functions:
    """The instances of all terminals of a process. Its owner feeds what the compute worker says."""

    def __init__(self, process: UeProcess) -> None:
        self.process = process
        self.instances: dict[int, FunctionInstance] = {}
        """By number."""
        self._replies = Replies(process.procedures)
        self._numbers = itertools.count(1)
        self._complaints: set[str] = set()
        """What was said of lost instances since the last one was loaded: many are lost at once."""

    async def load(self, terminal: Terminal, user: str, function: str, settings: bytes) -> FunctionInstance:
        """The terminal's instance of a function with `settings`; loaded now if need be. Raises `ProcedureError`."""
        instance = terminal.functions.get((user, function))
        if instance is None or instance.settings != settings:
            if instance is not None:
                self.unload(instance)
            instance = self._begin_loading(terminal, user, function, settings)
        if not instance.loaded:
            try:
                await self._replies.expect(("loaded", instance.number), self.process.timers["load"])
            except ProcedureError as error:
                if error.cause is not Cause.CANCELLED:  # else a newer invitation may wait for the same
                    self.unload(instance)
                raise
        return instance

    def _begin_loading(self, terminal: Terminal, user: str, function: str, settings: bytes) -> FunctionInstance:
        instance = FunctionInstance(next(self._numbers), terminal, user, function, settings)
        try:
            load = compute.Load(
                instance=instance.number,
                function=function,
                settings=msgspec.json.decode(settings, type=dict[str, Any]),
                private=dict(terminal.config.private),
                worker=function,
                memory_mib=WORKER_MEMORY_MIB,
                busy_s=BUSY_SECONDS,
            )
            self.process.compute.send(load)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, EncodeError) as error:
            raise ProcedureError(Cause.MALFORMED_MESSAGE, f"settings of {function}: {error}") from None
        self.instances[instance.number] = terminal.functions[user, function] = instance
        return instance

    async def begin(self, instance: FunctionInstance, invite: nas.RoutineInvite) -> None:
        """Have an execution begun. Raises `ProcedureError`."""
        reply = self._replies.expect(("begun", instance.number, invite.execution), self.process.timers["begin"])
        self.process.compute.send(
            compute.Begin(
                instance=instance.number,
                execution=invite.execution,
                routine=invite.routine,
                as_server=False,
                round=invite.round,
                cut=invite.cut,
                seats=[invite.seat],
                sequential=invite.sequential,
            )
        )
        await reply

    def unload(self, instance: FunctionInstance) -> None:
        """End an instance and what runs there."""
        if self._remove(instance):
            self.process.compute.send(compute.Unload(instance=instance.number))

    def unload_all(self, terminal: Terminal, user: str = "") -> None:
        """End all instances of a terminal, or those that run for `user`."""
        for instance in list(terminal.functions.values()):
            if user in ("", instance.user):
                self.unload(instance)

    def _remove(self, instance: FunctionInstance) -> bool:
        if self.instances.pop(instance.number, None) is None:
            return False
        del instance.terminal.functions[instance.user, instance.function]
        return True

    # From the compute worker

    def receive(self, message: compute.FromWorker) -> None:
        """The compute worker speaks."""
        handler = _HANDLERS.get(type(message))
        if handler is None:
            return
        instance = self.instances.get(getattr(message, "instance", 0))
        if instance is None:
            self.process.drops.count(Drop.UNKNOWN_INSTANCE)
            return
        handler(self, instance, message)

    def _loaded(self, instance: FunctionInstance, message: compute.Loaded) -> None:
        instance.loaded = True
        self._complaints.clear()
        self._replies.give(("loaded", instance.number), None)

    def _load_failed(self, instance: FunctionInstance, message: compute.LoadFailed) -> None:
        self._remove(instance)
        self._failed(instance, ("loaded", instance.number), "function not loaded", message.detail)

    def _begun(self, instance: FunctionInstance, message: compute.Begun) -> None:
        key = "begun", instance.number, message.execution
        if message.detail:
            self._failed(instance, key, f"execution {message.execution} not begun", message.detail)
        else:
            self._replies.give(key, None)

    def _failed(self, instance: FunctionInstance, key: Hashable, what: str, detail: str) -> None:
        self.process.on_trouble(f"{instance.terminal.name}: {what}: {detail}")
        self._replies.fail(key, ProcedureError(Cause.FUNCTION_FAILED, detail))

    def _lost(self, instance: FunctionInstance, message: compute.InstanceLost) -> None:
        """Its worker has gone, with it all instances of the function: the next invitation loads it anew."""
        self._remove(instance)
        complaint = f"function {instance.function} lost: {message.detail}"
        if complaint not in self._complaints:
            self._complaints.add(complaint)
            self.process.on_trouble(f"{instance.terminal.name}: {complaint}")
        error = ProcedureError(Cause.FUNCTION_FAILED, message.detail)
        self._replies.fail(("loaded", instance.number), error)
        for execution in take_part.instance_lost(instance):
            self._replies.fail(("begun", instance.number, execution), error)

    def _send(self, instance: FunctionInstance, message: compute.Send) -> None:
        take_part.send(instance, message)

    def _turn_done(self, instance: FunctionInstance, message: compute.TurnDone) -> None:
        take_part.turn_done(instance, message)

    def _progress(self, instance: FunctionInstance, message: compute.Progress) -> None:
        """What a function reports at a terminal stays there."""
        self.process.drops.count(Drop.PROGRESS_AT_TERMINAL)

    def _log(self, instance: FunctionInstance, message: compute.Log) -> None:
        self.process.on_trouble(f"{instance.terminal.name}: {message.line}")

    def _dropped(self, instance: FunctionInstance, message: compute.Dropped) -> None:
        self.process.drops.count(message.reason, message.octets)


_HANDLERS: dict[type, Callable[..., None]] = {
    compute.Loaded: Functions._loaded,
    compute.LoadFailed: Functions._load_failed,
    compute.Begun: Functions._begun,
    compute.Send: Functions._send,
    compute.TurnDone: Functions._turn_done,
    compute.Progress: Functions._progress,
    compute.Log: Functions._log,
    compute.Dropped: Functions._dropped,
    compute.InstanceLost: Functions._lost,
}
"""A terminal is never a server: nothing else of the compute worker concerns it."""
