"""What the testers of all roles have in common: the log of the case, time, and how a case says something."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from net4ai.conformance.hop_end import HopEnd
from net4ai.conformance.log import CaseLog
from net4ai.conformance.statement import Statement, TestSubscriber
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.hop import Address
from net4ai.stack.io.clock import Clock
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.network import Network
from net4ai.stack.timers import TIMERS

SETTLE = 2.0
"""Seconds the target has to acknowledge what a case has sent last, before the next case begins."""
GLANCE = 0.02
"""Seconds between two looks at what no message tells."""
ABSENT_SHARE = 20
"""A target that has never been heard is waited for in full once; then for this fraction, lest a run take hours."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a tester stands on: real sockets and time, or those in memory."""

    network: Network
    clock: Clock
    random_number: Callable[[int], int]
    """A number of so many bits: identities and handles."""
    restart: Callable[[], Awaitable[None]] | None = None
    """Starts the target anew, where the tester can do that; else cases wait until it begins anew by itself."""


class Tester:
    """Plays the other side. One tester serves all cases of a run; each begins with a fresh log and empty ports."""

    __test__ = False  # for pytest, which takes the name for that of a test

    role: ClassVar[str]

    def __init__(self, surroundings: Surroundings, statement: Statement, target: Address) -> None:
        """`target`: where the RAN node under test is, or where the tester listens for its UE or application server."""
        self.network = surroundings.network
        self.clock = surroundings.clock
        self.random_number = surroundings.random_number
        self.restart = surroundings.restart
        self.statement = statement
        self.target = target
        self.log = CaseLog(self.clock)
        self.driver = Driver("tester", self.clock)
        self.driver.machine = self
        self.heard = False
        """The target has been there at least once."""
        self._waited = False

    # The life of a run

    async def open(self) -> None:
        """Listen. Raises OSError."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all sockets."""
        self.driver.close()

    def begin(self, log: CaseLog) -> None:
        """A case begins."""
        self.log = log

    async def end(self) -> None:
        """A case has ended, however: release what it has left at the target."""

    def ends(self) -> list[HopEnd]:
        """Hops that live now."""
        return []

    # For cases

    @property
    def subscriber(self) -> TestSubscriber:
        """The first test subscriber."""
        return self.statement.subscribers[0]

    def note(self, text: str) -> None:
        """A remark among the steps."""
        self.log.step("note", "tester", text)

    def check(self, condition: object, expected: str) -> None:
        """What was `expected` must be so. Raises `Fail`."""
        step = self.log.step("note", "tester", expected)
        step.outcome = "expected" if condition else "failed"
        self.log.comment_last(f"expect {expected}{'' if condition else ': it is not so'}")
        if not condition:
            raise Fail(f"expected: {expected}")

    def fail(self, why: str) -> NoReturn:
        """The target breaks the specification. Raises `Fail`."""
        raise Fail(why)

    def inconclusive(self, why: str) -> NoReturn:
        """The case cannot be carried out. Raises `Inconclusive`."""
        raise Inconclusive(why)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def timer(self, name: str) -> float:
        """Seconds of a timer of the target: as the statement says, else as the specification does."""
        return self.statement.timers.get(name, TIMERS[name].milliseconds) / 1000

    def patient(self, seconds: float) -> float:
        """Seconds to wait with this target."""
        return seconds * self.statement.patience

    @contextlib.contextmanager
    def preamble(self, what: str) -> Iterator[None]:
        """Steps before the one the case is about: where they fail, the case is inconclusive."""
        try:
            yield
        except Fail as error:
            raise Inconclusive(f"{what}: {error}") from None

    @contextlib.contextmanager
    def waiting_for_target(self, seconds: float) -> Iterator[float]:
        """How long to wait for the target to appear: after it was missed once, not long any more."""
        limit = seconds if self.heard or not self._waited else seconds / ABSENT_SHARE
        self._waited = True
        yield limit
        self.heard = True

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds, `seconds` at most. Whether it does."""
        for _ in range(int(self.patient(seconds) / GLANCE)):
            if condition():
                return True
            await asyncio.sleep(GLANCE)
        return condition()

    async def settled(self, end: HopEnd) -> bool:
        """Wait until the target has acknowledged all signalling. Whether it has."""
        return await self.until(lambda: end.settled, SETTLE)

    # As a machine

    def pump(self, now: int) -> None:
        """Send what is ready."""
        for end in self.ends():
            end.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [end.next_deadline() for end in self.ends()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)
