"""Verdicts: honest targets pass, liars fail, absent ones are inconclusive; nothing a target sends ends the tester."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from liars import honest, run_against, setup, setup_comes

from net4ai.codecs import rrc
from net4ai.conformance.case import Case, case
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.run import CaseResult
from net4ai.conformance.verdict import Verdict
from net4ai.stack.io.capture_reader import read_capture
from net4ai.stack.srb0 import srb0_pdu


def of_body(body: object, limit: float = 60.0) -> Case:
    return case("FAKE-09", group="rrc", role="ran-node", clause="here", purpose="A case of a test.", limit=limit)(body)  # type: ignore[arg-type]


def one(answer: object, body: Case = setup_comes, folder: Path | None = None) -> CaseResult:
    [result] = run_against(answer, [body], folder)  # type: ignore[arg-type]
    return result


def other_identity(request: rrc.SetupRequest) -> Sequence[bytes]:
    return [setup(request, request.ue_identity + 1, 7)]


def refusing(request: rrc.SetupRequest) -> Sequence[bytes]:
    return [srb0_pdu(rrc.Reject(ue_identity=request.ue_identity, wait_time=1, cause=16).encode())]


def garbage(request: rrc.SetupRequest) -> Sequence[bytes]:
    """Everything that is no message: short, long, unknown, of other bearers, with a MAC-I, ciphered."""
    whole = setup(request, 5, 7)
    return [
        *(whole[:length] for length in range(1, len(whole))),
        whole + b"\0",
        *(bytes((first, second)) + whole[2:] for first in range(0, 256, 5) for second in (0, 1, 0x41, 0x81, 0xC0)),
        bytes(60_000),
        b"\xff" * 1500,
    ]


def test_an_honest_target_passes() -> None:
    result = one(honest)
    assert (result.verdict, result.why) == (Verdict.PASS, "")
    assert [step.outcome for step in result.steps if "RRC Setup:" in step.text] == ["expected"]


def test_another_identity_fails_and_is_named() -> None:
    result = one(other_identity)
    assert result.verdict is Verdict.FAIL
    assert result.why == "SRB0: expected RRC Setup (ue_identity=5) within 2 s; it came with ue_identity 6"
    assert [step.outcome for step in result.steps].count("failed") == 1


def test_another_message_fails_and_is_named() -> None:
    result = one(refusing)
    assert result.verdict is Verdict.FAIL
    assert result.why.endswith("came: RRC Reject: ue_identity 5, wait_time 1, cause NO_RESOURCES")


def test_silence_fails() -> None:
    assert one(lambda request: []).why.endswith("nothing came")


def test_garbage_fails_and_does_no_harm() -> None:
    results = run_against(garbage, [setup_comes, of_body(no_setup)])
    assert [result.verdict for result in results] == [Verdict.FAIL, Verdict.PASS]
    assert "malformed" in results[0].why


async def no_setup(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.srb0.send(rrc.SetupRequest(ue_identity=5, cause=3, bulk_port=2))
    await ue.srb0.never(rrc.Setup)


def test_what_must_not_come_fails() -> None:
    result = one(honest, of_body(no_setup))
    assert result.verdict is Verdict.FAIL
    assert "RRC Setup: transaction 0, ue_identity 5, c_rnti 7, bulk_port 2 must not come" in result.why


def test_what_fails_before_the_case_is_inconclusive() -> None:
    async def body(ran: RanNodeTester) -> None:
        await ran.connected_ue()

    result = one(lambda request: [], of_body(body))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.why.startswith("RRC connection: SRB0: expected RRC Setup")


def test_an_absent_target_is_inconclusive_and_soon_no_longer_waited_for() -> None:
    results = run_against(None, [setup_comes] * 30)
    assert {result.verdict for result in results} == {Verdict.INCONCLUSIVE}
    assert results[0].why == "no RAN node has connected to N2 at 127.0.0.1:46412 within 5 s"
    assert results[0].seconds == pytest.approx(5, abs=0.1)
    assert sum(result.seconds for result in results[1:]) < 10


def test_a_wrong_case_is_inconclusive_and_the_next_one_runs() -> None:
    async def body(ran: RanNodeTester) -> None:
        ue = await ran.ue()
        await ue.srb0.expect(rrc.Setup, ue_identty=5)

    wrong, right = run_against(honest, [of_body(body), setup_comes])
    assert wrong.verdict is Verdict.INCONCLUSIVE
    assert "the case itself is wrong: TypeError: RRC Setup has no field ue_identty" in wrong.why
    assert "test_run.py" in wrong.detail
    assert right.verdict is Verdict.PASS


def test_a_case_that_hangs_is_given_up() -> None:
    async def body(ran: RanNodeTester) -> None:
        await asyncio.Event().wait()

    result = one(honest, of_body(body, limit=3))
    assert (result.verdict, result.why) == (Verdict.INCONCLUSIVE, "not done within 3 s")


def test_an_interruption_keeps_what_there_is(tmp_path: Path) -> None:
    async def body(ran: RanNodeTester) -> None:
        await ran.ue()
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    results = run_against(honest, [setup_comes, of_body(body), setup_comes], tmp_path)
    assert [(result.verdict.value, result.why) for result in results] == [("pass", ""), ("inconclusive", "interrupted")]
    assert {path.name for path in tmp_path.iterdir()} == {"FAKE-01.pcapng", "FAKE-09.pcapng"}


def test_a_target_that_closes_n2_is_told_at_once() -> None:
    async def body(ran: RanNodeTester) -> None:
        await ran.core.ready()
        ran.core.disconnect()
        await ran.core.n2.expect(rrc.Setup, within=50)

    result = one(honest, of_body(body))
    assert result.verdict is Verdict.FAIL
    assert "the connection is lost: closed by the tester" in result.why
    assert result.seconds < 1


# ---------------------------------------------------------------------------------------------------------------------
# Captures


def comments_of(path: Path) -> list[str]:
    """Comments of all packets, as tshark shows them."""
    if shutil.which("tshark") is None:
        pytest.skip("needs tshark")
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.comment"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return shown.splitlines()


@pytest.mark.tshark
@pytest.mark.parametrize(
    ("answer", "verdict", "expected"),
    [
        (honest, "VERDICT pass", "expect RRC Setup (ue_identity=5)"),
        (other_identity, "VERDICT fail: SRB0: expected RRC Setup", "expect RRC Setup (ue_identity=5): it did not come"),
    ],
)
def test_comments_tell_case_expectation_and_verdict(
    answer: object, verdict: str, expected: str, tmp_path: Path
) -> None:
    result = one(answer, folder=tmp_path)
    comments = comments_of(tmp_path / result.capture)
    assert comments[0].startswith("CASE FAKE-01: A request gets its Setup <&>. (R99) [here]")
    assert verdict in comments[-1]
    assert any(expected in comment for comment in comments)


@pytest.mark.tshark
def test_a_case_without_packets_tells_in_the_comment_of_the_file(tmp_path: Path) -> None:
    result = one(None, folder=tmp_path)
    assert comments_of(tmp_path / result.capture) == []
    section = (tmp_path / result.capture).read_bytes()
    assert b"CASE FAKE-01: A request gets its Setup" in section and b"VERDICT inconclusive: no RAN node" in section


def test_the_capture_has_every_packet_both_ways(tmp_path: Path) -> None:
    one(garbage, folder=tmp_path)
    packets = read_capture(tmp_path / "FAKE-01.pcapng").packets
    request = rrc.SetupRequest(ue_identity=5, cause=3, bulk_port=2)
    assert [packet.direction for packet in packets] == ["in", "out", "out"] + ["in"] * len(garbage(request))
