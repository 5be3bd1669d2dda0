"""Handover preparation on N2: the RAN node under test is the target of a handover."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SecurityCapabilities,
    SessionConfiguration,
    SessionLimits,
)
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.preambles import reconfiguration
from net4ai.conformance.ran_node_tester import RanNodeTester

TARGET = "docs/spec/n2.md#82-target"
SOURCE = "docs/spec/n2.md#81-source"
OPTION = ("handover-preparation",)

LIMITS = SessionLimits(segment_size=1400, unscheduled=14000, maximum_message=1 << 20, maximum_open=8)
OTHER_QOS = QosProfile(five_qi=132, priority=5)
NEVER = 0.25
"""Seconds in which something would have come that must not come."""


def session(number: int, bearer: int) -> SessionConfiguration:
    """A session of the UE at the source."""
    flows = (FlowMapping(qfi=1, bearer=bearer),)
    return SessionConfiguration(session=number, dep_version=1, handle=1000 + number, limits=LIMITS, flows=flows)


def source_configuration() -> rrc.Reconfiguration:
    """Of a UE with two sessions on two bearers, in another cell."""
    bearers = (
        BearerConfiguration(bearer=3, mode=BearerMode.UNACKNOWLEDGED, qos=preambles.QOS),
        BearerConfiguration(bearer=7, mode=BearerMode.UNACKNOWLEDGED, qos=OTHER_QOS),
    )
    here = rrc.Synchronisation(cell=1007, c_rnti=9, bulk_port=46401, next_hop_chaining_count=0, t304=1000)
    return replace(reconfiguration(0, bearers, (session(2, 3), session(5, 7))), synchronisation=(here,))


def item(number: int, *qos: QosProfile) -> n2.SessionItem:
    """A session the target shall take over."""
    return n2.SessionItem(session=number, job=number, qos=qos)


def request(transaction: int, **fields: Any) -> n2.HandoverRequest:
    """For the UE of `source_configuration`, but for `fields`."""
    usual: dict[str, Any] = {
        "key": bytes(range(32)),
        "next_hop_chaining_count": 1,
        "capabilities": preambles.CAPABILITIES,
        "sessions": (item(2, preambles.QOS), item(5, OTHER_QOS)),
        "container": source_configuration().encode(),
    }
    return n2.HandoverRequest(transaction=transaction, **usual | fields)


async def prepared(ran: RanNodeTester, **fields: Any) -> tuple[n2.HandoverRequestAcknowledge, rrc.Reconfiguration]:
    """The acknowledgement of a good request, and what the UE would be told."""
    await ran.core.ready()
    ran.core.n2.send(request(4, **fields))
    acknowledge = await ran.core.n2.expect(n2.HandoverRequestAcknowledge, transaction=4)
    message = rrc.Rrc.FAMILY.decode(acknowledge.container)
    ran.check(isinstance(message, rrc.Reconfiguration), "RRC Reconfiguration in the container")
    assert isinstance(message, rrc.Reconfiguration)
    return acknowledge, message


async def free(ran: RanNodeTester, acknowledge: n2.HandoverRequestAcknowledge) -> None:
    """The core wants free again what was prepared."""
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=acknowledge.ran_ue, cause=Cause.CANCELLED))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=acknowledge.ran_ue)


async def refused(ran: RanNodeTester, cause: Cause, **fields: Any) -> None:
    """Such a request fails with this cause."""
    await ran.core.ready()
    ran.core.n2.send(request(5, **fields))
    await ran.core.n2.expect(n2.HandoverFailure, transaction=5, cause=cause)
    await ran.core.n2.never(n2.HandoverRequestAcknowledge, within=0.1)


@case("N2-HANDOVER-01", group="n2", role="ran-node", clause=TARGET, rows=("R107",), options=OPTION,
      purpose="The target answers with an RRC Reconfiguration: a C-RNTI, bearers as at the source.")  # fmt: skip
async def acknowledged(ran: RanNodeTester) -> None:
    acknowledge, message = await prepared(ran)
    [synchronisation] = message.synchronisation
    ran.check(1 <= synchronisation.c_rnti <= 0xFFEF, "a C-RNTI of TS 38.321 table 7.1-1")
    ran.check(synchronisation.next_hop_chaining_count == 1, "the chaining count of the request")
    ran.check(message.bearers == source_configuration().bearers, "bearers as at the source")
    await free(ran, acknowledge)


@case("N2-HANDOVER-02", group="n2", role="ran-node", clause=TARGET, rows=("R81", "R107"), options=OPTION,
      purpose="Sessions keep identity and flows, and get new handles.")  # fmt: skip
async def new_handles(ran: RanNodeTester) -> None:
    acknowledge, message = await prepared(ran)
    before = source_configuration().sessions
    ran.check([each.session for each in message.sessions] == [each.session for each in before], "the same sessions")
    ran.check([each.flows for each in message.sessions] == [each.flows for each in before], "the same flows")
    handles = {each.handle for each in message.sessions}
    ran.check(len(handles) == 2 and not handles & {each.handle for each in before}, "two new handles")
    await free(ran, acknowledge)


@case("N2-HANDOVER-03", group="n2", role="ran-node", clause=TARGET, rows=("R107",), options=OPTION,
      purpose="A session that is not in the request is released, with its bearer.")  # fmt: skip
async def not_taken_over(ran: RanNodeTester) -> None:
    acknowledge, message = await prepared(ran, sessions=(item(2, preambles.QOS),))
    ran.check([each.session for each in message.released_sessions] == [5], "session 5 released")
    ran.check(list(message.released_bearers) == [7], "bearer 7 released")
    await free(ran, acknowledge)


@case("N2-HANDOVER-04", group="n2", role="ran-node", clause=TARGET, options=(*OPTION, "error-indication"),
      purpose="On the core's command what was prepared is free: the context is unknown.")  # fmt: skip
async def freed(ran: RanNodeTester) -> None:
    acknowledge, _ = await prepared(ran)
    await free(ran, acknowledge)
    await ran.sleep(0.2)  # for the limit on Error Indications
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=acknowledge.ran_ue, nas=b"\x42"))
    await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.UNKNOWN_CONTEXT, ran_ue=acknowledge.ran_ue)


@case("N2-HANDOVER-05", group="n2", role="ran-node", clause=TARGET, options=(*OPTION, "short-timers"),
      purpose="When the UE does not come in time the target asks for its release, TIMEOUT.")  # fmt: skip
async def never_comes(ran: RanNodeTester) -> None:
    acknowledge, _ = await prepared(ran)
    within = ran.timer("handover-prepared") + 0.5
    await ran.core.n2.expect(n2.ContextReleaseRequest, within=within, ran_ue=acknowledge.ran_ue, cause=Cause.TIMEOUT)


@case("N2-HANDOVER-06", group="n2", role="ran-node", clause=TARGET, rows=("R106",), options=OPTION,
      purpose="A container that is no RRC Reconfiguration: Failure MALFORMED_MESSAGE.")  # fmt: skip
async def malformed_container(ran: RanNodeTester) -> None:
    whole = source_configuration().encode()
    for container in (b"", whole[:-1], whole + b"\x00", rrc.Release(transaction=0, cause=1).encode()):
        await refused(ran, Cause.MALFORMED_MESSAGE, container=container)


@case("N2-HANDOVER-07", group="n2", role="ran-node", clause=TARGET, rows=("R106",), options=OPTION,
      purpose="Sessions or flows that are not in the container: Failure INVALID_CONFIGURATION.")  # fmt: skip
async def invalid_configuration(ran: RanNodeTester) -> None:
    for sessions in (
        (item(9, preambles.QOS),),
        (item(2, preambles.QOS), item(2, preambles.QOS)),
        (item(2, preambles.QOS, OTHER_QOS),),
        (item(2),),
    ):
        await refused(ran, Cause.INVALID_CONFIGURATION, sessions=sessions)


@case("N2-HANDOVER-08", group="n2", role="ran-node", clause=TARGET, rows=("R106",), options=OPTION,
      purpose="A UE without the algorithms, or a key of another length, is not taken over.")  # fmt: skip
async def cannot_be_secured(ran: RanNodeTester) -> None:
    nothing = SecurityCapabilities(integrity=0, ciphering=0)
    await refused(ran, Cause.SECURITY_CAPABILITIES_MISMATCH, capabilities=nothing)
    await refused(ran, Cause.MALFORMED_MESSAGE, key=bytes(31))


@case("N2-HANDOVER-09", group="n2", role="ran-node", clause=TARGET, options=OPTION,
      purpose="Nobody but the UE itself can use its C-RNTI: nothing is answered on it.")  # fmt: skip
async def reserved_identity(ran: RanNodeTester) -> None:
    acknowledge, message = await prepared(ran)
    ue = await ran.ue()
    ue.take(rrc.Setup(transaction=0, ue_identity=0, c_rnti=message.synchronisation[0].c_rnti, bulk_port=1))
    ue.srb1.send(rrc.SetupComplete(transaction=0, nas=b"\x81"))
    await ue.pdus.never(within=NEVER)
    await ran.core.n2.never(n2.InitialUeMessage, within=0)
    await free(ran, acknowledge)


@case("N2-HANDOVER-10", group="n2", role="ran-node", clause=SOURCE, options=OPTION,
      purpose="Answers to a handover that the RAN node has not asked for are dropped; the UE stays.")  # fmt: skip
async def not_asked_for(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    container = source_configuration().encode()
    ran.core.n2.send(n2.HandoverCommand(ran_ue=ue.ran_ue, container=container))
    ran.core.n2.send(n2.HandoverPreparationFailure(ran_ue=ue.ran_ue, cause=Cause.UNKNOWN_TARGET))
    ran.core.n2.send(n2.HandoverCancelAcknowledge(ran_ue=ue.ran_ue))
    await ran.core.n2.never(n2.N2, within=NEVER)
    await ue.srb1.never((rrc.Reconfiguration, rrc.Release), within=0)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue)
