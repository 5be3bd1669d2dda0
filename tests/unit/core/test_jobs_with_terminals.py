"""Service manager and access manager together: terminals are asked before the job starts, and start it (R4, R59)."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import FakeRanNode, consent, core_config
from managed_services import World

from net4ai.codecs import nas
from net4ai.codecs.bus import ExecuteJob, JobBegun
from net4ai.codecs.service import TerminalsTrigger
from net4ai.core import names
from net4ai.core.access_manager import AccessManager

SUBSCRIBERS = [f"imsi-{number}" for number in range(4)]


class WithTerminals(World):
    """The access manager is not scripted."""

    def __init__(self, after: World | None = None) -> None:
        super().__init__(after=after)
        identities = iter(range(1, 100))
        entity = self.entity(names.ACCESS_MANAGER)
        self.access = AccessManager(entity, core_config(SUBSCRIBERS), lambda: next(identities), self.store)
        self.ran = [FakeRanNode(self, self.access, name) for name in ("ran-1", "ran-2")]

    def come(self, cell: int, subscriber: int) -> Any:
        """A terminal registers; gives the offer it hears."""
        self.ran[cell].register(subscriber + 1, SUBSCRIBERS[subscriber])
        heard = self.ran[cell].last(subscriber + 1)
        return heard.jobs[0] if isinstance(heard, nas.JobList) else None

    def agree(self, cell: int, subscriber: int, job: int) -> None:
        self.ran[cell].say_nas(subscriber + 1, consent(job=job))
        self.advance(1)


@pytest.mark.parametrize(("node", "begins"), [("", 3), ("ran-1", 4)])
def test_enough_terminals_of_a_cell_start_the_job(node: str, begins: int) -> None:
    """Two at ran-2, then two at ran-1, one after the other."""
    world = WithTerminals()
    job = world.register_triggered(TerminalsTrigger(at_least=2, node=node))
    order = [(0, 0), (1, 1), (1, 2), (0, 3)]
    for number, (cell, subscriber) in enumerate(order, 1):
        offer = world.come(cell, subscriber)
        assert (offer.job, offer.k) == (job, 2)
        world.agree(cell, subscriber, job)
        assert world.job_states() == {job: "running" if number >= begins else "armed"}
    assert world.controller.of(JobBegun) == [JobBegun(1, job, "later")]
    assert [request.job for request in world.job_manager.of(ExecuteJob)] == [job]
    assert len(list(world.access.consents.consenting(job))) == 4


def test_an_armed_job_that_ends_is_not_offered_any_more() -> None:
    world = WithTerminals()
    job = world.register_triggered(TerminalsTrigger(at_least=2))
    world.come(0, 0)
    world.agree(0, 0, job)
    world.jobs.end(job, 1, "")
    world.run()
    assert world.come(1, 1) is None
    assert not list(world.access.consents.consenting(job))
