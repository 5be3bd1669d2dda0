"""RRC reconfiguration, the UE's side: taken as a whole or not at all (TS 38.331 5.3.5; R99-R104, R107).

What is released goes first, then bearers come or change, then sessions. A session named with the handle it has goes on:
its QoS flows move to the bearers given now. With another handle it is renewed: what was under way ends. So the same
configuration, taken twice, changes nothing the second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import SessionConfiguration, SessionHandle
from net4ai.codecs.dep import PathReason
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.hop import Hop
from net4ai.stack.units import KILOBIT
from net4ai.ue import consent_to_job, pdu_session, take_part
from net4ai.ue.check_reconfiguration import fault
from net4ai.ue.measure import apply_measurements

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def reconfigure(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Check all of it, then apply all of it; the answer carries our handles."""
    hop = terminal.hop
    assert hop is not None
    sessions = {session: end.session for session, end in terminal.sessions.items() if end.hop is hop}
    cause = fault(message, hop, sessions) or pdu_session.fault(message, terminal)
    ends = _ends(terminal, hop, message) if cause is None else None
    if ends is None:
        failure = rrc.ReconfigurationFailure(transaction=message.transaction, cause=cause or Cause.NO_RESOURCES)
        terminal.send_rrc(failure)
        return
    _apply(terminal, hop, message, ends)
    limits = terminal.process.endpoint.limits
    handles = tuple(SessionHandle(session=session, handle=end.handle, limits=limits) for session, end in ends.items())
    terminal.send_rrc(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=handles))


def bearers_of(end: SessionEnd) -> frozenset[int]:
    """Computing radio bearers a session is mapped to."""
    return frozenset(flow.bearer for flow in end.session.flows.values())


def _apply(terminal: Terminal, hop: Hop, message: rrc.Reconfiguration, ends: dict[int, SessionEnd]) -> None:
    now = terminal.process.procedures.now
    hop.set_ue_ceiling(message.ue_maximum_bit_rate * KILOBIT, now)
    for release in message.released_sessions:
        consent_to_job.session_released(terminal, release.session, cause_of(release.cause))
        release_session(terminal, release.session)
        hop.set_session_ceiling(release.session, 0, 0, now)
    pdu_session.apply(terminal, message)
    for bearer in message.released_bearers:
        hop.remove_bearer(bearer)
    for bearer_configuration in message.bearers:
        hop.add_bearer(bearer_configuration)
    for configuration in message.sessions:
        session, end = configuration.session, ends[configuration.session]
        hop.set_session_ceiling(session, configuration.handle, configuration.maximum_bit_rate * KILOBIT, now)
        if terminal.sessions.get(session) is not end:
            release_session(terminal, session)
            terminal.sessions[session] = end
        elif set(configuration.flows) != set(end.session.flows.values()):
            terminal.process.endpoint.path_changed(end, PathReason.BEARER_CHANGED, now, configuration.flows)
    apply_measurements(terminal, message)


def _ends(terminal: Terminal, hop: Hop, message: rrc.Reconfiguration) -> dict[int, SessionEnd] | None:
    """Ends of all sessions named: those that go on, and new ones beside the old. None: no room, nothing is added."""
    endpoint = terminal.process.endpoint
    gone = {release.session for release in message.released_sessions}
    ends: dict[int, SessionEnd] = {}
    added: list[SessionEnd] = []
    for configuration in message.sessions:
        before = terminal.sessions.get(configuration.session)
        if before is not None and configuration.session not in gone and goes_on(before, configuration):
            ends[configuration.session] = before
            continue
        try:
            end = add_session(terminal, hop, configuration)
        except DepError:
            for end in added:
                endpoint.remove(end)
            return None
        ends[configuration.session] = end
        added.append(end)
    return ends


def goes_on(end: SessionEnd, configuration: SessionConfiguration) -> bool:
    """Whether a session stays but for the bearers of its QoS flows."""
    session = end.session
    flows = {flow.qfi: (flow.reliable, flow.ordered) for flow in configuration.flows}
    return (
        (session.send_handle, session.version, session.send_limits)
        == (configuration.handle, configuration.dep_version, configuration.limits)
        and flows == {flow.qfi: (flow.reliable, flow.ordered) for flow in session.flows.values()}
    )  # fmt: skip


def add_session(terminal: Terminal, hop: Hop, configuration: SessionConfiguration) -> SessionEnd:
    """A session of the terminal's that begins. Raises `DepError`."""
    endpoint = terminal.process.endpoint
    ids: dict[str, int | str] = {"ue": terminal.name, "session": configuration.session}
    return endpoint.add(
        hop,
        endpoint.new_handle(),
        configuration.handle,
        configuration.dep_version,
        configuration.flows,
        configuration.limits,
        lambda end, event: take_part.on_dep_event(terminal, end, event),
        ids | take_part.trace_ids(terminal, configuration.session),
    )


def release_session(terminal: Terminal, session: int) -> None:
    """End a session, if it is there."""
    end: SessionEnd | None = terminal.sessions.pop(session, None)
    if end is not None:
        terminal.process.endpoint.remove(end)
