"""What starts the jobs that no request starts: events and conditions (R4).

| trigger | fires when | and again |
|---|---|---|
| event | the provider raises the event | each time |
| job | the other job of the service has ended well | each time |
| terminals | so many terminals of a cell consent to the job | never |
| time | the time has come | each period, if there is one |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from net4ai.codecs.service import EventTrigger, JobTrigger, TerminalsTrigger, TimeTrigger, Trigger
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure
from net4ai.stack.units import SECOND


@dataclass(frozen=True, slots=True)
class EventRaised:
    """The provider has raised an event."""

    event: str


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job has ended well."""

    job: str


@dataclass(frozen=True, slots=True)
class Consents:
    """Terminals that consent to the job now, by RAN node."""

    nodes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimeReached:
    """The time of the trigger has come."""


Happening: TypeAlias = EventRaised | JobDone | Consents | TimeReached


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of trigger."""

    happening: type
    """What may make it fire."""
    fires: Callable[[Any, Any], bool]
    """Whether it does: the trigger and what has happened."""
    repeats: Callable[[Any], bool]
    """Whether it fires again for the next run of its job."""


def _enough(trigger: TerminalsTrigger, consents: Consents) -> bool:
    cells = [consents.nodes.get(trigger.node, 0)] if trigger.node else consents.nodes.values()
    return max(cells, default=0) >= trigger.at_least


KINDS: Mapping[type[Trigger], Kind] = {
    EventTrigger: Kind(EventRaised, lambda trigger, seen: trigger.event == seen.event, lambda trigger: True),
    JobTrigger: Kind(JobDone, lambda trigger, seen: trigger.job == seen.job, lambda trigger: True),
    TerminalsTrigger: Kind(Consents, _enough, lambda trigger: False),
    TimeTrigger: Kind(TimeReached, lambda trigger, seen: True, lambda trigger: trigger.every_s > 0),
}


def repeats(trigger: Trigger) -> bool:
    """Whether a job with this trigger is armed again when it has ended."""
    return KINDS[type(trigger)].repeats(trigger)


def first_due(trigger: Trigger, utc: int) -> int:
    """When the trigger of a service registered at `utc` (ns) fires by itself; 0: never."""
    return utc + round(trigger.after_s * SECOND) if isinstance(trigger, TimeTrigger) else 0


def next_due(trigger: Trigger, due: int, utc: int) -> int:
    """When a trigger that was due at `due` fires next, after `utc`; 0: never. Times that were missed are not made
    up for."""
    if not isinstance(trigger, TimeTrigger) or not repeats(trigger):
        return 0
    period = round(trigger.every_s * SECOND)
    return due + period * max(1, (utc - due) // period + 1)


class Triggers:
    """The triggers of jobs that are armed or run, by the job's number, and their clocks."""

    def __init__(self, entity: ControlEntity, on_time: Callable[[int], Awaitable[None]]) -> None:
        """`on_time` is awaited with a job's number when its time has come."""
        self.entity = entity
        self.armed: dict[int, Trigger] = {}
        self._on_time = on_time
        self._clocks: dict[int, Procedure[None]] = {}

    def arm(self, job: int, trigger: Trigger, due: int) -> None:
        """From now on the job's trigger counts; at `due` (UTC, ns; 0: never) by itself."""
        self.disarm(job)
        self.armed[job] = trigger
        if due:
            self._clocks[job] = self.entity.procedures.start("trigger", self._wait(job, due), traced=False)

    def disarm(self, job: int) -> None:
        """The job's trigger does not count any more."""
        self.armed.pop(job, None)
        if (clock := self._clocks.pop(job, None)) is not None:
            clock.cancel("disarmed")

    def fired(self, jobs: Iterable[int], happening: Happening) -> list[int]:
        """Those of the jobs whose trigger fires at what has happened."""
        return [job for job in jobs if (trigger := self.armed.get(job)) is not None and fires(trigger, happening)]

    async def _wait(self, job: int, due: int) -> None:
        await self.entity.procedures.sleep(max(0, due - self.entity.utc))
        await self._on_time(job)


def fires(trigger: Trigger, happening: Happening) -> bool:
    """Whether the trigger fires at what has happened."""
    kind = KINDS[type(trigger)]
    return isinstance(happening, kind.happening) and kind.fires(trigger, happening)
