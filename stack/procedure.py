"""Procedures: coroutines that wait for protocol events, run by `Procedures.advance(now)` and never by asyncio.

A procedure is an `async def` written top to bottom. What it awaits are promises: the reply to a message, the end of
another procedure, a moment in time. Whoever owns the `Procedures` resolves promises as events come in; time is passed
in. So the same procedure runs over sockets, in memory with a test's clock, and under virtual time.

    async def register(terminal: Terminal) -> int:
        accept = await terminal.exchange(RegistrationRequest(...), RegistrationAccept, timer="T3510")
        return accept.temporary_identity
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable
from typing import Any, Generic, TypeVar

from net4ai.codecs.causes import Cause
from net4ai.stack.trace import Trace, TraceEvent, no_trace

T = TypeVar("T")

MAXIMUM_PROCEDURES = 65536
"""Procedures one owner may have under way."""


class ProcedureError(Exception):
    """A procedure ended without its result. Carries the wire cause."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause.name}" + (f": {detail}" if detail else ""))
        self.cause = cause
        self.detail = detail


class ProcedureTimeout(ProcedureError):
    """No answer within the timer."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Cause.TIMEOUT, detail)


class ProcedureRejected(ProcedureError):
    """The other side refused."""


class ProcedureCancelled(ProcedureError):
    """What the procedure was for has gone: a context was released, a node ends."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Cause.CANCELLED, detail)


class Promise(Generic[T]):
    """A value that comes later, once; or an error in its place."""

    def __init__(self, owner: Procedures, what: str) -> None:
        self._owner = owner
        self.what = what
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._waiting: list[Procedure[Any]] = []

    def resolve(self, value: T) -> None:
        """Give the value. A promise that is done already keeps what it has."""
        if not self.done:
            self.done, self._value = True, value
            self._wake()

    def fail(self, error: Exception) -> None:
        """Give an error in place of the value."""
        if not self.done:
            self.done, self._error = True, error
            self._wake()

    def result(self) -> T:
        """The value, or raises the error."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def __await__(self) -> Generator[Promise[Any], None, T]:
        if not self.done:
            yield self
        return self.result()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for procedure in waiting:
            self._owner._ready.append(procedure)


class Procedure(Promise[T]):
    """A coroutine under way; awaiting it gives what it returns."""

    def __init__(self, owner: Procedures, name: str, coroutine: Coroutine[Promise[Any], None, T]) -> None:
        super().__init__(owner, name)
        self.name = name
        self.started = owner.now
        self.ids: dict[str, int | str] = {}
        self.traced = True
        self._coroutine = coroutine
        self._cancelled: ProcedureError | None = None

    def cancel(self, detail: str = "") -> None:
        """Raise `ProcedureCancelled` where it waits."""
        if not self.done:
            self._cancelled = ProcedureCancelled(detail)
            self._owner._ready.append(self)

    def _step(self) -> None:
        if self.done:
            return
        try:
            if self._cancelled is not None:
                error, self._cancelled = self._cancelled, None
                awaited = self._coroutine.throw(error)
            else:
                awaited = self._coroutine.send(None)
        except StopIteration as stop:
            self.resolve(stop.value)
            self._owner._ended(self, "done")
        except ProcedureError as error:
            self.fail(error)
            self._owner._ended(self, error.cause.name)
        except Exception as error:
            self.fail(error)
            self._owner._ended(self, "error")
            self._owner.on_error(self.name, error)
        else:
            awaited._waiting.append(self)


class Procedures:
    """The procedures of one owner, and their time.

    `now` is the time of the event being handled. Every entry from outside sets it through `advance`.
    """

    def __init__(
        self,
        node: str = "",
        trace: Trace = no_trace,
        on_error: Callable[[str, Exception], None] | None = None,
    ) -> None:
        self.now = 0
        self.node = node
        self.trace = trace
        self.on_error = on_error or _raise
        self.open: dict[Procedure[Any], None] = {}
        self._ready: deque[Procedure[Any]] = deque()
        self._deadlines: list[tuple[int, int, Promise[Any], Exception | None]] = []
        self._order = itertools.count()
        self._running = False

    def start(
        self, name: str, coroutine: Coroutine[Promise[Any], None, T], *, traced: bool = True, **ids: int | str
    ) -> Procedure[T]:
        """Begin a procedure; it runs up to its first wait before this returns, unless called from another procedure.

        `ids` go to its line in the trace; `traced` False: no line, it is part of another procedure.
        """
        if len(self.open) >= MAXIMUM_PROCEDURES:
            coroutine.close()
            raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_PROCEDURES} procedures under way")
        procedure = Procedure(self, name, coroutine)
        procedure.ids, procedure.traced = dict(ids), traced
        self.open[procedure] = None
        self._ready.append(procedure)
        self.run()
        return procedure

    def promise(self, what: str, *, timeout: int | None = None) -> Promise[Any]:
        """A promise that fails with `ProcedureTimeout` after `timeout` nanoseconds."""
        promise: Promise[Any] = Promise(self, what)
        if timeout is not None:
            self._push(timeout, promise, ProcedureTimeout(what))
        return promise

    def sleep(self, duration: int) -> Promise[None]:
        """A promise that is kept after `duration` nanoseconds."""
        promise: Promise[None] = Promise(self, "sleep")
        self._push(duration, promise, None)
        return promise

    def run(self) -> None:
        """Let every procedure go on that can. Called by the owner after it resolved promises."""
        if self._running:
            return
        self._running = True
        try:
            while self._ready:
                self._ready.popleft()._step()
        finally:
            self._running = False

    def advance(self, now: int) -> None:
        """Set the time, end what is due, run."""
        self.now = now
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, promise, error = heapq.heappop(self._deadlines)
            if error is None:
                promise.resolve(None)
            else:
                promise.fail(error)
        self.run()

    def next_deadline(self) -> int | None:
        """When `advance` must be called at the latest."""
        while self._deadlines and self._deadlines[0][2].done:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def cancel_all(self, detail: str) -> None:
        """Cancel everything under way."""
        for procedure in list(self.open):
            procedure.cancel(detail)
        self.run()

    def _push(self, duration: int, promise: Promise[Any], error: Exception | None) -> None:
        heapq.heappush(self._deadlines, (self.now + duration, next(self._order), promise, error))

    def _ended(self, procedure: Procedure[Any], outcome: str) -> None:
        self.open.pop(procedure, None)
        if not procedure.traced:
            return
        self.trace(
            TraceEvent(
                time=self.now,
                node=self.node,
                kind="procedure",
                procedure=procedure.name,
                outcome=outcome,
                duration=self.now - procedure.started,
                ids=procedure.ids,
            )
        )


class Replies:
    """Replies that are waited for, by key: message type and transaction, or what else tells them apart."""

    def __init__(self, procedures: Procedures) -> None:
        self._procedures = procedures
        self._waiting: dict[Hashable, Promise[Any]] = {}

    async def expect(self, key: Hashable, duration: int) -> Any:
        """Wait `duration` nanoseconds for the reply under `key`. Raises `ProcedureTimeout`."""
        promise = self._waiting[key] = self._procedures.promise(str(key), timeout=duration)
        try:
            return await promise
        finally:
            if self._waiting.get(key) is promise:
                del self._waiting[key]

    def give(self, key: Hashable, value: object) -> bool:
        """A reply has come. False: nobody waits for it."""
        promise = self._waiting.get(key)
        if promise is None or promise.done:
            return False
        promise.resolve(value)
        return True

    def fail(self, key: Hashable, error: Exception) -> bool:
        """The reply is a refusal. False: nobody waits for it."""
        promise = self._waiting.get(key)
        if promise is None or promise.done:
            return False
        promise.fail(error)
        return True

    def fail_all(self, error: Exception) -> None:
        """No reply will come any more: the peer is lost."""
        for promise in list(self._waiting.values()):
            promise.fail(error)


async def outcome_of(awaitable: Awaitable[T]) -> T | ProcedureError:
    """The result, or the `ProcedureError` as a value: for those who go on either way."""
    try:
        return await awaitable
    except ProcedureError as error:
        return error


def _raise(name: str, error: Exception) -> None:
    raise error
