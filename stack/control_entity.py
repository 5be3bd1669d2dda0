"""A control entity on the bus: it calls others, and serves their calls. Sans-I/O: envelopes in, envelopes out.

The bus may lose an envelope and a peer may start later, so a call is repeated under the same id until its reply comes
or its timer ends; the callee answers a repeated id with the reply it gave before, so nothing is done twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec

from net4ai.codecs.bus import BODIES, FROM_CONTROLLERS, REPLIES, Body, Done, decode_body
from net4ai.codecs.causes import Cause
from net4ai.codecs.envelope import MAXIMUM_DETAIL, Envelope, Failure, provider_of
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.procedure import (
    Procedure,
    ProcedureError,
    ProcedureRejected,
    Procedures,
    ProcedureTimeout,
    Replies,
    deliver_at_once,
    outcome_of,
)
from net4ai.stack.timers import Timers
from net4ai.stack.units import SECOND

B = TypeVar("B", bound=Body)

REPEAT_AFTER = 2 * SECOND
"""A call without reply is sent again after this time."""
REMEMBERED_REQUESTS = 4096
"""Replies kept for requests that come again."""

Handler = Callable[[Any], Awaitable[Body]] | Callable[[Any], Body]


class ControlEntity:
    """One entity: `name` on the bus, handlers by body type, calls to others."""

    def __init__(
        self,
        name: str,
        procedures: Procedures,
        timers: Timers,
        send: Callable[[Envelope], None],
        identifier: Callable[[], str],
        utc_offset: int = 0,
        drops: DropCounter | None = None,
    ) -> None:
        self.name = name
        self.procedures = procedures
        self.timers = timers
        self._send_envelope = send
        self._identifier = identifier
        self._utc_offset = utc_offset
        self._handlers: dict[str, tuple[type[Body], Handler]] = {}
        self.caller = ""
        """While a handler is called, until it awaits: the process that has signed its request."""
        self.request = ""
        """While a handler is called, until it awaits: the identity of its request."""
        self._replies = Replies(procedures)
        self._serving: set[str] = set()
        self._answered: OrderedDict[str, Envelope] = OrderedDict()
        self.drops = DropCounter() if drops is None else drops
        """What came and was of no use."""
        self.on_missing: Callable[[str, str], None] = lambda entity, body: None
        """Called with the entity and the body's name each time a call has to be repeated."""

    @property
    def utc(self) -> int:
        """UTC in nanoseconds: the time that lasts when the process does not."""
        return self.procedures.now + self._utc_offset

    def handle(self, body: type[B], handler: Callable[[B], Awaitable[Body]] | Callable[[B], Body]) -> None:
        """Serve requests of one type. A handler raises `ProcedureError` to refuse."""
        self._handlers[body.__name__] = (body, handler)

    async def call(self, to: str, request: Body, reply: type[B], *, timer: str = "bus-call") -> B:
        """Send `request` and wait for its reply. Raises `ProcedureError`: rejected, no answer, no room for it."""
        assert REPLIES.get(type(request), Done) is reply, f"{type(request).__name__} is not answered by {reply}"
        envelope = Envelope(
            id=self._identifier(),
            kind="request",
            type=type(request).__name__,
            sender=self.name,
            to=to,
            deadline=self.utc + self.timers[timer],
            body=msgspec.Raw(msgspec.json.encode(request)),
        )
        try:
            self._send(envelope)
        except EncodeError as error:
            raise ProcedureError(Cause.MALFORMED_MESSAGE, f"{envelope.type} to {to}: {error}") from None
        repeater = self.procedures.start("repeat bus call", self._repeat(envelope), traced=False)
        try:
            answer: Envelope = await self._replies.expect(envelope.id, self.timers[timer])
        except ProcedureTimeout:
            raise ProcedureTimeout(f"no answer from {to} to {envelope.type}") from None
        finally:
            repeater.cancel()
        try:
            return decode_body(answer.body, reply)
        except DecodeError as error:
            raise ProcedureError(Cause.MALFORMED_MESSAGE, f"{to}: {answer.type}: {error}") from None

    def tell(self, to: str, event: Body) -> Procedure[None]:
        """Send something that needs no reply but its receipt; repeated until that comes."""
        return self.procedures.start("bus event", self._tell(to, event), traced=False)

    async def _tell(self, to: str, event: Body) -> None:
        await outcome_of(self.call(to, event, Done))

    async def _repeat(self, envelope: Envelope) -> None:
        while True:
            await self.procedures.sleep(REPEAT_AFTER)
            self.on_missing(envelope.to, envelope.type)
            self._send(envelope)

    def receive(self, envelope: Envelope, now: int) -> None:
        """An envelope for this entity has come."""
        self.procedures.advance(now)
        self._pass_on("in", envelope.sender, envelope, self._take)

    def _send(self, envelope: Envelope) -> None:
        self._pass_on("out", envelope.to, envelope, self._send_envelope)

    def _pass_on(
        self, direction: Literal["in", "out"], peer: str, envelope: Envelope, deliver: Callable[[Envelope], None]
    ) -> None:
        """Message hooks see bodies. Without hooks nothing is decoded for them."""
        if self.procedures.pass_on is deliver_at_once:
            deliver(envelope)
            return
        try:
            body = decode_body(envelope.body, BODIES[envelope.type])
        except (KeyError, DecodeError):
            deliver(envelope)
            return
        self.procedures.pass_on(
            "bus", direction, peer, body, lambda other: deliver(envelope if other is body else _with(envelope, other))
        )

    def _take(self, envelope: Envelope) -> None:
        if envelope.kind == "reply":
            self._take_reply(envelope)
            self.procedures.run()
        else:
            self._serve(envelope)

    def _take_reply(self, envelope: Envelope) -> None:
        if envelope.error is not None:
            cause = Cause.__members__.get(envelope.error.cause, Cause.UNSPECIFIED)
            known = self._replies.fail(envelope.id, ProcedureRejected(cause, envelope.error.detail))
        else:
            known = self._replies.give(envelope.id, envelope)
        if not known:
            self.drops.count(Drop.ANSWER_TO_NO_REQUEST, len(envelope.body))

    def _serve(self, request: Envelope) -> None:
        if request.id in self._serving:
            return
        if (before := self._answered.get(request.id)) is not None:
            self._send(before)
            return
        if request.deadline is not None and request.deadline < self.utc:
            self.drops.count(Drop.DEADLINE_PASSED, len(request.body))
            return
        self._serving.add(request.id)
        try:
            self.procedures.start(f"serve {request.type}", self._answer(request), traced=False)
        except ProcedureError as error:
            self._serving.discard(request.id)
            self._send(self._reply(request, Done(), _failure(error)))  # not remembered: it may try again

    async def _answer(self, request: Envelope) -> None:
        reply: Body = Done()
        failure = None
        try:
            if provider_of(request.process) is not None and BODIES.get(request.type) not in FROM_CONTROLLERS:
                raise ProcedureError(Cause.NOT_ALLOWED, f"{request.type} from {request.process}")
            if request.type not in self._handlers:
                allowed = ", ".join(self._handlers)
                raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"{request.type} to {self.name}; allowed: {allowed}")
            body_type, handler = self._handlers[request.type]
            self.caller, self.request = request.process, request.id
            result = handler(decode_body(request.body, body_type))
            reply = result if isinstance(result, Body) else await result
        except DecodeError as error:
            failure = Failure(Cause.MALFORMED_MESSAGE.name, str(error)[:MAXIMUM_DETAIL])
        except ProcedureError as error:
            failure = _failure(error)
        except Exception as error:
            failure = Failure(Cause.UNSPECIFIED.name, f"{type(error).__name__}: {error}"[:MAXIMUM_DETAIL])
            self.procedures.on_error(f"serve {request.type}", error)
        envelope = self._answered[request.id] = self._reply(request, reply, failure)
        self._serving.discard(request.id)
        if len(self._answered) > REMEMBERED_REQUESTS:
            self._answered.popitem(last=False)
        try:
            self._send(envelope)
        except EncodeError as error:
            failure = Failure(Cause.UNSPECIFIED.name, f"reply: {error}"[:MAXIMUM_DETAIL])
            self._answered[request.id] = self._reply(request, Done(), failure)
            self._send(self._answered[request.id])

    def _reply(self, request: Envelope, reply: Body, failure: Failure | None) -> Envelope:
        return Envelope(
            id=request.id,
            kind="reply",
            type=type(reply).__name__,
            sender=self.name,
            to=request.sender,
            error=failure,
            body=msgspec.Raw(msgspec.json.encode(reply)),
        )


def _with(envelope: Envelope, body: Body) -> Envelope:
    return msgspec.structs.replace(envelope, type=type(body).__name__, body=msgspec.Raw(msgspec.json.encode(body)))


def _failure(error: ProcedureError) -> Failure:
    return Failure(error.cause.name, error.detail[:MAXIMUM_DETAIL])
