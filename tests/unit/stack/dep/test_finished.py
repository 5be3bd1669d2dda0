from __future__ import annotations

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
