"""One terminal: its states, its messages, its sessions. Each procedure has its own file."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.hop import Hop
from net4ai.stack.procedure import ProcedureError, Promise, Replies
from net4ai.stack.trace import TraceEvent
from net4ai.ue import consent_to_job, take_part
from net4ai.ue.config import TerminalConfig
from net4ai.ue.connect import connect
from net4ai.ue.reconfigure import reconfigure
from net4ai.ue.register import register, stay_registered
from net4ai.ue.states import State, is_legal

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess


class Terminal:
    """A terminal of a UE process."""

    def __init__(self, process: UeProcess, number: int, config: TerminalConfig) -> None:
        self.process = process
        self.number = number
        """Within the process, from 1; the number of its function instance at the compute worker."""
        self.config = config
        self.state = State.IDLE
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
            self.process.drops.count("no connection")
            return
        self.hop.send(message, self.process.procedures.now)
        self.process.touch(self)

    def send_nas(self, message: nas.Nas) -> None:
        """Send to the access manager."""
        data = message.encode()
        self.trace_nas(message, "out", len(data))
        self.send_rrc(rrc.UplinkInformationTransfer(nas=data))

    def take_messages(self, now: int) -> None:
        """Decode and handle what SRB1 has delivered."""
        while self.hop is not None and (sdu := self.hop.next_sdu()) is not None:
            try:
                message = rrc.Rrc.FAMILY.decode(sdu)
            except DecodeError as error:
                self.process.drops.count(error.reason, len(sdu))
                continue
            self.hop.trace_message(message, "in", len(sdu), now)
            if not self._legal(message, "SRB1"):
                continue
            _RRC_HANDLERS[type(message)](self, message)
            # The next message may be legal only in the state this one leads to.
            self.process.procedures.run()

    def _legal(self, message: Message | UnknownMessage, bearer: str) -> bool:
        if not is_legal(message, self.state, bearer):
            self.process.drops.count("unexpected message")
            return False
        return True

    def _transfer(self, message: rrc.DownlinkInformationTransfer) -> None:
        try:
            inner = nas.Nas.FAMILY.decode(message.nas)
        except DecodeError as error:
            self.process.drops.count(error.reason, len(message.nas))
            return
        self.trace_nas(inner, "in", len(message.nas))
        if self._legal(inner, "NAS"):
            _NAS_HANDLERS[type(inner)](self, inner)

    def _release(self, message: rrc.Release) -> None:
        if self.hop is not None:
            # The RAN node keeps repeating the message until it is acknowledged.
            self.hop.pump(self.process.procedures.now)
        self.release(cause_of(message.cause))

    def _registration_answer(self, message: nas.RegistrationAccept | nas.RegistrationReject) -> None:
        self._reply("registration", message)

    def _computing_answer(self, message: nas.ComputingAccept | nas.ComputingReject) -> None:
        self._reply(("computing", message.transaction), message)

    def _reply(self, key: Hashable, message: nas.Nas) -> None:
        if not self.replies.give(key, message):
            self.process.drops.count("answer to no request")

    def _job_list(self, message: nas.JobList) -> None:
        consent_to_job.answer_offers(self, message)

    # State

    def connected(self, hop: Hop) -> None:
        """SRB1 is there."""
        self.hop, self.state = hop, State.CONNECTED
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
        self.state = State.IDLE
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


_RRC_HANDLERS: dict[type, Callable[..., None]] = {
    rrc.Reconfiguration: reconfigure,
    rrc.DownlinkInformationTransfer: Terminal._transfer,
    rrc.Release: Terminal._release,
}

_NAS_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationAccept: Terminal._registration_answer,
    nas.RegistrationReject: Terminal._registration_answer,
    nas.JobList: Terminal._job_list,
    nas.ComputingAccept: Terminal._computing_answer,
    nas.ComputingReject: Terminal._computing_answer,
    nas.RoutineInvite: take_part.invited,
    nas.RoutineStart: take_part.started,
    nas.RoutineComplete: take_part.completed,
}
