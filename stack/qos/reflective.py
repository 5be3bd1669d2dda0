"""Reflective QoS: the UE sends what answers a downlink packet on the QoS flow it came on (TS 23.501 5.7.5.3, TS 24.501
6.2.5.1.4).

    rules.downlink(packet, qfi, now)      # a downlink packet whose SDAP header has RQI set
    qfi = rules.uplink(packet, now)       # None: no rule; the signalled rules hold
"""

from __future__ import annotations

from typing import NamedTuple

MAXIMUM_RULES = 256
"""Derived rules of one PDU session; beyond that the one that would end first makes room."""


class PacketFlow(NamedTuple):
    """What packets of one flow have in common. Addresses are numbers."""

    protocol: int
    source: int
    source_port: int
    destination: int
    destination_port: int

    @property
    def answer(self) -> PacketFlow:
        """The same, the other way."""
        return PacketFlow(self.protocol, self.destination, self.destination_port, self.source, self.source_port)


class ReflectiveQos:
    """The derived QoS rules of one PDU session at a UE."""

    def __init__(self, lifetime: int) -> None:
        """`lifetime`: reflective QoS timer in nanoseconds; a rule ends when for so long no packet has confirmed it."""
        self._lifetime = lifetime
        self._rules: dict[PacketFlow, tuple[int, int]] = {}
        """QFI and end by uplink flow. All live equally long, so that what was confirmed last is last."""

    def downlink(self, packet: PacketFlow, qfi: int, now: int) -> None:
        """A packet with RQI has come on a QoS flow: its rule is made, changed to this flow, or lives on."""
        self.advance(now)
        self._rules.pop(packet.answer, None)
        self._rules[packet.answer] = qfi, now + self._lifetime
        if len(self._rules) > MAXIMUM_RULES:
            del self._rules[next(iter(self._rules))]

    def uplink(self, packet: PacketFlow, now: int) -> int | None:
        """The QoS flow a packet goes on; None: no derived rule speaks of it."""
        self.advance(now)
        rule = self._rules.get(packet)
        return rule[0] if rule is not None else None

    def advance(self, now: int) -> None:
        """Time has come to `now`: rules end."""
        while (ends := self.next_deadline()) is not None and ends <= now:
            del self._rules[next(iter(self._rules))]

    def next_deadline(self) -> int | None:
        """When the next rule ends."""
        return next((ends for _, ends in self._rules.values()), None)

    def __len__(self) -> int:
        return len(self._rules)
