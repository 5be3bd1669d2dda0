"""Handover, the UE's side: it goes on in another cell, as it was told (TS 38.331 5.3.5.5.2, reconfiguration with sync).

The connection begins anew at the target, with a C-RNTI and keys of its own and a fresh SRB1; bearers are made anew
there, sessions move: they stay what they are, under other handles, and DEP asks where they stand. Nothing of the
source is given up before the target has answered: without an answer in time the terminal comes back and has its
connection re-established.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import FlowMapping, SessionHandle
from net4ai.codecs.dep import PathReason
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.hop import Hop
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star, next_hop
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.units import KILOBIT, MILLISECOND
from net4ai.ue import channel_quality, consent_to_job
from net4ai.ue.cell import Cell
from net4ai.ue.check_reconfiguration import fault
from net4ai.ue.connect import new_hop
from net4ai.ue.reconfigure import add_session, goes_on, release_session
from net4ai.ue.reestablish import nas_transfers
from net4ai.ue.start_security import NO_KEY
from net4ai.ue.states import RrcState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

ARRIVED = "arrived"
"""Key of the target's answer."""
CHAIN = 8
"""The chaining count has 3 bits."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Of a connection."""

    k_gnb: bytes | None
    security: SrbSecurity
    next_hop: bytes
    next_hop_chaining_count: int


@dataclass(slots=True)
class _Moved:
    """A session as it was at the source."""

    end: SessionEnd
    handle: int
    send_handle: int
    flows: tuple[FlowMapping, ...]


@dataclass(slots=True)
class _Departure:
    """What there was at the source: all of it comes back with the terminal."""

    hop: Hop
    cell: Cell
    keys: _Keys
    moved: list[_Moved] = field(default_factory=list)
    added: dict[int, SessionEnd] = field(default_factory=dict)
    """Sessions begun anew at the target."""
    replaced: dict[int, SessionEnd] = field(default_factory=dict)
    """Their predecessors."""


def hand_over(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Check all of it, then go; or refuse and stay. The target gets the answer."""
    hop, process = terminal.hop, terminal.process
    assert hop is not None
    (synchronisation,) = message.synchronisation
    cell = process.neighbours.get(synchronisation.cell)
    if cell is None or cell is terminal.camped:
        _refuse(terminal, message, Cause.UNKNOWN_TARGET)
        return
    target = new_hop(terminal, cell, synchronisation.c_rnti, synchronisation.bulk_port)
    cause = _fault(terminal, message, target)
    ends = _ends(terminal, message, target) if cause is None else None
    if ends is None:
        _refuse(terminal, message, cause or Cause.NO_RESOURCES)
        return
    hop.pump(process.procedures.now)  # the source repeats the message until it is acknowledged
    waiting = nas_transfers(hop.unacknowledged)
    departure = _go(terminal, message, hop, target, cell, ends)
    limits = process.endpoint.limits
    handles = tuple(
        SessionHandle(session=each.session, handle=terminal.sessions[each.session].handle, limits=limits)
        for each in message.sessions
    )
    terminal.send_rrc(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=handles))
    for transfer in waiting:
        terminal.send_rrc(transfer)
    arriving = _arrive(terminal, message, departure, synchronisation.t304 * MILLISECOND)
    process.procedures.start("handover", arriving, ue=terminal.name)


def _refuse(terminal: Terminal, message: rrc.Reconfiguration, cause: Cause) -> None:
    terminal.send_rrc(rrc.ReconfigurationFailure(transaction=message.transaction, cause=cause))


def _fault(terminal: Terminal, message: rrc.Reconfiguration, target: Hop) -> Cause | None:
    """Why the configuration cannot be taken at the target, where nothing is yet; every session must be spoken of."""
    spoken_of = {each.session for each in message.sessions} | {each.session for each in message.released_sessions}
    if terminal.pdu_sessions or not spoken_of.issuperset(terminal.sessions):
        return Cause.INVALID_CONFIGURATION
    return fault(message, target, {})


def _ends(terminal: Terminal, message: rrc.Reconfiguration, target: Hop) -> dict[int, SessionEnd] | None:
    """Sessions that the target has anew. None: no room, nothing is added."""
    ends: dict[int, SessionEnd] = {}
    for configuration in message.sessions:
        before = terminal.sessions.get(configuration.session)
        if before is not None and goes_on(before, replace(configuration, handle=before.session.send_handle)):
            continue
        try:
            ends[configuration.session] = add_session(terminal, target, configuration)
        except DepError:
            for end in ends.values():
                terminal.process.endpoint.remove(end)
            return None
    return ends


def _go(
    terminal: Terminal,
    message: rrc.Reconfiguration,
    hop: Hop,
    target: Hop,
    cell: Cell,
    added: dict[int, SessionEnd],
) -> _Departure:
    process = terminal.process
    assert terminal.security is not None
    before = _Keys(terminal.k_gnb, terminal.security, terminal.next_hop, terminal.next_hop_chaining_count)
    departure = _Departure(hop, terminal.camped, before, added=added)
    keys = _keys(terminal, before, message.synchronisation[0])
    target.signalling.start_security(keys.security, required=True)
    target.signalling.start_ciphering()
    for bearer in message.bearers:
        target.add_bearer(bearer)
    now = process.procedures.now
    for configuration in message.sessions:
        end = terminal.sessions.get(configuration.session)
        if (anew := added.get(configuration.session)) is not None:
            if end is not None:
                departure.replaced[configuration.session] = end
            terminal.sessions[configuration.session] = anew
        elif end is not None:
            session = end.session
            flows = tuple(session.flows.values())
            departure.moved.append(_Moved(end, end.handle, session.send_handle, flows))
            handle = process.endpoint.new_handle()
            process.endpoint.move(
                end, target, handle, configuration.handle, PathReason.HANDED_OVER, now, configuration.flows
            )
    _settle_at(terminal, target, cell, keys, RrcState.HANDING_OVER)
    _set_ceilings(target, message, now)
    terminal.trace_state("handed over", c_rnti=target.identity, cell=cell.identity)
    return departure


def _set_ceilings(hop: Hop, message: rrc.Reconfiguration, now: int) -> None:
    """Aggregate maximum bit rates hold from the start."""
    hop.set_ue_ceiling(message.ue_maximum_bit_rate * KILOBIT, now)
    for each in message.sessions:
        hop.set_session_ceiling(each.session, each.handle, each.maximum_bit_rate * KILOBIT, now)


def _settle_at(terminal: Terminal, hop: Hop, cell: Cell, keys: _Keys, state: RrcState) -> None:
    """This hop, in this cell, is the terminal's from now on."""
    process = terminal.process
    if terminal.hop is not None:
        process.unbind(terminal.hop)
    terminal.camp_in(cell)
    terminal.k_gnb, terminal.security = keys.k_gnb, keys.security
    terminal.next_hop, terminal.next_hop_chaining_count = keys.next_hop, keys.next_hop_chaining_count
    terminal.connected(hop, state)


def _keys(terminal: Terminal, before: _Keys, synchronisation: rrc.Synchronisation) -> _Keys:
    """Keys of the target: from the NH of its chaining count, or with the same count as before from K_gNB (TS 33.501
    6.9.2.3.4). The algorithms stay."""
    count, chained = before.next_hop_chaining_count, before.next_hop or NO_KEY
    parent = before.k_gnb or NO_KEY
    while count != synchronisation.next_hop_chaining_count:
        parent = chained = next_hop(bytes.fromhex(terminal.config.key), chained)
        count = (count + 1) % CHAIN
    k_gnb = k_ng_ran_star(parent, synchronisation.cell)
    security = SrbSecurity(k_gnb, before.security.integrity, before.security.ciphering, Direction.UPLINK)
    return _Keys(k_gnb, security, chained, count)


async def _arrive(terminal: Terminal, message: rrc.Reconfiguration, departure: _Departure, t304: int) -> None:
    target = terminal.hop
    try:
        await terminal.replies.expect(ARRIVED, t304)
    except ProcedureError:
        if terminal.hop is target and target is not None:
            _come_back(terminal, target, departure)
        raise
    terminal.rrc_state = RrcState.SECURED
    channel_quality.report(terminal)
    for end in departure.replaced.values():
        terminal.process.endpoint.remove(end)
    for release in message.released_sessions:
        consent_to_job.session_released(terminal, release.session, cause_of(release.cause))
        release_session(terminal, release.session)


def _come_back(terminal: Terminal, target: Hop, departure: _Departure) -> None:
    """T304 has ended, or SRB1 of the target has failed: all is as it was at the source, whose link has failed now."""
    endpoint, now = terminal.process.endpoint, terminal.process.procedures.now
    for moved in departure.moved:
        if endpoint.sessions.get(moved.end.handle) is moved.end:
            endpoint.move(
                moved.end,
                departure.hop,
                moved.handle,
                moved.send_handle,
                PathReason.REESTABLISHED,
                now,
                moved.flows,
            )
    for session, end in departure.added.items():
        endpoint.remove(end)
        del terminal.sessions[session]
    terminal.sessions.update(departure.replaced)
    _settle_at(terminal, departure.hop, departure.cell, departure.keys, RrcState.SECURED)
    terminal.radio_link_failed()
    terminal.held.extend(nas_transfers(target.unacknowledged))
