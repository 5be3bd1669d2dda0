"""Re-establishment and what is above SRB1: sessions and their bearers stay, DEP asks where it stands (PATH), and a
reconfiguration under way is carried out once."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import QOS
from secured_bench import Routes, Secured

from net4ai.codecs import n2
from net4ai.codecs.dep import DepHeader, DepType, PathBody, PathReason
from net4ai.stack.hop import Hop


class Listening(Routes):
    """Keeps the DEP PDUs that came for it."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[bytes] = []

    def forward(self, hop: Hop, bearer: int, data: Any, stride: int, bulk: bool, now: int) -> None:
        self.came.append(bytes(data[8:]))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Secured:
    made = Secured(monkeypatch)
    made.routes = made.ran.node.cpf = Listening()  # type: ignore[assignment]
    made.start()
    return made


def set_up(world: Secured, job: int = 1) -> None:
    world.ran.core(n2.SessionSetupRequest(ran_ue=1, transaction=job, job=job, qos=(QOS,)))


def test_sessions_stay_and_dep_asks_where_it_stands(world: Secured) -> None:
    set_up(world, job=1)
    set_up(world, job=2)
    sessions = dict(world.terminal.sessions)
    assert len(sessions) == 2
    routes = world.routes
    assert isinstance(routes, Listening)
    routes.came.clear()
    world.terminal.radio_link_failed()
    world.go(0.5)
    assert world.terminal.sessions == sessions
    assert set(world.context.sessions) == set(sessions)
    assert world.terminal.hop is not None
    assert dict(world.context.hop.bearers) == dict(world.terminal.hop.bearers)
    asked = {header.handle: body for header, body in map(path, routes.came)}
    assert len(asked) == 2
    assert all(body.reason == PathReason.REESTABLISHED and not body.answer for body in asked.values())
    assert not routes.gone


def path(pdu: bytes) -> tuple[DepHeader, PathBody]:
    header, start = DepHeader.read(pdu)
    assert header.type == DepType.PATH
    return header, PathBody.from_bytes(pdu[start:])


@pytest.mark.parametrize("lost", ["the configuration", "the answer"])
def test_a_reconfiguration_under_way_is_carried_out_once(world: Secured, lost: str) -> None:
    request = n2.SessionSetupRequest(ran_ue=1, transaction=1, job=1, qos=(QOS,))
    world.node.n2.receive(request.encode(), world.air.now)
    world.node.pump(world.air.now)
    if lost == "the answer":
        world.air.run(1, until=lambda: bool(world.terminal.sessions))
    world.air._queue.clear()
    assert bool(world.terminal.sessions) == (lost == "the answer")
    world.terminal.radio_link_failed()
    world.go(2)
    assert len(world.ran.of(n2.SessionSetupResponse)) == 1
    assert set(world.context.sessions) == set(world.terminal.sessions) == {0}
    assert world.secured
    world.assert_nothing_left()


def test_without_success_all_sessions_end(world: Secured) -> None:
    set_up(world)
    world.node.forget(world.context)
    world.terminal.radio_link_failed()
    world.go(1)
    assert world.secured
    assert not world.terminal.sessions
    assert not world.ue.process.endpoint.sessions
    assert len(world.routes.gone) == 1
