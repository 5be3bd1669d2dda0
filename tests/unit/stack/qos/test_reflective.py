"""Rules a UE derives from downlink packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.qos.reflective import MAXIMUM_RULES, PacketFlow, ReflectiveQos
from net4ai.stack.units import SECOND

DOWN = PacketFlow(17, 0x0A000001, 5000, 0x0A2D0001, 6000)
UP = PacketFlow(17, 0x0A2D0001, 6000, 0x0A000001, 5000)


def test_an_answer_takes_the_flow_its_question_came_on() -> None:
    rules = ReflectiveQos(SECOND)
    assert rules.uplink(UP, 0) is None and rules.next_deadline() is None
    rules.downlink(DOWN, 5, 0)
    assert rules.uplink(UP, 1) == 5
    assert rules.uplink(DOWN, 1) is None, "packets of the other direction"
    for changed in (UP._replace(protocol=6), UP._replace(source_port=1), UP._replace(destination=1)):
        assert rules.uplink(changed, 1) is None
    rules.downlink(DOWN, 6, 2)
    assert rules.uplink(UP, 3) == 6 and len(rules) == 1


def test_a_rule_ends_unless_it_is_confirmed() -> None:
    rules = ReflectiveQos(SECOND)
    rules.downlink(DOWN, 5, 0)
    rules.downlink(DOWN, 5, SECOND - 1)
    assert rules.uplink(UP, 2 * SECOND - 2) == 5
    assert rules.next_deadline() == 2 * SECOND - 1
    assert rules.uplink(UP, 2 * SECOND - 1) is None and not len(rules)


def test_of_too_many_the_one_that_ends_first_goes() -> None:
    rules = ReflectiveQos(SECOND)
    packets = [DOWN._replace(source_port=port) for port in range(MAXIMUM_RULES + 1)]
    for packet in packets[:-1]:
        rules.downlink(packet, 5, 0)
    rules.downlink(packets[0], 5, 1)
    rules.downlink(packets[-1], 5, 2)
    assert len(rules) == MAXIMUM_RULES
    assert rules.uplink(packets[1].answer, 3) is None
    assert rules.uplink(packets[0].answer, 3) == rules.uplink(packets[-1].answer, 3) == 5


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 63), st.integers(0, SECOND)), max_size=40))
def test_against_a_plain_table(steps: list[tuple[int, int, int]]) -> None:
    rules, now, last = ReflectiveQos(SECOND), 0, dict[int, tuple[int, int]]()
    for port, qfi, pause in steps:
        now += pause
        packet = DOWN._replace(destination_port=port)
        known = last.get(port)
        expected = known[0] if known is not None and now < known[1] + SECOND else None
        assert rules.uplink(packet.answer, now) == expected
        if qfi:
            rules.downlink(packet, qfi, now)
            last[port] = qfi, now
