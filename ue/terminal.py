"""One terminal: its states, its messages, its sessions. Each procedure has its own file."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Hop
from net4ai.stack.procedure import ProcedureError, Promise, Replies
from net4ai.stack.trace import TraceEvent
from net4ai.ue import take_part
from net4ai.ue.config import TerminalConfig
from net4ai.ue.connect import connect
from net4ai.ue.register import register, stay_registered
from net4ai.ue.states import NasState, RrcState

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess


class Terminal:
    """A terminal of a UE process."""

    def __init__(self, process: UeProcess, number: int, config: TerminalConfig) -> None:
        self.process = process
        self.number = number
        """Within the process, from 1; the number of its function instance at the compute worker."""
        self.config = config
        self.rrc_state = RrcState.IDLE
        self.nas_state = NasState.DEREGISTERED
        self.hop: Hop | None = None
        self.sessions: dict[int, SessionEnd] = {}
        self.replies = Replies(process.procedures)
        self.participation: take_part.Participation | None = None
        self.decided: set[int] = set()
        """Jobs whose offer was answered."""
        self._released: Promise[None] | None = None

    async def live(self) -> None:
        """Connect, register, stay until released; then again."""
        process = self.process
        while True:
            try:
                await process.procedures.start("RRC set-up", connect(self), ue=self.name)
                await process.procedures.start("registration", register(self), ue=self.name)
            except ProcedureError as error:
                self.release(error.cause)
                process.cannot_connect(self, error)
                await process.procedures.sleep(process.timers["T302"])
                continue
            process.complaints.clear()
            self._released = process.procedures.promise("release")
            staying = process.procedures.start("stay registered", stay_registered(self), traced=False)
            await self._released
            staying.cancel("released")

    @property
    def name(self) -> str:
        return self.config.name

    # Messages

    def send_rrc(self, message: rrc.Rrc) -> None:
        """Send on SRB1. Without a connection it is dropped: who waits for an answer hears of the release."""
        if self.hop is None or self.hop.signalling.failed:
            self.process.drops.count(Drop.NO_CONNECTION)
            return
        self.hop.send(message, self.process.procedures.now)
        self.process.touch(self)

    def send_nas(self, message: nas.Nas) -> None:
        """Send to the access manager."""
        data = message.encode()
        self.trace_nas(message, "out", len(data))
        self.send_rrc(rrc.UplinkInformationTransfer(nas=data))

    def reply(self, key: Hashable, message: Message) -> None:
        """An answer has come: to whoever waits for it."""
        if not self.replies.give(key, message):
            self.process.drops.count(Drop.ANSWER_TO_NO_REQUEST)

    # State

    def connected(self, hop: Hop) -> None:
        """SRB1 is there."""
        self.hop, self.rrc_state = hop, RrcState.CONNECTED
        self.process.bind(self, hop)
        self.trace_state("connected", c_rnti=hop.identity)

    def release(self, cause: Cause) -> None:
        """All bearers and sessions go; the terminal is idle."""
        take_part.abandon(self)
        for end in self.sessions.values():
            self.process.endpoint.remove(end)
        self.sessions.clear()
        self.decided.clear()
        self.replies.fail_all(ProcedureError(cause, "released"))
        if self.hop is not None:
            self.process.unbind(self.hop)
            self.hop = None
        self.rrc_state, self.nas_state = RrcState.IDLE, NasState.DEREGISTERED
        self.trace_state("released", cause=cause.name)
        if self._released is not None:
            self._released.resolve(None)

    # Trace

    def trace_state(self, what: str, **ids: int | str) -> None:
        self.process.trace(
            TraceEvent(
                time=self.process.procedures.now,
                node=self.name,
                kind="state",
                message=what,
                ids={"ue": self.name, **ids},
            )
        )

    def trace_nas(self, message: Message | UnknownMessage, direction: str, size: int) -> None:
        ids: dict[str, int | str] = {"ue": self.name}
        for key in ("execution", "seat", "turn", "session", "job"):
            if isinstance(value := getattr(message, key, None), int):
                ids[key] = value
        self.process.trace(
            TraceEvent(
                time=self.process.procedures.now,
                node=self.name,
                kind="message",
                link="NAS",
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer="access-manager",
                size=size,
                ids=ids,
            )
        )
