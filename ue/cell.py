"""The cell a UE process camps in: asked for, heard, watched (TS 38.331 5.2.2, 5.3.2, 5.3.10; TS 38.304).

UDP has no broadcast: the process asks its RAN node for System Information, and again from time to time. Hearing it is
being in synchrony.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.stack.procedure import ProcedureRejected, ProcedureTimeout
from net4ai.stack.radio_link_monitor import LinkState, RadioLinkMonitor
from net4ai.stack.units import MILLISECOND

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess
    from net4ai.ue.terminal import Terminal

_SUITABLE = "suitable cell"


class Cell:
    """What a process knows of its cell, for all its terminals."""

    def __init__(self, process: UeProcess) -> None:
        self.process = process
        self.monitor = RadioLinkMonitor(process.timers["T310"])
        self.identity = 0
        """Physical cell identity, once it was heard."""
        self.barred = False
        self._selecting: dict[Terminal, None] = {}

    @property
    def suitable(self) -> bool:
        """Heard, and open: a terminal may connect in it (TS 38.304 5.2.4)."""
        return self.monitor.state is not LinkState.SEARCHING and not self.barred

    async def camp(self) -> None:
        """Ask for System Information: often until it is heard, then now and then. Until cancelled."""
        process = self.process
        request = rrc.SystemInformationRequest()
        while True:
            process.send_srb0(None, request)
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
            node = self.process.ran_node
            if self.monitor.state is LinkState.SEARCHING:
                raise ProcedureTimeout(f"no answer from {node}: its cell is not heard") from None
            raise ProcedureRejected(Cause.NOT_ALLOWED, f"the cell of {node} is barred") from None
        finally:
            self._selecting.pop(terminal, None)

    def paged(self, message: rrc.Paging) -> None:
        """The core looks for somebody, perhaps for a terminal here (TS 38.331 5.3.2.3)."""
        wanted = {record.temporary_identity for record in message.records}
        size = len(message.encode())
        for terminal in self.process.terminals:
            if terminal.temporary_identity in wanted:
                terminal.radio.receive(bytes(size), size, partial(_page, terminal))

    def advance(self, now: int) -> None:
        """Time has come to `now`. After a failure all connected terminals look for the cell anew."""
        if self.monitor.advance(now):
            for terminal in list(self.process.bound.values()):
                terminal.radio_link_failed()


def _page(terminal: Terminal, data: Buffer, stride: int) -> None:
    """Paging has come through the terminal's own radio."""
    terminal.paged()
