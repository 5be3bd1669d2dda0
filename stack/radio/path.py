"""The way of datagrams through one direction of one UE's radio: through the channel, and the delay line."""

from __future__ import annotations

from net4ai.codecs.declaration import Buffer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.radio.channel import RadioChannel
from net4ai.stack.radio.delay_line import DelayLine, Deliver


class RadioPath:
    """Carries batches. What is lost is counted in `drops`, datagram by datagram."""

    def __init__(self, channel: RadioChannel, line: DelayLine, drops: DropCounter) -> None:
        self.channel = channel
        self.drops = drops
        self._line = line

    def carry(self, data: Buffer, stride: int, now: int, deliver: Deliver) -> None:
        """Datagrams of `stride` octets, the last may be shorter, enter the radio. Neighbours with the same fate stay
        one batch."""
        size = len(data)
        fates = self.channel.fates(-(-size // stride), now)
        view = memoryview(data)
        start = 0
        for number, fate in fates:
            part = view[start * stride : min((start + number) * stride, size)]
            start += number
            if isinstance(fate, Drop):
                self._drop(fate, len(part), stride)
            elif not fate:
                deliver(part, stride)
            elif not self._line.hold(now + fate, part, stride, deliver):
                self._drop(Drop.LINK_QUEUE_FULL, len(part), stride)

    def _drop(self, reason: Drop, size: int, stride: int) -> None:
        for start in range(0, size, stride):
            self.drops.count(reason, min(stride, size - start))
