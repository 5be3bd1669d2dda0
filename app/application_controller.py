"""The application controller: registers a service, starts a job, receives results and gives input (R5, R41, R53, R111).

It speaks to the service manager over the control bus and attaches to a forwarding function over T4, where each result
of a routine server arrives as a DEP message; its answer to one is the job's input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from net4ai.codecs import link
from net4ai.codecs.bus import (
    Done,
    JobEnded,
    JobProgress,
    JobStarted,
    RegisterService,
    ServiceRegistered,
    StartJob,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER, L2_HEADER_SIZE
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.codecs.service import ServiceDescription
from net4ai.stack.attachment import Attachment
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DEFAULT_LIMITS, DepEndpoint, SessionEnd
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError, Procedures, Promise
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace

NAME = "application-controller"
SERVICE_MANAGER = "service-manager"

OnResult = Callable[[Message], Message | None]
"""Takes a result; what it gives back is the job's input."""
OnProgress = Callable[[str, dict[str, int | float | str]], None]


class ApplicationController:
    """One application controller. The owner feeds envelopes, datagrams and time."""

    def __init__(
        self,
        entity: ControlEntity,
        forwarding_function: Address,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        budget: CreditBudget,
        random_handle: Callable[[], int],
        trace: Trace,
        on_result: OnResult,
        on_progress: OnProgress,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.entity = entity
        self.procedures = procedures
        self.drops = DropCounter()
        self.endpoint = DepEndpoint(budget, random_handle, self.drops, trace)
        self.attachment = Attachment(
            NAME,
            link.AttachKind.APPLICATION_CONTROLLER,
            "T4",
            forwarding_function,
            sockets,
            procedures,
            timers,
            self.drops,
            trace,
            self._on_message,
            on_trouble,
        )
        self._on_result = on_result
        self._on_progress = on_progress
        self._on_trouble = on_trouble
        self._sessions: dict[int, SessionEnd] = {}
        self._ended: dict[int, Promise[JobEnded]] = {}
        entity.handle(JobProgress, self._job_progress)
        entity.handle(JobEnded, self._job_ended)

    async def run_job(
        self, description: ServiceDescription, settings: dict[str, dict[str, Any]], job: str, *, k: int, cut: int
    ) -> None:
        """Register a service, run one of its jobs to the end. Raises `ProcedureError` where it did not end well."""
        await self.attachment.attach()
        registered = await self.entity.call(
            SERVICE_MANAGER,
            RegisterService(description=description, settings=settings, controller=NAME),
            ServiceRegistered,
            timer="register-service",
        )
        self._on_progress("service registered", {"service": registered.service})
        request = StartJob(service=registered.service, job=job, k=k, cut=cut)
        started = await self.entity.call(SERVICE_MANAGER, request, JobStarted)
        self._on_progress("job started", {"job": started.job})
        ended = await self._end_of(started.job)
        if ended.cause != Cause.NORMAL:
            raise ProcedureError(cause_of(ended.cause), ended.detail)

    def _end_of(self, job: int) -> Promise[JobEnded]:
        if job not in self._ended:
            self._ended[job] = self.procedures.promise(f"end of job {job}")
        return self._ended[job]

    def _job_progress(self, event: JobProgress) -> Done:
        self._on_progress(event.what, event.values)
        return Done()

    def _job_ended(self, event: JobEnded) -> Done:
        self._end_of(event.job).resolve(event)
        return Done()

    # T4

    def receive(self, pdu: Buffer, source: Address, bulk: bool, now: int) -> None:
        """One layer-2 PDU from T4. Never raises for what is in it."""
        if len(pdu) <= L2_HEADER_SIZE:
            self.drops.count("truncated", len(pdu))
            return
        identity = L2_HEADER.unpack(pdu, 0)[_IDENTITY]
        peer = self.attachment.peer
        if identity == 0 and source == self.attachment.address and not bulk:
            self.attachment.receive_unattached(pdu)
        elif (
            peer is None
            or identity != peer.hop.identity
            or source != (peer.hop.bulk_address if bulk else peer.hop.signalling_address)
        ):
            self.drops.count("source not bound", len(pdu))
        elif (found := peer.hop.receive(pdu, bulk, now)) is not None:
            self.endpoint.receive(peer.hop, *found, now)

    def _on_message(self, peer: LinkPeer, message: link.Link) -> None:
        if isinstance(message, link.SessionAdd) and message.end_point == link.EndPoint.RESULTS:
            self._add_results(peer, message)
        elif isinstance(message, link.SessionRelease):
            if (end := self._sessions.pop(message.instance, None)) is not None:
                self.endpoint.remove(end)
        else:
            self.drops.count("unexpected message")

    def _add_results(self, peer: LinkPeer, message: link.SessionAdd) -> None:
        if (before := self._sessions.pop(message.instance, None)) is not None:
            self.endpoint.remove(before)
        handles = []
        for session in message.sessions[:1]:
            end = self.endpoint.add(
                peer.hop,
                self.endpoint.new_handle(),
                session.handle,
                message.dep_version,
                session.flows,
                session.limits,
                self._on_event,
                {"instance": message.instance},
            )
            self._sessions[message.instance] = end
            handles.append(link.LinkHandle(seat=session.seat, handle=end.handle, limits=DEFAULT_LIMITS))
        peer.send(link.SessionAddComplete(transaction=message.transaction, sessions=tuple(handles)))

    def _on_event(self, end: SessionEnd, event: Event) -> None:
        if not isinstance(event, MessageReceived):
            return
        try:
            answer = self._on_result(decode_message(event.body))
        except DecodeError as error:
            self.drops.count(error.reason, len(event.body))
            return
        if answer is not None:
            self.endpoint.send(end, [encode_message(answer)], self.procedures.now, answers=event.message_id)

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.procedures.advance(now)
        peer = self.attachment.peer
        if peer is not None:
            peer.hop.advance(now)
            peer.take_messages(now)
            self.procedures.run()
        self.endpoint.pump(now)
        if peer is not None:
            peer.hop.pump(now)

    def next_deadline(self) -> int | None:
        peer = self.attachment.peer
        deadlines = [
            self.procedures.next_deadline(),
            self.endpoint.next_deadline(),
            peer.hop.next_deadline() if peer is not None else None,
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


_IDENTITY = [name for name, _ in L2_HEADER.fields].index("c_rnti")
