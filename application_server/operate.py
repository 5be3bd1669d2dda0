"""What an application server reports of itself to its operator."""

from __future__ import annotations

from net4ai.application_server.server import ApplicationServer
from net4ai.stack.operation import Operation


def operate(operation: Operation, server: ApplicationServer) -> None:
    """Add instances and sessions to the operation of the process."""
    operation.gauges(lambda: {"instances": len(server.instances), "sessions": len(server.endpoint.sessions)})
    operation.table("instances", lambda: ({"instance": instance} for instance in sorted(server.instances)))
