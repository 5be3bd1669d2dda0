"""Which bearers the QoS flows of a UE's sessions take (R98, R100-R104, R107). Plans only: nothing is changed here."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SessionConfiguration,
)
from net4ai.codecs.five_qi import contradiction
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.procedure import ProcedureError

FIRST_QFI = 1
MAXIMUM_FLOWS = 8
"""QoS flows of a session, as many as N2 can ask for."""


def map_flows(
    context: UeContext,
    qos: tuple[QosProfile, ...],
    acknowledged: Collection[int],
    before: SessionConfiguration | None = None,
) -> tuple[tuple[FlowMapping, ...], tuple[BearerConfiguration, ...]]:
    """QoS flows of a session, one for each profile, and the bearers to add or change for them.

    Each flow takes the bearer that has its quality of service, if there is one (R98, R101); else that of the same flow
    in `before`, changed, if nothing else runs there; else a new one. A flow with bit rates of its own shares its bearer
    with no other session. What the flow promises stays. `acknowledged`: the 5QIs whose bearers are in acknowledged
    mode. Raises `ProcedureError`: no flow, or two for the same bearer (R104), no bearer left, bit rates that cannot be.
    """
    if not 1 <= len(qos) <= MAXIMUM_FLOWS or len(set(map(_key, qos))) < len(qos):
        raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, f"{len(qos)} QoS flows, one for each bearer")
    for profile in qos:
        if found := contradiction(profile.five_qi, profile.guaranteed_bit_rate, profile.maximum_bit_rate):
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"{found[0]} bit rate: {found[1]}")
    ours = {flow.bearer for flow in before.flows} if before is not None else set()
    there = {
        _key(configuration.qos): bearer
        for bearer, configuration in context.hop.bearers.items()
        if configuration.mode == bearer_mode(configuration.qos, acknowledged)
        and not context.hop.has_failed(bearer)
        and (bearer in ours or not _has_rates(configuration.qos))
    }
    changeable = _changeable(context, qos, before)
    free = (bearer for bearer in range(1, MAXIMUM_BEARERS + 1) if bearer not in context.hop.bearers)
    kept = {flow.qfi: flow for flow in before.flows} if before is not None else {}
    flows, bearers = [], []
    for qfi, profile in enumerate(qos, FIRST_QFI):
        bearer, mode = there.get(_key(profile)), bearer_mode(profile, acknowledged)
        if bearer is None:
            own = changeable.get(qfi)
            bearer = own if own is not None and context.hop.bearers[own].mode == mode else next(free, None)
            if bearer is None:
                raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_BEARERS} bearers")
            bearers.append(BearerConfiguration(bearer=bearer, mode=mode, qos=profile))
        flows.append(dataclasses.replace(kept.get(qfi, FlowMapping(qfi=qfi, bearer=bearer)), bearer=bearer))
    return tuple(flows), tuple(bearers)


def _changeable(context: UeContext, qos: tuple[QosProfile, ...], before: SessionConfiguration | None) -> dict[int, int]:
    """Bearers by QoS flow of a session that no other session uses, and that no wanted profile fits."""
    if before is None:
        return {}
    others = {
        flow.bearer
        for configuration in context.sessions.values()
        if configuration.session != before.session
        for flow in configuration.flows
    }
    wanted = set(map(_key, qos))
    return {
        flow.qfi: flow.bearer
        for flow in before.flows
        if flow.bearer not in others
        and _key(context.hop.bearers[flow.bearer].qos) not in wanted
        and not context.hop.has_failed(flow.bearer)
    }


def orphans(
    context: UeContext, sessions: Iterable[SessionConfiguration] = (), released: Iterable[int] = ()
) -> tuple[int, ...]:
    """Bearers no session is mapped to any more, once `sessions` are as given and others are released (R107)."""
    after = context.sessions | {configuration.session: configuration for configuration in sessions}
    gone = set(released)
    used = {
        flow.bearer for session, configuration in after.items() if session not in gone for flow in configuration.flows
    }
    return tuple(bearer for bearer in context.hop.bearers if bearer not in used)


def replacements(context: UeContext, bearers: Collection[int]) -> dict[int, BearerConfiguration]:
    """For each of `bearers` one of the same kind under a free identity, as long as there are any."""
    free = (bearer for bearer in range(1, MAXIMUM_BEARERS + 1) if bearer not in context.hop.bearers)
    return {
        old: BearerConfiguration(bearer=new, mode=context.hop.bearers[old].mode, qos=context.hop.bearers[old].qos)
        for old, new in zip(sorted(bearers), free, strict=False)
    }


def bearer_mode(qos: QosProfile, acknowledged: Collection[int]) -> BearerMode:
    """Mode of the bearers of a quality of service; `acknowledged`: the 5QIs in acknowledged mode."""
    return BearerMode.ACKNOWLEDGED if qos.five_qi in acknowledged else BearerMode.UNACKNOWLEDGED


def _has_rates(qos: QosProfile) -> bool:
    """Whether bit rates hold for this flow alone."""
    return bool(qos.guaranteed_bit_rate or qos.maximum_bit_rate)


def _key(qos: QosProfile) -> tuple[int, ...]:
    """All of a profile, to tell it from others."""
    return (
        *(qos.five_qi, qos.priority, qos.prioritised_bit_rate, qos.bucket_size),
        *(qos.guaranteed_bit_rate, qos.maximum_bit_rate),
    )
