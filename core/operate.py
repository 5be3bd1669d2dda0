"""What the core reports of itself to its operator, and can be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from net4ai.codecs.bus import JobStatus, ListJobs
from net4ai.codecs.causes import Cause, cause_of
from net4ai.core.node import Core
from net4ai.core.page_terminal import page
from net4ai.core.terminal import Terminal
from net4ai.stack.operation import Operation, Row, text
from net4ai.stack.procedure import ProcedureError


def operate(operation: Operation, core: Core) -> None:
    """Add the core's own to its operation."""
    operation.gauges(lambda: _gauges(core))
    operation.table("terminals", lambda: map(_terminal_row, core.access_manager.registered.values()))
    operation.table("sessions", lambda: _sessions(core))
    operation.table("services", lambda: _services(core))
    operation.table("jobs", lambda: map(_job_row, _jobs(core)))
    operation.table("nodes", lambda: _nodes(core))
    operation.command(
        "deregister", lambda subscriber: _deregister(core, subscriber), "a terminal must leave", subscriber=text
    )
    operation.command("page", lambda subscriber: _page(core, subscriber), "an idle terminal connects", subscriber=text)


def _state(terminal: Terminal) -> str:
    return "idle" if terminal.idle else "connected"


def _gauges(core: Core) -> dict[str, float]:
    terminals = core.access_manager.registered.values()
    states = Counter({"connected": 0, "idle": 0})
    states.update(_state(terminal) for terminal in terminals)
    jobs = Counter({"armed": 0, "running": 0, "ended": 0})
    jobs.update(job.state for job in _jobs(core))
    return {
        **{f"terminals/{state}": count for state, count in states.items()},
        **{f"jobs/{state}": count for state, count in jobs.items()},
        "sessions": sum(len(terminal.sessions) for terminal in terminals),
        "services": len(core.service_manager.services),
        "instances": sum(len(service.instances) for service in core.service_manager.status(None)),
        "peers/ran-node": len(core.access_manager.associations),
    }


def _terminal_row(terminal: Terminal) -> Row:
    return {
        "subscriber": terminal.subscriber,
        "state": _state(terminal),
        "ran node": terminal.node,
        "jobs": ", ".join(map(str, sorted(terminal.sessions))),
    }


def _sessions(core: Core) -> Iterator[Row]:
    for terminal in core.access_manager.registered.values():
        for job, session in terminal.sessions.items():
            yield {"subscriber": terminal.subscriber, "job": job, "session": session}


def _services(core: Core) -> Iterator[Row]:
    for service in core.service_manager.status(None):
        places = ", ".join(f"{i.instance} {i.function} at {i.node}" for i in service.instances)
        yield {
            "service": service.service,
            "name": service.name,
            "provider": service.provider,
            "jobs": ", ".join(service.jobs),
            "instances": places,
        }


def _jobs(core: Core) -> list[JobStatus]:
    return core.service_manager.list_jobs(ListJobs(), None).jobs


def _job_row(job: JobStatus) -> Row:
    return {
        "job": job.job,
        "service": job.service,
        "name": job.name,
        "state": job.state,
        "cause": cause_of(job.cause).name if job.state == "ended" else "",
        "detail": job.detail or job.progress,
    }


def _nodes(core: Core) -> Iterator[Row]:
    here = core.access_manager.associations
    for node, kind in core.resource_manager.nodes.items():
        yield {"node": node, "kind": kind, "n2": "connected" if node in here else ""}


def _registered(core: Core, subscriber: str) -> Terminal:
    terminal = core.access_manager.registered.get(subscriber)
    if terminal is None:
        raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"no terminal of {subscriber} is registered")
    return terminal


def _deregister(core: Core, subscriber: str) -> str:
    _registered(core, subscriber)
    core.access_manager.deregister(subscriber)
    return f"{subscriber} is told to leave"


def _page(core: Core, subscriber: str) -> str:
    terminal = _registered(core, subscriber)
    if not terminal.idle:
        raise ProcedureError(Cause.NOT_ALLOWED, f"{subscriber} is connected; paging is for idle terminals")
    page(core.access_manager, terminal)
    return f"{subscriber} is paged at {terminal.node}"
