"""Procedures: coroutines that wait for protocol events, run by `Procedures.advance(now)` and never by asyncio.

A procedure is an `async def` written top to bottom. What it awaits are promises: the reply to a message, the end of
another procedure, a moment in time. Whoever owns the `Procedures` resolves promises as events come in; time is passed
in. So the same procedure runs over sockets, in memory with a test's clock, and under virtual time.

    async def register(terminal: Terminal) -> int:
        accept = await terminal.exchange(RegistrationRequest(...), RegistrationAccept, timer="T3510")
        return accept.temporary_identity
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Iterator
from typing import Any, Generic, Literal, Protocol, TypeVar

from net4ai.codecs.causes import Cause
from net4ai.stack.deadlines import Deadlines
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


class PassOn(Protocol):
    """What a message passes at the codec edge: gives `deliver` what goes on in its place, now or later."""

    def __call__(
        self,
        link: str,
        direction: Literal["in", "out"],
        peer: str,
        message: Any,
        deliver: Callable[[Any], object],
        node: str = "",
    ) -> None:
        """`node`: a part of the owner's node (one UE)."""


def deliver_at_once(
    link: str,
    direction: Literal["in", "out"],
    peer: str,
    message: Any,
    deliver: Callable[[Any], object],
    node: str = "",
) -> None:
    """The message goes on as it is."""
    deliver(message)


class Promise(Generic[T]):
    """A value that comes later, once; or an error in its place."""

    def __init__(self, owner: Procedures, what: str) -> None:
        self._owner = owner
        self.what = what
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._waiting: dict[Procedure[Any], None] = {}

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
        # Whoever was cancelled and goes on may still be woken by what it waited for before.
        while not self.done:
            yield self
        return self.result()

    def _wake(self) -> None:
        self._owner._deadlines.set(self, None)
        waiting, self._waiting = self._waiting, {}
        self._owner._ready.extend(waiting)

    def _expire(self) -> None:
        self.fail(ProcedureTimeout(self.what))

    def _abandon(self, procedure: Procedure[Any]) -> None:
        """`procedure` was cancelled: it does not wait any more."""
        self._waiting.pop(procedure, None)


class _Sleep(Promise[None]):
    """Kept when its time has come."""

    def _expire(self) -> None:
        self.resolve(None)

    def _abandon(self, procedure: Procedure[Any]) -> None:
        super()._abandon(procedure)
        self.resolve(None)


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
        self._awaited: Promise[Any] | None = None

    def cancel(self, detail: str = "") -> None:
        """Raise `ProcedureCancelled` where it waits; it may clean up, and goes on if it catches that."""
        if not self.done:
            self._cancelled = ProcedureCancelled(detail)
            self._owner._ready.append(self)

    def _step(self) -> None:
        if self.done:
            return
        awaited, self._awaited = self._awaited, None
        try:
            if self._cancelled is not None:
                if awaited is not None:
                    awaited._abandon(self)
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
            self._awaited = awaited
            awaited._waiting[self] = None


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
        self.pass_on: PassOn = deliver_at_once
        """Every message that is sent or taken goes through this (`net4ai.stack.message_hooks`)."""
        self.pass_on_dep: PassOn | None = None
        """DEP PDUs too, one by one, which bulk data is slow with; None: they do not."""
        self.open: dict[Procedure[Any], None] = {}
        self._ready: deque[Procedure[Any]] = deque()
        self._deadlines: Deadlines[Promise[Any]] = Deadlines()
        self._running = False

    def start(
        self, name: str, coroutine: Coroutine[Promise[Any], None, T], *, traced: bool = True, **ids: int | str
    ) -> Procedure[T]:
        """Begin a procedure; it runs up to its first wait before this returns, unless called from another procedure.

        `ids` go to its line in the trace; `traced` False: no line, it is part of another procedure. Raises
        `ProcedureError` where too many are under way.
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
            self._deadlines.set(promise, self.now + timeout)
        return promise

    def sleep(self, duration: int) -> Promise[None]:
        """A promise that is kept after `duration` nanoseconds."""
        promise = _Sleep(self, "sleep")
        self._deadlines.set(promise, self.now + duration)
        return promise

    def run(self) -> None:
        """Let every procedure go on that can. Called by the owner after it resolved promises."""
        if self._running or not self._ready:
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
        for promise in self._deadlines.due(now):
            promise._expire()
        self.run()

    def waiting(self) -> Iterator[tuple[Procedure[Any], str, int | None]]:
        """Procedures that wait: each with what for, and the time at which that ends by itself."""
        for procedure in self.open:
            if (awaited := procedure._awaited) is not None:
                yield procedure, awaited.what, self._deadlines.get(awaited)

    def next_deadline(self) -> int | None:
        """When `advance` must be called at the latest."""
        return self._deadlines.next()

    def cancel_all(self, detail: str) -> None:
        """Cancel everything under way."""
        for procedure in list(self.open):
            procedure.cancel(detail)
        self.run()

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
        """Wait `duration` nanoseconds for the reply under `key`. Raises `ProcedureTimeout`.

        Who waits under the same key already is cancelled: the reply could be to either.
        """
        if (before := self._waiting.get(key)) is not None:
            before.fail(ProcedureCancelled(f"{key} is waited for anew"))
        promise = self._waiting[key] = self._procedures.promise(str(key), timeout=duration)
        try:
            return await promise
        finally:
            promise.resolve(None)  # where the wait was cancelled, its timer ends too
            if self._waiting.get(key) is promise:
                del self._waiting[key]

    def __contains__(self, key: Hashable) -> bool:
        """Whether somebody waits under the key."""
        return key in self._waiting

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

    def __len__(self) -> int:
        """Replies that are waited for."""
        return len(self._waiting)


async def outcome_of(awaitable: Awaitable[T]) -> T | ProcedureError:
    """The result, or the `ProcedureError` as a value: for those who go on either way."""
    try:
        return await awaitable
    except ProcedureError as error:
        return error


def _raise(name: str, error: Exception) -> None:
    raise error
