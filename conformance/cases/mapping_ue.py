"""Sessions, QoS flows and computing radio bearers, role ue: which may be mapped to which (R98 to R107)."""

from __future__ import annotations

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionConfiguration
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.conformance.case import case
from net4ai.conformance.preambles import bearer_configuration, reconfiguration, session_configuration
from net4ai.conformance.ue_tester import ServedUe, UeTester

MAPPING = "docs/spec/rrc.md#63-sessions"
WHOLE = "docs/spec/rrc.md#6-reconfiguration"


async def refused(ue: ServedUe, message: rrc.Reconfiguration, *causes: Cause) -> None:
    """The UE takes nothing of a configuration, and says why."""
    ue.srb1.send(message)
    failure = await ue.srb1.expect(rrc.ReconfigurationFailure, transaction=message.transaction)
    ue.tester.check(failure.cause in causes, f"cause {' or '.join(cause.name for cause in causes)}")


@case("MAP-ONE-01", group="mapping", role="ue", clause=MAPPING, rows=("R100", "R101"),
      purpose="Two sessions share a bearer, each with its own handle.")  # fmt: skip
async def shared_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, number=0, bearer=3), await ran.session(ue, number=1, bearer=3)
    ran.check(first.send_handle != second.send_handle, "two handles")
    for session, echo in ((first, 1), (second, 2)):
        session.send(DepType.PING, EchoBody(echo=echo))
        await session.expect(DepType.PONG, echo=echo, bearer=3)


@case("MAP-ONE-02", group="mapping", role="ue", clause=MAPPING, rows=("R104",),
      purpose="A session on one bearer has one QoS flow: a second one is refused.")  # fmt: skip
async def second_flow_on_one_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    flows = (FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=1))
    session = session_configuration(ue, 0, flows)
    await refused(ue, reconfiguration(1, (bearer_configuration(1),), (session,)), Cause.QOS_FLOW_NOT_CONFIGURED)


@case("MAP-BEARER-01", group="mapping", role="ue", clause=MAPPING, rows=("R98",),
      purpose="A session on a bearer that is not there is refused.")  # fmt: skip
async def unknown_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    session = session_configuration(ue, 0, (FlowMapping(qfi=1, bearer=9),))
    await refused(ue, reconfiguration(2, (), (session,)), Cause.INVALID_CONFIGURATION)


@case("MAP-BEARER-02", group="mapping", role="ue", clause=MAPPING, rows=("R99",),
      purpose="PDUs of a session on another bearer than its own are dropped.")  # fmt: skip
async def other_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    session = await ran.session(ue, number=0, bearer=1)
    await ran.session(ue, number=1, bearer=2)
    session.send(DepType.PING, EchoBody(echo=1), bearer=2)
    await session.never(DepType.PONG)
    session.send(DepType.PING, EchoBody(echo=2))
    await session.expect(DepType.PONG, echo=2)


@case("MAP-WHOLE-01", group="mapping", role="ue", clause=WHOLE, rows=("R99", "R106"),
      purpose="A half-valid configuration is refused whole: what was valid in it does not live.")  # fmt: skip
async def half_valid(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    valid = session_configuration(ue, 0, (FlowMapping(qfi=1, bearer=1),))
    wrong = session_configuration(ue, 1, (FlowMapping(qfi=1, bearer=30),))
    await refused(ue, reconfiguration(3, (bearer_configuration(1),), (valid, wrong)), Cause.INVALID_CONFIGURATION)
    await refused(ue, reconfiguration(0, (), (valid,)), Cause.INVALID_CONFIGURATION)


@case("MAP-VERSION-01", group="mapping", role="ue", clause=MAPPING,
      purpose="A session of a DEP version the UE does not speak is refused.")  # fmt: skip
async def unknown_version(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    known = session_configuration(ue)
    session = SessionConfiguration(
        session=0, dep_version=9, handle=known.handle, limits=known.limits, flows=known.flows
    )
    await refused(ue, reconfiguration(1, (bearer_configuration(1),), (session,)), Cause.VERSION_NOT_SUPPORTED)
