"""Names of the core's entities on the control bus."""

from __future__ import annotations

SERVICE_MANAGER = "service-manager"
ORCHESTRATOR = "orchestrator"
RESOURCE_MANAGER = "resource-manager"
ACCESS_MANAGER = "access-manager"
JOB_MANAGER = "job-manager"
TASK_MANAGER = "task-manager"
ROUTINE_MANAGER = "routine-manager"


def forwarding_function(node: str) -> str:
    """Bus name of a node's forwarding function."""
    return f"fpf/{node}"
