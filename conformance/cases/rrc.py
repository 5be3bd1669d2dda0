"""Radio resource control at a RAN node: the cell, connection establishment, reconfiguration, release."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionHandle
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.pdus import dep_pdu
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.srb1 import CONNECTED, SRB1, be_deaf, data_pdu, hear_again, nas_sdu

CELL = "docs/spec/rrc.md#32-the-ran-node"
PAGING = "docs/spec/rrc.md#33-paging"
SETUP = "docs/spec/rrc.md#4-connection"
SETUP_AT_NODE = "docs/spec/rrc.md#42-set-up-at-the-ran-node"
MESSAGES = "docs/spec/rrc.md#2-messages"
RELEASE = "docs/spec/rrc.md#43-release"
RECONFIGURATION = "docs/spec/rrc.md#65-at-the-ran-node"
IDENTITIES = "docs/spec/l2.md#43-identities"
MEASUREMENTS = "docs/spec/rrc.md#66-measurements"
CHANNEL_QUALITY = "docs/spec/rrc.md#67-channel-quality"

NEVER = 0.25
"""Seconds in which something would have come that must not come."""
HALF_OPEN = 256
"""Connections that may be half open."""
SHORT_PERIOD = 2000
"""Milliseconds between System Information messages that a case waits for."""


async def camp(ran: RanNodeTester) -> tuple[PlayedUe, rrc.SystemInformation]:
    """A UE process that camps, and what it has heard first."""
    ue = await ran.ue()
    ue.srb0.send(rrc.SystemInformationRequest())
    return ue, await ue.srb0.expect(rrc.SystemInformation)


async def ask_for_session(ran: RanNodeTester, ue: PlayedUe, job: int, transaction: int) -> rrc.Reconfiguration:
    """The core asks for a session; the reconfiguration that follows."""
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=transaction, job=job, qos=(preambles.QOS,)))
    return await ue.srb1.expect(rrc.Reconfiguration)


# ---------------------------------------------------------------------------------------------------------------------
# The cell


@case("RRC-CELL-01", group="rrc", role="ran-node", clause=CELL,
      purpose="Who asks for System Information hears the cell at once; it is not barred.")  # fmt: skip
async def system_information_at_once(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.srb0.send(rrc.SystemInformationRequest())
    await ue.srb0.expect(rrc.SystemInformation, within=0.4, barred=False)


@case("RRC-CELL-02", group="rrc", role="ran-node", clause=CELL,
      purpose="Who camps hears System Information every period, the same each time.")  # fmt: skip
async def every_period(ran: RanNodeTester) -> None:
    ue, first = await camp(ran)
    if first.period > SHORT_PERIOD:
        ran.inconclusive(f"a period of {first.period} ms is too long to wait for")
    times = []
    for _ in range(3):
        # Asked once more it stays: nothing comes at once any more.
        ue.srb0.send(rrc.SystemInformationRequest())
        again = await ue.srb0.expect(rrc.SystemInformation, within=1.5 * first.period / 1000)
        ran.check(again == first, "the same System Information")
        assert ue.srb0.last is not None
        times.append(ue.srb0.last.time)
    between = (times[2] - times[0]) / 2_000_000
    ran.check(0.5 * first.period < between < 1.5 * first.period, f"one each {first.period} ms")


@case("RRC-CELL-06", group="rrc", role="ran-node", clause=CELL, options=("short-timers",),
      purpose="Who has not asked for so long that three requests are missing hears no more.")  # fmt: skip
async def forgotten(ran: RanNodeTester) -> None:
    ue, first = await camp(ran)
    if first.period > SHORT_PERIOD:
        ran.inconclusive(f"a period of {first.period} ms is too long to wait for")
    period = first.period / 1000
    await ran.sleep(3 * ran.timer("camping") + period)
    ue.srb0.clear()
    await ue.srb0.never(rrc.SystemInformation, within=2 * period)


@case("RRC-CELL-03", group="rrc", role="ran-node", clause=CELL,
      purpose="Who has not asked for System Information hears none, connected or not.")  # fmt: skip
async def not_asked(ran: RanNodeTester) -> None:
    idle, connected = await ran.ue(), await ran.connected_ue()
    await ran.sleep(1.2)
    for ue in (idle, connected):
        await ue.srb0.never(rrc.SystemInformation, within=0)


@case("RRC-CELL-04", group="rrc", role="ran-node", clause=CELL,
      purpose="Without its core the cell is barred, and who camps hears that at once.")  # fmt: skip
async def barred_without_core(ran: RanNodeTester) -> None:
    ue, _ = await camp(ran)
    ran.core.disconnect()
    await ue.srb0.expect(rrc.SystemInformation, within=0.4, barred=True)
    await ran.core.ready()
    await ue.srb0.expect(rrc.SystemInformation, within=0.4, barred=False)


@case("RRC-CELL-05", group="rrc", role="ran-node", clause=CELL,
      purpose="While the cell is barred requests for a connection are dropped.")  # fmt: skip
async def no_set_up_in_a_barred_cell(ran: RanNodeTester) -> None:
    ue, _ = await camp(ran)
    ran.core.disconnect()
    await ue.srb0.expect(rrc.SystemInformation, barred=True)
    ue.srb0.send(preambles.setup_request(ran, ue))
    await ue.srb0.never((rrc.Setup, rrc.Reject), within=NEVER)


@case("RRC-PAGE-01", group="rrc", role="ran-node", clause=PAGING,
      purpose="Paging goes once to each address that camps, and to no other.")  # fmt: skip
async def paging(ran: RanNodeTester) -> None:
    (first, _), (second, _), other = await camp(ran), await camp(ran), await ran.ue()
    ran.core.n2.send(n2.Paging(temporary_identity=0xCAFE_F00D))
    record = rrc.PagingRecord(temporary_identity=0xCAFE_F00D)
    for ue in (first, second):
        await ue.srb0.expect(rrc.Paging, records=lambda records: record in records)
        await ue.srb0.never(rrc.Paging, within=0.1)
    await other.srb0.never(rrc.Paging, within=0)


# ---------------------------------------------------------------------------------------------------------------------
# Connection


@case(
    "RRC-SETUP-01", group="rrc", role="ran-node", clause=SETUP, purpose="RRC Setup answers a request by its identity."
)
async def setup_answers_request(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    request = rrc.SetupRequest(ue_identity=0x0123_4567_89AB_CDEF, cause=3, bulk_port=ue.pdus.bulk_port)
    ue.srb0.send(request)
    setup = await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity)
    ran.check(1 <= setup.c_rnti <= 0xFFEF, "a C-RNTI of TS 38.321 table 7.1-1")


@case("RRC-SETUP-02", group="rrc", role="ran-node", clause=SETUP, purpose="A repeated request gets the same C-RNTI.")
async def repeated_request(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    request = rrc.SetupRequest(ue_identity=ran.random_number(64), cause=3, bulk_port=ue.pdus.bulk_port)
    ue.srb0.send(request)
    first = await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity)
    ue.srb0.send(request)
    await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity, c_rnti=first.c_rnti)


@case(
    "RRC-SETUP-03", group="rrc", role="ran-node", clause=SETUP, purpose="Setup Complete opens the context at the core."
)
async def completion_reaches_the_core(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    setup = await preambles.ask_for_setup(ran, ue)
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)
    ue.take(setup)
    nas = preambles.registration_request(ue).encode()
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=nas))
    initial = await ran.core.n2.expect(n2.InitialUeMessage, nas=nas)
    ue.ran_ue = initial.ran_ue


@case("RRC-SETUP-04", group="rrc", role="ran-node", clause=SETUP_AT_NODE,
      purpose="The same identity from two addresses, or two identities from one: different C-RNTIs.")  # fmt: skip
async def identity_and_source(ran: RanNodeTester) -> None:
    ue, other = await ran.ue(), await ran.ue()
    c_rntis = []
    for each, identity in ((ue, 1), (other, 1), (ue, 2)):
        each.srb0.send(rrc.SetupRequest(ue_identity=identity, cause=3, bulk_port=each.pdus.bulk_port))
        c_rntis.append((await each.srb0.expect(rrc.Setup, ue_identity=identity)).c_rnti)
    ran.check(len(set(c_rntis)) == 3, "three C-RNTIs")


@case("RRC-SETUP-05", group="rrc", role="ran-node", clause=SETUP_AT_NODE,
      purpose="A second Setup Complete is dropped: the core hears of the UE once.")  # fmt: skip
async def completion_twice(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb1.send(rrc.SetupComplete(transaction=0, nas=b"\x81 second"))
    await ran.core.n2.never((n2.InitialUeMessage, n2.UplinkNasTransport), within=NEVER)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue)


@case("RRC-SETUP-06", group="rrc", role="ran-node", clause=MESSAGES,
      purpose="A Setup Complete with another transaction is dropped.")  # fmt: skip
async def completion_of_another_transaction(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    setup = await preambles.ask_for_setup(ran, ue)
    ue.take(setup)
    ue.srb1.send(rrc.SetupComplete(transaction=(setup.transaction + 1) % 4, nas=b"\x81 other"))
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=b"\x81 right"))
    ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage, nas=b"\x81 right")).ran_ue


@case("RRC-SETUP-07", group="rrc", role="ran-node", clause=SETUP_AT_NODE,
      purpose="Before Setup Complete nothing is passed on to the core.")  # fmt: skip
async def transfer_before_completion(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    setup = await preambles.ask_for_setup(ran, ue)
    ue.take(setup)
    for message in (
        rrc.UplinkInformationTransfer(nas=b"\x81 early"),
        rrc.SecurityModeComplete(transaction=0),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.MeasurementReport(measurement=1, cells=()),
    ):
        ue.srb1.send(message)
    await ran.core.n2.never(n2.N2, within=NEVER)
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=b"\x81"))
    ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage)).ran_ue
    await ran.core.n2.never(n2.UplinkNasTransport, within=0.1)


@case("RRC-SETUP-08", group="rrc", role="ran-node", clause=SETUP_AT_NODE, options=("short-timers",),
      purpose="A half-open connection is freed when setup-complete ends: its completion opens no context.")  # fmt: skip
async def half_open(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.take(await preambles.ask_for_setup(ran, ue))
    await ran.sleep(ran.timer("setup-complete") + 0.2)
    ue.srb1.send(rrc.SetupComplete(transaction=0, nas=b"\x81 late"))
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)


@case("RRC-SETUP-09", group="rrc", role="ran-node", clause=SETUP_AT_NODE, options=("short-timers",),
      purpose="The 257th half-open connection is rejected, with a time to wait.")  # fmt: skip
async def too_many_half_open(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for identity in range(1, HALF_OPEN + 2):
        ue.srb0.send(rrc.SetupRequest(ue_identity=identity, cause=3, bulk_port=ue.pdus.bulk_port))
        if identity <= HALF_OPEN:
            await ue.srb0.expect(rrc.Setup, ue_identity=identity)
    await ue.srb0.expect(
        rrc.Reject, ue_identity=HALF_OPEN + 1, cause=Cause.NO_RESOURCES, wait_time=lambda milliseconds: milliseconds > 0
    )
    ue.srb0.send(rrc.SetupRequest(ue_identity=1, cause=3, bulk_port=ue.pdus.bulk_port))
    await ue.srb0.expect(rrc.Setup, ue_identity=1)
    await ran.sleep(ran.timer("setup-complete") + 0.2)


@case("RRC-SETUP-10", group="rrc", role="ran-node", clause=IDENTITIES,
      purpose="A C-RNTI that was freed is not given out again soon.")  # fmt: skip
async def fresh_c_rnti(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ue.srb1.expect(rrc.Release)
    await ran.settled(ue)
    ran.check((await ran.connected_ue()).c_rnti != ue.c_rnti, "another C-RNTI")


# ---------------------------------------------------------------------------------------------------------------------
# Reconfiguration


@case("RRC-REC-01", group="rrc", role="ran-node", clause=MESSAGES, rows=("R99", "R106"),
      purpose="Before security is on no Reconfiguration is sent: the session fails.")  # fmt: skip
async def never_before_security(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=7, job=1, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionSetupFailure, ran_ue=ue.ran_ue, transaction=7)
    await ue.srb1.never(rrc.Reconfiguration, within=NEVER)


@case("RRC-REC-02", group="rrc", role="ran-node", clause=MESSAGES,
      purpose="Transactions are taken in turn, so that a late answer is not taken for a newer one.")  # fmt: skip
async def transactions_in_turn(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    transactions = []
    for job in range(1, 7):
        message = await ask_for_session(ran, ue, job, 100 + job)
        transactions.append(message.transaction)
        preambles.accept_session(ran, ue, message)
        await ran.core.n2.expect(n2.SessionSetupResponse, transaction=100 + job)
    ran.check(all(len(set(transactions[at : at + 4])) == 4 for at in range(3)), "four in a row differ")


@case("RRC-REC-03", group="rrc", role="ran-node", clause=MESSAGES,
      purpose="An answer with another transaction is dropped; the right one counts.")  # fmt: skip
async def another_transaction(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    message = await ask_for_session(ran, ue, 1, 5)
    other = (message.transaction + 1) % 4
    ue.srb1.send(rrc.ReconfigurationComplete(transaction=other, sessions=()))
    ue.srb1.send(rrc.ReconfigurationFailure(transaction=other, cause=Cause.NO_RESOURCES))
    await ran.core.n2.never(n2.N2, within=NEVER)
    preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=5)


@case("RRC-REC-04", group="rrc", role="ran-node", clause=MESSAGES,
      purpose="An answer that comes late, or twice, is dropped.")  # fmt: skip
async def late_answer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    message = await ask_for_session(ran, ue, 1, 5)
    session = preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=5, session=session.number)
    ue.srb1.send(rrc.ReconfigurationFailure(transaction=message.transaction, cause=Cause.NO_RESOURCES))
    ue.srb1.send(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=()))
    await ran.core.n2.never(n2.N2, within=NEVER)


@case("RRC-REC-05", group="rrc", role="ran-node", clause=RECONFIGURATION, rows=("R106",),
      purpose="What a UE refuses fails at the core with the UE's cause.")  # fmt: skip
async def refusal_reaches_the_core(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for transaction, cause in enumerate((Cause.NO_RESOURCES, Cause.HANDLE_IN_USE, Cause.INVALID_CONFIGURATION)):
        message = await ask_for_session(ran, ue, 1, transaction)
        ue.srb1.send(rrc.ReconfigurationFailure(transaction=message.transaction, cause=cause))
        await ran.core.n2.expect(n2.SessionSetupFailure, transaction=transaction, cause=cause)


@case("RRC-REC-06", group="rrc", role="ran-node", clause=RECONFIGURATION,
      purpose="A Complete with handles of other sessions than asked for: the UE has to start anew.")  # fmt: skip
async def other_sessions(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    message = await ask_for_session(ran, ue, 1, 5)
    wrong = SessionHandle(session=(message.sessions[0].session + 1) % 32, handle=1, limits=message.sessions[0].limits)
    ue.srb1.send(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=(wrong,)))
    await ran.core.n2.expect(n2.ContextReleaseRequest, ran_ue=ue.ran_ue, cause=Cause.RECONFIGURATION_FAILURE)
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=5)


@case("RRC-REC-07", group="rrc", role="ran-node", clause=RECONFIGURATION, options=("short-timers",),
      purpose="A UE that does not answer a reconfiguration in time has to start anew.")  # fmt: skip
async def no_answer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    await ask_for_session(ran, ue, 1, 5)
    within = ran.timer("reconfiguration") + 1
    await ran.core.n2.expect(
        n2.ContextReleaseRequest, within=within, ran_ue=ue.ran_ue, cause=Cause.RECONFIGURATION_FAILURE
    )
    await ran.core.n2.expect(n2.SessionSetupFailure, transaction=5, cause=Cause.TIMEOUT)


@case("RRC-REC-08", group="rrc", role="ran-node", clause=MESSAGES,
      purpose="One reconfiguration of a UE is under way at a time.")  # fmt: skip
async def one_at_a_time(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first = await ask_for_session(ran, ue, 1, 5)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=6, job=2, qos=(preambles.QOS,)))
    await ue.srb1.never(rrc.Reconfiguration, within=NEVER)
    preambles.accept_session(ran, ue, first)
    second = await ue.srb1.expect(rrc.Reconfiguration)
    preambles.accept_session(ran, ue, second)
    for transaction in (5, 6):
        await ran.core.n2.expect(n2.SessionSetupResponse, transaction=transaction)


@case("RRC-REC-09", group="rrc", role="ran-node", clause=RECONFIGURATION, rows=("R99",),
      purpose="A new bearer receives from the moment the command is sent.")  # fmt: skip
async def bearer_before_answer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    message = await ask_for_session(ran, ue, 1, 5)
    bearer = message.bearers[0].bearer
    ping = dep_pdu(DepType.PING, EchoBody(echo=1), bearer=bearer, qfi=1, handle=message.sessions[0].handle ^ 1)
    ue.dep.send(ping)
    await ue.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION, bearer=bearer)
    preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=5)


@case("RRC-MEAS-01", group="rrc", role="ran-node", clause=MEASUREMENTS,
      purpose="Measurement Reports of a secured UE, asked for or not, harm nothing.")  # fmt: skip
async def reports(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    cell = rrc.MeasuredCell(cell=1, rsrp=127, rsrq=0, sinr=127)
    for cells in ((), (cell,) * 8):
        ue.srb1.send(rrc.MeasurementReport(measurement=64, cells=cells))
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, nas=b"\x81 still there")


@case("RRC-CQI-01", group="rrc", role="ran-node", clause=CHANNEL_QUALITY,
      purpose="Channel Quality Reports harm nothing, whatever they say; NAS passes even out of range.")  # fmt: skip
async def channel_quality(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    for cqi, rate in ((15, 0), (7, 29_531), (0, 0), (1, 1), (15, 0xFFFF_FFFF), (0, 5)):
        ue.srb1.send(rrc.ChannelQualityReport(cqi=cqi, rate=rate))
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, nas=b"\x81 still there")
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x81 you too"))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x81 you too")


# ---------------------------------------------------------------------------------------------------------------------
# Release


@case("RRC-REL-01", group="rrc", role="ran-node", clause=RELEASE, purpose="The core's command releases the UE.")
async def release_on_command(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    await ue.srb1.expect(rrc.Release)


@case("RRC-REL-02", group="rrc", role="ran-node", clause="docs/spec/n2.md#43-release",
      purpose="RRC Release has the cause of the command.")  # fmt: skip
async def release_causes(ran: RanNodeTester) -> None:
    for cause in (Cause.USER_INACTIVITY, Cause.DEREGISTERED, Cause.NOT_ALLOWED, Cause.RADIO_LINK_FAILURE):
        ue = await ran.connected_ue()
        ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=cause))
        await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
        await ue.srb1.expect(rrc.Release, cause=cause)


@case("RRC-REL-03", group="rrc", role="ran-node", clause=RELEASE,
      purpose="RRC Release is repeated until the UE acknowledges it; the core has its answer at once.")  # fmt: skip
async def release_is_repeated(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    be_deaf(ue)
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    first = await ue.pdus.expect(is_data=True, **SRB1)
    await ue.pdus.expect(is_data=True, count=first.header.count, **SRB1)
    await ue.pdus.expect(is_data=True, count=first.header.count, **SRB1)
    hear_again(ue)
    await ran.sleep(1.2)
    ue.pdus.clear()
    await ue.pdus.never(is_data=True, within=1.2)


@case("RRC-REL-04", group="rrc", role="ran-node", clause=RELEASE,
      purpose="What a UE says after its release was sent is dropped.")  # fmt: skip
async def said_after_release(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    be_deaf(ue)
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ue.srb1.expect(rrc.Release)
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(b"\x81 late"), poll=True))
    await ran.core.n2.never((n2.UplinkNasTransport, n2.ErrorIndication), within=NEVER)
    hear_again(ue)
    await ue.pdus.expect(is_data=True, **SRB1)
    await ran.settled(ue)


@case("RRC-REL-05", group="rrc", role="ran-node", clause=RELEASE,
      purpose="The release of one UE does not touch another.")  # fmt: skip
async def others_stay(ran: RanNodeTester) -> None:
    ue, other = await ran.registered_ue(), await ran.registered_ue()
    await ran.session(ue)
    session = await ran.session(other)
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ue.srb1.expect(rrc.Release)
    await other.srb1.never((rrc.Release, rrc.Reconfiguration), within=NEVER)
    session.send(DepType.PING, EchoBody(echo=1), handle=1)
    await other.dep.expect(DepType.ERROR)
    other.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=other.ran_ue)


@case("RRC-REL-06", group="rrc", role="ran-node", clause=RELEASE,
      purpose="With the connection bearers and sessions end: nothing on them is answered.")  # fmt: skip
async def bearers_end(ran: RanNodeTester) -> None:
    session = await ran.session()
    ue = ran.ues[0]
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ue.srb1.expect(rrc.Release)
    await ran.settled(ue)
    ue.pdus.clear()
    await ran.sleep(0.1)
    session.send(DepType.PING, EchoBody(echo=1), handle=1)
    session.send(DepType.PING, EchoBody(echo=1))
    await ue.dep.never(DepType.ERROR, within=NEVER)
