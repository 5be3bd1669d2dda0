"""Figure 6 in running networks: restart, completion by all servers, clients that say nothing more (R72-R80, R84)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest
from network_run import TOYS, TURN, Local, Network, Source, play

from net4ai.app.report.figure_6 import step_of
from net4ai.app.report.one_execution import steps_of_execution
from net4ai.app.report.roles import Roles
from net4ai.app.report.trace_lines import understand
from net4ai.codecs.causes import Cause
from net4ai.functions.api import Channel, Execution, Outcome, ServiceFunction, Turn

SMALL = ("settings.rounds=2", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3")
TURN_TIMER = 5
SHORT = (f"timers.turn={TURN_TIMER * 1000}", "timers.resume=20000")


def committed(network: Network, execution: int) -> dict[int, list[tuple[int, int, float]]]:
    """Turn, seat and time in seconds of what an execution's servers have committed, by server."""
    found: dict[int, list[tuple[int, int, float]]] = {}
    for event in network.trace():
        if event["kind"] == "state" and event["message"] == "turn committed":
            ids = event["ids"]
            if ids["execution"] == execution:
                found.setdefault(ids["server"], []).append((ids["turn"], ids["seat"], event["time"] / 1e9))
    return found


# What the report shows


@pytest.mark.parametrize("restarts", [False, True])
def test_the_report_shows_the_steps_in_their_order(tmp_path: Path, restarts: bool) -> None:
    """R71: all eight of them; a restart repeats 3 to 6."""
    toys = TOYS | ({"local-training": Thrice} if restarts else {})
    network = play(tmp_path, None, *SMALL[1:], "settings.rounds=1", toys=True, find=toys.__getitem__)
    lines, _ = understand(network.trace())
    number, steps = steps_of_execution(lines, "ue-2/1", Roles())
    assert number == 1
    numbers = [step_of(step.link, step.name) or 0 for step in steps]
    assert list(dict.fromkeys(numbers)) == list(range(1, 9)), "each appears first in order"
    assert list(reversed(dict.fromkeys(reversed(numbers)))) == list(range(1, 9)), "and last"
    finishes = [step for step in steps if step.name == "Finish"]
    assert len(finishes) == (3 if restarts else 1)
    assert [step.name for step in steps if step.name in ("Restart", "Complete")] == (
        ["Restart", "Restart", "Complete"] if restarts else ["Complete"]
    )
    lanes = {lane for step in steps for lane in (step.sender, step.receiver)}
    core = {"access-manager", "routine-manager", "task-manager"}
    assert lanes == {"ue-2/1", "ran-2", "ran-2-app-server", *core}, "the server of its own cell"


# Restart and complete


class Thrice(Local):
    """Says restart twice."""

    async def begin(self, execution: Execution) -> None:
        await super().begin(execution)
        self.repetitions: list[int] = []

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        self.repetitions.append(turn.repetition)
        await super().server_turn(execution, turn, client)

    async def end(self, execution: Execution) -> Outcome:
        seats = len(execution.seats)
        again = execution.role.value == "server" and len(self.repetitions) < 3 * seats
        if execution.role.value == "server":
            assert self.repetitions == [r for r in range(len(self.repetitions) // seats) for _ in range(seats)]
        return Outcome.RESTART if again else Outcome.COMPLETE


def test_a_server_that_says_restart_has_the_same_seats_again(tmp_path: Path) -> None:
    """R76: turns count on, seats keep their order, nobody is seated anew."""
    toys = TOYS | {"local-training": Thrice}
    network = play(tmp_path, None, *SMALL, toys=True, find=toys.__getitem__)
    assert [result.index for result in network.results] == [
        9
    ] * 4  # three turns a seat, in both rounds, at both servers
    for turns in committed(network, execution=1).values():
        assert [(turn, seat) for turn, seat, _ in turns] == [(turn, turn % 3) for turn in range(9)]
    given = Counter((execution, server, seat) for execution, server, seat, _ in network.seats())
    assert set(given.values()) == {1}
    assert len(network.states("execution begins")) == 4, "a restart is no execution of its own"


def test_an_execution_is_complete_when_all_its_servers_are(tmp_path: Path) -> None:
    """R77: the next routine of the chain waits for the slowest server."""
    network = play(tmp_path, None, *SMALL[:2], "ue_groups.ue-1.count=2", "ue_groups.ue-2.count=7", toys=True)
    one, other = (max(time for *_, time in turns) for turns in committed(network, execution=1).values())
    next_begins = min(time for turns in committed(network, execution=2).values() for *_, time in turns)
    assert abs(one - other) > 4 * TURN
    assert next_begins >= max(one, other)


# Clients that say nothing more


def silent(who: Collection[int]) -> type[ServiceFunction]:
    """A source that, at some terminals, never ends its turn in the first round."""

    class Silent(Source):
        async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
            if self.context.private["subscriber"] in who and execution.round == 0:
                await asyncio.sleep(3600)
            await super().client_turn(execution, turn, server)

    return Silent


def test_a_silent_client_is_passed_over_where_k_are_left(tmp_path: Path) -> None:
    """R80: after the timer, in its own cell alone; in the next round it takes part again."""
    toys = TOYS | {"data-source": silent({1})}
    network = play(tmp_path, None, *SMALL, *SHORT, toys=True, find=toys.__getitem__)
    (left_out,) = network.states("client left out")
    assert left_out["cause"] == Cause.TIMEOUT.name
    seats = {(execution, seat): who for execution, _, seat, who in network.seats() if who < 3}
    assert seats[left_out["execution"], left_out["seat"]] == 1
    assert f"seat {left_out['seat']} at ran-1 left out: TIMEOUT" in network.progress
    assert sorted(result.index for result in network.results) == [2, 3, 3, 3]
    quick, slow = sorted(max(time for *_, time in turns) for turns in committed(network, execution=1).values())
    assert slow - quick > TURN_TIMER - 2 * TURN
    assert not network.states("execution resumed")


def test_with_fewer_than_k_left_the_job_ends_and_says_why(tmp_path: Path) -> None:
    """R80, R84: as long as the timer "resume" lets it, they are asked again; then it ends with the cause."""

    async def story(network: Network) -> None:
        await network.start()
        error = await network.end()
        assert error is not None and error.cause is Cause.TOO_FEW_CLIENTS
        assert error.detail == "routine bottom: 1 of 3 clients are left at ran-1, 2 are needed"

    toys = TOYS | {"data-source": silent({0, 1})}
    network = play(tmp_path, story, *SMALL, *SHORT, toys=True, find=toys.__getitem__)
    assert not network.results
    assert {ids["cause"] for ids in network.states("execution ended")} == {Cause.TOO_FEW_CLIENTS.name}
    assert len(network.states("execution resumed")) > 0
