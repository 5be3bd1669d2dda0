"""The words of ports: what each does, and what is told when it is not as expected."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest
from liars import STATEMENT

from net4ai.codecs import rrc
from net4ai.codecs.declaration import UnknownMessage
from net4ai.conformance.log import Packet
from net4ai.conformance.pattern import Malformed
from net4ai.conformance.port import MessagePort
from net4ai.conformance.statement import Statement
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.virtual_loop import run_virtual

REQUEST = rrc.SetupRequest(ue_identity=1, cause=3, bulk_port=2)
REJECT = rrc.Reject(ue_identity=1, wait_time=5, cause=16)


def setup(c_rnti: int) -> rrc.Setup:
    return rrc.Setup(transaction=0, ue_identity=1, c_rnti=c_rnti, bulk_port=2)


class Bench:
    """A port, what it has sent, and its tester."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.tester = Tester(Surroundings(MemoryNetwork(loop), LoopClock(loop), lambda bits: 1), STATEMENT, ("", 0))
        self.sent: list[bytes] = []
        self.port = MessagePort(self.tester, "SRB0", rrc.Rrc.FAMILY, lambda octets, to: self.sent.append(octets))

    def come(self, message: rrc.Rrc | bytes) -> Packet:
        octets = message if isinstance(message, bytes) else message.encode()
        packet = self.tester.log.packet("Uu", "ran-1", "ue-1", octets, "in")
        self.port.receive(octets, packet)
        return packet


def with_bench(body: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        await body(Bench())

    run_virtual(run())


def test_expect_gives_the_oldest_that_fits_and_leaves_the_others() -> None:
    async def body(bench: Bench) -> None:
        packets = [bench.come(message) for message in (REJECT, setup(7), setup(8))]
        assert await bench.port.expect(rrc.Setup) == setup(7)
        assert bench.port.last is not None and bench.port.last.packet is packets[1]
        assert await bench.port.expect(rrc.Setup, c_rnti=lambda number: number > 7) == setup(8)
        assert bench.port.arrived() == [REJECT]
        assert [packet.comments for packet in packets] == [
            [],
            ["expect RRC Setup"],
            ["expect RRC Setup (c_rnti=as the case demands)"],
        ]

    with_bench(body)


def test_expect_waits_within_its_time_and_not_longer() -> None:
    async def body(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(1.9, bench.come, setup(7))
        await bench.port.expect(rrc.Setup, within=2)
        assert loop.time() == pytest.approx(1.9)
        loop.call_later(2.1, bench.come, setup(7))
        with pytest.raises(Fail, match=r"expected RRC Setup within 2 s; nothing came"):
            await bench.port.expect(rrc.Setup, within=2)

    with_bench(body)


def test_what_came_instead_is_told() -> None:
    async def body(bench: Bench) -> None:
        for number in (7, 8):
            bench.come(setup(number))
        with pytest.raises(Fail, match=r"it came with c_rnti 8 \(2 of them came\)"):
            await bench.port.expect(rrc.Setup, c_rnti=9)
        bench.port.clear()
        bench.come(REJECT)
        with pytest.raises(Fail, match="came: RRC Reject: ue_identity 1, wait_time 5, cause NO_RESOURCES"):
            await bench.port.expect(rrc.Setup)

    with_bench(body)


def test_never_counts_what_is_there_and_what_comes() -> None:
    async def body(bench: Bench) -> None:
        await bench.port.never(rrc.Setup)
        bench.come(setup(7))
        await bench.port.never(rrc.Setup, c_rnti=8)
        with pytest.raises(Fail, match="c_rnti 7, bulk_port 2 must not come"):
            await bench.port.never(rrc.Setup)
        asyncio.get_running_loop().call_later(0.4, bench.come, setup(9))
        with pytest.raises(Fail, match="must not come"):
            await bench.port.never(rrc.Setup, within=0.5)

    with_bench(body)


def test_a_field_that_no_such_message_has_is_a_slip() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(TypeError, match="RRC Setup has no field crnti; it has bulk_port, c_rnti"):
            await bench.port.expect(rrc.Setup, crnti=1)

    with_bench(body)


def test_drop_loses_the_next_ones_both_ways() -> None:
    async def body(bench: Bench) -> None:
        bench.port.drop(rrc.Setup, c_rnti=7)
        bench.port.drop(rrc.SetupRequest, "out", times=2)
        for number in (8, 7, 7):
            bench.come(setup(number))
        assert bench.port.arrived() == [setup(8), setup(7)]
        for _ in range(3):
            bench.port.send(REQUEST)
        assert bench.sent == [REQUEST.encode()]

    with_bench(body)


def test_edit_changes_the_next_one() -> None:
    async def body(bench: Bench) -> None:
        bench.port.edit(rrc.SetupRequest, lambda message: dataclasses.replace(message, bulk_port=9))
        bench.port.edit(rrc.SetupRequest, lambda message: b"\xee damaged")
        bench.port.edit(rrc.Setup, lambda message: setup(99), "in")
        for _ in range(3):
            bench.port.send(REQUEST)
        assert bench.sent == [dataclasses.replace(REQUEST, bulk_port=9).encode(), b"\xee damaged", REQUEST.encode()]
        bench.come(setup(7))
        assert bench.port.arrived() == [setup(99)]

    with_bench(body)


def test_octets_that_are_no_message_are_kept_as_such() -> None:
    async def body(bench: Bench) -> None:
        bench.port.inject(b"\x01")
        assert bench.sent == [b"\x01"]
        bench.come(b"\x02\x00")
        bench.come(b"\xee\x01")
        malformed = await bench.port.expect(Malformed)
        assert (malformed.octets, malformed.error.reason) == (b"\x02\x00", "truncated")
        assert await bench.port.expect(UnknownMessage, code=0xEE) == UnknownMessage(0xEE, b"\x01")

    with_bench(body)


def test_who_waits_at_a_broken_port_is_told_at_once() -> None:
    async def body(bench: Bench) -> None:
        asyncio.get_running_loop().call_later(0.3, bench.port.fail, "the connection is lost")
        with pytest.raises(Fail, match="the connection is lost"):
            await bench.port.expect(rrc.Setup, within=100)
        assert asyncio.get_running_loop().time() == pytest.approx(0.3)

    with_bench(body)


def test_silence_of_a_broken_port_proves_nothing() -> None:
    async def body(bench: Bench) -> None:
        asyncio.get_running_loop().call_later(0.3, bench.port.fail, "the connection is lost")
        with pytest.raises(Inconclusive, match="the connection is lost"):
            await bench.port.never(rrc.Setup, within=100)

    with_bench(body)


def test_all_is_recorded() -> None:
    async def body(bench: Bench) -> None:
        bench.port.send(REQUEST)
        bench.come(setup(7))
        await bench.port.expect(rrc.Setup)
        with pytest.raises(Fail):
            await bench.port.expect(rrc.Reject)
        assert [(step.direction, step.outcome) for step in bench.tester.log.steps] == [
            ("out", ""),
            ("in", "expected"),
            ("note", "failed"),
        ]

    with_bench(body)


def test_patience_stretches_every_wait() -> None:
    async def body(bench: Bench) -> None:
        bench.tester.statement = Statement(patience=3.0)
        with pytest.raises(Fail, match="within 6 s"):
            await bench.port.expect(rrc.Setup)
        assert asyncio.get_running_loop().time() == pytest.approx(6)

    with_bench(body)
