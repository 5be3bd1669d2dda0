"""What a UE process reports of its terminals to the operator, and what their owners can be made to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from net4ai.stack.operation import Operation, Row, number, text
from net4ai.stack.qos.figures import flow_rows
from net4ai.ue.arrivals import Arrivals
from net4ai.ue.channel_quality import KILOBIT
from net4ai.ue.process import UeProcess
from net4ai.ue.terminal import Terminal


def operate(operation: Operation, process: UeProcess) -> None:
    """Add the terminals to the operation of their process."""
    operation.gauges(lambda: _gauges(process))
    operation.table("terminals", lambda: map(_terminal_row, process.terminals))
    operation.table("bearers", lambda: _bearers(process))
    operation.table("flows", lambda: _flows(process))
    operation.command(
        "withdraw",
        lambda ue, job: _withdraw(process, ue, job),
        "its owner withdraws the consent to a job",
        ue=text,
        job=number,
    )
    operation.command(
        "consent",
        lambda ue, job: _consent(process, ue, job),
        "its owner consents to a job after all",
        ue=text,
        job=number,
    )
    operation.command(
        "arrive",
        lambda rate, parallel, sessions, leave: _arrive(process, rate, parallel, sessions, leave),
        "terminals that are switched off come one after another",
        rate=number,
        parallel=number,
        sessions=number,
        leave=number,
    )
    operation.command("deregister", lambda ue: _deregister(process, ue), "a terminal leaves for good", ue=text)
    operation.command("switch-off", lambda ue: _switch_off(process, ue), "a terminal is gone at once", ue=text)


def _state(terminal: Terminal) -> str:
    return f"{terminal.nas_state.value}, {terminal.rrc_state.value}"


def _gauges(process: UeProcess) -> dict[str, float]:
    states = Counter(_state(terminal) for terminal in process.terminals)
    hops = [terminal.hop for terminal in process.terminals if terminal.hop is not None]
    return {
        **{f"terminals/{state}": count for state, count in states.items()},
        "sessions": sum(len(terminal.sessions) for terminal in process.terminals),
        "bearers": sum(len(hop.bearers) for hop in hops),
        "bearer_queue_octets": sum(hop.waiting for hop in hops),
    }


def _terminal_row(terminal: Terminal) -> Row:
    return {
        "ue": terminal.name,
        "state": _state(terminal),
        "ran_node": terminal.camped.ran_node,
        "c_rnti": terminal.hop.identity if terminal.hop is not None else "",
        "sessions": len(terminal.sessions),
        **_radio(terminal),
        "consents": ", ".join(str(job) for job, decision in terminal.decisions.items() if decision.given),
    }


def _radio(terminal: Terminal) -> Row:
    """How fast it can be sent to, where there is a limit, and datagrams lost on its radio in both directions."""
    quality = terminal.radio.quality
    rate = quality.rate if quality is not None else None
    return {
        "cqi": quality.cqi if quality is not None else "",
        "rate_kbps": rate // KILOBIT if rate is not None else "",
        "lost_up": terminal.radio.lost[0],
        "lost_down": terminal.radio.lost[1],
    }


def _bearers(process: UeProcess) -> Iterator[Row]:
    for terminal in process.terminals:
        for bearer in terminal.hop.bearers if terminal.hop is not None else ():
            yield {"ue": terminal.name, "bearer": bearer}


def _flows(process: UeProcess) -> Iterator[Row]:
    """QoS flows of the terminals, where something limits them."""
    for terminal in process.terminals:
        if terminal.hop is not None and terminal.hop.scheduler is not None:
            for row in flow_rows(terminal.hop.scheduler):
                yield {"ue": terminal.name, **row}


def _withdraw(process: UeProcess, ue: str, job: int) -> str:
    process.withdraw_consent(ue, job)
    return f"{ue} has withdrawn its consent to job {job}"


def _consent(process: UeProcess, ue: str, job: int) -> str:
    process.give_consent(ue, job)
    return f"{ue} consents to job {job}"


def _arrive(process: UeProcess, rate: int, parallel: int, sessions: int, leave: int) -> str:
    process.arrive(Arrivals(rate / 1000, max(1, parallel), sessions, bool(leave)))
    return f"{len(process.terminals)} terminals come"


def _deregister(process: UeProcess, ue: str) -> str:
    process.terminal(ue).leave()
    return f"{ue} leaves"


def _switch_off(process: UeProcess, ue: str) -> str:
    process.terminal(ue).switch_off()
    return f"{ue} is switched off"
