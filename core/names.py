"""Names of the core's entities on the control bus."""

from __future__ import annotations

SERVICE_MANAGER = "service-manager"
ORCHESTRATOR = "orchestrator"
RESOURCE_MANAGER = "resource-manager"
ACCESS_MANAGER = "access-manager"
JOB_MANAGER = "job-manager"
TASK_MANAGER = "task-manager"
ROUTINE_MANAGER = "routine-manager"
"""The first; further ones are numbered."""


ENTITIES = (
    SERVICE_MANAGER,
    ORCHESTRATOR,
    RESOURCE_MANAGER,
    ACCESS_MANAGER,
    JOB_MANAGER,
    TASK_MANAGER,
)
"""There is one of each; of routine managers as many as configured."""


def routine_managers(count: int) -> tuple[str, ...]:
    """Names of as many routine managers (R34, R48)."""
    return (ROUTINE_MANAGER, *(f"{ROUTINE_MANAGER}-{number}" for number in range(2, count + 1)))


def user_plane_function(node: str) -> str:
    """The user plane function of an edge."""
    return f"upf/{node}"


def forwarding_function(node: str) -> str:
    """Bus name of a node's forwarding function."""
    return f"fpf/{node}"
