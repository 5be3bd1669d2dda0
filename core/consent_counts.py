"""How many terminals consent to each job, by RAN node: the service manager is told when that has changed (R4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from net4ai.codecs.bus import ConsentCount
from net4ai.core import names
from net4ai.stack.procedure import Procedure

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


class ConsentCounts:
    """Counts what may have changed once in a while (timer "consent-count"), however often it did."""

    def __init__(self, manager: AccessManager) -> None:
        self._manager = manager
        self._told: dict[int, Counter[str]] = {}
        """By job: what was told last."""
        self._changed: set[int] = set()
        self._counting: Procedure[None] | None = None

    def changed(self, job: int) -> None:
        """A terminal's consent to a job has come or gone."""
        self._changed.add(job)
        if self._counting is None:
            procedures = self._manager.entity.procedures
            self._counting = procedures.start("count consents", self._count(), traced=False)

    def terminal_changed(self, terminal: Terminal) -> None:
        """A registered terminal has come, gone, or moved to another RAN node."""
        for job in self._manager.consents.jobs_of(terminal.subscriber):
            self.changed(job)

    def end_job(self, job: int) -> None:
        """Nobody needs to know any more."""
        self._told.pop(job, None)
        self._changed.discard(job)
        if not self._changed and self._counting is not None:
            self._counting.cancel("no job on offer")
            self._counting = None

    async def _count(self) -> None:
        entity = self._manager.entity
        await entity.procedures.sleep(entity.timers["consent-count"])
        self._counting = None
        changed, self._changed = self._changed, set()
        for job in sorted(changed):
            nodes = self.now(job)
            if nodes != self._told.get(job, Counter()):
                self._told[job] = nodes
                entity.tell(names.SERVICE_MANAGER, ConsentCount(job=job, nodes=dict(nodes)))

    def now(self, job: int) -> Counter[str]:
        """Registered terminals that consent to a job, by RAN node."""
        registered = self._manager.registered
        consenting = (registered.get(subscriber) for subscriber in self._manager.consents.consenting(job))
        return Counter(terminal.node for terminal in consenting if terminal is not None)
