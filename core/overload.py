"""Overload of the core: too many registrations under way, RAN nodes hold new connections back (TS 38.413 8.7.7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from net4ai.codecs import n2

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation

REDUCTION = 80
"""Percentage of new connections a RAN node rejects meanwhile."""
WAIT_TIME = 2000
"""Milliseconds the rejected wait."""


class Overload:
    """Counts registrations under way. It begins at `limit` and ends at half of it, so that it does not flutter."""

    def __init__(self, manager: AccessManager, limit: int) -> None:
        self.limit = limit
        self.under_way = 0
        self.on = False
        self._manager = manager

    @contextmanager
    def registering(self) -> Iterator[None]:
        """One registration, from its beginning to its end."""
        self.under_way += 1
        if not self.on and self.under_way >= self.limit:
            self.start()
        try:
            yield
        finally:
            self.under_way -= 1
            if self.on and self.under_way <= self.limit // 2:
                self.stop()

    def start(self) -> None:
        """Ask all RAN nodes to hold back."""
        self.on = True
        self._manager.trace("overload", registrations=self.under_way)
        for association in self._manager.associations.values():
            self.tell(association)

    def stop(self) -> None:
        """All is as usual again."""
        self.on = False
        self._manager.trace("overload over", registrations=self.under_way)
        for association in self._manager.associations.values():
            association.send(n2.OverloadStop())

    def tell(self, association: RanAssociation) -> None:
        """Ask one RAN node, if there is an overload."""
        if self.on:
            association.send(n2.OverloadStart(reduction=REDUCTION, wait_time=WAIT_TIME))
