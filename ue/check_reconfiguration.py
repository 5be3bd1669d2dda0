"""What makes an RRC reconfiguration impossible to take: one fault, and it is refused whole (R99-R104, R106)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_BEARERS, BearerMode, SessionConfiguration
from net4ai.codecs.dep import VERSION
from net4ai.codecs.five_qi import contradiction
from net4ai.stack.dep.session import DepSession
from net4ai.stack.hop import Hop

MAXIMUM_MEASUREMENT = 64
"""TS 38.331: MeasId is 1 to 64."""


def fault(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    """Why the configuration cannot be taken, given the hop's bearers and the sessions by identity; None: it can."""
    faults = (check(message, hop, sessions) for check in _CHECKS)
    return next((cause for cause in faults if cause is not None), None)


def _repetitions(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    lists: tuple[Iterable[Hashable], ...] = (
        [configuration.bearer for configuration in message.bearers],
        message.released_bearers,
        [configuration.session for configuration in message.sessions],
        [release.session for release in message.released_sessions],
        [configuration.measurement for configuration in message.measurements],
        message.released_measurements,
    )
    return Cause.INVALID_CONFIGURATION if any(_twice(numbers) for numbers in lists) else None


def _bearers(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    """A bearer that stays keeps its mode: to change it, it is released and added. Unknown ones may be released. Bit
    rates are possible for the class (R102)."""
    modes: list[int] = list(BearerMode)
    for configuration in message.bearers:
        before = hop.bearers.get(configuration.bearer)
        stays = before is not None and configuration.bearer not in message.released_bearers
        qos = configuration.qos
        if contradiction(qos.five_qi, qos.guaranteed_bit_rate, qos.maximum_bit_rate) is not None:
            return Cause.INVALID_CONFIGURATION
        if configuration.mode not in modes or (before is not None and stays and before.mode != configuration.mode):
            return Cause.INVALID_CONFIGURATION
    if any(not 1 <= bearer <= MAXIMUM_BEARERS for bearer in message.released_bearers):
        return Cause.INVALID_CONFIGURATION
    return None


def _measurements(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    if any(not 1 <= measurement <= MAXIMUM_MEASUREMENT for measurement in message.released_measurements):
        return Cause.INVALID_CONFIGURATION
    return None


def _sessions_that_stay(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    """No session may lose a bearer."""
    there = _bearers_then(message, hop)
    for session in _staying(message, sessions).values():
        if any(flow.bearer not in there for flow in session.flows.values()):
            return Cause.INVALID_CONFIGURATION
    return None


def _sessions_named(message: rrc.Reconfiguration, hop: Hop, sessions: Mapping[int, DepSession]) -> Cause | None:
    there = _bearers_then(message, hop)
    made = {configuration.bearer for configuration in message.bearers}
    failed = {
        bearer
        for bearer in there
        if hop.has_failed(bearer) and not (bearer in made and bearer in message.released_bearers)
    }
    taken = [session.send_handle for session in _staying(message, sessions).values()]
    if _twice([*taken, *(configuration.handle for configuration in message.sessions)]):
        return Cause.HANDLE_IN_USE
    faults = (_session_fault(configuration, there, failed) for configuration in message.sessions)
    return next((cause for cause in faults if cause is not None), None)


def _session_fault(configuration: SessionConfiguration, bearers: set[int], failed: set[int]) -> Cause | None:
    if configuration.dep_version != VERSION:
        return Cause.VERSION_NOT_SUPPORTED
    used = [flow.bearer for flow in configuration.flows]
    if not used or not bearers.issuperset(used) or _twice(flow.qfi for flow in configuration.flows):
        return Cause.INVALID_CONFIGURATION
    if _twice(used):
        # The bearer selects the flow (R103), so there is one on each (R104).
        return Cause.QOS_FLOW_NOT_CONFIGURED
    return Cause.PEER_LOST if failed.intersection(used) else None


def _staying(message: rrc.Reconfiguration, sessions: Mapping[int, DepSession]) -> dict[int, DepSession]:
    """Sessions the message does not speak of."""
    named = {configuration.session for configuration in message.sessions}
    named |= {release.session for release in message.released_sessions}
    return {identity: session for identity, session in sessions.items() if identity not in named}


def _bearers_then(message: rrc.Reconfiguration, hop: Hop) -> set[int]:
    """Bearers that are there afterwards."""
    return (set(hop.bearers) - set(message.released_bearers)) | {added.bearer for added in message.bearers}


def _twice(numbers: Iterable[Hashable]) -> bool:
    """Whether one of them occurs twice."""
    numbers = list(numbers)
    return len(set(numbers)) < len(numbers)


_CHECKS: tuple[Callable[[rrc.Reconfiguration, Hop, Mapping[int, DepSession]], Cause | None], ...] = (
    _repetitions,
    _bearers,
    _measurements,
    _sessions_that_stay,
    _sessions_named,
)
