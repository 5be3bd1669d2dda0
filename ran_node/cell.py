"""The cell of a RAN node: who camps in it, System Information, Paging (TS 38.331 5.2.2, 5.3.2).

UDP has no broadcast: UE processes ask for System Information, and who has asked lately gets whatever a cell broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable

from net4ai.codecs import rrc
from net4ai.stack.hop import Address
from net4ai.stack.units import MILLISECOND

MAXIMUM_CAMPED = 1024
"""UE processes that camp in a cell."""
CAMPING_PERIODS = 3
"""An address is forgotten after this many repetitions of the request that did not come."""


class Cell:
    """A cell. The owner says what time it is, and sends; `send` sends a message on SRB0 to an address."""

    def __init__(
        self, identity: int, period_ms: int, camping: int, barred: bool, send: Callable[[rrc.Rrc, Address], None]
    ) -> None:
        """`period_ms`: milliseconds between System Information messages; `camping`: nanoseconds between requests."""
        self.identity = identity
        self.camped: dict[Address, int] = {}
        """When each address is forgotten; the one that asked longest ago comes first."""
        self._period_ms = period_ms
        self._stays = CAMPING_PERIODS * camping
        self._barred = barred
        self._send = send
        self._next: int | None = None
        """When System Information is due, while anybody camps."""

    def requested(self, source: Address, now: int) -> bool:
        """Somebody asks for System Information: who is new has it at once. False: the table is full."""
        is_new = self.camped.pop(source, None) is None
        if is_new:
            self._forget_the_silent(now)
            if len(self.camped) >= MAXIMUM_CAMPED:
                return False
        self.camped[source] = now + self._stays
        if is_new:
            self._send(self.system_information, source)
        if self._next is None:
            self._next = now + self._period_ms * MILLISECOND
        return True

    @property
    def system_information(self) -> rrc.SystemInformation:
        """What is broadcast."""
        return rrc.SystemInformation(cell=self.identity, period=self._period_ms, barred=self._barred)

    def bar(self, barred: bool) -> None:
        """Close the cell to new connections, or open it. Who camps hears it at once."""
        if barred != self._barred:
            self._barred = barred
            self._broadcast(self.system_information)

    def page(self, temporary_identity: int) -> None:
        """Look for a UE: everybody hears it (5.3.2.2)."""
        self._broadcast(rrc.Paging(records=(rrc.PagingRecord(temporary_identity=temporary_identity),)))

    def advance(self, now: int) -> None:
        """Time has come to `now`."""
        if self._next is None or now < self._next:
            return
        self._forget_the_silent(now)
        self._broadcast(self.system_information)
        self._next = now + self._period_ms * MILLISECOND if self.camped else None

    def next_deadline(self) -> int | None:
        """When to call `advance`; None while nobody camps."""
        return self._next

    def _broadcast(self, message: rrc.Rrc) -> None:
        for address in self.camped:
            self._send(message, address)

    def _forget_the_silent(self, now: int) -> None:
        while self.camped and next(iter(self.camped.values())) <= now:
            del self.camped[next(iter(self.camped))]
