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
from net4ai.codecs.dep import VERSION
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.codecs.service import ServiceDescription
from net4ai.stack.attached_link import AttachedLink
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageReceived, SessionClosed
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.drops import Drop, DropCounter
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
        self.link = AttachedLink(
            NAME,
            link.AttachKind.APPLICATION_CONTROLLER,
            forwarding_function,
            sockets,
            procedures,
            timers,
            budget,
            random_handle,
            self.drops,
            trace,
            self._on_message,
            self._sessions_lost,
            on_trouble,
        )
        self.endpoint = self.link.endpoint
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
        await self.link.attach()
        registered = await self.entity.call(
            SERVICE_MANAGER,
            RegisterService(description=description, settings=settings, controller=NAME),
            ServiceRegistered,
            timer="register-service",
        )
        self._on_progress("service registered", {"service": registered.service})
        await self.run_registered(registered.service, job, k=k, cut=cut)

    async def run_registered(self, service: int, job: str, *, k: int, cut: int) -> None:
        """Run a job of a service that is registered. Raises `ProcedureError` where it did not end well."""
        request = StartJob(service=service, job=job, k=k, cut=cut)
        started = await self.entity.call(SERVICE_MANAGER, request, JobStarted, timer="start-job")
        self._on_progress("job started", {"job": started.job})
        try:
            ended = await self._end_of(started.job)
        finally:
            del self._ended[started.job]
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
        self.link.receive(pdu, source, bulk, now)

    def _on_message(self, peer: LinkPeer, message: link.Link) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            self.drops.count(Drop.UNEXPECTED_MESSAGE)
        else:
            handler(self, peer, message)

    def _session_release(self, peer: LinkPeer, message: link.SessionRelease) -> None:
        self._remove(message.instance)

    def _remove(self, instance: int) -> None:
        if (end := self._sessions.pop(instance, None)) is not None:
            self.endpoint.remove(end)

    def _sessions_lost(self) -> None:
        self._sessions.clear()

    def _session_add(self, peer: LinkPeer, message: link.SessionAdd) -> None:
        """A session for the results of an instance, in place of the one before."""
        if message.end_point != link.EndPoint.RESULTS or len(message.sessions) != 1:
            peer.refuse(message.transaction, Cause.UNEXPECTED_MESSAGE, "one session for results is taken here")
            return
        if message.dep_version != VERSION:
            peer.refuse(message.transaction, Cause.VERSION_NOT_SUPPORTED, f"DEP version {message.dep_version}")
            return
        self._remove(message.instance)
        (session,) = message.sessions
        try:
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
        except DepError as error:
            peer.refuse(message.transaction, Cause.NO_RESOURCES, str(error))
            return
        self._sessions[message.instance] = end
        handle = link.LinkHandle(seat=session.seat, handle=end.handle, limits=end.session.receive_limits)
        peer.send(link.SessionAddComplete(transaction=message.transaction, sessions=(handle,)))

    def _on_event(self, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self._take_result(end, event)
        elif isinstance(event, SessionClosed):
            self._on_trouble(f"{NAME}: results: {event.cause.name}")

    def _take_result(self, end: SessionEnd, event: MessageReceived) -> None:
        try:
            answer = self._on_result(decode_message(event.body))
            if answer is not None:
                self.endpoint.send(end, [encode_message(answer)], self.procedures.now, answers=event.message_id)
        except DecodeError as error:
            self.drops.count(error.reason, len(event.body))
        except DepError as error:
            self._on_trouble(f"{NAME}: job input: {error}")

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.link.pump(now)

    def next_deadline(self) -> int | None:
        return self.link.next_deadline()


_HANDLERS: dict[type, Callable[..., None]] = {
    link.SessionAdd: ApplicationController._session_add,
    link.SessionRelease: ApplicationController._session_release,
}
"""Signalling legal towards an application controller."""
