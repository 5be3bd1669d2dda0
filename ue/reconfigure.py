"""RRC reconfiguration, the UE's side: taken as a whole or not at all (TS 38.331 5.3.5; R99-R104)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode, SessionConfiguration, SessionHandle
from net4ai.codecs.dep import VERSION
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.hop import Hop
from net4ai.ue import take_part

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def reconfigure(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Check all of it, then apply all of it; the answer carries our handles."""
    hop = terminal.hop
    assert hop is not None
    sessions = {session: bearers_of(end) for session, end in terminal.sessions.items()}
    cause = fault(message, frozenset(hop.bearers), sessions)
    added = _add_sessions(terminal, hop, message) if cause is None else None
    if added is None:
        failure = rrc.ReconfigurationFailure(transaction=message.transaction, cause=cause or Cause.NO_RESOURCES)
        terminal.send_rrc(failure)
        return
    for release in message.released_sessions:
        release_session(terminal, release.session)
    for bearer in message.released_bearers:
        hop.remove_bearer(bearer)
    for configuration in message.bearers:
        hop.add_bearer(configuration)
    for session, end in added:
        # What was under way on the old handle ends.
        release_session(terminal, session)
        terminal.sessions[session] = end
    limits = terminal.process.endpoint.limits
    handles = tuple(SessionHandle(session=session, handle=end.handle, limits=limits) for session, end in added)
    terminal.send_rrc(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=handles))


def bearers_of(end: SessionEnd) -> frozenset[int]:
    """Computing radio bearers a session is mapped to."""
    return frozenset(flow.bearer for flow in end.session.flows.values())


def fault(
    message: rrc.Reconfiguration, bearers: frozenset[int], sessions: Mapping[int, frozenset[int]]
) -> Cause | None:
    """What makes a configuration impossible to take, given the bearers and each session's; None: nothing."""
    added = [configuration.bearer for configuration in message.bearers]
    named = [configuration.session for configuration in message.sessions]
    if len(set(added)) != len(added) or len(set(named)) != len(named):
        return Cause.INVALID_CONFIGURATION
    if any(configuration.mode != BearerMode.UNACKNOWLEDGED for configuration in message.bearers):
        return Cause.INVALID_CONFIGURATION
    there = (bearers - frozenset(message.released_bearers)) | set(added)
    gone = {release.session for release in message.released_sessions}
    if any(not used <= there for session, used in sessions.items() if session not in gone.union(named)):
        return Cause.INVALID_CONFIGURATION
    for configuration in message.sessions:
        if (cause := _session_fault(configuration, there)) is not None:
            return cause
    return None


def _session_fault(configuration: SessionConfiguration, bearers: frozenset[int]) -> Cause | None:
    if configuration.dep_version != VERSION:
        return Cause.VERSION_NOT_SUPPORTED
    used = {flow.bearer for flow in configuration.flows}
    if not used or not used <= bearers:
        return Cause.INVALID_CONFIGURATION
    if len({flow.qfi for flow in configuration.flows}) != len(configuration.flows):
        return Cause.INVALID_CONFIGURATION
    if len(used) == 1 and len(configuration.flows) > 1:
        return Cause.QOS_FLOW_NOT_CONFIGURED
    return None


def _add_sessions(terminal: Terminal, hop: Hop, message: rrc.Reconfiguration) -> list[tuple[int, SessionEnd]] | None:
    """New ends of all sessions, beside old ones of the same identity; None and nothing: there is no room."""
    endpoint = terminal.process.endpoint
    added: list[tuple[int, SessionEnd]] = []
    for configuration in message.sessions:
        ids: dict[str, int | str] = {"ue": terminal.name, "session": configuration.session}
        try:
            end = endpoint.add(
                hop,
                endpoint.new_handle(),
                configuration.handle,
                configuration.dep_version,
                configuration.flows,
                configuration.limits,
                lambda end, event: take_part.on_dep_event(terminal, end, event),
                ids | take_part.trace_ids(terminal, configuration.session),
            )
        except DepError:
            for _, before in added:
                endpoint.remove(before)
            return None
        added.append((configuration.session, end))
    return added


def release_session(terminal: Terminal, session: int) -> None:
    """End a session, if it is there."""
    end: SessionEnd | None = terminal.sessions.pop(session, None)
    if end is not None:
        terminal.process.endpoint.remove(end)
