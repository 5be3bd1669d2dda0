"""RRC reconfiguration, the RAN node's side (TS 38.331 5.3.5): one at a time for each UE, taken whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import BearerConfiguration, SessionConfiguration, SessionHandle, SessionRelease
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

MAXIMUM_WAITING = 16
"""Reconfigurations of one UE that are under way or wait for their turn."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one reconfiguration changes."""

    bearers: tuple[BearerConfiguration, ...] = ()
    released_bearers: tuple[int, ...] = ()
    sessions: tuple[SessionConfiguration, ...] = ()
    released_sessions: tuple[SessionRelease, ...] = ()
    measurements: tuple[rrc.MeasurementConfiguration, ...] = ()
    released_measurements: tuple[int, ...] = ()
    data_bearers: tuple[rrc.DataBearerConfiguration, ...] = ()
    released_data_bearers: tuple[int, ...] = ()


class in_turn:
    """Waits until no other reconfiguration of the UE is under way. Raises `ProcedureError`: BUSY, or the UE is lost.

    (No generator: a procedure that is dropped at the end of a process could not close it.)
    """

    def __init__(self, node: RanNode, context: UeContext) -> None:
        self._node = node
        self._context = context

    async def __aenter__(self) -> None:
        context = self._context
        if len(context.turns) >= MAXIMUM_WAITING:
            raise ProcedureError(Cause.BUSY, f"C-RNTI {context.c_rnti}: {MAXIMUM_WAITING} reconfigurations")
        context.turns.append(self)
        try:
            if context.turns[0] is not self:
                await _turn_to_come(self._node, context, self)
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        context = self._context
        context.turns.remove(self)
        if context.turns:
            context.replies.give(("turn", context.turns[0]), None)


async def _turn_to_come(node: RanNode, context: UeContext, turn: object) -> None:
    try:
        await context.replies.expect(("turn", turn), node.timers["reconfiguration-turn"])
    except ProcedureTimeout:
        raise ProcedureError(Cause.BUSY, f"C-RNTI {context.c_rnti}: another reconfiguration is under way") from None


async def reconfigure(node: RanNode, context: UeContext, change: Change) -> tuple[SessionHandle, ...]:
    """Have the UE take a change, then take it here; within `in_turn`. Gives the UE's handles.

    Raises `ProcedureError`: nothing has changed then, or the UE is lost.
    """
    hop = context.hop
    new = [configuration for configuration in change.bearers if configuration.bearer not in hop.bearers]
    for configuration in new:
        # The UE's first PDU may overtake its answer.
        hop.add_bearer(configuration)
    try:
        answer = await _ask(node, context, change)
    except ProcedureError:
        for configuration in new:
            hop.remove_bearer(configuration.bearer)
        raise
    _apply(node, context, change)
    context.handles.update({handle.session: handle for handle in answer.sessions})
    context.apply_ceilings(node.procedures.now)
    return answer.sessions


def _apply(node: RanNode, context: UeContext, change: Change) -> None:
    for release in change.released_sessions:
        context.sessions.pop(release.session, None)
        context.handles.pop(release.session, None)
        context.hop.set_session_ceiling(release.session, 0, 0, node.procedures.now)
        context.jobs = {job: session for job, session in context.jobs.items() if session != release.session}
    for configuration in change.bearers:
        context.hop.add_bearer(configuration)
    for session in change.sessions:
        context.sessions[session.session] = session
        if node.cpf is not None:
            # Where the handle is as before, what is under way goes on over other bearers.
            node.cpf.switch.remap(context.hop, session.handle, {flow.qfi: flow for flow in session.flows})
    for bearer in change.released_bearers:
        context.hop.remove_bearer(bearer)


async def _ask(node: RanNode, context: UeContext, change: Change) -> rrc.ReconfigurationComplete:
    if context.number not in node.by_number:
        raise ProcedureError(Cause.PEER_LOST, f"C-RNTI {context.c_rnti} is released")
    if context.state not in (State.SECURED, State.LOST):
        # Never before security (TS 38.331 5.3.5.2); to one that is lost when it comes back.
        raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"C-RNTI {context.c_rnti} is {context.state.value}")
    transaction = context.next_transaction()
    message = rrc.Reconfiguration(
        transaction=transaction,
        bearers=change.bearers,
        released_bearers=bytes(change.released_bearers),
        sessions=change.sessions,
        released_sessions=change.released_sessions,
        measurements=change.measurements,
        released_measurements=bytes(change.released_measurements),
        data_bearers=change.data_bearers,
        released_data_bearers=bytes(change.released_data_bearers),
        synchronisation=(),
        ue_maximum_bit_rate=context.ue_maximum_bit_rate,
    )
    node.send_rrc(context, message)
    context.reconfiguration = message
    try:
        answer: rrc.Rrc = await context.replies.expect(("reconfiguration", transaction), node.timers["reconfiguration"])
    except ProcedureTimeout:
        _give_up(node, context)
        raise
    finally:
        context.reconfiguration = None
    if isinstance(answer, rrc.ReconfigurationFailure):
        raise ProcedureRejected(cause_of(answer.cause), "RRC reconfiguration")
    assert isinstance(answer, rrc.ReconfigurationComplete)
    if [handle.session for handle in answer.sessions] != [session.session for session in change.sessions]:
        _give_up(node, context)
        raise ProcedureError(Cause.MALFORMED_MESSAGE, "handles in RRC Reconfiguration Complete")
    return answer


def _give_up(node: RanNode, context: UeContext) -> None:
    """Nobody knows what the UE has taken: it has to start anew."""
    node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.RECONFIGURATION_FAILURE))


def repeat(node: RanNode, context: UeContext) -> None:
    """SRB1 is a new one: the reconfiguration under way may have been lost with the old one, or its answer was.

    It is sent again as it was; whoever has taken it takes it again without effect.
    """
    if context.reconfiguration is not None:
        node.send_rrc(context, context.reconfiguration)
