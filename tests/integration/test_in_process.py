"""The whole network in one loop under virtual time."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from pathlib import Path

import pytest
from network_run import CONTROLLER, TOYS, TURN, Network, Source, play

from net4ai.codecs.causes import Cause
from net4ai.codecs.derivation import derive
from net4ai.functions.api import Channel, Execution, ServiceFunction, Turn
from net4ai.functions.learning import reference
from net4ai.functions.learning.split_model import DEFAULT_NEURONS

SMALL = (
    "settings.rounds=2",
    "privacy.k=3",
    "ran_nodes=[{name: ran-1}]",
    "ue_groups=[{name: ue-1, ran_node: ran-1, count: 4, raw_data: true}]",
)
"""One RAN node, four UEs, two rounds."""
TWO_GROUPS = (
    *SMALL[:3],
    "ue_groups=[{name: ue-1, ran_node: ran-1, count: 2}, {name: ue-2, ran_node: ran-1, count: 3}]",
)


# --- Starting


def test_any_start_order_works(tmp_path: Path, seed: int) -> None:
    """All orders of five kinds of nodes are 120; some of them, other ones each time."""
    nodes = ["core", "edge", "ran-1", "ue-1", CONTROLLER]
    orders = list(itertools.permutations(nodes))
    for number, order in enumerate([tuple(reversed(nodes)), *random.Random(seed).sample(orders, 11)]):
        print(order)

        async def story(network: Network, order: tuple[str, ...] = order) -> None:
            for name in order:
                await network.start(name)
                await asyncio.sleep(3)
            assert await network.end() is None

        network = play(tmp_path / str(number), story, *SMALL, toys=True)
        assert len(network.results) == 2
        assert network.states("execution ended")[-1]["cause"] == "NORMAL"


def test_a_node_that_is_missing_is_named(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start("core", "edge", "ue-1", CONTROLLER)
        await asyncio.sleep(10)
        assert any("no answer from RAN node ran-1 at 127.0.0.1:" in line for line in network.said)
        error = await network.end()
        assert error is not None
        assert (error.cause, error.detail) == (Cause.NO_RESOURCES, "no application server at ran-1")

    play(tmp_path, story, *SMALL, toys=True)


# --- Clients


def test_with_too_few_clients_it_waits_and_says_so_until_others_come(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start("core", "edge", "ran-1", "ue-1", CONTROLLER)
        await asyncio.sleep(20)
        assert network.progress[-1] == "waiting for clients: 2 of 3 at ran-1"
        assert not network.results
        await network.start("ue-2")
        assert await network.end(60) is None

    network = play(tmp_path, story, *TWO_GROUPS, toys=True)
    assert {seat for *_, seat in network.seats()} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("will", ["consent: false", "privacy_k: 4"])
def test_who_is_not_willing_gets_no_seat(tmp_path: Path, will: str) -> None:
    groups = f"[{{name: ue-1, ran_node: ran-1, count: 3}}, {{name: ue-2, ran_node: ran-1, count: 2, {will}}}]"
    network = play(tmp_path, None, *SMALL[:3], f"ue_groups={groups}", toys=True)
    assert len({ids["ue"] for ids in network.states("terminal registered")}) == 5
    assert {subscriber for *_, subscriber in network.seats()} == {0, 1, 2}
    assert len(network.results) == 2


def failing(subscribers: set[int], rounds: set[int]) -> type[ServiceFunction]:
    class Failing(Source):
        async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
            if self.context.private["subscriber"] in subscribers and execution.round in rounds:
                await asyncio.sleep(TURN / 2)
                raise ValueError("no more")
            await super().client_turn(execution, turn, server)

    return Failing


def test_a_function_that_fails_in_mid_turn_is_left_out(tmp_path: Path) -> None:
    toys = TOYS | {"data-source": failing({2}, {0})}
    network = play(tmp_path, None, *SMALL, toys=True, find=toys.__getitem__)
    (left_out,) = network.states("client left out")
    assert left_out["cause"] == "FUNCTION_FAILED"
    seats = {(execution, seat): subscriber for execution, _, seat, subscriber in network.seats()}
    assert seats[left_out["execution"], left_out["seat"]] == 2
    first, second = network.record().rounds
    assert sorted(subscriber for turns in first.values() for _, subscriber in turns) == [0, 1, 3]
    assert sorted(subscriber for turns in second.values() for _, subscriber in turns) == [0, 1, 2, 3]
    assert any("ue-1/3: function failed: ValueError: no more" in line for line in network.said)
    assert [line for line in network.progress if "left out" in line]


def test_when_too_many_fail_each_time_the_job_ends_and_says_why(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        error = await network.end()
        assert error is not None
        assert error.cause is Cause.TOO_FEW_CLIENTS
        assert error.detail == "routine bottom: 2 of 4 clients are left at ran-1, 3 are needed"

    toys = TOYS | {"data-source": failing({0, 1}, {0})}
    network = play(tmp_path, story, *SMALL, toys=True, find=toys.__getitem__)
    assert len(network.states("execution begins")) == 1
    assert len(network.states("execution resumed")) > 1  # as long as the timer "resume" lets it
    assert not network.results


# --- Bad radio


@pytest.mark.parametrize("length", [0.5, 3, 90])
def test_a_radio_cut_in_mid_round_is_survived(tmp_path: Path, length: float) -> None:
    cut = f"links.radio.cuts=[{{at_s: 1.5, for_s: {length}}}]"
    network = play(tmp_path, None, *SMALL, cut, toys=True)
    began = network.trace()
    turns = [event["time"] / 1e9 for event in began if event.get("message") == "turn committed"]
    assert min(turns) < 1.5
    assert max(turns) > 1.5 + length
    assert len(network.results) == 2
    assert {subscriber for *_, subscriber in network.seats()} == {0, 1, 2, 3}


def test_a_job_runs_over_a_very_bad_radio(tmp_path: Path) -> None:
    bad = ("links.radio.loss=0.2", "links.radio.reorder=0.1", "links.radio.duplicate=0.1")
    network = play(tmp_path, None, *SMALL, *bad, toys=True)
    assert not network.states("client left out")
    assert len(network.results) == 2


@pytest.mark.parametrize("overrides", [(), ("ue_groups.ue-1.count=130", "ue_groups.ue-2.count=4")])
def test_small_socket_buffers_leave_nobody_out(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    """What Linux gives by default: 12 terminals in a cell are already more than could send anything unasked."""
    network = play(tmp_path, None, "settings.rounds=1", *overrides, toys=True, receive_buffer=425_984)
    assert not network.states("client left out")
    assert len(network.states("turn committed")) == network.scenario.ue_count + 2


# --- Anonymity


def test_no_subscription_is_ever_on_the_bus(tmp_path: Path) -> None:
    network = play(tmp_path, None, *SMALL, toys=True)
    seen = b"".join(network.run.bus)
    assert b"ClientsInvited" in seen
    assert b"imsi" not in seen
    assert b"ue-1" not in seen
    assert b"subscriber" not in seen


# --- Determinism


def test_seats_follow_from_the_seed(tmp_path: Path) -> None:
    one, again, other = (
        play(tmp_path / name, None, *SMALL, f"seed={seed}", toys=True).seats()
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )
    assert one == again != other
    identities = [f"imsi-00101{number:010d}" for number in range(4)]
    for execution in {execution for execution, *_ in one}:
        by_seat = [subscriber for e, _, _, subscriber in one if e == execution]
        assert by_seat == sorted(range(4), key=lambda n: derive(1, "seat", execution, identities[n]))


def digest(network: Network) -> str:
    """Of the final model's bits."""
    assert network.evaluator is not None
    assert network.evaluator.newest is not None
    state = network.evaluator.newest.state
    parts = [state[name].contiguous().numpy().tobytes() for name in sorted(state)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


LEARNING = (*SMALL, "settings.batch_size=128")
BAD_RADIO = ("links.radio.loss=0.02", "links.radio.reorder=0.02", "links.radio.delay_ms=2", "links.radio.jitter_ms=0.5")


def test_the_same_seed_gives_the_same_weights_whatever_the_radio_does(tmp_path: Path) -> None:
    good = play(tmp_path / "good", None, *LEARNING)
    bad = play(tmp_path / "bad", None, *LEARNING, *BAD_RADIO)
    other = play(tmp_path / "other", None, *LEARNING, "seed=2")
    assert good.seats() == bad.seats()
    assert digest(good) == digest(bad) != digest(other)


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_weights_are_bit_identical_to_plain_torch(tmp_path: Path, cut: int) -> None:
    network = play(tmp_path, None, *LEARNING, *BAD_RADIO, f"settings.cut={cut}")
    record = network.record()
    assert not record.undefined
    assert [len(turns) for round in record.rounds for turns in round.values()] == [4, 4]
    blocks = len(DEFAULT_NEURONS) - 1
    expected = reference.train(network.settings, record.schedule(), len(network.subscribers), averaging=cut == blocks)
    assert network.evaluator is not None
    assert network.evaluator.newest is not None
    assert str(reference.verdict(expected, network.evaluator.newest.state)) == "identical"
