"""Credit of a bulk socket, and what its sessions may be sent unasked."""

from __future__ import annotations

import pytest

from net4ai.stack.dep.constants import DEFAULT_UNSCHEDULED, SCHEDULED_MINIMUM, SEGMENT_SIZE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.io.platform import credit_of, unscheduled_of

LINUX_DEFAULT = 425_984
"""What a socket gets where net.core.rmem_max is 212,992."""
WANTED = 8 << 20


@pytest.mark.parametrize("receive_buffer", [0, 65_536, LINUX_DEFAULT, WANTED])
@pytest.mark.parametrize("sessions", [1, 17, 240, 5000])
def test_every_session_finds_its_promise_also_while_it_is_renewed(receive_buffer: int, sessions: int) -> None:
    """A route passes several nodes: all are told the same figure, and none may run out of it."""
    unscheduled = unscheduled_of(receive_buffer, sessions)
    assert unscheduled % SEGMENT_SIZE == 0
    assert 0 <= unscheduled <= DEFAULT_UNSCHEDULED
    budget = CreditBudget(credit_of(receive_buffer), unscheduled)
    for _ in range(2 * sessions):
        budget.promise(budget.unscheduled)
    assert budget.promised <= budget.octets - SCHEDULED_MINIMUM


def test_small_buffers_mean_that_every_message_waits_for_credit() -> None:
    assert unscheduled_of(LINUX_DEFAULT, 17) == 0
    assert unscheduled_of(WANTED, 17) == DEFAULT_UNSCHEDULED
