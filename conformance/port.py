"""Ports, as in TTCN-3: where messages of one layer are sent to the target and arrive from it.

Every layer has one, and all speak the same few words:

    ue.srb0.send(rrc.SetupRequest(...))                         a message
    setup = await ue.srb0.expect(rrc.Setup, within=1.0)         wait for one; else the case fails
    await ue.srb1.never(rrc.Release, within=0.5)                none may come
    ue.srb0.inject(octets)                                      octets as they are, in place of a message
    ue.srb1.drop(rrc.Reconfiguration)                           the next one to come gets lost
    ue.srb1.edit(rrc.SetupComplete, lambda m: replace(m, transaction=3))     the next one to go is changed

What is sent and what arrives is recorded; what is expected is marked in the capture.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from net4ai.codecs.declaration import Family, Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.conformance.log import Packet, Step
from net4ai.conformance.pattern import Malformed, Pattern, describe
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.hop import Address

if TYPE_CHECKING:
    from net4ai.conformance.tester import Tester

WITHIN = 2.0
"""Seconds an expectation waits, unless told otherwise."""
NEVER_WITHIN = 0.5
"""Seconds something must not come, unless told otherwise."""
MAXIMUM_ARRIVALS = 10_000
"""Messages a port keeps for expectations to come; then the oldest go."""
NAMED_ARRIVALS = 5
"""Messages a failure names as having come instead."""

M = TypeVar("M")
T = TypeVar("T")
Way = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Arrival(Generic[M]):
    """A message that came."""

    message: M
    time: int
    """Monotonic nanoseconds."""
    packet: Packet | None
    step: Step | None
    source: Address | None = None


@dataclass(slots=True)
class Rule(Generic[M]):
    """What happens to the next `times` messages that fit: `change` gives another message, octets, or None (lost)."""

    way: Way
    pattern: Pattern
    change: Callable[[M], M | bytes | None]
    times: int


class Port(Generic[M]):
    """Where messages of one layer are sent and arrive. The ports of each layer are below and in `pdus`."""

    def __init__(self, tester: Tester, name: str, *, recorded: bool = True) -> None:
        """`recorded`: arrivals are steps of the case, also those that nobody expects."""
        self.name = name
        self.last: Arrival[Any] | None = None
        """The arrival that the last `expect` gave: when it came, and from where."""
        self.broken = ""
        """Why nothing comes any more."""
        self._tester = tester
        self._recorded = recorded
        self._arrived: deque[Arrival[Any]] = deque(maxlen=MAXIMUM_ARRIVALS)
        self._news = asyncio.Event()
        self._rules: list[Rule[M]] = []

    # Waiting

    async def _expect(self, pattern: Pattern, within: float) -> Any:
        limit = self._tester.patient(within)
        clock = asyncio.get_running_loop()
        deadline = clock.time() + limit
        while (arrival := self._take(pattern)) is None:
            remaining = deadline - clock.time()
            if remaining <= 0 or self.broken or not await self._wait(remaining):
                raise self._failed(pattern, limit)
        self._mark(arrival, f"expect {pattern}", "expected")
        self.last = arrival
        return arrival.message

    async def _never(self, pattern: Pattern, within: float) -> None:
        limit = self._tester.patient(within)
        clock = asyncio.get_running_loop()
        deadline = clock.time() + limit
        while (arrival := self._take(pattern)) is None:
            remaining = deadline - clock.time()
            if remaining <= 0 or self.broken or not await self._wait(remaining):
                if self.broken:  # silence of what can say nothing any more proves nothing
                    raise Inconclusive(f"{self.name}: whether {pattern} would come cannot be told: {self.broken}")
                text = f"never {pattern} within {limit:g} s"
                self._tester.log.step("note", self.name, text).outcome = "expected"
                self._tester.log.comment_last(f"expect {text}")
                return
        self._mark(arrival, f"expect never {pattern}, but it came", "failed")
        raise Fail(f"{self.name}: {describe(arrival.message)} must not come")

    async def _wait(self, seconds: float) -> bool:
        """Whether something has come."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, pattern: Pattern) -> Arrival[Any] | None:
        """The oldest arrival that fits; the others stay."""
        for index, arrival in enumerate(self._arrived):
            if pattern.matches(arrival.message):
                del self._arrived[index]
                return arrival
        return None

    def _mark(self, arrival: Arrival[Any], text: str, outcome: Literal["expected", "failed"]) -> None:
        if arrival.packet is not None:
            arrival.packet.comments.append(text)
        step = arrival.step or self._tester.log.step("in", self.name, describe(arrival.message))
        step.outcome = outcome

    def _failed(self, pattern: Pattern, limit: float) -> Fail:
        came = [arrival.message for arrival in self._arrived]
        near = [message for message in came if pattern.is_kind(message)]
        if near:
            more = f" ({len(near)} of them came)" if len(near) > 1 else ""
            instead = f"it came with {pattern.difference(near[-1])}{more}"
        elif came:
            named = "; ".join(describe(message) for message in came[-NAMED_ARRIVALS:])
            instead = f"came: {named}" + (f"; and {len(came) - NAMED_ARRIVALS} more" * (len(came) > NAMED_ARRIVALS))
        else:
            instead = "nothing came"
        reason = f"{self.name}: expected {pattern} within {limit:g} s; {self.broken or instead}"
        self._tester.log.step("note", self.name, f"expected {pattern}; {self.broken or instead}").outcome = "failed"
        self._tester.log.comment_last(f"expect {pattern}: it did not come within {limit:g} s")
        return Fail(reason)

    def arrived(self, kind: object = object, **fields: object) -> list[Any]:
        """Messages that came and were not expected yet, oldest first. They stay."""
        pattern = Pattern(kind, fields)
        return [arrival.message for arrival in self._arrived if pattern.matches(arrival.message)]

    def clear(self) -> None:
        """Forget what came: for cases that want to see the next message, not an older one."""
        self._arrived.clear()

    def reset(self) -> None:
        """As new: for the next case."""
        self.clear()
        self._rules.clear()
        self.last = None

    def fail(self, reason: str) -> None:
        """Nothing will come any more: whoever waits is told at once."""
        self.broken = reason
        self._news.set()

    # Meddling

    def drop(self, kind: object, way: Way = "in", *, times: int = 1, **fields: object) -> None:
        """The next `times` messages that fit get lost: on their way in they are not seen, on their way out not sent."""
        self._rules.append(Rule(way, Pattern(kind, fields), lambda message: None, times))

    def edit(
        self,
        kind: object,
        change: Callable[[Any], Any],
        way: Way = "out",
        *,
        times: int = 1,
        **fields: object,
    ) -> None:
        """The next `times` messages that fit are what `change` makes of them: a message, or octets, or None (lost)."""
        self._rules.append(Rule(way, Pattern(kind, fields), change, times))

    def _meddle(self, way: Way, message: M) -> M | bytes | None:
        """What the rules make of a message."""
        for rule in self._rules:
            if rule.way == way and rule.times and rule.pattern.matches(message):
                rule.times -= 1
                changed = rule.change(message)
                what = "lost" if changed is None else "changed"
                self._tester.log.step("note", self.name, f"{what} on the way {way}: {describe(message)}")
                return changed
        return message

    # In

    def deliver(self, message: Any, packet: Packet | None, source: Address | None = None) -> bool:
        """A message has come, in `packet`. False: a rule has lost it."""
        kept = message if isinstance(message, Malformed) else self._meddle("in", message)
        if kept is None:
            return False
        log = self._tester.log
        step = log.step("in", self.name, describe(kept)) if self._recorded else None
        self._arrived.append(Arrival(kept, self._tester.clock.now(), packet, step, source))
        self._news.set()
        return True


class MessagePort(Port[Message | UnknownMessage]):
    """Messages of one family: RRC on SRB0 or SRB1, NAS, N2, signalling on T4."""

    def __init__(
        self,
        tester: Tester,
        name: str,
        family: Family,
        transmit: Callable[[bytes, Address | None], None],
        unwrap: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`transmit` hands octets to the layer below, for an address where this layer knows several peers. `unwrap`
        finds the message in what comes from there, or raises `DecodeError`."""
        super().__init__(tester, name)
        self._family = family
        self._transmit = transmit
        self._unwrap = unwrap

    def send(self, message: Message | UnknownMessage, *, to: Address | None = None) -> None:
        """Send a message. Raises `EncodeError` where a field does not fit: `inject` sends what no message can say."""
        kept = self._meddle("out", message)
        if kept is not None:
            self._send_as_is(kept, to)

    def _send_as_is(self, kept: Message | UnknownMessage | bytes, to: Address | None) -> None:
        if isinstance(kept, bytes):
            self.inject(kept, to=to)
            return
        self._tester.log.step("out", self.name, describe(kept))
        self._transmit(kept.encode(), to)

    def inject(self, octets: bytes, *, to: Address | None = None) -> None:
        """Send octets in place of a message: damaged, unknown, anything."""
        self._tester.log.step("out", self.name, f"octets {octets[:64].hex()}{'…' if len(octets) > 64 else ''}")
        self._transmit(octets, to)

    async def expect(self, kind: type[T] | tuple[type[T], ...], *, within: float = WITHIN, **fields: object) -> T:
        """Wait for a message of this type whose fields are as given; it, the oldest one. Raises `Fail`.

        Other messages stay for later expectations. `within` is in seconds. A field's value may be a function that is
        true of it: `expect(rrc.Setup, c_rnti=lambda number: number > 0)`.
        """
        message: T = await self._expect(Pattern(kind, fields), within)
        return message

    async def never(self, kind: type | tuple[type, ...], *, within: float = NEVER_WITHIN, **fields: object) -> None:
        """No such message may be there already or come within so many seconds. Raises `Fail`."""
        await self._never(Pattern(kind, fields), within)

    def receive(self, octets: bytes, packet: Packet | None, source: Address | None = None) -> Any:
        """Octets have come from the layer below. The message, or None where it is none or was lost."""
        try:
            message = self._family.decode(self._unwrap(octets))
        except DecodeError as error:
            self.deliver(Malformed(octets, error), packet, source)
            return None
        return message if self.deliver(message, packet, source) else None
