"""Sessions, QoS flows and computing radio bearers at a RAN node: which are mapped to which (R98 to R107)."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import dep_pdu, l2_pdu
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester

MAPPING = "docs/spec/rrc.md#63-sessions"
BEARERS = "docs/spec/rrc.md#62-bearers"
AT_NODE = "docs/spec/rrc.md#65-at-the-ran-node"
SETUP = "docs/spec/n2.md#61-set-up"
MODIFY = "docs/spec/n2.md#62-modification"
RELEASE = "docs/spec/n2.md#63-release"
BINDING = "docs/spec/l2.md#42-binding-of-sources"

NEVER = 0.25
"""Seconds in which something would have come that must not come."""
SESSIONS = 32
"""DEP sessions a UE can have at a time."""
OTHER_QOS = QosProfile(five_qi=132, priority=5)


def ask(ran: RanNodeTester, ue: PlayedUe, transaction: int, job: int, *qos: QosProfile) -> None:
    """The core asks for a session."""
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=transaction, job=job, qos=qos))


async def set_up(ran: RanNodeTester, ue: PlayedUe, job: int, *qos: QosProfile) -> tuple[Session, rrc.Reconfiguration]:
    """A session with these qualities of service, and the reconfiguration it took."""
    ask(ran, ue, 1000 + job, job, *qos)
    message = await ue.srb1.expect(rrc.Reconfiguration)
    session = preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=1000 + job, session=session.number)
    return session, message


async def modify(ran: RanNodeTester, session: Session, *qos: QosProfile) -> rrc.Reconfiguration:
    """The core wants other qualities of service; the reconfiguration that follows."""
    ue = ue_of(session)
    ran.core.n2.send(n2.SessionModifyRequest(ran_ue=ue.ran_ue, transaction=77, session=session.number, qos=qos))
    return await ue.srb1.expect(rrc.Reconfiguration)


async def taken(ran: RanNodeTester, ue: PlayedUe, message: rrc.Reconfiguration, kind: type) -> None:
    """The UE takes a reconfiguration, and the core has its answer."""
    for bearer in message.bearers:
        ue.bound().add_bearer(bearer)
    if message.sessions:
        preambles.accept_session(ran, ue, message)
    else:
        ue.srb1.send(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=()))
    await ran.core.n2.expect(kind, ran_ue=ue.ran_ue)


async def release(ran: RanNodeTester, session: Session, cause: int = Cause.NORMAL) -> rrc.Reconfiguration:
    """The core ends a session; the reconfiguration, taken."""
    ue = ue_of(session)
    ran.core.n2.send(n2.SessionReleaseCommand(ran_ue=ue.ran_ue, transaction=88, session=session.number, cause=cause))
    message = await ue.srb1.expect(rrc.Reconfiguration)
    await taken(ran, ue, message, n2.SessionReleaseResponse)
    return message


def ue_of(session: Session) -> PlayedUe:
    """Whose session it is."""
    assert isinstance(session.end, PlayedUe)
    return session.end


async def bearer_there(ue: PlayedUe, bearer: int) -> None:
    """The target takes PDUs on the bearer: one that belongs to no session is answered."""
    ue.dep.send(dep_pdu(DepType.PING, EchoBody(echo=1), bearer=bearer, qfi=1, handle=1))
    await ue.dep.expect(DepType.ERROR, bearer=bearer, cause=Cause.UNKNOWN_SESSION)


async def no_bearer(ue: PlayedUe, bearer: int) -> None:
    """The target takes nothing on the bearer."""
    ue.dep.send(dep_pdu(DepType.PING, EchoBody(echo=1), bearer=bearer, qfi=1, handle=1))
    await ue.dep.never(DepType.ERROR, within=NEVER)


# ---------------------------------------------------------------------------------------------------------------------
# One bearer or several


@case("MAP-SHARE-11", group="mapping", role="ran-node", clause=MAPPING, rows=("R98", "R101"),
      purpose="Sessions of the same quality of service share a bearer.")  # fmt: skip
async def ran_node_shares_bearer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, job=1), await ran.session(ue, job=2)
    ran.check(first.number != second.number, "two sessions")
    ran.check(first.send_handle != second.send_handle, "two handles")
    ran.check(first.bearer == second.bearer, "one bearer")


@case("MAP-SHARE-12", group="mapping", role="ran-node", clause=BEARERS, rows=("R101", "R102"),
      purpose="A session of another quality of service, in any part of it, gets a bearer of its own.")  # fmt: skip
async def other_quality(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    qualities = (
        QosProfile(five_qi=131, priority=5),
        QosProfile(five_qi=132, priority=5),
        QosProfile(five_qi=131, priority=6),
        QosProfile(five_qi=131, priority=5, prioritised_bit_rate=1),
        QosProfile(five_qi=131, priority=5, bucket_size=1),
    )
    bearers = {(await set_up(ran, ue, job, qos))[0].bearer for job, qos in enumerate(qualities)}
    ran.check(len(bearers) == len(qualities), f"{len(qualities)} bearers")
    again, message = await set_up(ran, ue, 9, qualities[2])
    ran.check(again.bearer in bearers and not message.bearers, "the bearer that is there")


@case("MAP-SHARE-13", group="mapping", role="ran-node", clause=BEARERS, rows=("R98", "R99", "R102"),
      purpose="The UE is told the quality of service of a new bearer, which is 1 to 32.")  # fmt: skip
async def told_quality(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    qos = QosProfile(five_qi=128, priority=9, prioritised_bit_rate=1000, bucket_size=50)
    session, message = await set_up(ran, ue, 1, qos)
    [bearer] = message.bearers
    ran.check(bearer.qos == qos, "the quality the core has asked for")
    ran.check(bearer.bearer == session.bearer and 1 <= bearer.bearer <= 32, "the bearer of the session's flow")


@case("MAP-FLOWS-11", group="mapping", role="ran-node", clause=MAPPING, rows=("R100", "R103"),
      options=("several-flows",),
      purpose="A session with several QoS flows has a bearer for each, under QFIs that differ.")  # fmt: skip
async def several_flows(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    session, message = await set_up(
        ran, ue, 1, *(QosProfile(five_qi=five_qi, priority=5) for five_qi in range(128, 136))
    )
    ran.check(len({flow.bearer for flow in session.flows}) == 8, "eight bearers")
    ran.check(len({flow.qfi for flow in session.flows}) == 8, "eight QoS flow identifiers")
    ran.check(len(message.bearers) == 8, "all of them configured at once")
    for flow in session.flows:
        await bearer_there(ue, flow.bearer)


@case("MAP-FLOWS-12", group="mapping", role="ran-node", clause=SETUP, rows=("R103", "R104", "R106"),
      purpose="Two QoS flows that would share a bearer are refused, and the UE is not told of anything.")  # fmt: skip
async def two_flows_on_one_bearer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for transaction, qos in enumerate(
        ((preambles.QOS, preambles.QOS), (OTHER_QOS, preambles.QOS, OTHER_QOS), (preambles.QOS,) * 8)
    ):
        ask(ran, ue, transaction, 1, *qos)
        await ran.core.n2.expect(n2.SessionSetupFailure, transaction=transaction, cause=Cause.QOS_FLOW_NOT_CONFIGURED)
    await ue.srb1.never(rrc.Reconfiguration, within=NEVER)


@case("MAP-FLOWS-13", group="mapping", role="ran-node", clause=SETUP, rows=("R104", "R106"),
      purpose="A session without a QoS flow is refused.")  # fmt: skip
async def no_flow(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ask(ran, ue, 3, 1)
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=3, cause=Cause.QOS_FLOW_NOT_CONFIGURED)
    await ue.srb1.never(rrc.Reconfiguration, within=0.1)


@case("MAP-FLOWS-14", group="mapping", role="ran-node", clause=MAPPING, rows=("R98", "R100", "R101"),
      options=("several-flows",),
      purpose="Of several flows each takes the bearer of its quality: one that is there, or a new one.")  # fmt: skip
async def one_of_several_is_there(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first, _ = await set_up(ran, ue, 1, preambles.QOS)
    second, message = await set_up(ran, ue, 2, OTHER_QOS, preambles.QOS)
    ran.check(second.flows[1].bearer == first.bearer, "the second flow on the bearer that is there")
    ran.check([bearer.bearer for bearer in message.bearers] == [second.flows[0].bearer], "one new bearer")


@case("MAP-LIMIT-11", group="mapping", role="ran-node", clause=SETUP, rows=("R106",),
      purpose="The 33rd session of a UE is refused, NO_RESOURCES; the others stay.")  # fmt: skip
async def too_many_sessions(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for job in range(SESSIONS):
        await set_up(ran, ue, job, preambles.QOS)
    ask(ran, ue, 5, SESSIONS, preambles.QOS)
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=5, cause=Cause.NO_RESOURCES)
    ask(ran, ue, 6, 0, preambles.QOS)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=6)


@case("MAP-LIMIT-12", group="mapping", role="ran-node", clause=BEARERS, rows=("R106",), options=("several-flows",),
      purpose="When all 32 bearers are taken a session that needs another one is refused, NO_RESOURCES.")  # fmt: skip
async def too_many_bearers(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for job in range(4):
        await set_up(ran, ue, job, *(QosProfile(five_qi=128 + job, priority=1 + n) for n in range(8)))
    ask(ran, ue, 5, 9, QosProfile(five_qi=200, priority=1))
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=5, cause=Cause.NO_RESOURCES)
    await set_up(ran, ue, 10, QosProfile(five_qi=131, priority=8))


@case("MAP-MODE-11", group="mapping", role="ran-node", clause=BEARERS, rows=("R102",),
      purpose="A bearer of no special kind is in unacknowledged mode.")  # fmt: skip
async def mode(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    _, message = await set_up(ran, ue, 1, preambles.QOS)
    ran.check(message.bearers[0].mode == 0, "unacknowledged mode")


# ---------------------------------------------------------------------------------------------------------------------
# Refusal, isolation


@case("MAP-REFUSED-11", group="mapping", role="ran-node", clause=AT_NODE, rows=("R98", "R106"),
      purpose="What the UE refuses leaves nothing: asked again, all is configured anew.")  # fmt: skip
async def refusal_leaves_nothing(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ask(ran, ue, 3, 1, preambles.QOS)
    first = await ue.srb1.expect(rrc.Reconfiguration)
    ue.srb1.send(rrc.ReconfigurationFailure(transaction=first.transaction, cause=Cause.NO_RESOURCES))
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=3, cause=Cause.NO_RESOURCES)
    await no_bearer(ue, first.bearers[0].bearer)
    session, again = await set_up(ran, ue, 1, preambles.QOS)
    ran.check(len(again.bearers) == 1, "a bearer, configured anew")
    await bearer_there(ue, session.bearer)


@case("MAP-UES-11", group="mapping", role="ran-node", clause=BINDING, rows=("R81", "R105"),
      purpose="Bearers are of one UE: of two with the same number one ends, the other stays.")  # fmt: skip
async def two_ues(ran: RanNodeTester) -> None:
    first, second = await ran.session(), await ran.session()
    ran.check(first.send_handle != second.send_handle, "two handles")
    await release(ran, first)
    await no_bearer(ue_of(first), first.bearer)
    await bearer_there(ue_of(second), second.bearer)


@case("MAP-UES-12", group="mapping", role="ran-node", clause=BINDING, rows=("R105",),
      purpose="What is sent with another UE's C-RNTI is not taken on its bearers.")  # fmt: skip
async def c_rnti_of_another(ran: RanNodeTester) -> None:
    victim, other = await ran.session(), await ran.session()
    pdu = dep_pdu(DepType.PING, EchoBody(echo=1), bearer=victim.bearer, qfi=1, handle=1)
    for count in (0, 5):
        ue_of(other).pdus.send(l2_pdu(BearerType.CRB, victim.bearer, ue_of(victim).c_rnti, count, pdu.encode()))
    await ue_of(other).dep.never(DepType.ERROR, within=NEVER)
    await ue_of(victim).dep.never(DepType.ERROR, within=0)


# ---------------------------------------------------------------------------------------------------------------------
# Release


@case("MAP-RELEASE-11", group="mapping", role="ran-node", clause=RELEASE, rows=("R107",),
      purpose="With the last session of a bearer the bearer is released, at both ends.")  # fmt: skip
async def last_session(ran: RanNodeTester) -> None:
    session = await ran.session()
    message = await release(ran, session)
    ran.check([each.session for each in message.released_sessions] == [session.number], "the session released")
    ran.check(list(message.released_bearers) == [session.bearer], "its bearer released")
    await no_bearer(ue_of(session), session.bearer)


@case("MAP-RELEASE-12", group="mapping", role="ran-node", clause=RELEASE, rows=("R101", "R107"),
      purpose="A bearer that another session uses stays.")  # fmt: skip
async def not_the_last_session(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, job=1), await ran.session(ue, job=2)
    message = await release(ran, first)
    ran.check(not message.released_bearers, "no bearer released")
    await bearer_there(ue, second.bearer)
    message = await release(ran, second)
    ran.check(list(message.released_bearers) == [second.bearer], "the bearer released with the last session")


@case("MAP-RELEASE-13", group="mapping", role="ran-node", clause=RELEASE,
      purpose="The UE is told the cause of the release.")  # fmt: skip
async def cause_of_release(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for cause in (Cause.NORMAL, Cause.CANCELLED, Cause.FUNCTION_FAILED):
        message = await release(ran, await ran.session(ue), cause)
        ran.check([each.cause for each in message.released_sessions] == [cause], cause.name)


@case("MAP-RELEASE-14", group="mapping", role="ran-node", clause=RELEASE,
      purpose="After its release a job's session is set up anew, with another handle.")  # fmt: skip
async def set_up_after_release(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first = await ran.session(ue, job=1)
    await release(ran, first)
    second, message = await set_up(ran, ue, 1, preambles.QOS)
    ran.check(second.send_handle != first.send_handle, "another handle")
    ran.check(len(message.bearers) == 1, "a bearer, configured anew")


@case("MAP-RELEASE-15", group="mapping", role="ran-node", clause=RELEASE,
      purpose="A UE that does not take the release of a session has to start anew; there is no Response.")  # fmt: skip
async def release_refused(ran: RanNodeTester) -> None:
    session = await ran.session()
    ue = ue_of(session)
    ran.core.n2.send(n2.SessionReleaseCommand(ran_ue=ue.ran_ue, transaction=4, session=session.number, cause=1))
    message = await ue.srb1.expect(rrc.Reconfiguration)
    ue.srb1.send(rrc.ReconfigurationFailure(transaction=message.transaction, cause=Cause.INVALID_CONFIGURATION))
    await ran.core.n2.expect(n2.ContextReleaseRequest, ran_ue=ue.ran_ue, cause=Cause.RECONFIGURATION_FAILURE)
    await ran.core.n2.never(n2.SessionReleaseResponse, within=0.1)


# ---------------------------------------------------------------------------------------------------------------------
# Modification


@case("MAP-MODIFY-11", group="mapping", role="ran-node", clause=MODIFY, rows=("R102",),
      purpose="A session gets other quality of service, and keeps its handle.")  # fmt: skip
async def other_quality_later(ran: RanNodeTester) -> None:
    session = await ran.session()
    message = await modify(ran, session, OTHER_QOS)
    ran.check([bearer.qos for bearer in message.bearers] == [OTHER_QOS], "a bearer with the new quality")
    ran.check(all(each.handle == session.send_handle for each in message.sessions), "the handle it has")
    await taken(ran, ue_of(session), message, n2.SessionModifyResponse)
    await bearer_there(ue_of(session), message.bearers[0].bearer)


@case("MAP-MODIFY-12", group="mapping", role="ran-node", clause=MODIFY, rows=("R101", "R102"),
      purpose="A session that shares its bearer is moved to another; the bearer stays for the other.")  # fmt: skip
async def shared_bearer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, job=1), await ran.session(ue, job=2)
    message = await modify(ran, first, OTHER_QOS)
    [moved] = message.sessions
    ran.check(moved.session == first.number and moved.flows[0].bearer != second.bearer, "the session on another bearer")
    ran.check(
        [bearer.bearer for bearer in message.bearers] == [moved.flows[0].bearer], "one bearer added, none changed"
    )
    ran.check(not message.released_bearers, "none released")
    await taken(ran, ue, message, n2.SessionModifyResponse)
    await bearer_there(ue, second.bearer)


@case("MAP-MODIFY-13", group="mapping", role="ran-node", clause=MODIFY, rows=("R98", "R101", "R107"),
      purpose="A session that gets the quality of another bearer moves there; its own is released.")  # fmt: skip
async def moves_together(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    (first, _), (second, _) = await set_up(ran, ue, 1, preambles.QOS), await set_up(ran, ue, 2, OTHER_QOS)
    message = await modify(ran, second, preambles.QOS)
    [moved] = message.sessions
    ran.check(moved.flows[0].bearer == first.bearer and not message.bearers, "the bearer that is there")
    ran.check(list(message.released_bearers) == [second.bearer], "the old one released")
    await taken(ran, ue, message, n2.SessionModifyResponse)
    await no_bearer(ue, second.bearer)


@case("MAP-MODIFY-14", group="mapping", role="ran-node", clause=MODIFY, rows=("R106",),
      purpose="When the UE refuses a modification the session is as it was.")  # fmt: skip
async def modification_refused(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    session, other = await ran.session(ue, job=1), await ran.session(ue, job=2)
    message = await modify(ran, session, OTHER_QOS)
    ue.srb1.send(rrc.ReconfigurationFailure(transaction=message.transaction, cause=Cause.NO_RESOURCES))
    await ran.core.n2.expect(n2.SessionModifyFailure, transaction=77, cause=Cause.NO_RESOURCES)
    await no_bearer(ue, message.bearers[0].bearer)
    await bearer_there(ue, session.bearer)
    message = await release(ran, other)
    ran.check(not message.released_bearers, "the session is still on its bearer")


@case("MAP-MODIFY-15", group="mapping", role="ran-node", clause=MODIFY, rows=("R103",), options=("several-flows",),
      purpose="With another number of QoS flows a session is renewed: it gets a new handle.")  # fmt: skip
async def more_flows(ran: RanNodeTester) -> None:
    session = await ran.session()
    message = await modify(ran, session, preambles.QOS, OTHER_QOS)
    [renewed] = message.sessions
    ran.check(renewed.session == session.number and renewed.handle != session.send_handle, "a new handle")
    ran.check(len({flow.bearer for flow in renewed.flows}) == 2, "two bearers")
    await taken(ran, ue_of(session), message, n2.SessionModifyResponse)


@case("MAP-MODIFY-16", group="mapping", role="ran-node", clause=MODIFY, rows=("R104", "R106"),
      purpose="A modification to no flow, or to two of one quality, is refused.")  # fmt: skip
async def impossible_modification(ran: RanNodeTester) -> None:
    session = await ran.session()
    ue = ue_of(session)
    for qos in ((), (OTHER_QOS, OTHER_QOS)):
        ran.core.n2.send(n2.SessionModifyRequest(ran_ue=ue.ran_ue, transaction=5, session=session.number, qos=qos))
        await ran.core.n2.expect(n2.SessionModifyFailure, transaction=5, cause=Cause.QOS_FLOW_NOT_CONFIGURED)
    await ue.srb1.never(rrc.Reconfiguration, within=0.1)


@case("MAP-MODIFY-17", group="mapping", role="ran-node", clause=MODIFY,
      purpose="A modification to the quality that is there is answered.")  # fmt: skip
async def nothing_to_modify(ran: RanNodeTester) -> None:
    session = await ran.session()
    ue = ue_of(session)
    ran.core.n2.send(
        n2.SessionModifyRequest(ran_ue=ue.ran_ue, transaction=5, session=session.number, qos=(preambles.QOS,))
    )
    await ran.core.n2.expect(n2.SessionModifyResponse, transaction=5)


@case("MAP-MODIFY-18", group="mapping", role="ran-node", clause=MODIFY,
      purpose="A session that is not there cannot be modified: UNKNOWN_SESSION.")  # fmt: skip
async def unknown_session(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ran.core.n2.send(n2.SessionModifyRequest(ran_ue=ue.ran_ue, transaction=5, session=31, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionModifyFailure, transaction=5, cause=Cause.UNKNOWN_SESSION)
