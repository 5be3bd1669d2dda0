"""The data plane under attack, over real sockets: each attack is dropped under its name, and a good session goes on.

Processes, sessions and traffic are those of `benchmarks/data_plane.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from data_plane_methods.dep import Receiver, Sender  # noqa: E402
from data_plane_methods.dep_node import BULK_BEARER, HANDLE, IDENTITY, QUICK_BEARER, Node  # noqa: E402
from data_plane_methods.transfer import Row  # noqa: E402

from net4ai.codecs.dep import VERSION, DataBody, DepHeader, DepType  # noqa: E402
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation  # noqa: E402
from net4ai.stack.dep.constants import SEGMENT_SIZE  # noqa: E402
from net4ai.stack.dep.events import Event, MessageReceived  # noqa: E402
from net4ai.stack.dep_endpoint import SessionEnd  # noqa: E402
from net4ai.stack.drops import Drop  # noqa: E402
from net4ai.stack.io.udp import Batch  # noqa: E402

EVERY = 200
"""Datagrams of each attack."""
ROUNDS = 20
"""A part of them goes out with each message of the good session."""
MESSAGE = 100_000
FLAT = 2 << 20
"""Octets both processes may hold more than before, at the peak: the messages under way are among them."""
QUICK_QFI = 2
FAR = 1 << 20
"""Packet numbers and COUNTs ahead of the true ones."""
LONG = 100 * SEGMENT_SIZE
PATIENCE = 30.0
ROW = Row("attack", "", (), MESSAGE, ROUNDS * MESSAGE)


class Liar:
    """Makes PDUs as the peer of a session would; what is told to it is a lie."""

    def __init__(self) -> None:
        self.number = FAR
        self.generator = random.Random(1)

    def data(
        self,
        *,
        message: int,
        offset: int = 0,
        length: int = LONG,
        payload: bytes = bytes(SEGMENT_SIZE),
        bearer: int = QUICK_BEARER,
        qfi: int = QUICK_QFI,
        handle: int = HANDLE["receive"] + QUICK_BEARER,
        count: int | None = None,
    ) -> bytes:
        """DATA, with its layer-2 header."""
        self.number += 1
        layer_2 = L2Header(
            is_data=True,
            segmentation=Segmentation.COMPLETE,
            poll=False,
            has_mac=False,
            ciphered=False,
            bearer_type=BearerType.CRB,
            bearer=bearer,
            c_rnti=IDENTITY["send"],
            count=self.number if count is None else count,
        )
        header = DepHeader(
            version=VERSION,
            type=DepType.DATA,
            response=False,
            ack_requested=False,
            reencrypted=False,
            congestion=0,
            qfi=qfi,
            extension_words=0,
            handle=handle,
            message_id=message,
            offset=offset,
        )
        body = DataBody(message_length=length, packet_number=self.number)
        return layer_2.to_bytes() + header.to_bytes() + body.to_bytes() + payload


def credit_violation(liar: Liar) -> Iterator[bytes]:
    """Octets nobody has permitted."""
    for _ in range(EVERY):
        yield liar.data(message=1, offset=50 * SEGMENT_SIZE)


def unknown_session(liar: Liar) -> Iterator[bytes]:
    """Handles that were never given out."""
    for _ in range(EVERY):
        yield liar.data(message=1, handle=liar.generator.getrandbits(28))


def session_on_the_wrong_bearer(liar: Liar) -> Iterator[bytes]:
    """A session on a computing radio bearer that is there, and not its own."""
    for _ in range(EVERY):
        yield liar.data(message=1, bearer=BULK_BEARER)


def bearer_that_is_not_there(liar: Liar) -> Iterator[bytes]:
    for _ in range(EVERY):
        yield liar.data(message=1, bearer=7)


def unconfigured_flow(liar: Liar) -> Iterator[bytes]:
    """A QoS flow the session has not."""
    for _ in range(EVERY):
        yield liar.data(message=1, qfi=9)


def replayed_count(liar: Liar) -> Iterator[bytes]:
    """The same datagram again and again. A bearer without acknowledgement only counts them; DEP knows the message."""
    whole = liar.data(message=1, length=8, payload=bytes(8), count=5)
    for _ in range(EVERY + 1):
        yield whole


def other_octets(liar: Liar) -> Iterator[bytes]:
    """The same octets of a message twice, and not the same: the message is given up, the next one may come."""
    for message in range(1, EVERY + 1):
        for filling in (b"\x00", b"\xff"):
            yield liar.data(message=message, length=2 * SEGMENT_SIZE, payload=filling * SEGMENT_SIZE)


ATTACKS: dict[Callable[[Liar], Iterator[bytes]], Drop] = {
    credit_violation: Drop.CREDIT_VIOLATION,
    unknown_session: Drop.UNKNOWN_HANDLE,
    session_on_the_wrong_bearer: Drop.WRONG_BEARER,
    bearer_that_is_not_there: Drop.WRONG_BEARER,
    unconfigured_flow: Drop.FLOW_NOT_CONFIGURED,
    replayed_count: Drop.DUPLICATE,
    other_octets: Drop.OVERLAPPING_DATA,
}


class Checked(Receiver):
    """Compares every message."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.messages = 0
        self._expected = ROW.messages()[0]

    def on_event(self, end: SessionEnd, event: Event) -> None:
        super().on_event(end, event)
        assert isinstance(event, MessageReceived)
        assert event.message_id == self.messages + 1
        assert event.body == self._expected
        self.messages += 1


class Pair:
    """Two processes in one loop, each with its sockets; a good session carries messages while an attack goes on."""

    def __init__(self) -> None:
        self.sender, self.receiver = Node("send", ROW), Node("receive", ROW)
        self.lied_to: list[Event] = []

    async def __aenter__(self) -> Pair:
        there, here = await self.receiver.open(), await self.sender.open()
        self.sender.connect(there)
        self.receiver.connect(here)
        self.good, self.heard = Sender(self.sender), Checked(self.receiver)
        for node in (self.sender, self.receiver):
            node.session(lambda end, event: self.lied_to.append(event), QUICK_BEARER)
        return self

    async def __aexit__(self, *ended: object) -> None:
        self.sender.close()
        self.receiver.close()

    async def carry(self, between: Callable[[], None] = lambda: None) -> None:
        """The messages of the good session, one after another; `between` them something is done."""
        async with asyncio.timeout(PATIENCE):
            for number in range(self.heard.messages + 1, self.heard.messages + ROUNDS + 1):
                between()
                await self.good.carry(1)
                while self.heard.messages < number:  # noqa: ASYNC110  it is acknowledged, and about to be delivered
                    await asyncio.sleep(0)

    def say(self, datagrams: list[bytes]) -> None:
        """Send from the sender's bulk socket: the right address."""
        for datagram in datagrams:
            self.sender.link.bulk.send(Batch(datagram, len(datagram), self.receiver.link.bulk.address))

    async def dropped(self, reason: Drop, number: int) -> None:
        """Wait until so many datagrams were dropped for a reason."""
        async with asyncio.timeout(PATIENCE):
            while self.receiver.drops[reason] < number:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_dropped_under_its_name_and_the_good_session_goes_on(
    attack: Callable[[Liar], Iterator[bytes]],
) -> None:
    reason = ATTACKS[attack]
    lies = list(attack(Liar()))
    share = -(-len(lies) // ROUNDS)

    async def scenario() -> None:
        async with Pair() as pair:
            await pair.carry()
            left = list(lies)

            def between() -> None:
                pair.say(left[:share])
                del left[:share]

            tracemalloc.start()
            try:
                await pair.carry(between)
                await pair.dropped(reason, EVERY)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert pair.receiver.drops[reason] == EVERY
            assert peak < FLAT
            assert not pair.sender.driver.errors + pair.receiver.driver.errors
            assert pair.heard.messages == 2 * ROUNDS

    asyncio.run(scenario())


def test_a_forged_source_is_nobody() -> None:
    """What the sender itself might say comes from another port of the same machine."""

    async def scenario() -> None:
        async with Pair() as pair:
            liar = Liar()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:

                def between() -> None:
                    for _ in range(EVERY // ROUNDS):
                        stranger.sendto(liar.data(message=1), pair.receiver.link.bulk.address)

                await pair.carry(between)
            await pair.dropped(Drop.SOURCE_NOT_BOUND, EVERY)
            assert not pair.lied_to
            assert pair.heard.messages == ROUNDS

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def under_junk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """20,000 datagrams a second, turn by turn at the receiver and at a dead port, beside bulk: three processes."""
    output = tmp_path_factory.mktemp("junk") / "junk.json"
    command = [sys.executable, BENCHMARKS / "data_plane.py", "--row", "junk", "--rounds", "1", "--output", output]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (row,) = json.loads(output.read_text())["rows"]
    (extra,) = row["methods"]["junk"]["extra"]
    print(extra)
    return extra


def test_junk_does_not_halve_the_goodput(under_junk: Any) -> None:
    assert under_junk["ratio"] >= 0.5


def test_junk_loses_nothing_that_was_accepted(under_junk: Any) -> None:
    assert under_junk["messages"] > 0
    assert under_junk["wrong messages"] == under_junk["errors"] == 0


def test_junk_is_counted_and_not_kept(under_junk: Any) -> None:
    assert under_junk["drops"]["source not bound"] > 10_000
    assert under_junk["memory growth"] < 16 << 20
