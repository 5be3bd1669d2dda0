"""An attacker in a network in memory: hears everything, sends what it likes, from its own address or another's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from net4ai.codecs import link, nas, rrc
from net4ai.codecs.common import VersionRange
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.hop import Address
from net4ai.stack.io.memory_network import MemoryEndpoint, MemoryNetwork
from net4ai.stack.link_peer import read_unattached, unattached_pdu
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu
from net4ai.ue.nas_security_mode import CAPABILITIES

RECORDED = 20_000
"""Datagrams an attacker keeps."""
LONGEST = 2000
"""Octets of the longest one it keeps: bulk data is all the same."""
PAUSE = 0.001
"""Seconds between two bursts."""
BURST = 50


class OverheardNetwork(MemoryNetwork):
    """Keeps what was sent: octets, source, destination."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.heard: list[tuple[bytes, Address, Address]] = []

    def _carry(self, data: bytes, stride: int, source: MemoryEndpoint, peer: Address) -> None:
        if stride <= LONGEST and len(self.heard) < RECORDED:
            for start in range(0, len(data), stride):
                self.heard.append((data[start : start + stride], source.address, peer))
        super()._carry(data, stride, source, peer)

    @property
    def addresses(self) -> list[Address]:
        """Of all open UDP endpoints."""
        return list(self._endpoints)

    def inject(self, data: bytes, source: Address, peer: Address) -> None:
        """A datagram arrives that was sent from anywhere, or says so."""
        if (target := self._endpoints.get(peer)) is not None:
            target._arrive(data, max(1, len(data)), source)


def mutated(generator: random.Random, whole: bytes) -> bytes:
    """`whole` damaged in one of the ways attackers like."""
    at, other = generator.randrange(len(whole)), generator.randrange(len(whole))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: whole[:at] + bytes((whole[at] ^ 1 << generator.randrange(8),)) + whole[at + 1 :],
        lambda: whole[:at] + generator.randbytes(1) + whole[at + 1 :],
        lambda: whole[:at],
        lambda: whole[:at] + whole[at + 1 :],
        lambda: whole[:at] + generator.randbytes(generator.randrange(5)) + whole[at:],
        lambda: whole[:at] + whole[min(at, other) : max(at, other)] + whole[at:],
        lambda: whole[:at] + bytes((generator.choice((0, 255)),)) * (len(whole) - at),
    )
    return generator.choice(ways)()


def header(data: bytes) -> L2Header | None:
    try:
        return L2Header.read(data)[0]
    except DecodeError:
        return None


def is_srb1(data: bytes) -> bool:
    """Protected by keys: whatever an attacker makes of it is to be found out."""
    found = header(data)
    return found is not None and found.c_rnti != 0 and found.bearer_type == BearerType.SRB


def opens_a_link(data: bytes) -> bool:
    """An attach request. T4 and T8 have no keys yet: under the name of another it takes that one's place."""
    try:
        return isinstance(read_unattached(data)[0], link.AttachRequest)
    except DecodeError:
        return False


def may_be_answered(data: bytes) -> bool:
    """Something that a stranger may ask: to camp, to connect, to attach. All else must be dropped."""
    try:
        asked = rrc.Rrc.FAMILY.decode(srb0_sdu(data))
    except DecodeError:
        return opens_a_link(data)
    return isinstance(asked, rrc.SystemInformationRequest | rrc.SetupRequest | rrc.ReestablishmentRequest)


class Attacker:
    """Sends in bursts, so that nobody's receive buffer overflows: everything is to be judged."""

    def __init__(self, network: OverheardNetwork, seed: int) -> None:
        self.network = network
        self.random = random.Random(seed)
        self.sent = 0
        self._next_stranger = 0

    def stranger(self) -> Address:
        """An address nobody has heard of."""
        self._next_stranger += 1
        return f"10.{self._next_stranger >> 16}.{self._next_stranger >> 8 & 255}.{self._next_stranger & 255}", 4711

    async def send(self, datagrams: Iterator[tuple[bytes, Address, Address]]) -> None:
        """Octets, source, destination."""
        for datagram in datagrams:
            self.network.inject(*datagram)
            self.sent += 1
            if self.sent % BURST == 0:
                await asyncio.sleep(PAUSE)
        await asyncio.sleep(PAUSE)

    def noise(self, count: int, ports: list[Address]) -> Iterator[tuple[bytes, Address, Address]]:
        """Random octets and mutations of what was heard, from strangers, to every port."""
        heard = [data for data, _, _ in self.network.heard]
        for port in ports:
            for number in range(count):
                data = (
                    self.random.randbytes(self.random.randrange(1, 60))
                    if number % 2
                    else mutated(self.random, self.random.choice(heard))
                )
                if data and not opens_a_link(data):
                    yield data, self.stranger(), port

    def replays(self, count: int) -> Iterator[tuple[bytes, Address, Address]]:
        """What was heard, once more, as it was."""
        yield from (self.random.choice(self.network.heard) for _ in range(count))

    def forged_srb1(self, count: int) -> Iterator[tuple[bytes, Address, Address]]:
        """Mutations of SRB1, from the right address to the right one."""
        heard = [datagram for datagram in self.network.heard if is_srb1(datagram[0])]
        for _ in range(count):
            data, source, peer = self.random.choice(heard)
            forged = mutated(self.random, data)
            if is_srb1(forged):
                yield forged, source, peer

    def set_up_requests(self, count: int, port: Address) -> Iterator[tuple[bytes, Address, Address]]:
        """Connections that are begun and never completed."""
        for _ in range(count):
            request = rrc.SetupRequest(
                ue_identity=self.random.getrandbits(64), cause=rrc.EstablishmentCause.MO_SIGNALLING, bulk_port=4712
            )
            yield srb0_pdu(request.encode()), self.stranger(), port

    def camping_requests(self, count: int, port: Address) -> Iterator[tuple[bytes, Address, Address]]:
        """UE processes that do not exist."""
        pdu = srb0_pdu(rrc.SystemInformationRequest().encode())
        yield from ((pdu, self.stranger(), port) for _ in range(count))

    def attach_requests(
        self, count: int, kind: link.AttachKind, port: Address
    ) -> Iterator[tuple[bytes, Address, Address]]:
        """Peers that do not exist."""
        for number in range(count):
            request = link.AttachRequest(
                kind=kind,
                name=f"stranger-{port[1]}-{number}",
                versions=VersionRange(lowest=link.VERSION, highest=link.VERSION),
                bulk_port=4712,
            )
            yield unattached_pdu(request, number), self.stranger(), port

    def false_registrations(self, subscriber: str, port: Address) -> Iterator[tuple[bytes, Address, Address]]:
        """Strangers who were given a connection complete it, and claim to be somebody."""
        request = nas.RegistrationRequest(
            versions=VersionRange(lowest=nas.VERSION, highest=nas.VERSION),
            identity=subscriber,
            capabilities=CAPABILITIES,
        )
        for data, source, stranger in list(self.network.heard):
            try:
                setup = rrc.Rrc.FAMILY.decode(srb0_sdu(data))
            except DecodeError:
                continue
            if source == port and isinstance(setup, rrc.Setup):
                complete = rrc.SetupComplete(transaction=setup.transaction, nas=request.encode())
                srb1 = replace(L2Header.read(data)[0], bearer=1, c_rnti=setup.c_rnti, poll=True)
                yield srb1.to_bytes() + complete.encode(), stranger, port
