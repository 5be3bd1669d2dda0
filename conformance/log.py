"""What happened in a case: its packets, with comments, and its steps. Becomes a capture and a ladder in the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from net4ai.stack.io.capture import LINKS, CaptureFile
from net4ai.stack.io.clock import NANOSECONDS, Clock
from net4ai.stack.io.pcapng import LinkType
from net4ai.stack.io.platform import PORTS

MAXIMUM_PACKETS = 100_000
"""Packets one case keeps; further ones are only counted."""
MAXIMUM_STEPS = 2_000
"""Steps one case keeps. Cases have some dozens; a target that floods must not fill the memory."""
MAXIMUM_TEXT = 400
"""Characters of a step."""

Direction = Literal["out", "in", "note"]
"""From the tester to the target, from the target, or a remark."""


@dataclass(slots=True)
class Packet:
    """A datagram or N2 message, as it crossed the link."""

    time: int
    """Monotonic nanoseconds."""
    link: str
    """Uu, N2 or T4."""
    source: str
    destination: str
    data: bytes
    direction: Literal["in", "out"]
    bulk: bool = False
    comments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Step:
    """One line of the ladder."""

    seconds: float
    """Since the case began."""
    direction: Direction
    port: str
    text: str
    outcome: Literal["", "expected", "failed"] = ""


class CaseLog:
    """Everything seen in one case. Ports write here by themselves."""

    def __init__(self, clock: Clock, title: str = "") -> None:
        self.title = title
        """Goes into the first packet's comment: id, purpose, rows."""
        self.packets: list[Packet] = []
        self.steps: list[Step] = []
        self.overflow = 0
        """Packets and steps that were too many to keep."""
        self._clock = clock
        self._began = clock.now()

    @property
    def seconds(self) -> float:
        """Since the case began."""
        return (self._clock.now() - self._began) / NANOSECONDS

    def packet(
        self, link: str, source: str, destination: str, data: bytes, direction: Literal["in", "out"], bulk: bool = False
    ) -> Packet:
        """A packet crosses the link now."""
        packet = Packet(self._clock.now(), link, source, destination, data, direction, bulk)
        if len(self.packets) < MAXIMUM_PACKETS:
            self.packets.append(packet)
        else:
            self.overflow += 1
        return packet

    def step(self, direction: Direction, port: str, text: str) -> Step:
        """A line of the ladder."""
        clipped = text if len(text) <= MAXIMUM_TEXT else text[: MAXIMUM_TEXT - 1] + "…"
        step = Step(round(self.seconds, 6), direction, port, clipped)
        if len(self.steps) < MAXIMUM_STEPS:
            self.steps.append(step)
        else:
            self.overflow += 1
        return step

    def comment_last(self, text: str) -> None:
        """A comment on the last packet so far, if there is one."""
        if self.packets:
            self.packets[-1].comments.append(text)

    def write_capture(self, path: Path, verdict: str) -> None:
        """Write the packets as pcapng: the first tells the case, the last the verdict. Raises OSError.

        Without packets both stand in the comment of the section, which has them in any case.
        """
        if self.packets:
            self.packets[0].comments.insert(0, self.title)
            self.packets[-1].comments.append(verdict)
        with CaptureFile(path, self._clock, comment="\n".join((self.title, verdict))) as capture:
            for packet in self.packets:
                _write(capture, packet)


def _write(capture: CaptureFile, packet: Packet) -> None:
    tap = capture.link(packet.link)
    comment = "\n".join(packet.comments)
    ends = packet.source, packet.destination
    if LINKS[packet.link].link_type is LinkType.RAW_IP:
        port = PORTS[packet.bulk]
        tap.datagram(*ends, port, port, packet.data, packet.direction, time=packet.time, comment=comment)
    else:
        tap.message(*ends, packet.data, packet.direction, time=packet.time, comment=comment)


def ladder(steps: Sequence[Step]) -> str:
    """The steps as text, one a line."""
    arrows = {"out": "-->", "in": "<--", "note": "   "}
    return "\n".join(
        f"{step.seconds:10.6f}  {arrows[step.direction]} {step.port}: {step.text}"
        + (f"  [{step.outcome}]" if step.outcome else "")
        for step in steps
    )
