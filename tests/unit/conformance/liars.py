"""Targets that tests make: RAN nodes of a few lines, honest or not, beside a tester in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from net4ai.codecs import n2, rrc
from net4ai.codecs.common import VersionRange
from net4ai.codecs.errors import DecodeError
from net4ai.conformance.case import Case, case
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.run import CaseResult, run_cases
from net4ai.conformance.statement import Statement, Times
from net4ai.conformance.tester import Surroundings
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.stream import FrameConnection
from net4ai.stack.io.udp import Batch
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu

RADIO, N2 = ("127.0.0.1", 46400), ("127.0.0.1", 46412)
STATEMENT = Statement(times=Times(appear=5.0))

Answer = Callable[[rrc.SetupRequest], Sequence[bytes]]
"""Datagrams that answer a request."""


def honest(request: rrc.SetupRequest) -> Sequence[bytes]:
    """Every request gets C-RNTI 7."""
    return [setup(request, request.ue_identity, 7)]


def setup(request: rrc.SetupRequest, ue_identity: int, c_rnti: int) -> bytes:
    """RRC Setup as a datagram."""
    return srb0_pdu(rrc.Setup(transaction=0, ue_identity=ue_identity, c_rnti=c_rnti, bulk_port=2).encode())


class FakeRanNode:
    """Sets N2 up, answers RRC Setup Requests as it likes, and nothing else."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def start(self, network: MemoryNetwork) -> None:
        endpoint = await network.open(*RADIO)

        def receive(batch: Batch) -> None:
            for octets in batch.segments():
                try:
                    request = rrc.Rrc.FAMILY.decode(srb0_sdu(octets))
                except DecodeError:
                    continue
                if isinstance(request, rrc.SetupRequest):
                    for datagram in self._answer(request):
                        endpoint.send(Batch(datagram, max(1, len(datagram)), batch.peer))

        endpoint.receive = receive
        self._connector = network.connect_forever(*N2, "core", self._connected)

    def _connected(self, connection: FrameConnection) -> None:
        request = n2.SetupRequest(versions=VersionRange(lowest=1, highest=1), node="fake")
        connection.send(request.encode())
        connection.receive = lambda frame: None

    def close(self) -> None:
        self._connector.close()


def run_against(answer: Answer | None, cases: Sequence[Case], folder: Path | None = None) -> list[CaseResult]:
    """Cases of role ran-node against a fake one; None: nobody is there."""

    async def run() -> list[CaseResult]:
        loop = asyncio.get_running_loop()
        network = MemoryNetwork(loop)
        surroundings = Surroundings(network, LoopClock(loop), random.Random(5).getrandbits)
        tester = RanNodeTester(surroundings, STATEMENT, RADIO, N2)
        fake = FakeRanNode(answer) if answer is not None else None
        await tester.open()
        if fake is not None:
            await fake.start(network)
        try:
            results, _ = await run_cases(tester, cases, folder)
        finally:
            tester.close()
            if fake is not None:
                fake.close()
        return results

    return run_virtual(run())


@case("FAKE-01", group="rrc", role="ran-node", clause="here", rows=("R99",), purpose="A request gets its Setup <&>.")
async def setup_comes(ran: RanNodeTester) -> None:
    """What most tests run."""
    ue = await ran.ue()
    ue.srb0.send(rrc.SetupRequest(ue_identity=5, cause=3, bulk_port=2))
    await ue.srb0.expect(rrc.Setup, ue_identity=5)
