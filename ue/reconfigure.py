"""RRC reconfiguration, the UE's side: taken as a whole or not at all (TS 38.331 5.3.5; R99-R104)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode, SessionConfiguration, SessionHandle
from net4ai.codecs.dep import VERSION
from net4ai.stack.dep_endpoint import DEFAULT_LIMITS, SessionEnd
from net4ai.ue import take_part

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


async def reconfigure(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Check all of it, then apply all of it; the answer carries our handles."""
    cause = fault(message, terminal.hop.bearers if terminal.hop else frozenset())
    if cause is not None:
        terminal.send_rrc(rrc.ReconfigurationFailure(transaction=message.transaction, cause=cause))
        return
    assert terminal.hop is not None
    for release in message.released_sessions:
        release_session(terminal, release.session)
    for bearer in message.released_bearers:
        terminal.hop.remove_bearer(bearer)
    for configuration in message.bearers:
        terminal.hop.add_bearer(configuration.bearer)
    handles = tuple(_renew(terminal, session) for session in message.sessions)
    terminal.send_rrc(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=handles))


def fault(message: rrc.Reconfiguration, bearers: frozenset[int]) -> Cause | None:
    """What makes a configuration impossible to take, given the bearers there are; None: nothing."""
    there = (bearers - frozenset(message.released_bearers)) | {b.bearer for b in message.bearers}
    if any(bearer.mode != BearerMode.UNACKNOWLEDGED for bearer in message.bearers):
        return Cause.INVALID_CONFIGURATION
    for session in message.sessions:
        if session.dep_version != VERSION:
            return Cause.VERSION_NOT_SUPPORTED
        used = {flow.bearer for flow in session.flows}
        if not session.flows or not used <= there:
            return Cause.INVALID_CONFIGURATION
        if len({flow.qfi for flow in session.flows}) != len(session.flows):
            return Cause.INVALID_CONFIGURATION
        if len(used) == 1 and len(session.flows) > 1:
            return Cause.QOS_FLOW_NOT_CONFIGURED
    return None


def _renew(terminal: Terminal, configuration: SessionConfiguration) -> SessionHandle:
    """A session with a fresh handle; what was under way on the old one ends."""
    release_session(terminal, configuration.session)
    assert terminal.hop is not None
    endpoint = terminal.process.endpoint
    handle = endpoint.new_handle()
    ids: dict[str, int | str] = {"ue": terminal.name, "session": configuration.session}
    terminal.sessions[configuration.session] = endpoint.add(
        terminal.hop,
        handle,
        configuration.handle,
        configuration.dep_version,
        configuration.flows,
        configuration.limits,
        lambda end, event: take_part.on_dep_event(terminal, end, event),
        ids | take_part.trace_ids(terminal, configuration.session),
    )
    return SessionHandle(session=configuration.session, handle=handle, limits=DEFAULT_LIMITS)


def release_session(terminal: Terminal, session: int) -> None:
    """End a session, if it is there."""
    end: SessionEnd | None = terminal.sessions.pop(session, None)
    if end is not None:
        terminal.process.endpoint.remove(end)
