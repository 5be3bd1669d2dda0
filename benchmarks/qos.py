"""A flow with a guaranteed bit rate on a crowded radio, in real time, over UDP: rate and delay, with and without.

    python benchmarks/qos.py [--seconds 10] [--output FILE] [--picture FILE]

A UE sends a tensor every 10 ms. For the middle part of the run ten other sessions have always something to send, far
more than the radio takes. This happens twice: the tensors have a guaranteed bit rate, or they are best effort like the
rest. Writes `benchmarks/results/qos.json` and `docs/guide/pictures/qos.svg`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from net4ai.app.report.charts import Line, Reference, line_chart, standalone, svg
from net4ai.app.report.markup import Markup, element
from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.five_qi import characteristics
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.errors import TooManyMessages
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.io.bus import Hub, InProcessBus
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import OpenLink, Platform, RunConfig
from net4ai.stack.runs import HOP, runs
from net4ai.stack.trace import no_trace
from net4ai.stack.units import KILOBIT, MILLISECOND, SECOND

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "qos.json"
PICTURE = ROOT / "docs" / "guide" / "pictures" / "qos.svg"

RADIO_KBPS = 40_000
GUARANTEED_KBPS = 8_500
TENSOR = 10_000
"""Octets; with headers 8.2 Mbit/s at one every 10 ms."""
PERIOD = 10 * MILLISECOND
OTHERS = 10
BULK = 50_000
BULK_UNDER_WAY = 4
"""Messages each of the others keeps on its way: always more than its share of the radio takes."""
CROWDED = 0.2, 0.8
"""The part of the run in which the others send."""
BIN = SECOND // 2
TENSOR_CLASS, BEST_EFFORT = 128, QosProfile(five_qi=9, priority=90)
C_RNTI = 17
TENSORS = 0
"""Number of the session of the tensors; the others are 1 to `OTHERS`."""


@dataclass
class Seen:
    """What the RAN node has got: time since the start, octets and delay of each message."""

    tensors: list[tuple[int, int, int]] = field(default_factory=list)
    bulk: list[tuple[int, int, int]] = field(default_factory=list)


class Node:
    """One end of the Uu: sockets, a hop, sessions."""

    def __init__(self, name: str) -> None:
        self.clock = SystemClock()
        self.platform = Platform(
            name=name,
            run=RunConfig(run_key="00" * 32, seed=1),
            clock=self.clock,
            network=SystemNetwork(),
            bus=InProcessBus(name, bytes(32), self.clock, Hub()),
            trace=no_trace,
            capture=None,
            start_compute=None,  # type: ignore[arg-type]  # nothing is computed here
            start_application_server=None,  # type: ignore[arg-type]
            say=print,
        )
        self.name = name
        self.driver = Driver(name, self.clock)
        self.drops = DropCounter()
        self.link: OpenLink
        self.hop: Hop
        self.endpoint: DepEndpoint

    async def open(self) -> tuple[Address, Address]:
        self.link = await self.platform.open_link("Uu", (0, 0), self.driver, self.receive)
        self.endpoint = DepEndpoint(self.link.budget, lambda: self.platform.random_number(32), self.drops, no_trace)
        return self.link.signalling.address, self.link.bulk.address

    def connect(self, peer: tuple[Address, Address], profiles: Iterable[QosProfile]) -> None:
        name = HopName("Uu", self.name, "peer", {})
        self.hop = Hop(name, BearerType.SRB, C_RNTI, *peer, self.link.sockets, self.drops, no_trace)
        for bearer, qos in enumerate(profiles, 1):
            self.hop.add_bearer(BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=qos))
        self.driver.machine = self

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        for run in runs(data, stride, HOP):
            for dep in self.hop.receive(run, stride, bulk, now):
                self.endpoint.receive(self.hop, *dep, now)

    def pump(self, now: int) -> None:
        self.hop.advance(now)
        self.endpoint.pump(now)
        self.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = (self.endpoint.next_deadline(), self.hop.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def close(self) -> None:
        self.driver.close()
        self.platform.close()


class Trial:
    """One run of the UE and its RAN node."""

    def __init__(self, guaranteed: bool, seconds: float) -> None:
        self.seen = Seen()
        self.duration = int(seconds * SECOND)
        kind = characteristics(TENSOR_CLASS)
        promised = QosProfile(five_qi=TENSOR_CLASS, priority=kind.priority, guaranteed_bit_rate=GUARANTEED_KBPS)
        self._profiles = (promised if guaranteed else BEST_EFFORT, BEST_EFFORT)
        self._tensor_bearer = 1 if guaranteed else 2
        self._ue: Node
        self._node: Node
        self._start = 0
        self._crowded = False
        self._not_taken = 0
        self._handed_over: dict[tuple[int, int], int] = {}
        """When, by session and message id."""

    async def run(self) -> dict[str, Any]:
        """Send until the time is up; gives the scheduler's own figures."""
        ue, node = self._ue, self._node = Node("ue"), Node("ran-node")
        addresses = [await ue.open(), await node.open()]
        node.connect(addresses[0], self._profiles)
        ue.connect(addresses[1], self._profiles)
        ends = [self._session(number) for number in range(OTHERS + 1)]
        self._start = ue.clock.now()
        ue.hop.set_rate(RADIO_KBPS * KILOBIT, self._start)
        begin, stop = (self._start + int(part * self.duration) for part in CROWDED)
        tensor_at, crowded = self._start, False
        while (now := ue.clock.now()) < self._start + self.duration:
            if tensor_at <= now:
                self._send(ends[TENSORS], TENSORS, TENSOR)
                tensor_at += PERIOD
            self._crowded = begin <= now < stop
            if self._crowded and not crowded:
                for number, end in enumerate(ends[1:], 1):
                    for _ in range(BULK_UNDER_WAY):
                        self._send(end, number, BULK)
            crowded = self._crowded
            await asyncio.sleep(max(0, min(tensor_at, begin if now < begin else tensor_at) - ue.clock.now()) / SECOND)
        scheduler = ue.hop.scheduler
        assert scheduler is not None
        flow = scheduler.flow(self._tensor_bearer, 200 + TENSORS)
        assert flow is not None and not ue.driver.errors and not node.driver.errors
        figures = {
            "tensors_sent_octets": flow.sent,
            "tensors_not_taken": self._not_taken,
            "late_pdus": flow.watch.delay_violations,
            "short_windows": flow.watch.rate_violations,
            "marked_octets": scheduler.marked,
            "drops": dict(ue.drops.counts),
        }
        ue.close()
        node.close()
        return figures

    def _session(self, number: int) -> SessionEnd:
        bearer = self._tensor_bearer if number == TENSORS else 2
        flows = [FlowMapping(qfi=1, bearer=bearer)]

        def sent(end: SessionEnd, event: Event) -> None:
            if isinstance(event, MessageAcknowledged) and number != TENSORS and self._crowded:
                self._send(end, number, BULK)

        def arrived(end: SessionEnd, event: Event) -> None:
            if isinstance(event, MessageReceived):
                now = self._node.clock.now()
                since = self._handed_over.pop((number, event.message_id))
                messages = self.seen.tensors if number == TENSORS else self.seen.bulk
                messages.append((now - self._start, len(event.body), now - since))

        ue, node = self._ue, self._node
        node.endpoint.add(node.hop, 200 + number, 100 + number, VERSION, flows, ue.endpoint.limits, arrived, {})
        return ue.endpoint.add(ue.hop, 100 + number, 200 + number, VERSION, flows, node.endpoint.limits, sent, {})

    def _send(self, end: SessionEnd, number: int, octets: int) -> None:
        now = self._ue.clock.now()
        try:
            message_id = self._ue.endpoint.send(end, [bytes(octets)], now)
        except TooManyMessages:
            self._not_taken += 1
            return
        self._handed_over[number, message_id] = now
        self._ue.driver.wake()


# What is made of it


def rate(messages: Sequence[tuple[int, int, int]], duration: int) -> list[tuple[float, float]]:
    """Mbit/s of payload, by seconds."""
    return [
        (
            (start + BIN) / SECOND,
            sum(size for at, size, _ in messages if start <= at < start + BIN) * 8 * SECOND / BIN / 1e6,
        )
        for start in range(0, duration, BIN)
    ]


def slowest(messages: Sequence[tuple[int, int, int]], duration: int) -> list[tuple[float, float]]:
    """Longest delay in ms, by seconds."""
    points = []
    for start in range(0, duration, BIN):
        delays = [delay for at, _, delay in messages if start <= at < start + BIN]
        if delays:
            points.append(((start + BIN) / SECOND, max(delays) / MILLISECOND))
    return points


def summary(messages: Sequence[tuple[int, int, int]], duration: int) -> dict[str, float]:
    """Of the crowded part."""
    begin, stop = (int(part * duration) for part in CROWDED)
    inside = [(size, delay / MILLISECOND) for at, size, delay in messages if begin <= at < stop]
    delays = sorted(delay for _, delay in inside) or [0.0, 0.0]
    return {
        "mbit_per_second": round(sum(size for size, _ in inside) * 8 * SECOND / (stop - begin) / 1e6, 3),
        "delay_ms_median": round(median(delays), 2),
        "delay_ms_p99": round(quantiles(delays, n=100)[-1], 2) if len(delays) > 1 else delays[0],
        "delay_ms_most": round(delays[-1], 2),
    }


def picture(with_promise: Seen, without: Seen, duration: int) -> Markup:
    """Rates above, delays below."""
    width, height = 640.0, 300.0
    budget = characteristics(TENSOR_CLASS).delay_budget_ms
    most = 5 * budget
    rates = line_chart(
        "Payload of the tensors and of ten other sessions on a radio of 40 Mbit/s",
        [
            Line("tensors", rate(with_promise.tensors, duration), "c0"),
            Line("others", rate(with_promise.bulk, duration), "c1"),
            Line("no guarantee", rate(without.tensors, duration), "c3"),
        ],
        [Reference("guaranteed", GUARANTEED_KBPS / 1000, "c4")],
        x_label="seconds",
        y_label="Mbit/s",
        width=width,
        height=height,
    )
    delays = line_chart(
        f"Longest delay of a tensor in each half second, cut at {most} ms",
        [
            Line("tensors", slowest(with_promise.tensors, duration), "c0"),
            Line("no guarantee", [(x, min(y, most)) for x, y in slowest(without.tensors, duration)], "c3"),
        ],
        [Reference("delay budget", budget, "c4")],
        x_label="seconds",
        y_label="ms",
        width=width,
        height=height,
    )
    title = "A guaranteed flow on a crowded radio"
    parts = []
    for place, chart in enumerate((rates, delays)):
        inner = chart.replace("<svg ", f'<svg y="{place * height:.0f}" width="{width:.0f}" height="{height:.0f}" ', 1)
        parts.append(Markup(inner))
    paper = element("rect", width=width, height=2 * height, fill="var(--paper)")
    return standalone(svg(width, 2 * height, title, paper, *parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    seen, result = [], {}
    for name, guaranteed in (("guaranteed", True), ("best effort", False)):
        trial = Trial(guaranteed, arguments.seconds)
        figures = asyncio.run(trial.run())
        seen.append(trial.seen)
        result[name] = {
            "tensors": summary(trial.seen.tensors, trial.duration) | figures,
            "others": summary(trial.seen.bulk, trial.duration),
        }
        for what in ("tensors", "others"):
            print(f"{name:12} {what:8} {result[name][what]}")
    arguments.output.write_text(
        json.dumps(
            {
                "machine": {"cpu": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
                "load_average": os.getloadavg(),
                "radio_kbps": RADIO_KBPS,
                "guaranteed_kbps": GUARANTEED_KBPS,
                "delay_budget_ms": characteristics(TENSOR_CLASS).delay_budget_ms,
                "tensor_octets": TENSOR,
                "others": OTHERS,
                "seconds": arguments.seconds,
                "crowded": CROWDED,
                **result,
            },
            indent=2,
        )
        + "\n"
    )
    with_promise, without = seen
    arguments.picture.write_text(picture(with_promise, without, int(arguments.seconds * SECOND)) + "\n")


if __name__ == "__main__":
    main()
