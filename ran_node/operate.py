"""What a RAN node reports of itself to its operator, and can be told. It knows no subscriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode
from net4ai.ran_node.hand_over import hand_over
from net4ai.ran_node.node import RanNode
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.operation import Operation, Row, number, text
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.qos.figures import flow_rows


def operate(operation: Operation, node: RanNode) -> None:
    """Add the RAN node's own to its operation."""
    operation.gauges(lambda: _gauges(node))
    operation.table("terminals", lambda: map(_terminal_row, node.contexts.values()))
    operation.table("sessions", lambda: _sessions(node))
    operation.table("bearers", lambda: _bearers(node))
    operation.table("flows", lambda: _flows(node))
    operation.command(
        "hand-over",
        lambda c_rnti, to: _hand_over(node, c_rnti, to),
        "a terminal goes on at another RAN node",
        c_rnti=number,
        to=text,
    )
    operation.command("release", lambda c_rnti: _release(node, c_rnti), "a terminal's connection ends", c_rnti=number)


def _gauges(node: RanNode) -> dict[str, float]:
    states = Counter(dict.fromkeys(State, 0))
    states.update(context.state for context in node.contexts.values())
    return {
        **{f"terminals/{state.value}": count for state, count in states.items()},
        "sessions": sum(len(context.sessions) for context in node.contexts.values()),
        "bearers": sum(len(context.hop.bearers) for context in node.contexts.values()),
        "bearer_queue_octets": sum(context.hop.waiting for context in node.contexts.values()),
    }


def _terminal_row(context: UeContext) -> Row:
    return {
        "c_rnti": context.c_rnti,
        "state": context.state.value,
        "sessions": len(context.sessions),
        "bearers": len(context.hop.bearers),
    }


def _sessions(node: RanNode) -> Iterator[Row]:
    for context in node.contexts.values():
        for job, session in context.jobs.items():
            yield {"c_rnti": context.c_rnti, "session": session, "job": job}


def _bearers(node: RanNode) -> Iterator[Row]:
    for context in node.contexts.values():
        for bearer, configuration in context.hop.bearers.items():
            mode = BearerMode(configuration.mode).name.lower()
            yield {"c_rnti": context.c_rnti, "bearer": bearer, "mode": mode}


def _flows(node: RanNode) -> Iterator[Row]:
    """QoS flows towards the terminals, where something limits them."""
    for context in node.contexts.values():
        if context.hop.scheduler is not None:
            for row in flow_rows(context.hop.scheduler):
                yield {"c_rnti": context.c_rnti, **row}


def _hand_over(node: RanNode, c_rnti: int, to: str) -> str:
    """Begun, or refused at once; what becomes of it the trace says, and the node where it fails."""
    procedure = node.procedures.start("handover", _handover(node, _context(node, c_rnti), to), c_rnti=c_rnti)
    if procedure.done:
        procedure.result()
    return f"C-RNTI {c_rnti} is handed over to {to}"


async def _handover(node: RanNode, context: UeContext, to: str) -> None:
    begun = node.procedures.now
    try:
        await hand_over(node, context, to, Cause.UNSPECIFIED)
    except ProcedureError as error:
        if node.procedures.now > begun:
            node.on_trouble(f"handover of C-RNTI {context.c_rnti} to {to}: {error}")
        raise


def _context(node: RanNode, c_rnti: int) -> UeContext:
    context = node.contexts.get(c_rnti)
    if context is None:
        raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"no terminal has C-RNTI {c_rnti} here")
    return context


def _release(node: RanNode, c_rnti: int) -> str:
    context = _context(node, c_rnti)
    node.release(context, Cause.NORMAL)
    return f"C-RNTI {c_rnti} is released"
