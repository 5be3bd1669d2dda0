from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.stack.dep.constants import MESSAGE_WINDOW, REMEMBERED_MESSAGES
from net4ai.stack.dep.finished import FinishedMessages, Past


def test_outcomes_are_remembered_and_the_oldest_become_stale():
    finished = FinishedMessages()
    assert finished.look_up(0) is Past.NEW
    for message_id in range(REMEMBERED_MESSAGES + 10):
        finished.add(message_id, Cause.NORMAL if message_id % 2 else Cause.OVERLAPPING_DATA)
    assert finished.look_up(9) is Past.STALE
    assert finished.look_up(10) is Cause.OVERLAPPING_DATA
    assert finished.look_up(11) is Cause.NORMAL
    assert finished.look_up(REMEMBERED_MESSAGES + 10) is Past.NEW


def test_a_message_still_open_within_the_window_of_its_sender_is_never_stale():
    """The sender keeps oldest and newest less than MESSAGE_WINDOW apart; the receiver remembers twice as many."""
    assert REMEMBERED_MESSAGES >= 2 * MESSAGE_WINDOW
    finished = FinishedMessages()
    for message_id in range(5000):
        finished.add(message_id, Cause.NORMAL)
    for message_id in range(5001, 5000 + MESSAGE_WINDOW):
        finished.add(message_id, Cause.NORMAL)
    assert finished.look_up(5000) is Past.NEW


@settings(max_examples=50, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, -3, 700, 1 << 31]), st.integers(1, 400)), max_size=12),
    outcome=st.sampled_from([Cause.NORMAL, Cause.REASSEMBLY_TIMEOUT]),
)
def test_it_is_the_last_ones_in_whatever_order(steps, outcome):
    finished, model, message_id, floor = FinishedMessages(), {}, 0, -1
    for step, many in steps:
        for number in range(many):
            message_id = (message_id + (step if number == 0 else 1)) % (1 << 32)
            if message_id in model:
                continue
            model[message_id] = outcome if number % 3 else Cause.OVERLAPPING_DATA
            finished.add(message_id, model[message_id])
            if len(model) > REMEMBERED_MESSAGES:
                oldest = next(iter(model))
                del model[oldest]
                floor = max(floor, oldest)
    assert len(finished) == len(model)
    for asked in {0, floor, floor + 1, message_id, message_id + 1, *list(model)[:50], *list(model)[-50:]}:
        expected = model.get(asked, Past.STALE if asked <= floor else Past.NEW)
        assert finished.look_up(asked) is expected
