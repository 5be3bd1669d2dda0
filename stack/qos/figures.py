"""What the operator of a node sees of quality of service."""

from __future__ import annotations

from collections.abc import Iterator

from net4ai.stack.qos.bearer_scheduler import BearerScheduler

QOS_VIOLATED = "QoS violated"
"""Event of the trace: a promise was not kept. Its ids: what (rate, delay), bearer, qfi, promised, measured, pdus."""


def flow_rows(scheduler: BearerScheduler) -> Iterator[dict[str, int | str]]:
    """A row for each QoS flow whose DATA passes a scheduler: octets so far, and promises that were not kept."""
    for flow in scheduler.flows():
        yield {
            "bearer": flow.bearer,
            "qfi": flow.qfi,
            "5qi": scheduler.five_qi(flow.bearer),
            "sent": flow.sent,
            "waiting": flow.octets,
            "marked": flow.marked,
            "discarded": flow.discarded,
            "refused": flow.refused,
            "late_pdus": flow.watch.delay_violations,
            "short_windows": flow.watch.rate_violations,
        }
