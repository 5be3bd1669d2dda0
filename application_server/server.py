"""The application server: instances of service functions behind one T4 attachment (R12, R40, R47, R51).

Each instance runs in a compute worker of its own, which is ended alone where the instance hangs, leaks or dies; what it
has committed is in a file where the run has a folder for that. This process ends DEP: what a session delivers goes to
the function, what the function sends goes into the session of its seat, on the QoS flow of its routine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from net4ai.application_server.config import ApplicationServerConfig
from net4ai.codecs import compute, link
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.errors import EncodeError
from net4ai.stack.attached_link import AttachedLink
from net4ai.stack.compute import Compute
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageFailed, MessageReceived, SessionClosed
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError, Procedures, Replies
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent

ChannelName = tuple[int, int, bool, int]
"""Instance, execution, as server, seat."""

MAXIMUM_INVITATIONS = 1024
"""Invitations accepted and not begun; a further one makes the oldest be forgotten."""
MAXIMUM_FLOWS = 4096
"""Executions of instances whose QoS flow is remembered; of older ones the first flow is used."""


class ApplicationServer:
    """One application server. The owner feeds datagrams, replies of the compute worker, and time."""

    def __init__(
        self,
        config: ApplicationServerConfig,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        budget: CreditBudget,
        compute_worker: Compute,
        random_handle: Callable[[], int],
        trace: Trace,
        on_trouble: Callable[[str], None],
        state_folder: str = "",
    ) -> None:
        """`state_folder`: where checkpoints of instances are kept; empty: nowhere."""
        self.config = config
        self.state_folder = state_folder
        self.procedures = procedures
        self.timers = timers
        self.compute = compute_worker
        self.trace = trace
        self.on_trouble = on_trouble
        self.drops = DropCounter(self._trace_drop)
        self.endpoint = DepEndpoint(budget, random_handle, self.drops, trace, procedures)
        self.link = AttachedLink(
            config.name,
            link.AttachKind.APPLICATION_SERVER,
            "T4",
            (config.address[0], config.address[1]),
            sockets,
            procedures,
            timers,
            self.endpoint,
            trace,
            self._on_message,
            self._on_link_lost,
            on_trouble,
        )
        self.instances: set[int] = set()
        """Instances that are loaded."""
        self._made_of: dict[int, tuple[str, bytes, int, int]] = {}
        """What each was made of: function, settings, limits of memory and time."""
        self.channels: dict[ChannelName, SessionEnd] = {}
        self.results: dict[int, SessionEnd] = {}
        """Sessions to the application controller, by instance."""
        self._invitations: OrderedDict[tuple[int, int], link.Invite] = OrderedDict()
        """Accepted and not begun, by instance and execution."""
        self._flows: OrderedDict[tuple[int, int, bool], int] = OrderedDict()
        """QoS flow an instance sends on, by execution and whether it is the server."""
        self._replies = Replies(procedures)

    def start(self, now: int) -> None:
        """Attach."""
        self.procedures.advance(now)
        self.link.attach()

    # T4

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """One layer-2 PDU from T4. Never raises for what is in it."""
        self.link.receive(data, stride, source, bulk, now)

    def _on_message(self, peer: LinkPeer, message: link.Link) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            self.drops.count(Drop.UNEXPECTED_MESSAGE)
            return
        handler(self, peer, message)

    def _instantiate(self, peer: LinkPeer, message: link.Instantiate) -> None:
        made_of = message.function, message.settings, message.memory_mib, message.busy_ms
        if message.instance in self.instances and self._made_of[message.instance] == made_of:
            peer.send(link.Acknowledge(transaction=message.transaction))
            return
        self.procedures.start("load function", self._load(peer, message), instance=message.instance)

    async def _load(self, peer: LinkPeer, message: link.Instantiate) -> None:
        try:
            settings = msgspec.json.decode(message.settings, type=dict[str, Any])
            load = self._load_message(message, settings)
            self._unloaded(message.instance)  # in place of one with other settings
            self.compute.send(load)
            await self._replies.expect(("loaded", message.instance), self.timers["load"])
        except ProcedureError as error:
            peer.refuse(message.transaction, error.cause, error.detail)
            raise
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, EncodeError) as error:
            peer.refuse(message.transaction, Cause.MALFORMED_MESSAGE, f"settings: {error}")
            return
        self.instances.add(message.instance)
        self._made_of[message.instance] = message.function, message.settings, message.memory_mib, message.busy_ms
        peer.send(link.Acknowledge(transaction=message.transaction))

    def _load_message(self, message: link.Instantiate, settings: dict[str, Any]) -> compute.Load:
        name = f"instance-{message.instance}"
        return compute.Load(
            instance=message.instance,
            function=message.function,
            settings=settings,
            private={},
            worker=name,
            memory_mib=min(message.memory_mib, compute.MAXIMUM_MEMORY_MIB),
            busy_s=min(message.busy_ms / 1000, compute.MAXIMUM_BUSY_S),
            checkpoint=f"{self.state_folder}/{name}.checkpoint" if self.state_folder else "",
        )

    def _terminate(self, peer: LinkPeer, message: link.Terminate) -> None:
        # One that is still being loaded must not come to be afterwards.
        self._replies.fail(("loaded", message.instance), ProcedureError(Cause.CANCELLED, "terminated while loading"))
        self.compute.send(compute.Unload(instance=message.instance, remove_checkpoint=True))
        self._unloaded(message.instance)
        peer.send(link.Acknowledge(transaction=message.transaction))

    def _unloaded(self, instance: int) -> None:
        """An instance is no more: nothing of its executions is left."""
        self.instances.discard(instance)
        self._made_of.pop(instance, None)
        for name in [name for name in self.channels if name[0] == instance]:
            self._remove(name)
        self._remove_results(instance)
        for key in [key for key in self._invitations if key[0] == instance]:
            del self._invitations[key]
        for flow in [flow for flow in self._flows if flow[0] == instance]:
            del self._flows[flow]

    def _session_add(self, peer: LinkPeer, message: link.SessionAdd) -> None:
        if message.instance not in self.instances:
            peer.refuse(message.transaction, Cause.FUNCTION_NOT_HERE, f"instance {message.instance}")
            return
        if message.dep_version != VERSION:
            peer.refuse(message.transaction, Cause.VERSION_NOT_SUPPORTED, f"DEP version {message.dep_version}")
            return
        if message.end_point not in link.EndPoint.__members__.values():
            peer.refuse(message.transaction, Cause.MALFORMED_MESSAGE, f"end point {message.end_point}")
            return
        if len({session.seat for session in message.sessions}) < len(message.sessions):
            peer.refuse(message.transaction, Cause.MALFORMED_MESSAGE, "a seat twice")
            return
        added: list[link.LinkHandle] = []
        for session in message.sessions:
            try:
                end = self._add_session(peer, message, session)
            except DepError as error:
                self.on_trouble(f"{self.config.name}: {error}")
                continue
            added.append(link.LinkHandle(seat=session.seat, handle=end.handle, limits=end.session.receive_limits))
        peer.send(link.SessionAddComplete(transaction=message.transaction, sessions=tuple(added)))

    def _add_session(self, peer: LinkPeer, message: link.SessionAdd, session: link.LinkSession) -> SessionEnd:
        """A session in place of one of the same name. Raises `DepError`."""
        name = message.instance, message.execution, message.end_point == link.EndPoint.ROUTINE_SERVER, session.seat
        results = message.end_point == link.EndPoint.RESULTS
        if results:
            self._remove_results(message.instance)
        else:
            self._remove(name)
        end = self.endpoint.add(
            peer.hop,
            self.endpoint.new_handle(),
            session.handle,
            message.dep_version,
            session.flows,
            session.limits,
            (lambda end, event: self._on_results_event(message.instance, event))
            if results
            else (lambda end, event: self._on_channel_event(name, event)),
            {"execution": message.execution, "seat": session.seat, "instance": message.instance},
        )
        if results:
            self.results[message.instance] = end
        else:
            self.channels[name] = end
        return end

    def _session_release(self, peer: LinkPeer, message: link.SessionRelease) -> None:
        instance, execution = message.instance, message.execution
        if execution == link.RESULTS_EXECUTION:
            self._remove_results(instance)
            return
        seats = {number.seat for number in message.seats}
        for name in [name for name in self.channels if name[:2] == (instance, execution)]:
            if not seats or name[3] in seats:
                self._remove(name)
        if not any(name[:2] == (instance, execution) for name in self.channels):
            self._forget(instance, execution)

    def _forget(self, instance: int, execution: int) -> None:
        self._invitations.pop((instance, execution), None)
        for as_server in (True, False):
            self._flows.pop((instance, execution, as_server), None)
            self.compute.send(compute.Forget(instance=instance, execution=execution, as_server=as_server))

    def _remove(self, name: ChannelName) -> None:
        end = self.channels.pop(name, None)
        if end is not None:
            self.endpoint.remove(end)
            self.compute.send(compute.CloseChannel(**_fields(name)))

    def _remove_results(self, instance: int) -> None:
        end = self.results.pop(instance, None)
        if end is not None:
            self.endpoint.remove(end)
            self.compute.send(compute.CloseResults(instance=instance))

    def _on_link_lost(self) -> None:
        """What was under way has lost its other end; the instances stay."""
        executions = {name[:2] for name in self.channels} | set(self._invitations)
        for name in list(self.channels):
            self._remove(name)
        for instance in list(self.results):
            self._remove_results(instance)
        for instance, execution in sorted(executions):
            self._forget(instance, execution)

    # An execution: invite, begin, start, finish

    def _invite(self, peer: LinkPeer, message: link.Invite) -> None:
        if message.instance not in self.instances:
            peer.refuse(message.transaction, Cause.FUNCTION_NOT_HERE, f"instance {message.instance}")
            return
        self._invitations[message.instance, message.execution] = message
        if len(self._invitations) > MAXIMUM_INVITATIONS:
            self._invitations.popitem(last=False)
            self.drops.count(Drop.INVITATION_FORGOTTEN)
        as_server = message.end_point == link.EndPoint.ROUTINE_SERVER
        self._flows[message.instance, message.execution, as_server] = message.qfi
        if len(self._flows) > MAXIMUM_FLOWS:
            self._flows.popitem(last=False)
        peer.send(
            link.Accept(
                transaction=message.transaction,
                execution=message.execution,
                instance=message.instance,
                key=b"",
            )
        )

    def _begin(self, peer: LinkPeer, message: link.Begin) -> None:
        self.procedures.start("begin execution", self._begin_execution(peer, message), execution=message.execution)

    async def _begin_execution(self, peer: LinkPeer, message: link.Begin) -> None:
        invite = self._invitations.pop((message.instance, message.execution), None)
        if invite is None:
            peer.refuse(message.transaction, Cause.UNEXPECTED_MESSAGE, "not invited")
            return
        as_server = invite.end_point == link.EndPoint.ROUTINE_SERVER
        self.compute.send(
            compute.Begin(
                instance=message.instance,
                execution=message.execution,
                as_server=as_server,
                routine=invite.routine,
                round=invite.round,
                cut=invite.cut,
                seats=[number.seat for number in message.seats],
                sequential=invite.sequential,
            )
        )
        begun = "begun", message.instance, message.execution, as_server
        try:
            next_turn = await self._replies.expect(begun, self.timers["begin"])
        except ProcedureError as error:
            peer.refuse(message.transaction, error.cause, error.detail)
            raise
        peer.send(link.Begun(transaction=message.transaction, next_turn=next_turn))

    def _start(self, peer: LinkPeer, message: link.Start) -> None:
        self.compute.send(
            compute.RunTurn(
                instance=message.instance,
                execution=message.execution,
                as_server=message.end_point == link.EndPoint.ROUTINE_SERVER,
                seat=message.seat,
                turn=message.turn,
                repetition=message.repetition,
            )
        )

    def _finish(self, peer: LinkPeer, message: link.Finish) -> None:
        self.compute.send(
            compute.End(instance=message.instance, execution=message.execution, repetition=message.repetition)
        )

    # DEP

    def _on_channel_event(self, name: ChannelName, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.compute.send(compute.Deliver(**_fields(name), body=event.body))
        elif isinstance(event, MessageAcknowledged):
            self.compute.send(compute.Sent(**_fields(name)))
        elif isinstance(event, MessageFailed | SessionClosed):
            _, execution, _, seat = name
            self.on_trouble(f"{self.config.name}: seat {seat} of execution {execution}: {event.cause.name}")
            self.compute.send(compute.CloseChannel(**_fields(name)))

    def _on_results_event(self, instance: int, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.compute.send(compute.DeliverResult(instance=instance, body=event.body))
        elif isinstance(event, MessageAcknowledged):
            self.compute.send(compute.ResultSent(instance=instance))
        elif isinstance(event, MessageFailed | SessionClosed):
            self.on_trouble(f"{self.config.name}: results of instance {instance}: {event.cause.name}")
            self.compute.send(compute.CloseResults(instance=instance))

    def _send(self, end: SessionEnd | None, body: Buffer, qfi: int | None = None) -> bool:
        """Whether the network has taken it. A flow the session does not have is replaced by its first."""
        if end is None:
            self.drops.count(Drop.ENDED_EXECUTION, len(body))
            return False
        try:
            flow = qfi if qfi in end.session.flows else None
            self.endpoint.send(end, [body], self.procedures.now, qfi=flow)
        except DepError as error:
            self.on_trouble(f"{self.config.name}: {error}")
            return False
        return True

    # Compute worker

    def receive_compute(self, message: compute.FromWorker, now: int) -> None:
        """The compute worker speaks."""
        self.procedures.advance(now)
        handler = _COMPUTE_HANDLERS.get(type(message))
        if handler is not None:
            handler(self, message)
        self.procedures.run()

    def _loaded(self, message: compute.Loaded) -> None:
        self._replies.give(("loaded", message.instance), None)

    def _load_failed(self, message: compute.LoadFailed) -> None:
        self._replies.fail(("loaded", message.instance), ProcedureError(Cause.FUNCTION_FAILED, message.detail))

    def _begun(self, message: compute.Begun) -> None:
        key = "begun", message.instance, message.execution, message.as_server
        if message.detail:
            self._replies.fail(key, ProcedureError(Cause.FUNCTION_FAILED, message.detail))
        else:
            self._replies.give(key, message.next_turn)

    def _function_sends(self, message: compute.Send) -> None:
        name = message.instance, message.execution, message.as_server, message.seat
        if not self._send(self.channels.get(name), message.body, self._flows.get(name[:3])):
            self.compute.send(compute.CloseChannel(**_fields(name)))

    def _function_sends_result(self, message: compute.SendResult) -> None:
        if not self._send(self.results.get(message.instance), message.body):
            self.compute.send(compute.CloseResults(instance=message.instance))

    def _turn_done(self, message: compute.TurnDone) -> None:
        if message.error:
            self.on_trouble(f"{self.config.name}: turn {message.turn} failed: {message.error}")
        self.link.send(
            link.Done(
                execution=message.execution,
                instance=message.instance,
                end_point=link.EndPoint.ROUTINE_SERVER if message.as_server else link.EndPoint.ROUTINE_CLIENT,
                turn=message.turn,
                seat=message.seat,
                cause=Cause.FUNCTION_FAILED if message.error else Cause.NORMAL,
            )
        )

    def _ended(self, message: compute.Ended) -> None:
        if message.error:
            self.on_trouble(f"{self.config.name}: execution {message.execution} failed: {message.error}")
        if message.outcome == "restart" and not message.error:
            self.link.send(link.Restart(execution=message.execution, instance=message.instance))
            return
        self.link.send(
            link.Complete(
                execution=message.execution,
                instance=message.instance,
                stop=message.outcome == "stop",
                cause=_cause_of_end(message),
            )
        )

    def _instance_lost(self, message: compute.InstanceLost) -> None:
        """Its worker was ended, or has ended, and has said so: who waits is told, and the forwarding function."""
        cause = Cause.FUNCTION_FAILED if message.failed else Cause.PEER_LOST
        error = ProcedureError(cause, message.detail)
        self._replies.fail(("loaded", message.instance), error)
        for flow in [flow for flow in self._flows if flow[0] == message.instance]:
            self._replies.fail(("begun", *flow), error)
        if message.instance in self.instances:
            self.link.send(link.InstanceLost(instance=message.instance, cause=cause))
        self._unloaded(message.instance)

    def _progress(self, message: compute.Progress) -> None:
        values = msgspec.json.encode(message.values)
        self.link.send(link.Progress(execution=message.execution, instance=message.instance, values=values))

    def _log(self, message: compute.Log) -> None:
        self.on_trouble(f"{self.config.name}: {message.line}")

    def _dropped(self, message: compute.Dropped) -> None:
        self.drops.count(message.reason, message.octets)

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.link.pump(now)

    def next_deadline(self) -> int | None:
        return self.link.next_deadline()

    def _trace_drop(self, reason: str, size: int) -> None:
        self.trace(
            TraceEvent(time=self.procedures.now, node=self.config.name, kind="drop", link="T4", drop=reason, size=size)
        )


_HANDLERS: dict[type, Callable[..., None]] = {
    link.Instantiate: ApplicationServer._instantiate,
    link.Terminate: ApplicationServer._terminate,
    link.SessionAdd: ApplicationServer._session_add,
    link.SessionRelease: ApplicationServer._session_release,
    link.Invite: ApplicationServer._invite,
    link.Begin: ApplicationServer._begin,
    link.Start: ApplicationServer._start,
    link.Finish: ApplicationServer._finish,
}
"""Signalling legal towards an application server."""

_COMPUTE_HANDLERS: dict[type, Callable[..., None]] = {
    compute.Loaded: ApplicationServer._loaded,
    compute.LoadFailed: ApplicationServer._load_failed,
    compute.Begun: ApplicationServer._begun,
    compute.Send: ApplicationServer._function_sends,
    compute.SendResult: ApplicationServer._function_sends_result,
    compute.TurnDone: ApplicationServer._turn_done,
    compute.Ended: ApplicationServer._ended,
    compute.Progress: ApplicationServer._progress,
    compute.Log: ApplicationServer._log,
    compute.Dropped: ApplicationServer._dropped,
    compute.InstanceLost: ApplicationServer._instance_lost,
}


def _cause_of_end(message: compute.Ended) -> Cause:
    """That the application controller has gone is no failure of the function: the execution can be resumed."""
    if not message.error:
        return Cause.NORMAL
    return Cause.PEER_LOST if message.closed else Cause.FUNCTION_FAILED


def _fields(name: ChannelName) -> dict[str, Any]:
    """A channel's name as the fields of a message to the compute worker."""
    instance, execution, as_server, seat = name
    return {"instance": instance, "execution": execution, "as_server": as_server, "seat": seat}
