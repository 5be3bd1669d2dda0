"""An access manager with scripted company: what tests of offers, consents, sessions and seats begin with."""

from __future__ import annotations

import itertools
from typing import Any

from core_bench import Bench, FakeRanNode, Scripted, consent, core_config
from managed_services import FragileStore

from net4ai.codecs import nas
from net4ai.codecs.bus import (
    ClientsDone,
    CompleteClients,
    ConsentCount,
    InviteClients,
    OfferJob,
    SelectClients,
    ServerWish,
    StartClients,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.access_manager import AccessManager

SUBSCRIBERS = [f"imsi-00101{number:010d}" for number in range(1, 13)]
SEED = 7


class World(Bench):
    """An access manager, one RAN node (more on demand), scripted routine and service managers.

    With the store of another world: the core after it, which has recovered.
    """

    def __init__(self, seed: int = SEED, after: World | None = None) -> None:
        super().__init__()
        self.store = FragileStore() if after is None else after.store
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER),
            core_config(SUBSCRIBERS, seed),
            itertools.count(0xABCD).__next__,
            self.store,
        )
        if after is not None:
            self.manager.recover()
        self.routine_manager: Scripted = self.scripted(names.ROUTINE_MANAGER)
        self.service_manager: Scripted = self.scripted(names.SERVICE_MANAGER)
        self.ran = FakeRanNode(self, self.manager)

    def offer(self, job: int = 1, k: int = 2, **changes: Any) -> None:
        values = {"job": job, "service": "s", "purpose": "p", "k": k, "raw_data": True} | changes
        self.call(names.ACCESS_MANAGER, OfferJob(**values))

    def join(self, *contexts: int, job: int = 1, session: int = 0, ran: FakeRanNode | None = None, **will: Any) -> None:
        """Terminals register (subscriber n from context n), consent, get their sessions."""
        ran = ran or self.ran
        for context in contexts:
            if (ran.association, context) not in self.manager.terminals:
                ran.register(context, SUBSCRIBERS[context - 1])
            ran.say_nas(context, consent(job, **will))
            ran.say_nas(context, nas.ComputingRequest(transaction=job & 255, job=job))
            ran.accept_sessions(session)

    def select(self, execution: int = 1, k: int = 2, *nodes: str, **changes: Any) -> Any:
        """One server for each of `nodes`; of several with commas it can have terminals."""
        wishes = [
            ServerWish(instance=100 + n, node=node.partition(",")[0], nodes=node.split(",") if "," in node else [])
            for n, node in enumerate(nodes or ("ran-1",))
        ]
        values = {"job": 1, "execution": execution, "k": k, "raw_data": False, "servers": wishes} | changes
        return self.call(names.ACCESS_MANAGER, SelectClients(**values))

    def complete(self, execution: int = 1, **changes: Any) -> Any:
        values = {"execution": execution, "instance": 100, "seats": [], "cause": Cause.NORMAL} | changes
        return self.call(names.ACCESS_MANAGER, CompleteClients(**values))

    def withdraw_job(self, job: int = 1) -> Any:
        return self.call(names.ACCESS_MANAGER, WithdrawJob(job=job))

    def seats(self, execution: int = 1, instance: int = 100) -> list[str]:
        """Subscribers by seat."""
        places = self.manager.seats.seatings[execution, instance].places
        return [place.subscriber for place in places.values()]

    def contexts(self, execution: int = 1, instance: int = 100) -> list[int]:
        return [SUBSCRIBERS.index(subscriber) + 1 for subscriber in self.seats(execution, instance)]

    def invitation(self, execution: int = 1, seats: int = 4) -> InviteClients:
        return InviteClients(
            execution=execution,
            instance=100,
            seats=list(range(seats)),
            function="data-source",
            settings={"a": 1},
            routine="bottom",
            round=3,
            cut=1,
            sequential=True,
            key=b"server's",
        )

    def start(self, *turns: tuple[int, int], execution: int = 1) -> None:
        event = StartClients(execution=execution, instance=100, turns=list(turns), repetition=0)
        self.call(names.ACCESS_MANAGER, event)

    def counts(self, job: int = 1) -> list[dict[str, int]]:
        """What the service manager was told of consents."""
        return [event.nodes for event in self.service_manager.of(ConsentCount) if event.job == job]

    def ends(self) -> list[tuple[int, int, int]]:
        """(seat, turn, cause) the routine manager was told."""
        self.advance(0)
        return [turn for done in self.routine_manager.of(ClientsDone) for turn in done.turns]
