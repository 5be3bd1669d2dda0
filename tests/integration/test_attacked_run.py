"""A job runs while its network is attacked: it ends as if nothing had been, and nothing stays of the attack."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from attacker import Attacker, OverheardNetwork, may_be_answered, mutated
from live_tables import grown, tables
from network_run import Network, play

from net4ai.codecs import n2
from net4ai.codecs.link import AttachKind
from net4ai.edge.node import Edge
from net4ai.functions.learning import reference
from net4ai.ran_node.cell import MAXIMUM_CAMPED
from net4ai.ran_node.node import RanNode
from net4ai.ran_node.set_up_connection import MAXIMUM_HALF_OPEN
from net4ai.stack.forwarding.accept_attachment import MAXIMUM_PEERS
from net4ai.stack.io.platform import RunningNode
from net4ai.stack.io.stream import MAXIMUM_HALF_OPEN as MAXIMUM_SILENT
from net4ai.stack.io.stream import FrameConnection

SMALL = (
    "settings.rounds=3",
    "settings.batch_size=128",
    "privacy.k=3",
    "ran_nodes=[{name: ran-1}]",
    "ue_groups=[{name: ue-1, ran_node: ran-1, count: 3}, {name: ue-2, ran_node: ran-1, count: 1}]",
)
"""One RAN node, four UEs, of which the last comes late."""
FIRST = ("core", "edge", "ran-1", "ue-1")
ALL_OVER = 40
"""Seconds after which nothing is waited for any more."""
IMPOSTORS = 100
HEARD = 500
"""Datagrams an attacker remembers in the end: it must not seem to be the network that remembers."""


def node(network: Network, name: str) -> RunningNode:
    return next(each for each in network.run.nodes if each.platform.name == name)


def ran_node(network: Network) -> RanNode:
    machine = node(network, "ran-1").driver.machine
    assert isinstance(machine, RanNode)
    return machine


def overheard(network: Network) -> OverheardNetwork:
    """Put the attacker's ears into a network that has not begun."""
    network.run.network = heard = OverheardNetwork(asyncio.get_running_loop())
    return heard


async def first_round(network: Network) -> None:
    """Wait until the first round has a result."""
    async with asyncio.timeout(ALL_OVER):
        while not network.results:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def ill_mannered_connections(network: Network, generator: random.Random, count: int) -> None:
    """N2 from anybody: nothing said, noise, damaged messages, lengths that are none."""
    host, port = node(network, "core").addresses["N2"]
    valid = [n2.InitialUeMessage(ran_ue=1, nas=b"\x41").encode(), n2.UplinkNasTransport(ran_ue=1, nas=b"1").encode()]
    silent = []
    for number in range(count):
        reader, writer = await overheard_of(network)._open_streams(host, port)
        if number % 4 == 0:
            silent.append(writer)
            continue
        connection = FrameConnection(reader, writer)
        for _ in range(20):
            connection.send(mutated(generator, generator.choice(valid)) if number % 4 == 1 else generator.randbytes(30))
        if number % 4 == 3:
            writer.write(b"\xff" * 40)
        await asyncio.sleep(0.001)
        connection.close()
    for writer in silent:
        writer.close()


def overheard_of(network: Network) -> OverheardNetwork:
    found = network.run.network
    assert isinstance(found, OverheardNetwork)
    return found


async def attack(network: Network, attacker: Attacker) -> None:
    """Everything at once, while a job runs."""
    heard = overheard_of(network)
    uu = node(network, "ran-1").addresses["Uu"]
    await attacker.send(attacker.noise(400, heard.addresses))
    await attacker.send(attacker.replays(4000))
    await attacker.send(attacker.forged_srb1(4000))
    await attacker.send(attacker.set_up_requests(2 * MAXIMUM_HALF_OPEN, uu))
    await attacker.send(attacker.camping_requests(2 * MAXIMUM_CAMPED, uu))
    await ill_mannered_connections(network, attacker.random, 2 * MAXIMUM_SILENT)


def test_the_job_of_an_attacked_network_trains_the_same_model(tmp_path: Path, seed: int) -> None:
    async def story(network: Network) -> None:
        attacker = Attacker(overheard(network), seed)
        await network.start()
        await first_round(network)
        await attack(network, attacker)
        assert not network.ended.done(), "the attack came too late"
        assert await network.end() is None
        print(attacker.sent, "datagrams")

    network = play(tmp_path, story, *SMALL, "settings.rounds=6")
    record = network.record()
    assert not record.undefined
    expected = reference.train(network.settings, record.schedule(), len(network.subscribers))
    assert network.evaluator is not None
    assert network.evaluator.newest is not None
    assert str(reference.verdict(expected, network.evaluator.newest.state)) == "identical"
    reasons = {event["drop"] for event in network.trace() if event["kind"] == "drop"}
    assert reasons >= {"source not bound", "integrity failure", "duplicate", "too many camped", "unexpected message"}


def test_of_an_attack_nothing_stays_and_a_new_ue_comes_in(tmp_path: Path, seed: int) -> None:
    async def story(network: Network) -> None:
        attacker = Attacker(overheard(network), seed)
        await network.start(*FIRST)
        await asyncio.sleep(ALL_OVER)
        attacker.network.heard = attacker.network.heard[-HEARD:]
        before = tables()
        await attack(network, attacker)
        machine = ran_node(network)
        assert len(machine.half_open) == MAXIMUM_HALF_OPEN
        assert len(machine.cell.camped) == MAXIMUM_CAMPED
        # Beside the three terminals: half-open ones, and a few that a forged Setup Complete has completed by chance.
        assert 3 <= len(machine.contexts) - MAXIMUM_HALF_OPEN <= 3 + 8
        await asyncio.sleep(ALL_OVER)
        attacker.network.heard = attacker.network.heard[-HEARD:]
        assert not grown(before, tables())
        await network.start("ue-2")
        await asyncio.sleep(ALL_OVER)

    network = play(tmp_path, story, *SMALL, toys=True)
    assert len({ids["ue"] for ids in network.states("terminal registered")}) == 4


def test_every_datagram_of_a_stranger_is_answered_or_dropped_by_name(tmp_path: Path, seed: int) -> None:
    sent: list[bytes] = []
    times: list[int] = []

    async def story(network: Network) -> None:
        heard = overheard(network)
        attacker = Attacker(heard, seed)
        await network.start(*FIRST)
        await asyncio.sleep(ALL_OVER)
        noise = list(attacker.noise(400, heard.addresses))
        sent.extend(data for data, _, _ in noise)
        times.append(network.run.clock.now())
        await attacker.send(iter(noise))
        times.append(network.run.clock.now())

    network = play(tmp_path, story, *SMALL, "links.radio.loss=0", toys=True)
    begin, end = times
    drops = Counter(e["drop"] for e in network.trace() if e["kind"] == "drop" and begin <= e["time"] < end)
    # Answers to strangers find nobody.
    del drops["connection refused"]
    asked = sum(may_be_answered(data) for data in sent)
    assert len(sent) - asked <= drops.total() <= len(sent)
    assert "other" not in drops


def test_strangers_that_attach_are_counted_and_bounded(tmp_path: Path, seed: int) -> None:
    """There are no keys on T4 and T8 yet: strangers get in, and the table is full. Those who are there stay."""

    async def story(network: Network) -> None:
        attacker = Attacker(overheard(network), seed)
        await network.start()
        await first_round(network)
        for name, link, kind in (
            ("ran-1", "T4", AttachKind.APPLICATION_CONTROLLER),
            ("edge", "T4", AttachKind.APPLICATION_CONTROLLER),
            ("edge", "T8", AttachKind.FORWARDING_FUNCTION),
        ):
            await attacker.send(attacker.attach_requests(MAXIMUM_PEERS, kind, node(network, name).addresses[link]))
        machine = node(network, "edge").driver.machine
        assert isinstance(machine, Edge)
        for function in (machine.fpf, ran_node(network).cpf):
            assert function is not None
            assert len(function.peers) == MAXIMUM_PEERS
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, toys=True)
    assert len(network.results) == 3


def test_who_registers_in_the_name_of_another_gets_nowhere(tmp_path: Path, seed: int) -> None:
    """Strangers complete their connections, and claim to be a terminal that is registered. They have no key."""

    async def story(network: Network) -> None:
        heard = overheard(network)
        attacker = Attacker(heard, seed)
        await network.start()
        await first_round(network)
        uu = node(network, "ran-1").addresses["Uu"]
        heard.heard.clear()
        await attacker.send(attacker.set_up_requests(IMPOSTORS, uu))
        await attacker.send(attacker.false_registrations(next(iter(network.subscribers)), uu))
        assert len(ran_node(network).contexts) == 4 + IMPOSTORS
        assert await network.end() is None
        await asyncio.sleep(ALL_OVER)
        assert len(ran_node(network).contexts) == 4

    network = play(tmp_path, story, *SMALL, toys=True)
    assert len(network.states("terminal registered")) == 4
    assert not network.states("terminal lost")
    assert not network.states("client left out")
    assert sum(event.get("message") == "NAS Security Mode Command" for event in network.trace()) > IMPOSTORS
