"""A peer of a DEP session lies while a job runs: its message dies, the others arrive, and memory stays flat."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacker import Attacker
from network_run import Network, play
from test_attacked_run import SMALL, first_round, overheard

from net4ai.application_server.server import ApplicationServer
from net4ai.codecs.dep import DataBody, DepHeader, DepType
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack.dep.constants import MAXIMUM_OPEN, SEGMENT_SIZE
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address
from net4ai.ue.process import UeProcess

HIGHEST = 0xFFFF_FFFF
FLAT = 8 << 20
"""Octets the whole network may take more than without the attack, traces and reports included."""
EVERY = 50
"""Messages of each kind of lie to each session."""
NEXT = 4
"""First message id to which the true peer does not come."""
FAR = 1 << 20
IN_MID_TURN = 0.1
"""Seconds after a round has begun: sessions are there."""

Lie = tuple[int, int, int, bytes]
"""Message id, offset, length, payload."""


def ids() -> Iterator[int]:
    """Some that an ordered flow takes before their turn, some too far ahead."""
    for number in range(EVERY):
        yield NEXT + number % (MAXIMUM_OPEN - NEXT) if number % 2 else FAR + number


def largest() -> Iterator[Lie]:
    """Announced are as many octets as there can be."""
    for message in ids():
        yield message, 0, HIGHEST, b""
        yield message, 0, HIGHEST, bytes(SEGMENT_SIZE)


def beyond_the_end() -> Iterator[Lie]:
    """Offsets behind the message, and where the sum leaves 32 bits."""
    for message in ids():
        yield message, 10 * SEGMENT_SIZE, 5 * SEGMENT_SIZE, bytes(SEGMENT_SIZE)
        yield message, HIGHEST // SEGMENT_SIZE * SEGMENT_SIZE, HIGHEST, bytes(HIGHEST % SEGMENT_SIZE)


def other_octets() -> Iterator[Lie]:
    """The same segment twice, with other octets."""
    for message in ids():
        yield message, 0, 2 * SEGMENT_SIZE, bytes(SEGMENT_SIZE)
        yield message, 0, 2 * SEGMENT_SIZE, b"\xff" * SEGMENT_SIZE


LIES = {"largest": largest, "beyond the end": beyond_the_end, "other octets": other_octets}
REASONS = {
    "largest": (Drop.MESSAGE_TOO_LARGE,),
    "beyond the end": (Drop.WRONG_SEGMENT,),
    "other octets": (Drop.OVERLAPPING_DATA, Drop.BEYOND_WINDOW),
}


class Liar:
    """Speaks in the place of the peer of a session end: right addresses, right handle, COUNT ahead of the true one."""

    def __init__(self, end: SessionEnd, to: Address) -> None:
        self.end = end
        self.to = to
        self._count = 1000

    def datagrams(self, lies: Iterator[Lie]) -> Iterator[tuple[bytes, Address, Address]]:
        hop, (qfi, flow) = self.end.hop, next(iter(self.end.session.flows.items()))
        bearer_type = BearerType.CRB if hop.name.link == "Uu" else BearerType.FIXED_LINK
        for number, (message, offset, length, payload) in enumerate(lies):
            self._count += 1
            layer_2 = L2Header(
                is_data=True,
                segmentation=Segmentation.COMPLETE,
                poll=False,
                has_mac=False,
                ciphered=False,
                bearer_type=bearer_type,
                bearer=flow.bearer,
                c_rnti=hop.identity,
                count=self._count,
            )
            header = DepHeader(
                version=1,
                type=DepType.DATA,
                response=False,
                ack_requested=False,
                reencrypted=False,
                congestion=0,
                qfi=qfi,
                extension_words=0,
                handle=self.end.handle,
                message_id=message,
                offset=offset,
            )
            body = DataBody(message_length=length, packet_number=FAR + number)
            pdu = layer_2.to_bytes() + header.to_bytes() + body.to_bytes() + payload
            yield pdu, hop.bulk_address, self.to


def session_ends(network: Network) -> Iterator[tuple[SessionEnd, Address]]:
    """Ends at UEs and at application servers, and the bulk address of each."""
    for node in network.run.nodes:
        machine = node.driver.machine
        if isinstance(machine, UeProcess):
            endpoint, port = machine.endpoint, machine.sockets.bulk_port
        elif isinstance(machine, ApplicationServer):
            endpoint, port = machine.link.endpoint, machine.link.attachment._sockets.bulk_port
        else:
            continue
        for end in endpoint.sessions.values():
            yield end, (node.platform.run.host, port)


@pytest.mark.parametrize("kind", LIES)
def test_a_lying_peer_of_a_live_session(tmp_path: Path, kind: str, seed: int) -> None:
    lied_to: Counter[str] = Counter()

    async def story(network: Network) -> None:
        attacker = Attacker(overheard(network), seed)
        await network.start()
        await first_round(network)
        await asyncio.sleep(IN_MID_TURN)
        liars = [Liar(end, to) for end, to in session_ends(network)]
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for liar in liars:
            await attacker.send(liar.datagrams(LIES[kind]()))
            lied_to[liar.end.hop.name.link] += 1
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - before < FLAT
        assert not network.ended.done(), "the lies came too late"
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, toys=True)
    assert set(lied_to) == {"Uu", "T4"}
    assert len(network.results) == 3
    assert not network.states("client left out")
    reasons = Counter(event["drop"] for event in network.trace() if event["kind"] == "drop")
    assert all(reasons[reason] >= lied_to.total() for reason in REASONS[kind]), reasons
