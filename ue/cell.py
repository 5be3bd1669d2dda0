"""A cell that terminals of a process camp in: asked for, heard, watched (TS 38.331 5.2.2, 5.3.2, 5.3.10; TS 38.304).

UDP has no broadcast: the process asks the RAN node for System Information, and again from time to time. Hearing it is
being in synchrony. All terminals begin in the same cell; some may be handed over to others.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.stack.hop import Address
from net4ai.stack.procedure import Procedure, ProcedureRejected, ProcedureTimeout
from net4ai.stack.radio_link_monitor import LinkState, RadioLinkMonitor
from net4ai.stack.units import MILLISECOND

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess
    from net4ai.ue.terminal import Terminal

_SUITABLE = "suitable cell"


class Cell:
    """What a process knows of a cell, for all its terminals."""

    def __init__(self, process: UeProcess, ran_node: str, address: Address, identity: int = 0) -> None:
        """`identity`: the physical cell identity, where it is known before it was heard."""
        self.process = process
        self.ran_node = ran_node
        self.address: Address = (address[0], address[1])
        """Signalling address of the RAN node's radio."""
        self.monitor = RadioLinkMonitor(process.timers["T310"])
        self.identity = identity
        self.barred = False
        self._camping: Procedure[None] | None = None
        self._selecting: dict[Terminal, None] = {}

    def __str__(self) -> str:
        """Its RAN node, for the person who reads of it."""
        host, port = self.address
        return f"RAN node {self.ran_node} at {host}:{port}"

    def enter(self) -> None:
        """A terminal is here: the process camps here too, if it does not yet."""
        if self._camping is None:
            self._camping = self.process.procedures.start("camp", self.camp(), traced=False)

    def leave(self) -> None:
        """A terminal has gone; with the last one the process does."""
        if self._camping is not None and not any(terminal.camped is self for terminal in self.process.terminals):
            self._camping.cancel("nobody is here")
            self._camping, self.monitor = None, RadioLinkMonitor(self.process.timers["T310"])

    @property
    def suitable(self) -> bool:
        """Heard, and open: a terminal may connect in it (TS 38.304 5.2.4)."""
        return self.monitor.state is not LinkState.SEARCHING and not self.barred

    async def camp(self) -> None:
        """Ask for System Information: often until it is heard, then now and then. Until cancelled."""
        process = self.process
        request = rrc.SystemInformationRequest()
        while True:
            process.send_srb0(None, request, self)
            searching = self.monitor.state is LinkState.SEARCHING
            await process.procedures.sleep(process.timers["cell-search" if searching else "camping"])

    def heard(self, message: rrc.SystemInformation) -> None:
        """System Information has come."""
        now = self.process.procedures.now
        self.monitor.heard(message.period * MILLISECOND, now)
        self.identity, self.barred = message.cell, message.barred
        if self.suitable:
            for terminal in list(self._selecting):
                terminal.replies.give(_SUITABLE, None)

    async def select(self, terminal: Terminal, duration: int) -> None:
        """Wait at most `duration` nanoseconds for a suitable cell. Raises `ProcedureTimeout`, `ProcedureRejected`."""
        if self.suitable:
            return
        self._selecting[terminal] = None
        try:
            await terminal.replies.expect(_SUITABLE, duration)
        except ProcedureTimeout:
            if self.monitor.state is LinkState.SEARCHING:
                raise ProcedureTimeout(f"no answer from {self}: its cell is not heard") from None
            raise ProcedureRejected(Cause.NOT_ALLOWED, f"the cell of {self} is barred") from None
        finally:
            self._selecting.pop(terminal, None)

    def paged(self, message: rrc.Paging) -> None:
        """The core looks for somebody, perhaps for a terminal here (TS 38.331 5.3.2.3)."""
        wanted = {record.temporary_identity for record in message.records}
        size = len(message.encode())
        for terminal in self.process.terminals:
            if terminal.camped is self and terminal.temporary_identity in wanted:
                terminal.radio.receive(bytes(size), size, partial(_page, terminal))

    def advance(self, now: int) -> None:
        """Time has come to `now`. After a failure all connected terminals look for the cell anew."""
        if self.monitor.advance(now):
            for terminal in self.process.terminals:
                if terminal.camped is self:
                    terminal.radio_link_failed()


def _page(terminal: Terminal, data: Buffer, stride: int) -> None:
    """Paging has come through the terminal's own radio."""
    terminal.paged()
