"""Each case begins afresh, whatever the one before has left: nothing stays at the target, and it comes back."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from net4ai.app.conformance import load_statement
from net4ai.app.conformance_target import HOST, OwnNode, make_tester
from net4ai.application_server.find_function import installed_function
from net4ai.application_server.server import ApplicationServer
from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.conformance.case import ROLES, Case, case, select
from net4ai.conformance.cases import all_cases
from net4ai.conformance.run import CaseResult, run_case
from net4ai.conformance.tester import Surroundings
from net4ai.conformance.ue_tester import UeTester
from net4ai.conformance.verdict import Fail, Verdict
from net4ai.ran_node.node import RanNode
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.ue.process import UeProcess

STATEMENT = load_statement()


def left(machine: Any) -> dict[str, int]:
    """What a node still holds of a case."""
    match machine:
        case RanNode():
            return {"contexts": len(machine.contexts), "half open": len(machine.half_open)}
        case UeProcess():
            return {"sessions": len(machine.endpoint.sessions)}
        case ApplicationServer():
            return {"instances": len(machine.instances), "sessions": len(machine.endpoint.sessions)}
    raise AssertionError(type(machine))


def run(role: str, cases: list[Case], folder: Path) -> list[tuple[CaseResult, dict[str, int]]]:
    """Each case with what it has left, a while later."""

    async def main() -> list[tuple[CaseResult, dict[str, int]]]:
        loop = asyncio.get_running_loop()
        network = MemoryNetwork(loop)
        own = OwnNode(network, folder, STATEMENT, lambda line: None, installed_function)
        surroundings = Surroundings(network, LoopClock(loop), random.Random(3).getrandbits)
        tester = make_tester(role, surroundings, STATEMENT, (HOST, 0), (HOST, 0))
        found = []
        try:
            await tester.open()
            await own.start(tester)
            for each in cases:
                result = await run_case(tester, each)
                await asyncio.sleep(0.2 if role == "ue" else 6)  # half-open connections have a timer
                assert own.node is not None
                found.append((result, left(own.node.driver.machine)))
            assert own.node is not None and own.node.driver.errors == 0
        finally:
            own.close()
            tester.close()
        return found

    return run_virtual(main())


@pytest.mark.parametrize("role", ROLES)
def test_cases_leave_nothing(role: str, tmp_path: Path) -> None:
    cases = select(all_cases(), role, STATEMENT).cases
    remains = {result.case.identity: what for result, what in run(role, cases, tmp_path) if any(what.values())}
    assert remains == {}


def of_ue(number: int) -> Any:
    return case(f"FRESH-{number:02}", group="rrc", role="ue", clause="here", purpose="It leaves something.")


@of_ue(1)
async def idle_and_registered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))


@of_ue(2)
async def radio_link_failure(ran: UeTester) -> None:
    await ran.registered_ue()
    ran.cell.on = False
    ran.pdus.drop(object, "out", times=1000)
    await ran.sleep(8)


@of_ue(3)
async def failed(ran: UeTester) -> None:
    await ran.session()
    raise Fail("in the middle")


@of_ue(4)
async def half_way(ran: UeTester) -> None:
    await ran.setup_request()


@of_ue(5)
async def barred(ran: UeTester) -> None:
    ran.cell.barred = True
    await ran.sleep(5)


@of_ue(9)
async def registers(ran: UeTester) -> None:
    await ran.session()


@pytest.mark.parametrize("before", [idle_and_registered, radio_link_failure, failed, half_way, barred])
def test_the_ue_comes_back_after(before: Case, tmp_path: Path) -> None:
    results = run("ue", [registers, before, registers], tmp_path)
    assert [(result.verdict, result.why) for result, _ in results][::2] == [(Verdict.PASS, "")] * 2
