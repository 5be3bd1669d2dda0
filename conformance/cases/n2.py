"""N2 at a RAN node: set-up and versions, errors, contexts, sessions, overload, loss of the connection."""

from __future__ import annotations

import itertools

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester

SETUP = "docs/spec/n2.md#3-set-up"
SESSION = "docs/spec/n2.md#6-sessions"
CONTEXT = "docs/spec/n2.md#4-ue-contexts"
RELEASE = "docs/spec/n2.md#43-release"
LOSS = "docs/spec/n2.md#12-loss-of-the-connection"
MESSAGES = "docs/spec/n2.md#2-messages"
ERRORS = "docs/spec/n2.md#10-error-indication"
FAULTS = "docs/spec/errors.md#6-n2"
OVERLOAD = "docs/spec/n2.md#9-overload"

UNKNOWN = 0xFFFF_FFF0
"""Identity of a context that is not there."""
NEVER = 0.25
"""Seconds in which something would have come that must not come."""
INDICATION = 0.1
"""Seconds after which one more Error Indication may be sent."""
BURST = 10
"""Error Indications that may be sent at once."""


async def room_for(ran: RanNodeTester, indications: int) -> None:
    """N2 is set up, and so many Error Indications may be sent, whatever the case before has used up."""
    await ran.core.ready()
    await ran.sleep((indications + 1) * INDICATION)


async def indicated(ran: RanNodeTester, message: Message, cause: Cause, ran_ue: int | None = None) -> None:
    """The message is answered by an Error Indication that says so."""
    ran.core.n2.send(message)
    named = getattr(message, "ran_ue", 0) if ran_ue is None else ran_ue
    await ran.core.n2.expect(n2.ErrorIndication, cause=cause, message_type=message.CODE, ran_ue=named)


async def begin_anew(ran: RanNodeTester) -> n2.SetupRequest:
    """The connection is cut and made anew; its first message."""
    await ran.core.connection()
    ran.core.disconnect()
    await ran.core.connection()
    return await ran.core.n2.expect(n2.SetupRequest)


# ---------------------------------------------------------------------------------------------------------------------
# Set-up


@case("N2-SETUP-01", group="n2", role="ran-node", clause=SETUP, purpose="The first message names node and versions.")
async def setup_request(ran: RanNodeTester) -> None:
    request = await begin_anew(ran)
    ran.check(request.node, "a name")
    ran.check(request.versions.lowest <= n2.VERSION <= request.versions.highest, f"version {n2.VERSION} within range")


@case("N2-SETUP-02", group="n2", role="ran-node", clause=SETUP, purpose="A refused node serves no UE and stays calm.")
async def refused(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    await begin_anew(ran)
    ran.core.n2.send(n2.SetupFailure(cause=Cause.VERSION_NOT_SUPPORTED, versions=VersionRange(lowest=200, highest=201)))
    ue.srb0.send(preambles.setup_request(ran, ue))
    await ue.srb0.never(rrc.Setup, within=NEVER)


@case("N2-SETUP-03", group="n2", role="ran-node", clause=SETUP, limit=30, options=("short-timers",),
      purpose="Without an answer it connects anew.")  # fmt: skip
async def unanswered(ran: RanNodeTester) -> None:
    await begin_anew(ran)
    await ran.core.new_connection(within=ran.timer("n2-setup") + 3)
    await ran.core.n2.expect(n2.SetupRequest)


@case("N2-SETUP-04", group="n2", role="ran-node", clause=SETUP,
      purpose="After a refusal it closes, connects anew, and asks again.")  # fmt: skip
async def asks_again(ran: RanNodeTester) -> None:
    for cause in (Cause.VERSION_NOT_SUPPORTED, Cause.NOT_ALLOWED):
        await begin_anew(ran)
        ran.core.n2.send(n2.SetupFailure(cause=cause, versions=VersionRange(lowest=200, highest=201)))
        await ran.core.new_connection(within=3)
    await ran.core.set_up()
    ue = await ran.ue()
    await ran.sleep(0.1)
    await preambles.ask_for_setup(ran, ue)


@case("N2-SETUP-05", group="n2", role="ran-node", clause=SETUP, options=("error-indication",),
      purpose="Before the response other messages are refused, and change nothing.")  # fmt: skip
async def before_response(ran: RanNodeTester) -> None:
    await room_for(ran, 3)
    await begin_anew(ran)
    for message in (
        n2.OverloadStart(reduction=100, wait_time=1),
        n2.Paging(temporary_identity=1),
        n2.ContextReleaseCommand(ran_ue=1, cause=Cause.NORMAL),
    ):
        await indicated(ran, message, Cause.UNEXPECTED_MESSAGE)
    ran.core.n2.send(n2.SetupResponse(version=n2.VERSION))
    await ran.sleep(0.1)
    ran.core.node = "set up by the case"
    await preambles.ask_for_setup(ran, await ran.ue())


@case("N2-SETUP-06", group="n2", role="ran-node", clause=SETUP, options=("error-indication",),
      purpose="A second response, or a failure after it, is refused; the association stays.")  # fmt: skip
async def second_response(ran: RanNodeTester) -> None:
    await room_for(ran, 2)
    await indicated(ran, n2.SetupResponse(version=n2.VERSION), Cause.UNEXPECTED_MESSAGE)
    failure = n2.SetupFailure(cause=Cause.NOT_ALLOWED, versions=VersionRange(lowest=1, highest=1))
    await indicated(ran, failure, Cause.UNEXPECTED_MESSAGE)
    await preambles.ask_for_setup(ran, await ran.ue())


# ---------------------------------------------------------------------------------------------------------------------
# Errors


@case("N2-ERROR-01", group="n2", role="ran-node", clause=FAULTS, options=("error-indication",),
      purpose="An unknown message type is answered by Error Indication UNKNOWN_MESSAGE with that type.")  # fmt: skip
async def unknown_type(ran: RanNodeTester) -> None:
    await room_for(ran, 3)
    for kind in (0x40, 0x7F, 0xFF):
        ran.core.n2.inject(bytes((kind, 1, 2, 3)))
        await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.UNKNOWN_MESSAGE, message_type=kind, ran_ue=0)


@case("N2-ERROR-02", group="n2", role="ran-node", clause=FAULTS, options=("error-indication",),
      purpose="A malformed message is answered by Error Indication with its first octet.")  # fmt: skip
async def malformed(ran: RanNodeTester) -> None:
    await room_for(ran, 4)
    paging = n2.Paging(temporary_identity=1).encode()
    for octets in (paging[:-1], paging + b"\x00", b"\x1e\x00\x00\x00", b"\x1e\x65\x00\x00"):
        ran.core.n2.inject(octets)
        await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.MALFORMED_MESSAGE, message_type=octets[0])


@case("N2-ERROR-03", group="n2", role="ran-node", clause=FAULTS, options=("error-indication",),
      purpose="A message without an octet is answered by Error Indication MALFORMED_MESSAGE, type 0.")  # fmt: skip
async def empty(ran: RanNodeTester) -> None:
    await room_for(ran, 1)
    ran.core.n2.inject(b"")
    await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.MALFORMED_MESSAGE, message_type=0)


@case("N2-ERROR-04", group="n2", role="ran-node", clause=FAULTS, options=("error-indication",),
      purpose="Messages that only a RAN node sends are refused, UNEXPECTED_MESSAGE.")  # fmt: skip
async def wrong_direction(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    await room_for(ran, 4)
    for message in (
        n2.SetupRequest(versions=VersionRange(lowest=1, highest=1), node="another"),
        n2.InitialUeMessage(ran_ue=ue.ran_ue, nas=b"\x81"),
        n2.UplinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x81"),
        n2.ContextReleaseRequest(ran_ue=ue.ran_ue, cause=Cause.NORMAL),
    ):
        await indicated(ran, message, Cause.UNEXPECTED_MESSAGE)
    await ue.srb1.never(rrc.Rrc, within=0.1)


@case("N2-ERROR-05", group="n2", role="ran-node", clause=FAULTS, options=("error-indication",),
      purpose="What speaks of a context that is not there is answered by UNKNOWN_CONTEXT with its number.")  # fmt: skip
async def unknown_context(ran: RanNodeTester) -> None:
    await room_for(ran, 5)
    for message in (
        n2.DownlinkNasTransport(ran_ue=UNKNOWN, nas=b"\x81"),
        n2.InitialContextSetupRequest(ran_ue=0, key=bytes(32), capabilities=preambles.CAPABILITIES, nas=b"\x42"),
        n2.SessionModifyRequest(ran_ue=UNKNOWN, transaction=1, session=0, qos=(preambles.QOS,)),
        n2.SessionReleaseCommand(ran_ue=UNKNOWN, transaction=1, session=0, cause=Cause.NORMAL),
        n2.HandoverCommand(ran_ue=UNKNOWN, container=b"x"),
    ):
        await indicated(ran, message, Cause.UNKNOWN_CONTEXT)


@case("N2-ERROR-06", group="n2", role="ran-node", clause=ERRORS, options=("error-indication",),
      purpose="Error Indications are rate-limited: 10 at once, then one each 100 ms.")  # fmt: skip
async def rate(ran: RanNodeTester) -> None:
    await room_for(ran, BURST)
    for _ in range(10 * BURST):
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=UNKNOWN, nas=b"\x81"))
    await ran.sleep(0.25)
    came = len(ran.core.n2.arrived(n2.ErrorIndication))
    ran.check(1 <= came <= BURST + 5, "some of a hundred answered, 15 at most")


@case("N2-ERROR-07", group="n2", role="ran-node", clause=ERRORS, options=("error-indication",),
      purpose="Error Indication is never answered, whatever is wrong with it.")  # fmt: skip
async def never_answered(ran: RanNodeTester) -> None:
    await room_for(ran, 3)
    whole = n2.ErrorIndication(cause=Cause.UNKNOWN_MESSAGE, message_type=0xEE, ran_ue=UNKNOWN).encode()
    for octets in (whole, whole[:1], whole[:-1], whole + b"\x00"):
        ran.core.n2.inject(octets)
    await ran.core.n2.never(n2.N2, within=NEVER)


@case("N2-ERROR-08", group="n2", role="ran-node", clause=ERRORS,
      purpose="A UE that the core does not know is released; other indications change nothing.")  # fmt: skip
async def core_does_not_know(ran: RanNodeTester) -> None:
    ue, other = await ran.registered_ue(), await ran.connected_ue()
    for cause in (Cause.MALFORMED_MESSAGE, Cause.UNEXPECTED_MESSAGE, 9999):
        ran.core.n2.send(n2.ErrorIndication(cause=cause, message_type=5, ran_ue=ue.ran_ue))
    await ue.srb1.never(rrc.Release, within=NEVER)
    ran.core.n2.send(n2.ErrorIndication(cause=Cause.UNKNOWN_CONTEXT, message_type=5, ran_ue=ue.ran_ue))
    await ue.srb1.expect(rrc.Release, cause=Cause.UNKNOWN_CONTEXT)
    await other.srb1.never(rrc.Release, within=0.1)


# ---------------------------------------------------------------------------------------------------------------------
# Contexts and the connection


@case("N2-CTX-01", group="n2", role="ran-node", clause=CONTEXT, purpose="Every UE has an identity of its own on N2.")
async def identities_differ(ran: RanNodeTester) -> None:
    first, second = await ran.connected_ue(), await ran.connected_ue()
    ran.check(first.ran_ue != second.ran_ue, "two identities on N2")
    ran.check(first.c_rnti != second.c_rnti, "two C-RNTIs")


@case("N2-CTX-02", group="n2", role="ran-node", clause=MESSAGES,
      purpose="The number of a context is not used again on the same association.")  # fmt: skip
async def numbers_are_not_used_again(ran: RanNodeTester) -> None:
    numbers = []
    for _ in range(5):
        ue = await ran.connected_ue()
        numbers.append(ue.ran_ue)
        ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
        await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    ran.check(len(set(numbers)) == 5, "five numbers")


@case("N2-CTX-03", group="n2", role="ran-node", clause=RELEASE,
      purpose="The release of a context that is not there is completed all the same, each time.")  # fmt: skip
async def release_of_unknown(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for number in (UNKNOWN, ue.ran_ue, ue.ran_ue):
        ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=number, cause=Cause.NORMAL))
        await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=number)
    await ran.core.n2.never(n2.ErrorIndication, within=0.1)


@case("N2-CTX-04", group="n2", role="ran-node", clause=RELEASE, options=("error-indication",),
      purpose="A context that was released is unknown from then on.")  # fmt: skip
async def released_is_unknown(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    await room_for(ran, 1)
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    await indicated(ran, n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x81"), Cause.UNKNOWN_CONTEXT)


@case("N2-CTX-05", group="n2", role="ran-node", clause=RELEASE,
      purpose="A release while a session is being set up ends both, and both are answered.")  # fmt: skip
async def release_during_set_up(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=4, job=1, qos=(preambles.QOS,)))
    await ue.srb1.expect(rrc.Reconfiguration)
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=4)
    await ue.srb1.expect(rrc.Release)


@case("N2-LOSS-01", group="n2", role="ran-node", clause=LOSS,
      purpose="When the connection ends all UEs are released, NODE_GOING_DOWN.")  # fmt: skip
async def connection_lost(ran: RanNodeTester) -> None:
    secured, connected = await ran.registered_ue(), await ran.connected_ue()
    await ran.settled(secured)
    ran.core.disconnect()
    for ue in (secured, connected):
        await ue.srb1.expect(rrc.Release, cause=Cause.NODE_GOING_DOWN)
        await ran.settled(ue)


@case("N2-LOSS-02", group="n2", role="ran-node", clause=LOSS, options=("error-indication",),
      purpose="On the new connection nothing of the old one counts; UEs are served anew.")  # fmt: skip
async def nothing_of_the_old_one(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    await room_for(ran, 1)
    ran.core.disconnect()
    await ue.srb1.expect(rrc.Release)
    await ran.core.connection()
    await ran.core.set_up()
    await indicated(ran, n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x81"), Cause.UNKNOWN_CONTEXT)
    ue.ran_ue = 0
    await ran.registered_ue()


@case("N2-LOSS-03", group="n2", role="ran-node", clause=LOSS,
      purpose="The RAN node connects anew within a second or so, as often as it is cut off.")  # fmt: skip
async def connects_anew(ran: RanNodeTester) -> None:
    await ran.core.connection()
    for _ in range(3):
        ran.core.disconnect()
        await ran.core.new_connection(within=2.5)
        await ran.core.n2.expect(n2.SetupRequest)


# ---------------------------------------------------------------------------------------------------------------------
# Sessions


@case(
    "N2-SESSION-01",
    group="n2",
    role="ran-node",
    clause=SESSION,
    rows=("R97",),
    purpose="A job has one session.",
)
async def session_once(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    session = await ran.session(ue, job=5)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=99, job=5, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=99, session=session.number)


@case("N2-SESSION-02", group="n2", role="ran-node", clause=FAULTS, rows=("R106",),
      purpose="A session of a context that is not there: Failure UNKNOWN_CONTEXT.")  # fmt: skip
async def session_of_unknown_context(ran: RanNodeTester) -> None:
    await ran.core.ready()
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=UNKNOWN, transaction=4, job=1, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionSetupFailure, ran_ue=UNKNOWN, transaction=4, cause=Cause.UNKNOWN_CONTEXT)


@case("N2-SESSION-03", group="n2", role="ran-node", clause="docs/spec/n2.md#61-set-up", rows=("R106",),
      purpose="The same job again while its session is being set up: BUSY; the first goes on.")  # fmt: skip
async def under_way(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for transaction in (1, 2):
        ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=transaction, job=1, qos=(preambles.QOS,)))
    message = await ue.srb1.expect(rrc.Reconfiguration)
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=2, cause=Cause.BUSY)
    preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=1)


@case("N2-SESSION-04", group="n2", role="ran-node", clause="docs/spec/n2.md#63-release",
      purpose="The release of a session that is not there is answered, and nothing goes to the UE.")  # fmt: skip
async def release_of_no_session(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for session in (0, 31):
        ran.core.n2.send(n2.SessionReleaseCommand(ran_ue=ue.ran_ue, transaction=5, session=session, cause=1))
        await ran.core.n2.expect(n2.SessionReleaseResponse, ran_ue=ue.ran_ue, transaction=5)
    await ue.srb1.never(rrc.Reconfiguration, within=0.1)


@case("N2-SESSION-05", group="n2", role="ran-node", clause="docs/spec/n2.md#61-set-up", options=("short-timers",),
      purpose="A session that waits too long for another reconfiguration fails, BUSY.")  # fmt: skip
async def waits_too_long(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for transaction in (1, 2):
        ran.core.n2.send(
            n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=transaction, job=transaction, qos=(preambles.QOS,))
        )
    first = await ue.srb1.expect(rrc.Reconfiguration)
    within = ran.timer("reconfiguration-turn") + 0.5
    await ran.core.n2.expect(n2.SessionSetupFailure, within=within, transaction=2, cause=Cause.BUSY)
    preambles.accept_session(ran, ue, first)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=1)


# ---------------------------------------------------------------------------------------------------------------------
# Overload


async def overloaded(ran: RanNodeTester, reduction: int, wait_time: int = 700) -> PlayedUe:
    """A UE at a RAN node whose core has too much to do."""
    ue = await ran.ue()
    ran.core.n2.send(n2.OverloadStart(reduction=reduction, wait_time=wait_time))
    await ran.sleep(0.05)
    return ue


async def answer(ran: RanNodeTester, ue: PlayedUe, cause: int = 3) -> rrc.Setup | rrc.Reject:
    """The answer to a new RRC Setup Request."""
    identity = ran.random_number(64)
    ue.srb0.send(rrc.SetupRequest(ue_identity=identity, cause=cause, bulk_port=ue.pdus.bulk_port))
    answered: rrc.Setup | rrc.Reject = await ue.srb0.expect((rrc.Setup, rrc.Reject), ue_identity=identity)
    return answered


async def end_of_overload(ran: RanNodeTester) -> None:
    """The core has caught up."""
    ran.core.n2.send(n2.OverloadStop())
    await ran.sleep(0.05)


@case("N2-OVERLOAD-01", group="n2", role="ran-node", clause=OVERLOAD, options=("overload",),
      purpose="All rejected, OVERLOAD, with the core's wait time; after the stop all are served again.")  # fmt: skip
async def all_rejected(ran: RanNodeTester) -> None:
    ue = await overloaded(ran, 100, wait_time=1234)
    for cause in (rrc.EstablishmentCause.MO_SIGNALLING, rrc.EstablishmentCause.MO_DATA, 200):
        rejected = await answer(ran, ue, cause)
        ran.check(
            isinstance(rejected, rrc.Reject) and (rejected.cause, rejected.wait_time) == (Cause.OVERLOAD, 1234),
            "Reject OVERLOAD, 1234 ms",
        )
    await end_of_overload(ran)
    ran.check(isinstance(await answer(ran, ue), rrc.Setup), "RRC Setup")


@case("N2-OVERLOAD-02", group="n2", role="ran-node", clause=OVERLOAD, options=("overload",),
      purpose="High-priority access is never rejected.")  # fmt: skip
async def high_priority(ran: RanNodeTester) -> None:
    ue = await overloaded(ran, 100)
    for _ in range(3):
        served = await answer(ran, ue, rrc.EstablishmentCause.HIGH_PRIORITY_ACCESS)
        ran.check(isinstance(served, rrc.Setup), "RRC Setup")
    await end_of_overload(ran)


@case("N2-OVERLOAD-03", group="n2", role="ran-node", clause=OVERLOAD, options=("overload",),
      purpose="Two of five rejected, evenly spread; a further start replaces the share.")  # fmt: skip
async def share(ran: RanNodeTester) -> None:
    ue = await overloaded(ran, 40)
    rejected = [isinstance(await answer(ran, ue), rrc.Reject) for _ in range(10)]
    ran.check(sum(rejected) == 4, "four of ten rejected")
    ran.check(not any(one and next_one for one, next_one in itertools.pairwise(rejected)), "evenly spread")
    ran.core.n2.send(n2.OverloadStart(reduction=10, wait_time=1))
    await ran.sleep(0.05)
    rejected = [isinstance(await answer(ran, ue), rrc.Reject) for _ in range(20)]
    ran.check(sum(rejected) == 2, "two of twenty rejected")
    await end_of_overload(ran)


@case("N2-OVERLOAD-04", group="n2", role="ran-node", clause=OVERLOAD, options=("overload",),
      purpose="Who has been answered before is answered the same again; who is connected stays.")  # fmt: skip
async def not_new(ran: RanNodeTester) -> None:
    connected, ue = await ran.registered_ue(), await ran.ue()
    request = preambles.setup_request(ran, ue)
    ue.srb0.send(request)
    first = await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity)
    await overloaded(ran, 100)
    ue.srb0.send(request)
    await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity, c_rnti=first.c_rnti)
    connected.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=connected.ran_ue)
    await end_of_overload(ran)


@case("N2-OVERLOAD-05", group="n2", role="ran-node", clause=OVERLOAD, options=("overload",),
      purpose="The end of the association ends the overload.")  # fmt: skip
async def ends_with_the_association(ran: RanNodeTester) -> None:
    ue = await overloaded(ran, 100)
    await begin_anew(ran)
    ran.core.n2.send(n2.SetupResponse(version=n2.VERSION))
    await ran.sleep(0.1)
    ran.core.node = "set up by the case"
    ran.check(isinstance(await answer(ran, ue), rrc.Setup), "RRC Setup")
