"""Bodies of people who operate a running network: status and commands."""

from __future__ import annotations

from net4ai.codecs.bus.body import Body

# --- Operation: a person looks at a running network, and commands it


class ReportStatus(Body):
    """To the entity `node/NAME` of any process: what is it, how is it doing."""


class NodeStatus(Body):
    """What a node says of itself."""

    node: str
    kind: str
    """"core", "ran-node", "edge", "app-server", "ue"."""
    uptime_s: float
    counters: dict[str, int] = {}
    """Monotonic counts, by name: drops, messages, procedures."""
    gauges: dict[str, float] = {}
    """What there is now, by name: terminals, sessions, bearers, memory."""
    tables: dict[str, list[dict[str, int | float | str]]] = {}
    """Rows for a person: UEs, sessions, bearers, services, jobs, timers. Bounded; a cut table says so in `gauges`."""


class CommandNode(Body):
    """To the entity `node/NAME`: do something now. Refused where the node has no such command."""

    command: str
    arguments: dict[str, str] = {}


class CommandDone(Body):
    """What became of it, in words."""

    detail: str = ""
