"""One server and its clients behind function hosts, the executions they are given, and what befalls the server.

It plays everything between the hosts: the node with its sessions, the routine manager that resumes what has failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from net4ai.application_server.checkpoint import Checkpoint, CheckpointFile
from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker, ToWorker
from net4ai.functions.api import ServiceFunction

SERVER, CLIENT = 1, 100
"""Instances; clients count on by seat."""
MAXIMUM_ATTEMPTS = 50

Fault = Literal["kill", "forget", "full"]
"""The server's process is killed; its link is lost; the disk is full at the next commit."""


class Lost(Exception):
    """The server has gone: the execution is to be resumed."""


class FaultyNetwork:
    """Plays executions; `faults` by step, where a step is a message to or from the server."""

    def __init__(
        self,
        folder: Path,
        server: type[ServiceFunction],
        client: type[ServiceFunction],
        settings: Mapping[str, Any],
        faults: Mapping[int, Fault],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.path = str(folder / "instance-1.checkpoint")
        self.faults = dict(faults)
        self.steps = 0
        self.befallen: list[Fault] = []
        self._server_class, self._client_class, self._settings = server, client, dict(settings)
        self._full = self._lost = False
        self._replies: dict[Any, asyncio.Future[Any]] = {}
        self._clients = FunctionHost(self._from_client, lambda name: client)
        self._server: FunctionHost | None = None
        write = CheckpointFile.write

        def write_if_there_is_room(file: CheckpointFile, checkpoint: Checkpoint) -> None:
            if self._full:
                self._full = False
                raise OSError(errno.ENOSPC, "No space left on device")
            write(file, checkpoint)

        monkeypatch.setattr(CheckpointFile, "write", write_if_there_is_room)

    @property
    def function(self) -> Any:
        """The server's function as it is now."""
        assert self._server is not None
        return self._server._instances[SERVER].function

    def start_server(self) -> None:
        """A process that knows nothing but the file."""
        self._server = None
        host = FunctionHost(lambda message: self._from_server(host, message), lambda name: self._server_class)
        self._server = host
        self._to_server(
            c.Load(instance=SERVER, function="server", settings=self._settings, private={}, checkpoint=self.path),
            counted=False,
        )

    def load_clients(self, seats: Sequence[int], **private: Any) -> None:
        for seat in seats:
            own = {**private, "subscriber": seat}
            load = c.Load(instance=CLIENT + seat, function="client", settings=self._settings["client"], private=own)
            self._clients.receive(load)

    # One execution, resumed until it has ended

    async def execute(self, number: int, seats: Sequence[int], cut: int, sequential: bool = True) -> str:
        """The server's last answer. With repetitions as the server wants them."""
        for _ in range(MAXIMUM_ATTEMPTS):
            try:
                return await self._attempt(number, seats, cut, sequential)
            except Lost:
                if self._server is None:
                    self.start_server()
                await asyncio.sleep(1)
        raise AssertionError(f"not done after {MAXIMUM_ATTEMPTS} attempts")

    async def _attempt(self, number: int, seats: Sequence[int], cut: int, sequential: bool) -> str:
        self._lost = False
        begin: dict[str, Any] = {"execution": number, "routine": "r", "round": number, "cut": cut}
        begin["sequential"] = sequential
        self._to_server(c.Begin(instance=SERVER, as_server=True, seats=list(seats), **begin))
        begun = await self._answer("begun")
        assert begun.detail == ""
        repetition = 0
        while True:
            for place, seat in enumerate(seats):
                turn = place + repetition * len(seats)
                if turn >= begun.next_turn:
                    client = c.Begin(instance=CLIENT + seat, as_server=False, seats=[seat], **begin)
                    self._clients.receive(client)
                    await self._turn(number, seat, turn, repetition)
            self._to_server(c.End(instance=SERVER, execution=number, repetition=repetition))
            ended = await self._answer("ended", repetition)
            if ended.error:
                raise Lost
            if ended.outcome != "restart":
                return str(ended.outcome)
            repetition += 1

    async def _turn(self, number: int, seat: int, turn: int, repetition: int) -> None:
        name = {"execution": number, "seat": seat, "turn": turn, "repetition": repetition}
        self._to_server(c.RunTurn(instance=SERVER, as_server=True, **name))
        self._clients.receive(c.RunTurn(instance=CLIENT + seat, as_server=False, **name))
        done = await self._answer("turn", turn)
        if done.error:
            raise Lost

    # Messages and what befalls the server

    def _step(self) -> bool:
        """Whether the server is still there."""
        fault = self.faults.pop(self.steps, None)
        self.steps += 1
        if fault is None:
            return True
        self.befallen.append(fault)
        if fault == "full":
            self._full = True
            return True
        if fault == "kill" and self._server is not None:
            host, self._server = self._server, None
            host.close()
        self._lost = True
        for future in self._replies.values():
            if not future.done():
                future.set_exception(Lost())
        return False

    def _to_server(self, message: ToWorker, counted: bool = True) -> None:
        if counted and not self._step():
            if self._server is not None and isinstance(message, c.Begin | c.RunTurn | c.End):
                forget = c.Forget(instance=SERVER, execution=message.execution, as_server=True)
                self._server.receive(forget)
            raise Lost
        if self._server is None:
            raise Lost
        self._server.receive(message)

    def _from_server(self, host: FunctionHost, message: FromWorker) -> None:
        if host is not self._server or isinstance(message, c.Loaded | c.Progress | c.Log):
            return
        if not self._step():
            if self._server is not None and not isinstance(message, c.Ended):
                execution = getattr(message, "execution", 0)
                self._later(lambda: host.receive(c.Forget(instance=SERVER, execution=execution, as_server=True)))
            return
        match message:
            case c.Begun():
                self._give("begun", message)
            case c.Ended():
                self._give(("ended", message.repetition), message)
            case c.TurnDone():
                self._give(("turn", message.turn), message)
            case c.Send():
                self._later(lambda: self._pass_on(host, message))
            case _:
                raise AssertionError(message)

    def _pass_on(self, host: FunctionHost, sent: c.Send) -> None:
        name: dict[str, Any] = {"execution": sent.execution, "seat": sent.seat}
        self._clients.receive(c.Deliver(instance=CLIENT + sent.seat, as_server=False, body=sent.body, **name))
        host.receive(c.Sent(instance=SERVER, as_server=True, **name))

    def _from_client(self, message: FromWorker) -> None:
        if isinstance(message, c.Send):
            name: dict[str, Any] = {"execution": message.execution, "seat": message.seat}
            body = message.body

            def deliver() -> None:
                self._clients.receive(c.Sent(instance=CLIENT + message.seat, as_server=False, **name))
                with contextlib.suppress(Lost):
                    self._to_server(c.Deliver(instance=SERVER, as_server=True, body=body, **name))

            self._later(deliver)

    def _later(self, call: Any) -> None:
        asyncio.get_running_loop().call_soon(call)

    async def _answer(self, *key: Any) -> Any:
        name = key if len(key) > 1 else key[0]
        if self._lost:
            raise Lost
        future = self._replies.setdefault(name, asyncio.get_running_loop().create_future())
        try:
            return await future
        finally:
            self._replies.clear()

    def _give(self, name: Any, message: FromWorker) -> None:
        future = self._replies.setdefault(name, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(message)
