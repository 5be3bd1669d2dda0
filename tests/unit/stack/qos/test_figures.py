"""What the operator sees."""

from __future__ import annotations

from scheduler_bench import HANDLE, SIZE, World

from net4ai.codecs.common import QosProfile
from net4ai.stack.qos.figures import flow_rows
from net4ai.stack.units import SECOND


def test_a_row_for_each_flow() -> None:
    """Voice at a tenth of what it sends: 10 octets a millisecond, 100 ms."""
    world = World({1: QosProfile(five_qi=1, priority=20), 2: QosProfile(five_qi=9, priority=1)}, rate=80_000)
    world.queue(1, 10)
    world.run(SECOND)
    world.queue(1)
    (row,) = flow_rows(world.scheduler)
    sent = world.octets()[1]
    assert row == {
        "bearer": 1,
        "qfi": 1,
        "5qi": 1,
        "sent": sent,
        "waiting": SIZE,
        "marked": row["marked"],
        "discarded": 10 * SIZE - sent,
        "refused": 0,
        "late_pdus": 10 - sent // SIZE,
        "short_windows": 0,
    }
    flow = world.scheduler.flow(1, HANDLE)
    assert flow is not None and row["marked"] == flow.marked > 0
