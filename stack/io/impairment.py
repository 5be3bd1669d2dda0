"""Emulated links: seeded delay, jitter, loss, duplicates, reordering, failed transport blocks and cuts.

`Impairment` decides the fate of each datagram, without I/O: the same seed and the same sequence of datagrams give the
same fates. `impair` puts it before an endpoint; it acts on what is sent. Have one for each direction of a link.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from dataclasses import dataclass

import numpy as np

from net4ai.codecs.derivation import derive
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io.clock import NANOSECONDS, Clock, LoopClock
from net4ai.stack.io.udp import Address, Batch, Endpoint, Receive, drop_batch
from net4ai.stack.io.udp_offload import Offload

MAXIMUM_DELAY = 10.0
"""Longest delay, and longest jitter, in seconds."""
MAXIMUM_CUTS = 1000
LATEST_CUT = 86_400.0
"""Latest start, and longest duration, of a cut, in seconds."""
SHORTEST_HOLD = 0.001
LONGEST_HOLD = 0.010
"""Seconds by which a reordered datagram is held back, so that later ones overtake it."""
LINK_QUEUE_OCTETS = 64 << 20
"""Octets under way on one emulated link."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A time in which a link carries nothing. Seconds after the run began."""

    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class ImpairmentParameters:
    """How a link behaves in one direction. Raises ValueError where a value is out of range."""

    delay: float = 0.0
    """Seconds every datagram takes."""
    jitter: float = 0.0
    """Seconds; a random part of it comes on top of the delay. Datagrams may overtake one another."""
    loss: float = 0.0
    """Part of the datagrams that is lost."""
    duplicate: float = 0.0
    """Part of those that arrive which arrives twice."""
    reorder: float = 0.0
    """Part that is held back for a moment."""
    corrupt: float = 0.0
    """Part of those not lost that fails its transport-block check, and is dropped for it."""
    cuts: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        for name in ("delay", "jitter"):
            self._check(name, getattr(self, name), MAXIMUM_DELAY)
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            self._check(name, getattr(self, name), 1)
        if len(self.cuts) > MAXIMUM_CUTS:
            raise ValueError(f"Impairment.cuts: {len(self.cuts)} are too many; allowed: 0 to {MAXIMUM_CUTS}")
        for cut in self.cuts:
            if not (0 <= cut.start <= LATEST_CUT and 0 <= cut.duration <= LATEST_CUT):
                raise ValueError(f"Impairment.cuts: {cut} is not allowed; allowed: 0 to {LATEST_CUT:g} seconds")

    @staticmethod
    def _check(name: str, value: float, maximum: float) -> None:
        if not 0 <= value <= maximum:
            raise ValueError(f"Impairment.{name}: {value} is not allowed; allowed: 0 to {maximum:g}")

    @property
    def none(self) -> bool:
        """The link is perfect."""
        return self == ImpairmentParameters()


Fate = Drop | tuple[int, ...]
"""Why a datagram is dropped, or the delay of each copy of it in nanoseconds."""


class Impairment:
    """One direction of an emulated link. `start`: when the run began, for the cuts; nanoseconds, as `now`."""

    def __init__(self, parameters: ImpairmentParameters, seed: int, start: int) -> None:
        self.parameters = parameters
        self._odds = parameters.loss, parameters.corrupt, parameters.duplicate, parameters.reorder
        self._random = _random_numbers(seed)
        self._cuts = [
            (start + round(cut.start * NANOSECONDS), start + round((cut.start + cut.duration) * NANOSECONDS))
            for cut in parameters.cuts
        ]

    def fate(self, now: int) -> Fate:
        """What becomes of a datagram sent now."""
        ((_, fate),) = self.fates(1, now)
        return fate

    def fates(self, number: int, now: int) -> list[tuple[int, Fate]]:
        """What becomes of so many datagrams sent now, as neighbours with the same fate: how many, and their fate.

        The same as of each one by one. Whatever is spared by chance costs next to nothing.
        """
        # All numbers are drawn for every datagram: a fate depends on its number, not on the fates before it.
        chances = self._random.random_sample((number, _CHANCES))
        if any(begin <= now < end for begin, end in self._cuts):
            return [(number, Drop.LINK_CUT)]
        if self.parameters.jitter or number == 1:
            return [
                (sum(1 for _ in group), fate) for fate, group in itertools.groupby(map(self._fate, chances.tolist()))
            ]
        spared: Fate = (round(self.parameters.delay * NANOSECONDS),)
        struck = np.flatnonzero((chances[:, : len(self._odds)] < self._odds).any(axis=1))
        found: list[tuple[int, Fate]] = []
        at = 0
        for place, row in zip(struck.tolist(), chances[struck].tolist(), strict=True):
            if at < place:
                found.append((place - at, spared))
            fate = self._fate(row)
            together = found.pop()[0] if found and found[-1][1] == fate else 0
            found.append((together + 1, fate))
            at = place + 1
        if at < number:
            found.append((number - at, spared))
        return found

    def _fate(self, chances: list[float]) -> Fate:
        parameters = self.parameters
        lost, corrupt, duplicate, reorder, hold, jitter, jitter_of_copy = chances
        if lost < parameters.loss:
            return Drop.LOST
        if corrupt < parameters.corrupt:
            return Drop.TRANSPORT_BLOCK
        delay = parameters.delay
        if reorder < parameters.reorder:
            delay += SHORTEST_HOLD + hold * (LONGEST_HOLD - SHORTEST_HOLD)
        first = round((delay + jitter * parameters.jitter) * NANOSECONDS)
        if duplicate >= parameters.duplicate:
            return (first,)
        return first, round((delay + jitter_of_copy * parameters.jitter) * NANOSECONDS)


_CHANCES = 7
"""Random numbers that make a fate."""


def _random_numbers(seed: int) -> np.random.RandomState:
    """The numbers of `random.Random(seed)`, to be had in rows. Both have promised never to change them."""
    _, (*key, place), _ = random.Random(seed).getstate()
    numbers = np.random.RandomState()
    numbers.set_state(("MT19937", np.array(key, np.uint32), place, 0, 0.0))
    return numbers


class LinkPause:
    """A cut of a link at run time: until it ends the link carries nothing to or from this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = 0

    def begin(self, duration: float) -> None:
        """Pause for so many seconds from now."""
        self._end = self._clock.now() + round(duration * NANOSECONDS)

    def end(self) -> bool:
        """Carry on. False: there is no pause."""
        paused, self._end = self.now, 0
        return paused

    @property
    def now(self) -> bool:
        """The link is paused."""
        return self._end != 0 and self._clock.now() < self._end


class ImpairedEndpoint:
    """An `Endpoint` whose sent datagrams cross an emulated link. Made by `impair`."""

    def __init__(self, endpoint: Endpoint, impairment: Impairment, drops: DropCounter, clock: Clock) -> None:
        self.drops = drops
        self._endpoint = endpoint
        self._impairment = impairment
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._held: list[tuple[int, int, bytes, int, Address]] = []
        """Due, order, data, stride, peer."""
        self._held_octets = 0
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._open = True

    @property
    def receive(self) -> Receive | None:
        return self._endpoint.receive

    @receive.setter
    def receive(self, receive: Receive | None) -> None:
        self._endpoint.receive = receive

    @property
    def address(self) -> Address:
        return self._endpoint.address

    @property
    def receive_buffer(self) -> int:
        return self._endpoint.receive_buffer

    @property
    def credit(self) -> int:
        return self._endpoint.credit

    @property
    def offload(self) -> Offload:
        return self._endpoint.offload

    def send(self, batch: Batch) -> None:
        batch.check()
        now = self._clock.now()
        view, size, stride = memoryview(batch.data), len(batch.data), batch.stride
        # Neighbours with the same fate stay one batch.
        start = 0
        for number, fate in self._impairment.fates(-(-size // stride), now) if size else ():
            end = min(start + stride * number, size)
            if isinstance(fate, Drop):
                drop_batch(self.drops, fate, end - start, stride)
            else:
                for delay in fate:
                    self._send_after(delay, now, Batch(view[start:end], stride, batch.peer))
            start = end

    def close(self) -> None:
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        for _, _, data, stride, _ in self._held:
            drop_batch(self.drops, Drop.CLOSED, len(data), stride)
        self._held.clear()
        self._held_octets = 0
        self._endpoint.close()

    def _send_after(self, delay: int, now: int, batch: Batch) -> None:
        if not delay or not self._open:
            self._endpoint.send(batch)
            return
        if self._held_octets + len(batch.data) > LINK_QUEUE_OCTETS:
            drop_batch(self.drops, Drop.LINK_QUEUE_FULL, len(batch.data), batch.stride)
            return
        self._held_octets += len(batch.data)
        entry = (now + delay, next(self._order), bytes(batch.data), batch.stride, batch.peer)
        heapq.heappush(self._held, entry)
        if self._held[0] is entry:
            self._set_timer(now)

    def _set_timer(self, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.time() + (self._held[0][0] - now) / NANOSECONDS, self._release)

    def _release(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._held and self._held[0][0] <= now:
            _, _, data, stride, peer = heapq.heappop(self._held)
            self._held_octets -= len(data)
            self._endpoint.send(Batch(data, stride, peer))
        if self._held:
            self._set_timer(now)


def impair(
    endpoint: Endpoint,
    parameters: ImpairmentParameters,
    *,
    seed: int,
    link: str,
    direction: str,
    start: int | None = None,
    clock: Clock | None = None,
    drops: DropCounter | None = None,
) -> Endpoint:
    """Put an emulated link before `endpoint`; a perfect one costs nothing: `endpoint` itself comes back.

    The random choices follow from the scenario's `seed`, the name of the `link` and the `direction`. `start` is when
    the run began (nanoseconds of `clock`; default: now). Drops go to `drops`, by default the endpoint's.
    """
    if parameters.none:
        return endpoint
    clock = LoopClock(asyncio.get_running_loop()) if clock is None else clock
    impairment = Impairment(
        parameters, derive(seed, "impairment", link, direction), clock.now() if start is None else start
    )
    return ImpairedEndpoint(endpoint, impairment, endpoint.drops if drops is None else drops, clock)
