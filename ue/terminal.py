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
from net4ai.stack.procedure import Procedure, ProcedureError, Promise, Replies, outcome_of
from net4ai.stack.radio.channel import Quality
from net4ai.stack.security.errors import CountExhausted
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.trace import TraceEvent, numbers_in
from net4ai.ue import consent_to_job, core_dialogue, take_part
from net4ai.ue.config import TerminalConfig
from net4ai.ue.connect import connect
from net4ai.ue.deregister import deregister, switch_off
from net4ai.ue.functions import FunctionInstance
from net4ai.ue.hand_over import ARRIVED
from net4ai.ue.measure import stop_measuring
from net4ai.ue.pdu_session import PduSession
from net4ai.ue.reestablish import reestablish
from net4ai.ue.register import register, request, stay_registered
from net4ai.ue.request_service import request_service
from net4ai.ue.states import NasState, RrcState

if TYPE_CHECKING:
    from net4ai.ue.cell import Cell
    from net4ai.ue.process import UeProcess


_TRACED_NUMBERS = ("execution", "seat", "turn", "session", "job")

MAXIMUM_HELD = 512
"""Messages that may wait for the end of a re-establishment."""


class Terminal:
    """A terminal of a UE process."""

    def __init__(self, process: UeProcess, config: TerminalConfig) -> None:
        self.process = process
        self.config = config
        self.radio = process.radio.of(config)
        self.rrc_state = RrcState.IDLE
        self.nas_state = NasState.DEREGISTERED
        self.hop: Hop | None = None
        self.sessions: dict[int, SessionEnd] = {}
        self.pdu_sessions: dict[int, PduSession] = {}
        """By identity, which is that of the DEP session that runs inside."""
        self.replies = Replies(process.procedures)
        self.participations: dict[int, take_part.Participation] = {}
        """Executions it takes part in, at most one in each session."""
        self.functions: dict[tuple[str, str], FunctionInstance] = {}
        """By what they run for, and name."""
        self.decisions: dict[int, consent_to_job.Decision] = {}
        """The owner's, by job; what was offered last stands last. They outlast the registration."""
        self.jobs: dict[int, int] = {}
        """Job of each session, once the network has said so."""
        self.temporary_identity: int | None = None
        """Given at registration; the terminal is paged by it."""
        self.nas_security: NasSecurity | None = None
        """Of the registration."""
        self.nas_secured = False
        """Secure exchange of NAS messages has begun on this connection."""
        self.security_answer: tuple[nas.Protected | None, bytes] = (None, b"")
        """The NAS Security Mode Command that was taken, and what was answered."""
        self.leaving = False
        """It will not register again."""
        self.k_gnb: bytes | None = None
        """Key of the connection, 32 octets, as NAS has made it (TS 33.501 A.9) or re-establishment (A.11)."""
        self.security: SrbSecurity | None = None
        """Of the connection, once security is on."""
        self.reported: Quality | None = None
        """How fast it can be sent to, as the RAN node was told on this connection."""
        self.next_hop = b""
        """NH, 32 octets, of this connection; K_gNB before the first (TS 33.501 6.9.2.1)."""
        self.next_hop_chaining_count = 0
        self.camped = process.cell
        """Where it is, connected or not."""
        self.cell = 0
        """Physical cell identity of the cell it is connected to."""
        self.measurements: dict[int, Procedure[None]] = {}
        """Measurements that are reported, by identity."""
        self.held: list[rrc.Rrc] = []
        """Messages that wait for the end of the re-establishment."""
        self.given_setup: rrc.Setup | None = None
        """RRC Setup in answer to a re-establishment: the next connection is this one."""
        self._released: Promise[None] | None = None
        self._wanted: Promise[nas.ServiceType] | None = None
        """While it is registered and idle: kept when a connection is wanted."""
        self._service = nas.ServiceType.SIGNALLING

    async def live(self) -> None:
        """Connect, register, stay until released; who is still registered waits for something to say; then again."""
        process = self.process
        while not self.leaving or self.nas_state is NasState.REGISTERED:
            try:
                await self._come_in()
            except ProcedureError as error:
                self.release(error.cause)
                if self.given_setup is not None:
                    continue
                process.cannot_connect(self, error)
                await process.procedures.sleep(process.timers["T302"])
                continue
            process.complaints.clear()
            self._released = process.procedures.promise("release")
            staying = process.procedures.start("stay registered", stay_registered(self), traced=False)
            self._deregister_if_leaving()
            await self._released
            staying.cancel("released")
            if self.nas_state is NasState.REGISTERED:
                self._wanted = process.procedures.promise("wanted", timeout=process.timers["T3512"])
                wanted = await outcome_of(self._wanted)
                self._service = nas.ServiceType.SIGNALLING if isinstance(wanted, ProcedureError) else wanted

    async def _come_in(self) -> None:
        procedures = self.process.procedures
        if self.nas_state is NasState.REGISTERED:
            await procedures.start("service request", request_service(self, self._service), ue=self.name)
            if not self.leaving:
                consent_to_job.ask_again(self)
        else:
            await procedures.start("RRC set-up", connect(self, request(self)), ue=self.name)
            await procedures.start("registration", register(self), ue=self.name)

    def leave(self) -> None:
        """Deregister for good, an idle terminal once it is connected (TS 24.501 5.5.2.2)."""
        self.leaving = True
        self.want_connection(nas.ServiceType.SIGNALLING)
        if self._released is not None and not self._released.done:
            self._deregister_if_leaving()

    def switch_off(self) -> None:
        """The terminal is gone at once."""
        switch_off(self)

    def withdraw(self, job: int) -> bool:
        """The owner withdraws the consent to a job: the terminal's part ends at once (R67). False: there is none."""
        return consent_to_job.withdraw(self, job)

    def consent(self, job: int) -> bool:
        """The owner consents after all to a job that was offered. False: it was not, or there is consent already."""
        return consent_to_job.give(self, job)

    def user_of(self, session: int) -> str:
        """What functions in a session run for."""
        return f"job {self.jobs[session]}" if session in self.jobs else f"session {session}"

    def _deregister_if_leaving(self) -> None:
        if self.leaving and self.nas_state is NasState.REGISTERED:
            self.process.procedures.start("deregistration", deregister(self), ue=self.name)

    def want_connection(self, service: nas.ServiceType) -> None:
        """Registered but idle, there is something to say or to hear: the terminal connects. Nothing elsewhere."""
        if self.rrc_state is RrcState.IDLE and self._wanted is not None:
            self._wanted.resolve(service)

    def paged(self) -> None:
        """The core looks for this terminal (TS 38.331 5.3.2.3)."""
        self.want_connection(nas.ServiceType.MOBILE_TERMINATED)

    @property
    def name(self) -> str:
        return self.config.name

    # Messages

    def send_rrc(self, message: rrc.Rrc) -> None:
        """Send on SRB1, or once it is re-established. Without a connection it is dropped: who waits hears of that."""
        self.process.procedures.pass_on("Uu", "out", self.camped.ran_node, message, self._send_rrc, node=self.name)

    def _send_rrc(self, message: rrc.Rrc) -> None:
        if self.rrc_state is RrcState.REESTABLISHING and not isinstance(message, rrc.ReestablishmentComplete):
            self._hold(message)
            return
        if self.hop is None or self.hop.signalling.failed:
            self.process.drops.count(Drop.NO_CONNECTION)
            return
        self.hop.send(message, self.process.procedures.now)
        self.process.touch(self)

    def _hold(self, message: rrc.Rrc) -> None:
        if len(self.held) < MAXIMUM_HELD:
            self.held.append(message)
        else:
            self.process.drops.count(Drop.SEND_QUEUE_FULL)

    def send_nas(self, message: nas.Nas) -> None:
        """Send to the access manager."""
        self.process.procedures.pass_on(
            "NAS",
            "out",
            "access-manager",
            message,
            self._send_nas,
            node=self.name,
        )

    def _send_nas(self, message: nas.Nas) -> None:
        try:
            self.send_encoded_nas(self.encode_nas(message))
        except ProcedureError as error:
            self.release(error.cause)

    def encode_nas(self, message: nas.Nas) -> bytes:
        """A NAS message as it goes to the access manager. Raises `ProcedureError`: COUNT is used up, only a new
        registration lets it go on."""
        try:
            return core_dialogue.encode(self, message)
        except CountExhausted as error:
            raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None

    def send_encoded_nas(self, data: bytes) -> None:
        """Send a NAS message that is encoded, and protected if need be."""
        self.send_rrc(rrc.UplinkInformationTransfer(nas=data))

    def reply(self, key: Hashable, message: Message) -> None:
        """An answer has come: to whoever waits for it."""
        if not self.replies.give(key, message):
            self.process.drops.count(Drop.ANSWER_TO_NO_REQUEST)

    # State

    def camp_in(self, cell: Cell) -> None:
        """It is in this cell now."""
        before, self.camped = self.camped, cell
        cell.enter()
        before.leave()

    def arrived(self) -> None:
        """The target of a handover has answered, if the terminal is on its way."""
        if self.rrc_state is RrcState.HANDING_OVER and self.replies.give(ARRIVED, None):
            self.process.procedures.run()

    def connected(self, hop: Hop, state: RrcState) -> None:
        """SRB1 is there."""
        self.hop, self.rrc_state = hop, state
        self.cell = self.camped.identity
        hop.on_queued = lambda: self.process.touch(self)
        self.reported = None
        self.process.bind(self, hop)
        self.process.radio.connected(self)
        self.trace_state("connected", c_rnti=hop.identity)

    def radio_link_failed(self) -> None:
        """The cell or SRB1 is lost: with security on the connection is re-established, else it is over (5.3.10.3)."""
        if self.rrc_state is RrcState.SECURED:
            self.rrc_state = RrcState.REESTABLISHING
            self.trace_state("radio link failed")
            self.process.procedures.start("RRC re-establishment", reestablish(self), ue=self.name)
        elif self.rrc_state is RrcState.HANDING_OVER:
            self.replies.fail(ARRIVED, ProcedureError(Cause.RADIO_LINK_FAILURE, str(self.camped)))
        elif self.rrc_state is RrcState.CONNECTED:
            self.release(Cause.RADIO_LINK_FAILURE)

    def release(self, cause: Cause) -> None:
        """All bearers and sessions go; the terminal is idle, and only after inactivity still registered."""
        take_part.abandon_all(self)
        stop_measuring(self)
        for end in self.sessions.values():
            self.process.endpoint.remove(end)
        for session in self.pdu_sessions.values():
            session.end()
        self.pdu_sessions.clear()
        self.sessions.clear()
        self.jobs.clear()
        self.held.clear()
        self.replies.fail_all(ProcedureError(cause, "released"))
        if self.hop is not None:
            self.process.unbind(self.hop)
            self.process.radio.released(self)
            self.hop = None
        self.rrc_state = RrcState.IDLE
        self.k_gnb = self.security = None
        self.nas_secured = False
        if cause != Cause.USER_INACTIVITY or self.nas_state is not NasState.REGISTERED:
            self.nas_state = NasState.DEREGISTERED
            self.temporary_identity = None
            self.nas_security = None
            consent_to_job.deregistered(self)
        self.trace_state("released", cause=cause.name)
        if self._released is not None:
            self._released.resolve(None)

    # Time

    def advance(self, now: int) -> None:
        """Time has come to `now`, for its bearers."""
        if self.hop is not None:
            self.hop.advance(now)

    def pump(self, now: int) -> None:
        """Send what is ready."""
        for session in list(self.pdu_sessions.values()):
            session.pump(now)
        if self.hop is not None:
            self.hop.pump(now)

    def next_deadline(self) -> int | None:
        """When to call `advance` and `pump`."""
        deadlines = [session.next_deadline() for session in self.pdu_sessions.values()]
        if self.hop is not None:
            deadlines.append(self.hop.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

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
                ids={"ue": self.name, **numbers_in(message, _TRACED_NUMBERS)},
            )
        )
