"""Forwarding PDU by PDU. Whole transfers over relays are in dep/test_path.py."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import RELAY_IDLE, RELAYED_MESSAGES, SCHEDULED_MINIMUM, SILENCE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import NotEnoughCredit
from net4ai.stack.drops import Drop
from net4ai.stack.label_switch import LabelSwitch, RouteEnd
from net4ai.stack.runs import segments
from net4ai.stack.units import SECOND

FLOWS = {1: FlowMapping(qfi=1, bearer=1)}
LIMITS = SessionLimits(segment_size=1000, unscheduled=4000, maximum_message=1 << 20, maximum_open=8)
UP_IN, UP_OUT, DOWN_IN, DOWN_OUT = 0x11, 0x12, 0x21, 0x22


class Switch:
    """One route between the legs "up" and "down"."""

    def __init__(self, budget: int = 1 << 18) -> None:
        self.budgets = {"up": CreditBudget(budget), "down": CreditBudget(budget)}
        self.dropped: list[Drop] = []
        self.switch: LabelSwitch[str] = LabelSwitch(on_drop=lambda reason, octets: self.dropped.append(reason))
        self.up = RouteEnd("up", UP_IN, UP_OUT, LIMITS, FLOWS, self.budgets["up"])
        self.down = RouteEnd("down", DOWN_IN, DOWN_OUT, LIMITS, FLOWS, self.budgets["down"])
        self.switch.add(self.up, self.down, version=1)
        self.now = 0

    def forward(self, leg: str, kind: int, body: bytes = b"", *, handle: int | None = None, **fields):
        """What comes of a PDU, and the PDU after that."""
        if handle is None:
            handle = UP_IN if leg == "up" else DOWN_IN
        fields.setdefault("qfi", 1)
        pdu = bytearray(8) + pdus.pack_header(1, DepType(kind), handle=handle, **fields) + body
        return self.switch.forward(leg, pdu, self.now), pdu

    def data(self, offset: int, length: int, size: int, message_id: int = 1, leg: str = "up"):
        body = struct.pack(">II", length, 99) + bytes(size)
        return self.forward(leg, DepType.DATA, body, offset=offset, message_id=message_id)[0]

    def grant(self, limit: int, message_id: int = 1) -> int | None:
        """A GRANT from below; the limit that is passed on at once."""
        end, pdu = self.forward("down", DepType.GRANT, pdus.grant(limit), message_id=message_id)
        if end is None:
            return None
        assert end is self.up
        return int.from_bytes(pdu[24:28], "big")

    def controls(self) -> list[tuple[str, int, int]]:
        """Leg, type and first word of the body of what the relay sends itself."""
        found = []
        for end, pdu in self.switch.control_to_send(self.now):
            assert pdu[:8] == bytes(8)
            header = pdus.header(pdu, 8)
            assert header.handle == end.handle_out
            found.append((end.leg, header.type, int.from_bytes(pdu[24:28], "big")))
        return found


def test_a_flow_comes_over_its_own_bearer_only():
    """R103: the bearer selects the flow. After a change of bearers that is the new one, at once."""
    one = Switch()
    ping = bytes(8) + pdus.pack_header(1, DepType.PING, handle=UP_IN, qfi=1) + bytes(4)
    assert one.switch.forward("up", bytearray(ping), 0, bearer=1) is one.down
    assert one.switch.forward("up", bytearray(ping), 0, bearer=2) is Drop.WRONG_BEARER
    one.switch.remap("up", UP_IN, {1: FlowMapping(qfi=1, bearer=2)})
    assert one.switch.forward("up", bytearray(ping), 0, bearer=1) is Drop.WRONG_BEARER
    assert one.switch.forward("up", bytearray(ping), 0, bearer=2) is one.down
    end, _ = one.forward("down", DepType.PING, bytes(4))
    assert end.flows[1].bearer == 2
    one.switch.remap("up", 0x99, {})  # no such route
    one.switch.remove("down", DOWN_IN)
    assert not len(one.switch) and not one.budgets["up"].promised


@pytest.mark.parametrize("kind", [*DepType, 13, 14])
def test_only_the_handle_changes(kind):
    one = Switch()
    for leg, end in (("up", one.down), ("down", one.up)):
        pdu = bytearray(random.Random(kind).randbytes(60))
        pdu[8:12] = bytes([0x10 | kind, 0x80, 1, 0])
        pdu[12:16] = (UP_IN if leg == "up" else DOWN_IN).to_bytes(4, "big")
        pdu[20:28] = bytes(6) + b"\x00\x1c"  # offset 0, message length 28
        before = bytes(pdu)
        exit = one.switch.forward(leg, pdu, 0)
        if kind == DepType.GRANT:
            assert exit is Drop.UNKNOWN_MESSAGE
            continue
        assert exit is end
        assert pdu[12:16] == end.handle_out.to_bytes(4, "big")
        assert pdu[:12] == before[:12]
        assert pdu[16:] == before[16:]


def test_unknown_handles_versions_and_flows():
    one = Switch()
    assert one.forward("up", DepType.PING, bytes(4), handle=DOWN_IN)[0] is Drop.UNKNOWN_HANDLE
    assert one.forward("else", DepType.PING, bytes(4), handle=UP_IN)[0] is Drop.UNKNOWN_HANDLE
    assert one.forward("up", DepType.PING, bytes(4), handle=0)[0] is Drop.UNKNOWN_HANDLE
    assert one.forward("up", DepType.PING, bytes(4), qfi=2)[0] is Drop.FLOW_NOT_CONFIGURED
    assert one.switch.forward("up", bytearray(23), 0) is Drop.TRUNCATED
    assert one.forward("up", DepType.DATA, bytes(7))[0] is Drop.TRUNCATED
    wrong = bytearray(8) + pdus.pack_header(2, DepType.PING, handle=UP_IN, qfi=1)
    assert one.switch.forward("up", wrong, 0) is Drop.WRONG_VERSION
    assert sum(one.switch.drops.values()) == len(one.dropped) == 7


def test_routes_come_and_go():
    one = Switch()
    assert len(one.switch) == 1
    with pytest.raises(ValueError, match="taken"):
        one.switch.add(one.up, one.down, version=1)
    assert [budget.promised for budget in one.budgets.values()] == [4000, 4000]
    one.data(0, 100_000, 1000)
    one.grant(50_000)
    assert one.switch.messages == 1
    one.switch.remove("down", DOWN_IN)
    one.switch.remove("down", DOWN_IN)
    assert (len(one.switch), one.switch.messages) == (0, 0)
    assert all(budget.promised == budget.reserved == 0 for budget in one.budgets.values())
    assert one.data(0, 10, 10) is Drop.UNKNOWN_HANDLE
    assert one.switch.next_deadline() is None
    one.switch.add(one.up, one.down, version=1)
    one.switch.remove_leg("up")
    assert len(one.switch) == 0


def test_a_route_without_credit_is_refused_as_a_whole():
    one = Switch()
    poor = CreditBudget(SCHEDULED_MINIMUM)
    with pytest.raises(NotEnoughCredit):
        one.switch.add(
            RouteEnd("up", 5, 6, LIMITS, FLOWS, one.budgets["up"]),
            RouteEnd("down", 7, 8, LIMITS, FLOWS, poor),
            version=1,
        )
    assert len(one.switch) == 1
    assert one.budgets["up"].promised == 4000


def test_small_messages_leave_no_state():
    one = Switch()
    for message_id in range(1, 10):
        assert one.data(0, 4000, 1000, message_id) is one.down
    assert one.switch.messages == 0
    assert one.data(0, 4000, 0) is one.down
    assert one.switch.messages == 1


def test_credit_is_passed_on_as_the_own_socket_has_room():
    one = Switch(budget=1 << 17)
    length = 1_000_000
    assert one.data(0, length, 1000) is one.down
    assert one.data(4000, length, 1000) is Drop.CREDIT_VIOLATION
    passed = one.grant(500_000)
    assert passed is not None and 4000 < passed < 100_000
    assert passed % 1000 == 0
    assert one.budgets["up"].reserved == passed - 1000
    assert one.data(passed, length, 1000) is Drop.CREDIT_VIOLATION
    for offset in range(1000, passed, 1000):
        assert one.data(offset, length, 1000) is one.down
    grants = one.controls()
    assert grants[-1][:2] == ("up", DepType.GRANT)
    assert passed < grants[-1][2] < 500_000
    assert one.data(passed, length, 1000) is one.down


def test_all_received_credit_is_passed_on_in_the_end_and_no_more():
    one = Switch(budget=SCHEDULED_MINIMUM + 4000)
    passed = one.grant(500_000) if one.data(0, 1_000_000, 1000) is one.down else None
    reached = 1000
    while passed < 500_000:
        for offset in range(reached, passed, 1000):
            assert one.data(offset, 1_000_000, 1000) is one.down
        reached = passed
        passed = max(limit for *_, limit in one.controls())
    assert passed == 500_000
    assert one.data(500_000, 1_000_000, 1000) is Drop.CREDIT_VIOLATION


def test_a_grant_without_room_is_kept_and_the_sender_hears_busy():
    one = Switch(budget=SCHEDULED_MINIMUM + 4000)
    budget = one.budgets["up"]
    hogs = [budget.claim("hog", length=1 << 20, segment=60000)]
    hogs.append(budget.claim("hog", length=1 << 20, segment=budget.free))
    assert budget.free == 0
    one.data(0, 100_000, 1000, 7)
    assert one.grant(50_000, 7) is None
    assert one.controls() == [("up", DepType.BUSY, 0)]
    assert one.switch.next_deadline() != 0
    for hog in hogs:
        hog.close()
    assert one.switch in one.budgets["up"].take_ready()
    assert one.switch.next_deadline() == 0
    ((leg, kind, limit),) = one.controls()
    assert (leg, kind) == ("up", DepType.GRANT) and limit > 4000


def test_own_grants_are_repeated_until_data_answers():
    one = Switch(budget=1 << 17)
    one.data(0, 1_000_000, 1000)
    passed = one.grant(500_000)
    for offset in range(1000, passed, 1000):
        one.data(offset, 1_000_000, 1000)
    limit = one.controls()[-1][2]
    for _ in range(3):
        one.now = one.switch.next_deadline()
        one.switch.advance(one.now)
        assert one.controls() == [("up", DepType.GRANT, limit)]
    assert one.now == (1 + 2 + 4) * SILENCE
    for offset in range(passed, limit, 1000):
        one.data(offset, 1_000_000, 1000)
    one.controls()
    repeated = one.switch.next_deadline()
    assert repeated > one.now


def test_the_final_ack_ends_the_state_and_late_repetitions_pass():
    one = Switch()
    one.data(0, 50_000, 1000)
    assert one.grant(50_000) == 50_000
    for offset in range(1000, 50_000, 1000):
        one.data(offset, 50_000, 1000)
    ack = pdus.ack(50, 0, 1000, b"")
    assert one.forward("down", DepType.ACK, ack, message_id=1, offset=40_000)[0] is one.up
    assert one.switch.messages == 1
    assert one.forward("down", DepType.ACK, ack, message_id=1, offset=50_000)[0] is one.up
    assert one.switch.messages == 0
    assert one.budgets["up"].reserved == 0
    assert one.switch.next_deadline() is None
    assert one.data(49_000, 50_000, 1000) is one.down
    assert one.data(49_000, 50_001, 1000) is Drop.CREDIT_VIOLATION
    assert one.switch.messages == 0


@pytest.mark.parametrize(
    ("kind", "body", "left"),
    [
        (DepType.ERROR, pdus.error(Cause.OVERLAPPING_DATA, 0), 0),
        (DepType.ERROR, pdus.error(Cause.CREDIT_VIOLATION, 0), 1),
        (DepType.CLOSE, pdus.close(Cause.NORMAL), 0),
        (DepType.BUSY, bytes(4), 1),
        (DepType.NACK, bytes(8), 1),
    ],
)
def test_what_else_ends_the_state(kind, body, left):
    one = Switch()
    one.data(0, 50_000, 1000)
    one.grant(50_000)
    assert one.forward("down", kind, body, message_id=1)[0] is one.up
    assert one.switch.messages == left


def test_idle_state_is_forgotten():
    one = Switch()
    one.data(0, 50_000, 1000, 1)
    one.now = RELAY_IDLE - SECOND
    one.data(0, 50_000, 1000, 2)
    one.now = one.switch.next_deadline()
    assert one.now == RELAY_IDLE
    one.switch.advance(one.now)
    assert one.switch.messages == 1
    one.now = one.switch.next_deadline()
    one.switch.advance(one.now)
    assert one.switch.messages == 0
    assert one.switch.next_deadline() is None


def test_state_is_bounded():
    one = Switch()
    for message_id in range(3 * RELAYED_MESSAGES):
        one.now += 1
        one.data(0, 50_000, 1000, message_id)
        one.grant(50_000, message_id)
    assert one.switch.messages == RELAYED_MESSAGES
    assert one.budgets["up"].reserved <= one.budgets["up"].octets
    assert len(one.switch.control_to_send(one.now)) <= 1024


def test_a_message_is_taken_up_in_the_middle():
    """The path has changed: the announcement tells where the sender stands, ACKs tell what has arrived elsewhere."""
    one = Switch(budget=1 << 17)
    length = 1_000_000
    assert one.data(500_000, length, 1000) is Drop.CREDIT_VIOLATION
    assert one.data(500_000, length, 0) is one.down
    passed = one.grant(900_000)
    assert passed is not None and 500_000 < passed < 600_000
    assert one.budgets["up"].reserved == passed - 500_000
    assert one.data(500_000, length, 1000) is one.down
    ack = pdus.ack(99, 0, 1000, b"")
    assert one.forward("down", DepType.ACK, ack, message_id=1, offset=800_000)[0] is one.up
    ((_, kind, further),) = one.controls()
    assert (kind, one.budgets["up"].reserved) == (DepType.GRANT, further - 800_000)
    assert 800_000 < further < 900_000
    assert one.data(further - 1000, length, 1000) is one.down
    assert one.data(further, length, 1000) is Drop.CREDIT_VIOLATION
    assert one.forward("down", DepType.ACK, ack, message_id=1, offset=700_000)[0] is one.up
    one.forward("down", DepType.ACK, ack, message_id=1, offset=length)
    assert (one.switch.messages, one.budgets["up"].reserved) == (0, 0)


def test_one_end_of_a_route_is_replaced():
    """The other end, and what stands in its books, stays; of what came over the old end nothing is kept."""
    one = Switch()
    length = 100_000
    assert one.data(0, length, 0) is one.down and one.grant(length) is not None
    assert one.data(0, length, 0, leg="down") is one.up
    assert one.budgets["up"].reserved > 0 and one.switch.messages == 2
    budget = CreditBudget(1 << 18)
    after = RouteEnd("side", 0x31, 0x32, LIMITS, FLOWS, budget)
    one.switch.expect("side", 0x31)
    assert one.forward("side", DepType.PING, bytes(4), handle=0x31)[0] is Drop.NO_ROUTE_YET
    one.switch.replace("up", UP_IN, after)
    assert (one.budgets["up"].reserved, one.budgets["up"].promised, budget.promised) == (0, 0, 4000)
    assert one.switch.messages == 1 and len(one.switch) == 1
    assert one.forward("up", DepType.PING, bytes(4))[0] is Drop.UNKNOWN_HANDLE
    end, pdu = one.forward("side", DepType.PING, bytes(4), handle=0x31)
    assert end is one.down and pdus.header(pdu, 8).handle == DOWN_OUT
    end, pdu = one.forward("down", DepType.PONG, bytes(4))
    assert end is after and pdus.header(pdu, 8).handle == 0x32
    assert one.switch.end("side", 0x31) is after
    one.switch.remove("side", 0x31)
    assert one.forward("side", DepType.PING, bytes(4), handle=0x31)[0] is Drop.UNKNOWN_HANDLE
    assert not any(each.promised or each.reserved for each in (budget, *one.budgets.values()))


def test_an_end_that_does_not_fit_replaces_nothing():
    one = Switch()
    full = CreditBudget(SCHEDULED_MINIMUM)
    with pytest.raises(NotEnoughCredit):
        one.switch.replace("up", UP_IN, RouteEnd("side", 0x31, 0x32, LIMITS, FLOWS, full))
    with pytest.raises(ValueError, match="is taken"):
        one.switch.replace("up", UP_IN, RouteEnd("down", DOWN_IN, 0x32, LIMITS, FLOWS, CreditBudget(1 << 18)))
    with pytest.raises(KeyError):
        one.switch.replace("up", 0x99, one.up)
    assert one.forward("up", DepType.PING, bytes(4))[0] is one.down
    assert one.switch.end("up", UP_IN) is one.up


def test_nothing_is_expected_any_more_of_a_leg_that_is_gone():
    one = Switch()
    one.switch.expect("up", 0x31)
    one.switch.expect("up", 0x41)
    one.switch.expect_no_more("up", 0x41)
    assert one.forward("up", DepType.PING, bytes(4), handle=0x41)[0] is Drop.UNKNOWN_HANDLE
    one.switch.remove_leg("up")
    assert one.forward("up", DepType.PING, bytes(4), handle=0x31)[0] is Drop.UNKNOWN_HANDLE


def test_a_wrong_length_and_too_large_messages():
    one = Switch()
    assert one.data(0, (1 << 20) + 1, 1000) is Drop.MESSAGE_TOO_LARGE
    assert one.data(0, 999, 1000) is Drop.WRONG_SEGMENT
    one.data(0, 50_000, 1000)
    assert one.data(1000, 50_001, 1000) is Drop.WRONG_LENGTH


def unknown_session(handle: int) -> bytes:
    """What a node says that does not know a handle."""
    return pdus.pack_header(1, DepType.ERROR, handle=0) + pdus.error(Cause.UNKNOWN_SESSION, handle)


def test_an_unknown_handle_at_the_neighbour_is_told_to_the_other():
    one = Switch()
    pdu = bytearray(8) + unknown_session(DOWN_OUT)
    assert one.switch.forward("down", pdu, 0) is one.up
    assert pdu[8:] == unknown_session(UP_OUT)
    assert one.switch.forward("down", bytearray(8) + unknown_session(UP_OUT), 0) is Drop.UNKNOWN_HANDLE


def segments_of(*segments: tuple[int, int, int, int], qfi: int = 1, kind: int = DepType.DATA) -> bytearray:
    """PDUs of message id, offset, length and octets of payload."""
    return bytearray().join(
        bytes(8)
        + pdus.pack_header(1, DepType(kind), handle=UP_IN, qfi=qfi, message_id=message_id, offset=offset)
        + struct.pack(">II", length, 1)
        + bytes(size)
        for message_id, offset, length, size in segments
    )


def test_the_parts_of_a_run_leave_where_they_lie():
    one = Switch()
    run = segments_of((1, 0, 3000, 1000), (1, 1000, 3000, 1000), (2, 0, 999, 1000), (1, 2000, 3000, 1000), (3, 0, 9, 9))
    view = memoryview(run)
    passed = one.switch.forward_run("up", view, 1032, 0, bearer=1)
    assert [(end, bytes(part)) for end, part in passed] == [
        (one.down, bytes(run[:2064])),
        (one.down, bytes(run[3096:])),
    ]
    assert [part.obj for _, part in passed] == [run, run]
    assert [run[at + 12 : at + 16] for at in (0, 1032, 3096, 4128)] == [DOWN_OUT.to_bytes(4, "big")] * 4
    assert run[2076:2080] == UP_IN.to_bytes(4, "big")
    assert one.dropped == [Drop.WRONG_SEGMENT]


def test_what_is_wrong_with_a_whole_run_is_said_once_and_counted_for_each():
    one = Switch()
    run = segments_of((1, 0, 2000, 1000), (1, 1000, 2000, 1000), (2, 0, 7, 7))
    assert one.switch.forward_run("else", memoryview(run), 1032, 0) is Drop.UNKNOWN_HANDLE
    assert one.switch.forward_run("up", memoryview(run), 1032, 0, bearer=2) is Drop.WRONG_BEARER
    assert one.switch.forward_run("up", memoryview(run[:1000]), 1032, 0, bearer=2) is Drop.WRONG_BEARER
    other = memoryview(segments_of((1, 0, 8, 8), (1, 0, 8, 8), qfi=2))
    assert one.switch.forward_run("up", other, 40, 0) is Drop.FLOW_NOT_CONFIGURED
    assert one.switch.drops == {Drop.UNKNOWN_HANDLE: 3, Drop.WRONG_BEARER: 4, Drop.FLOW_NOT_CONFIGURED: 2}


def test_a_run_counts_once_on_the_budget():
    """Also one that fills what was granted, in any order."""
    one = Switch(budget=1 << 17)
    one.data(0, 1_000_000, 1000)
    passed = one.grant(500_000)
    offsets = list(range(1000, passed, 1000))
    random.Random(3).shuffle(offsets)
    run = segments_of(*((1, offset, 1_000_000, 1000) for offset in offsets))
    accounts = []
    arrive = one.budgets["up"].arrive
    one.budgets["up"].arrive = lambda arrivals: (accounts.append(arrivals), arrive(arrivals))
    ((end, part),) = one.switch.forward_run("up", memoryview(run), 1032, 0)
    assert (end, len(part), len(accounts)) == (one.down, len(run), 1)
    assert one.controls()[-1][:2] == ("up", DepType.GRANT)


@st.composite
def batches(draw) -> tuple[bytes, int]:
    """Runs of DATA: mostly whole stretches of a few messages, some of them spoilt, around all the limits."""
    size = draw(st.sampled_from([0, 1, 500, 1000, 1000, 1000]))
    lengths = {message_id: draw(st.sampled_from([0, 1000, 4000, 5000, 20_000, 1 << 20])) for message_id in range(1, 4)}
    segments = []
    for _ in range(draw(st.integers(1, 4))):
        message_id = draw(st.integers(1, 3))
        length = lengths[message_id] + draw(st.sampled_from([0] * 9 + [1, 1 << 20, 0xFFE00000]))
        offset = draw(st.sampled_from([0, 0, 1000, 4000, 5000, 19_000, 0xFFFFFC18])) + draw(
            st.sampled_from([0] * 5 + [1])
        )
        offsets = [min(offset + number * size, 0xFFFFFFFF) for number in range(draw(st.integers(1, 8)))]
        segments += [(message_id, offset, length, size) for offset in offsets]
    if draw(st.booleans()):
        draw(st.randoms(use_true_random=False)).shuffle(segments)
    *_, last = segments
    segments[-1] = (*last[:3], draw(st.integers(0, size)))
    run = segments_of(*segments)
    return bytes(run[: len(run) - draw(st.sampled_from([0, 0, 0, 4, 8])) * (segments[-1][3] == 0)]), size + 32


@given(st.lists(st.tuples(batches(), st.sampled_from([0, 0, 4000, 12_000, 1 << 20])), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_run_is_forwarded_as_its_pdus_are(steps):
    """Verdicts, drops, credit and octets, whatever is in it. By the switch as it was before runs, PDU by PDU."""
    together, single = Switch(budget=1 << 17), Switch(budget=1 << 17)
    for (run, stride), limit in steps:
        for one in (together, single):
            one.now += 1
        ours, theirs = bytearray(run), bytearray(run)
        passed = together.switch.forward_run("up", memoryview(ours), stride, together.now, bearer=1)
        verdicts = [single.switch._forward("up", pdu, single.now, 1) for pdu in segments(theirs, stride)]
        single.switch._settle()
        assert ours == theirs
        if len(verdicts) > 1 or isinstance(verdicts[0], RouteEnd):
            left = [number for number, verdict in enumerate(verdicts) if isinstance(verdict, RouteEnd)]
            assert left == numbers_of(passed, ours, stride)
        else:
            assert passed == verdicts[0]
        assert together.dropped == single.dropped
        assert credit_of(together) == credit_of(single)
        for message_id in (1, 2, 3):
            if limit and (1, False, message_id) in messages_of(together):
                assert together.grant(limit, message_id) == single.grant(limit, message_id)
        if limit:
            assert together.controls() == single.controls()


def messages_of(one: Switch) -> dict:
    return one.switch._in["up", UP_IN].messages


def numbers_of(passed, run: bytearray, stride: int) -> list[int]:
    """Which PDUs of `run` are in the parts that were passed on."""
    start = np.frombuffer(run, np.uint8).ctypes.data
    found: list[int] = []
    for _, part in passed:
        first = (np.frombuffer(part, np.uint8).ctypes.data - start) // stride
        found += range(first, first + -(-len(part) // stride))
    return found


def credit_of(one: Switch) -> list[object]:
    """All that is kept of the messages under way, and what the budgets say."""
    kept = [
        [key, *(getattr(message, name) for name in ("reached", "told", "last", "timer", "silences"))]
        + [getattr(message.claim, name) for name in ("length", "granted", "arrived", "reserved", "ceiling")]
        for key, message in messages_of(one).items()
    ]
    waiting = [[message.key for message in table] for table in (one.switch._short, one.switch._unanswered)]
    return [kept, waiting, [(budget.promised, budget.reserved, budget.free) for budget in one.budgets.values()]]


@pytest.mark.parametrize("seed", range(4))
def test_random_octets(seed):
    """20,000 in all: nothing raises, state and credit stay bounded."""
    source = random.Random(seed)
    one = Switch(budget=1 << 17)
    for _ in range(5000):
        pdu = bytearray(source.randbytes(source.choice([0, 8, 23, 24, 28, 32, 40, 64, 1032])))
        if len(pdu) >= 16 and source.random() < 0.95:
            pdu[8] = 0x10 | source.choice([*DepType, *[DepType.DATA, DepType.GRANT] * 4])
            pdu[10:16] = bytes([1, source.choice([0, 0, 0, 1])]) + source.choice([UP_IN, DOWN_IN, 0]).to_bytes(4, "big")
            pdu[16:20] = source.randrange(20).to_bytes(4, "big")[: len(pdu) - 16]
        if len(pdu) >= 28 and source.random() < 0.8:
            pdu[20:28] = source.choice([0, 1000, 4000]).to_bytes(4, "big") + source.choice([1000, 9000]).to_bytes(
                4, "big"
            )
        one.switch.forward(source.choice(["up", "down"]), pdu, one.now)
        one.now += source.choice([0, 10**3, 10**8])
        one.switch.advance(one.now)
        assert len(one.controls()) <= 1024
        assert one.switch.messages <= 2 * RELAYED_MESSAGES
        for budget in one.budgets.values():
            assert 0 <= budget.reserved + budget.promised <= budget.octets
    assert len(one.switch.drops) >= 6
