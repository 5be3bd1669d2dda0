"""What every node process reports of itself and can be told: activity, memory, queues, timers, links."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from net4ai.codecs.causes import Cause
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import Platform
from net4ai.stack.operation import Operation, Row, seconds, text
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.units import SECOND


def operate(platform: Platform, kind: str, procedures: Procedures, timers: Timers, driver: Driver) -> Operation:
    """Serve `node/NAME` for this process; the node adds what is its own."""
    entity = platform.control_entity(f"node/{platform.name}", procedures, timers, driver)
    operation = Operation(platform.name, kind, entity, platform.clock.now())
    process = psutil.Process()
    operation.counters(platform.activity.read)
    operation.counters(lambda: {f"drops/bus/{reason}": count for reason, count in platform.bus.drops.items()})
    operation.counters(lambda: {"errors": driver.errors})
    operation.gauges(
        lambda: {
            "memory_bytes": process.memory_info().rss,
            "procedures_open": len(procedures.open),
            "queue/bus": platform.bus.queued,
        }
    )
    operation.gauges(lambda: {f"udp_offload/{link}": end.offload.value for link, end in platform.bulk.items()})
    operation.table("timers", lambda: _timers(procedures))
    operation.command(
        "pause",
        lambda link, seconds: _pause(platform, link, seconds),
        "a link carries nothing for a while",
        link=text,
        seconds=seconds,
    )
    operation.command("resume", lambda link: _resume(platform, link), "a paused link carries on", link=text)
    return operation


def _timers(procedures: Procedures) -> Iterator[Row]:
    """Procedures that wait for something with an end, and when that is."""
    for procedure, what, end in procedures.waiting():
        if end is not None:
            ids = ", ".join(f"{key} {value}" for key, value in procedure.ids.items())
            left = round((end - procedures.now) / SECOND, 3)
            yield {"procedure": procedure.name, "of": ids, "waits for": what, "ends in s": left}


def _pause(platform: Platform, link: str, duration: float) -> str:
    _known(platform, link)
    platform.pauses[link].begin(duration)
    return f"{link} of {platform.name} carries nothing for {duration:g} s"


def _resume(platform: Platform, link: str) -> str:
    _known(platform, link)
    return f"{link} of {platform.name} {'carries on' if platform.pauses[link].end() else 'was not paused'}"


def _known(platform: Platform, link: str) -> None:
    if link not in platform.pauses:
        raise ProcedureError(Cause.NOT_ALLOWED, f"no link {link!r} here; allowed: {', '.join(platform.pauses)}")
