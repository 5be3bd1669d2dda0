"""What a service description must be before anything is reserved for it (R7, R8, R10, R50)."""

from __future__ import annotations

from collections.abc import Iterable

from net4ai.codecs.causes import Cause
from net4ai.codecs.service import ServiceDescription
from net4ai.core.job_manager import in_order
from net4ai.stack.procedure import ProcedureError


def check_description(description: ServiceDescription) -> None:
    """Every name leads somewhere, servers are concrete, no tasks depend on each other. Raises `ProcedureError`."""
    functions = description.functions
    for name, function in functions.items():
        if (function.kind == "concrete") != (function.place is not None):
            raise _invalid(f"function {name}: a concrete function has a place, an abstract one has none")
    for name, routine in description.routines.items():
        _known(f"routine {name}", "function", (routine.client, routine.server), functions)
        if functions[routine.server].kind != "concrete":
            raise _invalid(f"routine {name}: server {routine.server} is abstract")
    for name, task in description.tasks.items():
        _known(f"task {name}", "routine", task.chain, description.routines)
        _known(f"task {name}", "task", task.depends_on, description.tasks)
    in_order(description.tasks, tuple(description.tasks))
    for name, job in description.jobs.items():
        _known(f"job {name}", "task", job.tasks, description.tasks)


def _known(where: str, noun: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in wanted:
        if name not in known:
            raise _invalid(f"{where}: no {noun} {name}; there are: {', '.join(known)}")


def _invalid(detail: str) -> ProcedureError:
    return ProcedureError(Cause.INVALID_CONFIGURATION, detail)
