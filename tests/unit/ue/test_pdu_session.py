"""Data radio bearers in an RRC reconfiguration: faults are refused whole, the same taken twice changes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionRelease
from net4ai.codecs.rrc import DataBearerConfiguration
from net4ai.stack.drops import DropCounter
from net4ai.ue import pdu_session


def terminal(sessions: dict[int, Any] | None = None) -> Any:
    process = SimpleNamespace(drops=DropCounter())
    hop = SimpleNamespace(identity=7)
    return SimpleNamespace(hop=hop, process=process, pdu_sessions={}, sessions=sessions or {})


def configuration(
    *added: DataBearerConfiguration, released: bytes = b"", gone: int | None = None
) -> rrc.Reconfiguration:
    releases = () if gone is None else (SessionRelease(session=gone, cause=0),)
    return rrc.Reconfiguration(
        transaction=0, data_bearers=added, released_data_bearers=released, released_sessions=releases
    )


def bearer(number: int = 1, session: int = 5, flows: bytes = b"\x01") -> DataBearerConfiguration:
    return DataBearerConfiguration(bearer=number, session=session, flows=flows)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (configuration(bearer()), None),
        (configuration(bearer(), bearer(2, 6)), None),
        (configuration(released=b"\x09"), None),  # an unknown one may be released
        (configuration(bearer(), bearer(2, 5)), Cause.INVALID_CONFIGURATION),
        (configuration(bearer(), bearer(1, 6)), Cause.INVALID_CONFIGURATION),
        (configuration(released=b"\x01\x01"), Cause.INVALID_CONFIGURATION),
        (configuration(released=b"\x00"), Cause.INVALID_CONFIGURATION),
        (configuration(bearer(flows=b"")), Cause.QOS_FLOW_NOT_CONFIGURED),
        (configuration(bearer(flows=b"\x01\x01")), Cause.QOS_FLOW_NOT_CONFIGURED),
        (configuration(bearer(flows=b"\x40")), Cause.QOS_FLOW_NOT_CONFIGURED),
        (configuration(bearer(flows=b"\x00")), Cause.QOS_FLOW_NOT_CONFIGURED),
    ],
)
def test_faults(message: rrc.Reconfiguration, cause: Cause | None) -> None:
    assert pdu_session.fault(message, terminal()) == cause


def test_a_session_is_a_dep_session_or_a_pdu_session() -> None:
    taken = terminal({5: "a DEP session"})
    assert pdu_session.fault(configuration(bearer()), taken) is Cause.INVALID_CONFIGURATION
    assert pdu_session.fault(configuration(bearer(), gone=5), taken) is None


def test_bearers_come_stay_and_go() -> None:
    ue = terminal()
    pdu_session.apply(ue, configuration(bearer()))
    first = ue.pdu_sessions[5]
    assert pdu_session.fault(configuration(bearer()), ue) is None
    pdu_session.apply(ue, configuration(bearer()))
    assert ue.pdu_sessions[5] is first, "taken twice it changes nothing"
    assert pdu_session.fault(configuration(bearer(1, 6)), ue) is Cause.INVALID_CONFIGURATION
    assert pdu_session.fault(configuration(bearer(2, 5)), ue) is Cause.INVALID_CONFIGURATION
    pdu_session.apply(ue, configuration(released=b"\x01"))
    assert not ue.pdu_sessions
