"""The emulated radio of a process's terminals: who sends through which conditions, and what reaches whom.

What a terminal sends enters its uplink here, what has come for it leaves its downlink here. So the RAN node knows
nothing of a terminal's conditions but what the terminal reports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs.declaration import Buffer
from net4ai.stack.deadlines import Deadlines
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Send, Sockets
from net4ai.stack.radio.channel import Quality, RadioChannel
from net4ai.stack.radio.conditions import RadioConditions
from net4ai.stack.radio.delay_line import DelayLine, Deliver
from net4ai.stack.radio.gilbert_elliott import Draw
from net4ai.stack.radio.path import RadioPath
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import SECOND
from net4ai.ue import channel_quality

if TYPE_CHECKING:
    from net4ai.ue.config import TerminalConfig
    from net4ai.ue.process import UeProcess
    from net4ai.ue.terminal import Terminal

Chance = Callable[..., Draw]
"""Random numbers for a purpose and parts, always the same for the same."""


def no_chance(purpose: str, *parts: int | str) -> Draw:
    """For radios that leave nothing to chance. Raises ValueError when drawn from."""

    def draw() -> float:
        raise ValueError(f"no random numbers were given for {purpose}")

    return draw


class Radio:
    """Of all terminals of a process: what is under way, and whose conditions change when."""

    def __init__(self, process: UeProcess, start: int, chance: Chance) -> None:
        """`start`: when the run began, in nanoseconds: conditions over time count from there."""
        self._process = process
        self._start = start
        self._chance = chance
        self._line = DelayLine()
        self._changes: Deadlines[Terminal] = Deadlines()

    def of(self, config: TerminalConfig) -> TerminalRadio:
        """The radio of a terminal."""
        group = self._process.config
        uplink = self._path(config, config.uplink or group.uplink, "out")
        downlink = self._path(config, config.downlink or group.downlink, "in")
        return TerminalRadio(self._process, uplink, downlink)

    def _path(self, config: TerminalConfig, conditions: RadioConditions, direction: str) -> RadioPath | None:
        if conditions.perfect:
            return None

        def draw_of(what: str) -> Draw:
            return self._chance("radio", config.name, direction, what)

        ahead = round(config.cqi_ahead * SECOND)
        channel = RadioChannel(conditions, self._start, draw_of, ahead=ahead)
        return RadioPath(channel, self._line, DropCounter(self._on_drop(config.name, direction)))

    def _on_drop(self, name: str, direction: str) -> Callable[[str, int], None]:
        process = self._process

        def on_drop(reason: str, size: int) -> None:
            process.trace(
                TraceEvent(
                    time=process.procedures.now,
                    node=name,
                    kind="drop",
                    link="Uu",
                    direction="out" if direction == "out" else "in",
                    peer=process.config.ran_node,
                    drop=reason,
                    size=size,
                    ids={"ue": name},
                )
            )

        return on_drop

    def connected(self, terminal: Terminal) -> None:
        """A terminal has a new hop: its conditions hold from the start."""
        terminal.radio.hop_rate = None
        self._apply(terminal, self._process.procedures.now)

    def released(self, terminal: Terminal) -> None:
        """A terminal's hop is gone."""
        self._changes.set(terminal, None)

    def advance(self, now: int) -> None:
        """Deliver what is due; rates become those of now."""
        self._line.release(now)
        for terminal in self._changes.due(now):
            self._apply(terminal, now)

    def _apply(self, terminal: Terminal, now: int) -> None:
        if terminal.hop is None:
            return
        if (uplink := terminal.radio.uplink) is not None:
            rate = uplink.channel.quality(now).rate
            if rate != terminal.radio.hop_rate:
                terminal.radio.hop_rate = rate
                terminal.hop.set_rate(rate, now)
        channel_quality.report(terminal)
        self._changes.set(terminal, terminal.radio.next_change(now))

    def next_deadline(self) -> int | None:
        """When to call `advance`."""
        deadlines = (self._line.next_deadline(), self._changes.next())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


class TerminalRadio:
    """Both directions of one terminal's radio. A perfect one is None, and nothing is in the way."""

    def __init__(self, process: UeProcess, uplink: RadioPath | None, downlink: RadioPath | None) -> None:
        self.uplink = uplink
        self.downlink = downlink
        self.hop_rate: int | None = None
        """Bits per second that the terminal's hop sends at; None: not limited."""
        self._process = process

    @property
    def sockets(self) -> Sockets:
        """What the terminal sends through."""
        sockets = self._process.sockets
        if self.uplink is None:
            return sockets
        return Sockets(
            self._through(self.uplink, sockets.send_signalling),
            self._through(self.uplink, sockets.send_bulk),
            sockets.bulk_port,
        )

    def _through(self, uplink: RadioPath, send: Send) -> Send:
        procedures = self._process.procedures

        def send_up(data: Buffer, stride: int, peer: Address) -> None:
            uplink.carry(data, stride, procedures.now, lambda data, stride: send(data, stride, peer))

        return send_up

    def receive(self, data: Buffer, stride: int, deliver: Deliver) -> None:
        """Datagrams have come for this terminal: those that its downlink lets through are delivered, now or later."""
        if self.downlink is None:
            deliver(data, stride)
        else:
            self.downlink.carry(data, stride, self._process.procedures.now, deliver)

    @property
    def quality(self) -> Quality | None:
        """How good the downlink is now; None: nothing limits it."""
        if self.downlink is None or not self.downlink.channel.limited:
            return None
        return self.downlink.channel.quality(self._process.procedures.now)

    @property
    def lost(self) -> tuple[int, int]:
        """Datagrams that the radio has lost, uplink and downlink."""
        uplink, downlink = (path.drops.total if path is not None else 0 for path in (self.uplink, self.downlink))
        return uplink, downlink

    def next_change(self, now: int) -> int | None:
        """When a rate may change."""
        paths = [path for path in (self.uplink, self.downlink) if path is not None]
        changes = [path.channel.next_change(now) for path in paths]
        return min((change for change in changes if change is not None), default=None)
