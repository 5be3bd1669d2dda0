"""Radio resource control, role ue: the cell, connections, release, paging, measurements."""

from __future__ import annotations

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.ue_steps import (
    SOON,
    be_heard,
    fall_silent,
    idle_ue,
    is_signalling,
    lose_cell,
    service_request,
    still_takes,
    stranger,
)
from net4ai.conformance.ue_tester import CELL, UeTester
from net4ai.stack.srb0 import srb0_pdu

CAMPING = "docs/spec/rrc.md#31-the-ue-process"
PAGING = "docs/spec/rrc.md#33-paging"
SETUP = "docs/spec/rrc.md#41-set-up-at-the-ue"
SRB0 = "docs/spec/rrc.md#1-transport"
ADDRESSES = "docs/spec/l2.md#42-binding-of-sources"
RELEASE = "docs/spec/rrc.md#43-release"
RECONFIGURATION = "docs/spec/rrc.md#61-all-or-nothing"
MEASUREMENTS = "docs/spec/rrc.md#66-measurements"
LINK_FAILURE = "docs/spec/rrc.md#7-radio-link-failure"


# ---------------------------------------------------------------------------------------------------------------------
# The cell


@case("RRC-CELL-11", group="rrc", role="ue", clause=CAMPING,
      purpose="A UE that hears its cell goes on asking for System Information.")  # fmt: skip
async def camping(ran: UeTester) -> None:
    await ran.setup_request()
    ran.srb0.clear()
    for _ in range(2):
        await ran.srb0.expect(rrc.SystemInformationRequest, within=ran.timer("camping") + 1)


@case("RRC-CELL-12", group="rrc", role="ue", clause=CAMPING, purpose="In a barred cell the UE does not connect.")
async def barred_cell(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.cell.barred = True
    await ran.sleep(0.8)  # it has heard of it
    ran.srb0.clear()
    await preambles.release_ue(ran, ue)
    await ran.srb0.never(rrc.SetupRequest)
    ran.cell.barred = False
    await ran.srb0.expect(rrc.SetupRequest, within=3.0)


@case("RRC-CELL-13", group="rrc", role="ue", clause=CAMPING,
      purpose="System Information of somebody else than its RAN node is not heard.")  # fmt: skip
async def strangers_cell(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.cell.on = False
    async with stranger(ran) as port:
        information = rrc.SystemInformation(cell=CELL, period=500, barred=True)
        port.inject(srb0_pdu(information.encode()))
        await ran.sleep(0.1)
        ran.srb0.clear()
        await preambles.release_ue(ran, ue)
        await ran.srb0.expect(rrc.SetupRequest, within=1.0)


@case("RRC-CELL-14", group="rrc", role="ue", clause=LINK_FAILURE,
      purpose="One System Information stops T310: the connection lives.")  # fmt: skip
async def t310_stopped(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    fall_silent(ran)
    await ran.sleep(0.2 + ran.timer("T310") / 2)
    be_heard(ran)
    await ran.srb0.never((rrc.ReestablishmentRequest, rrc.SetupRequest), within=ran.timer("T310") + 0.2)
    await still_takes(ue)


@case("RRC-CELL-16", group="rrc", role="ue", clause=LINK_FAILURE,
      purpose="T310 starts with the third period that is missed, not before.")  # fmt: skip
async def two_missed_periods(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    assert ran.pdus.peer_address is not None
    ran.srb0.clear()
    period = 0.4
    ran.cell.on = False
    information = rrc.SystemInformation(cell=CELL, period=round(1000 * period), barred=False)
    ran.srb0.send(information, to=ran.pdus.peer_address[0])
    await ran.sleep(2.5 * period + ran.timer("T310"))
    be_heard(ran)
    await ran.srb0.never((rrc.ReestablishmentRequest, rrc.SetupRequest), within=SOON)
    await still_takes(ue)


@case("RRC-CELL-15", group="rrc", role="ue", clause=LINK_FAILURE,
      purpose="A UE whose connection is not secured is idle when the cell is lost, and begins anew.")  # fmt: skip
async def lost_before_security(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    await lose_cell(ran)
    request = await ran.srb0.expect((rrc.SetupRequest, rrc.ReestablishmentRequest), within=3.0)
    ran.check(isinstance(request, rrc.SetupRequest), "RRC Setup Request, no re-establishment")
    del ran.served[ue.c_rnti]


# ---------------------------------------------------------------------------------------------------------------------
# Connection


@case("RRC-SETUP-11", group="rrc", role="ue", clause=SETUP,
      purpose="The UE sends the same request again when T300 ends.")  # fmt: skip
async def ue_repeats_request(ran: UeTester) -> None:
    first = await ran.setup_request()
    assert ran.srb0.last is not None
    before = ran.srb0.last.time
    again = await ran.srb0.expect(rrc.SetupRequest, ue_identity=first.ue_identity)
    ran.check(again == first, "the same request")
    ran.check(ran.srb0.last.time - before > ran.timer("T300") * 0.5e9, "not before T300 ended")


@case("RRC-SETUP-12", group="rrc", role="ue", clause=SETUP,
      purpose="Setup Complete has the transaction of Setup, and carries the registration.")  # fmt: skip
async def ue_completes(ran: UeTester) -> None:
    request = await ran.setup_request()
    ue = await preambles.give_connection(ran, request, transaction=2)
    ran.check(ue.nas.arrived(nas.RegistrationRequest), "Registration Request in RRC Setup Complete")


@case("RRC-SETUP-13", group="rrc", role="ue", clause=SETUP, purpose="Each set-up has a fresh random identity.")
async def fresh_identity(ran: UeTester) -> None:
    identities = []
    for _ in range(4):
        request = await ran.setup_request()
        identities.append(request.ue_identity)
        with ran.preamble("connection and release"):
            ue = await preambles.give_connection(ran, request)
            ran.srb0.clear()
            await preambles.release_ue(ran, ue)
        del ran.served[ue.c_rnti]
    ran.check(len(set(identities)) == 4, "another identity each time")
    ran.check(max(identities) - min(identities) > 1 << 32, "identities that do not count")


@case("RRC-SETUP-14", group="rrc", role="ue", clause=SETUP,
      purpose="After RRC Reject the UE asks again when the wait time is over, and not before.")  # fmt: skip
async def rejected(ran: UeTester) -> None:
    request = await ran.setup_request()
    assert ran.srb0.last is not None
    reject = rrc.Reject(ue_identity=request.ue_identity, wait_time=1000, cause=Cause.OVERLOAD)
    ran.srb0.send(reject, to=ran.srb0.last.source)
    ran.srb0.clear()
    await ran.srb0.never(rrc.SetupRequest, within=0.9)
    await ran.srb0.expect(rrc.SetupRequest)


@case("RRC-SETUP-15", group="rrc", role="ue", clause=SRB0,
      purpose="Setup and Reject for another identity than the UE's are dropped.")  # fmt: skip
async def setup_for_another(ran: UeTester) -> None:
    request = await ran.setup_request()
    assert ran.srb0.last is not None
    source, other = ran.srb0.last.source, request.ue_identity ^ 1
    ran.srb0.send(rrc.Reject(ue_identity=other, wait_time=60000, cause=Cause.OVERLOAD), to=source)
    ran.srb0.send(rrc.Setup(transaction=0, ue_identity=other, c_rnti=0xF000, bulk_port=ran.pdus.bulk_port), to=source)
    await ran.pdus.never(**is_signalling(), within=SOON)
    await preambles.give_connection(ran, request)


@case("RRC-SETUP-16", group="rrc", role="ue", clause=ADDRESSES,
      purpose="RRC Setup from another address than the RAN node's is dropped.")  # fmt: skip
async def strangers_setup(ran: UeTester) -> None:
    request = await ran.setup_request()
    async with stranger(ran) as port:
        setup = rrc.Setup(
            transaction=0, ue_identity=request.ue_identity, c_rnti=0xF001, bulk_port=ran.pdus.bulk_port
        )  # fmt: skip
        port.inject(srb0_pdu(setup.encode()))
        await port.never(within=SOON)
        await ran.pdus.never(**is_signalling(), within=0)
        await preambles.give_connection(ran, request)


@case("RRC-SETUP-17", group="rrc", role="ue", clause=ADDRESSES,
      purpose="A connected UE drops what comes with its C-RNTI from another address.")  # fmt: skip
async def strangers_release(ran: UeTester) -> None:
    session = await ran.session()
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    async with stranger(ran) as port:
        for bulk in (False, True):
            for count in range(3):
                header = bytes.fromhex("2081") + session.end.identity.to_bytes(2, "big") + count.to_bytes(4, "big")
                port.inject(header + ping, bulk=bulk)
        await port.never(within=SOON)
        await session.never(DepType.PONG, within=0)
    session.send(DepType.PING, EchoBody(echo=2))
    await session.expect(DepType.PONG, echo=2)


# ---------------------------------------------------------------------------------------------------------------------
# Release and paging


@case("RRC-REL-11", group="rrc", role="ue", clause=RELEASE,
      purpose="RRC Release is acknowledged; then the UE begins anew, deregistered.")  # fmt: skip
async def release(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.NORMAL))
    ran.check(await ran.settled(ue), "the release acknowledged on layer 2")
    request = await ran.srb0.expect(rrc.SetupRequest, within=ran.statement.times.come_back)
    again = await preambles.give_connection(ran, request)
    await again.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)


@case("RRC-REL-12", group="rrc", role="ue", clause=RELEASE, rows=("R107",),
      purpose="With the connection its bearers and sessions end.")  # fmt: skip
async def release_ends_sessions(ran: UeTester) -> None:
    session = await ran.session()
    with ran.preamble("release"):
        await preambles.release_ue(ran, ran.ue_of(session))
    session.send(DepType.PING, EchoBody(echo=1))
    await ran.pdus.never(c_rnti=session.end.identity, bearer_type=2, within=SOON)
    again = await ran.registered_ue()
    again.dep.send(session.pdu(DepType.PING, EchoBody(echo=2)))
    await again.dep.never(DepType.PONG, within=SOON)


@case("RRC-PAGE-11", group="rrc", role="ue", clause=PAGING, options=("service-request",),
      purpose="A UE that is paged by its temporary identity, among others, connects with cause MT_ACCESS.")  # fmt: skip
async def paged(ran: UeTester) -> None:
    await idle_ue(ran)
    mine = ran.temporary_identity
    assert ran.pdus.peer_address is not None
    records = tuple(rrc.PagingRecord(temporary_identity=identity) for identity in (mine ^ 1, mine, mine ^ 2))
    ran.srb0.send(rrc.Paging(records=records), to=ran.pdus.peer_address[0])
    await ran.srb0.expect(rrc.SetupRequest, cause=rrc.EstablishmentCause.MT_ACCESS)


@case("RRC-PAGE-12", group="rrc", role="ue", clause=PAGING, options=("service-request",),
      purpose="An idle UE stays silent when others are paged, and when it is paged by somebody else.")  # fmt: skip
async def others_paged(ran: UeTester) -> None:
    await idle_ue(ran)
    ran.cell.page(ran.temporary_identity ^ 1)
    async with stranger(ran) as port:
        paging = rrc.Paging(records=(rrc.PagingRecord(temporary_identity=ran.temporary_identity),))
        port.inject(srb0_pdu(paging.encode()))
        await ran.srb0.never(rrc.SetupRequest, within=SOON)
    ran.cell.page(ran.temporary_identity)
    await ran.srb0.expect(rrc.SetupRequest)


@case("RRC-PAGE-13", group="rrc", role="ue", clause=PAGING,
      purpose="A UE that is connected does not answer paging.")  # fmt: skip
async def paged_while_connected(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    ran.cell.page(ran.temporary_identity)
    await ran.srb0.never(rrc.SetupRequest, within=SOON)
    await still_takes(ue)


@case("RRC-PAGE-14", group="rrc", role="ue", clause=PAGING, options=("service-request",),
      purpose="A UE that went idle for inactivity stays registered: it does not connect by itself.")  # fmt: skip
async def stays_idle(ran: UeTester) -> None:
    security = await idle_ue(ran)
    await ran.srb0.never(rrc.SetupRequest)
    await service_request(ran, security)


# ---------------------------------------------------------------------------------------------------------------------
# Reconfiguration and measurements


@case("RRC-RECONF-11", group="rrc", role="ue", clause="docs/spec/rrc.md#2-messages",
      purpose="Reconfiguration Complete has the transaction of its Reconfiguration.")  # fmt: skip
async def transactions(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for transaction in (2, 0, 3, 1):
        await still_takes(ue, transaction)


@case("RRC-RECONF-12", group="rrc", role="ue", clause="docs/spec/rrc.md#2-messages",
      purpose="Before security is on a Reconfiguration is dropped.")  # fmt: skip
async def reconfiguration_before_security(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb1.send(preambles.reconfiguration(1, (preambles.bearer_configuration(1),)))
    await ue.srb1.never((rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), within=SOON)
    await preambles.accept_registration(ran, ue)
    await still_takes(ue)
    await ue.srb1.never(rrc.ReconfigurationComplete, within=0)


def measurement(interval: int, amount: int, identity: int = 7) -> rrc.MeasurementConfiguration:
    return rrc.MeasurementConfiguration(measurement=identity, interval=interval, amount=amount)


@case("RRC-MEAS-11", group="rrc", role="ue", clause=MEASUREMENTS, options=("measurements",),
      purpose="As many reports as wanted come, none before its time, each with the serving cell first.")  # fmt: skip
async def periodic_reports(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    begun = ran.clock.now()
    ue.srb1.send(preambles.reconfiguration(0, measurements=(measurement(100, 3),)))
    for number in (1, 2, 3):
        report = await ue.srb1.expect(rrc.MeasurementReport, measurement=7)
        assert ue.srb1.last is not None
        ran.check(ue.srb1.last.time - begun >= number * 100_000_000, f"report {number} after its interval")
        ran.check(report.cells and report.cells[0].cell == CELL, "the serving cell first")
    await ue.srb1.never(rrc.MeasurementReport, within=SOON)


@case("RRC-MEAS-12", group="rrc", role="ue", clause=MEASUREMENTS, options=("measurements",),
      purpose="Reports without end come until the measurement is released, and then no more.")  # fmt: skip
async def endless_reports(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.send(preambles.reconfiguration(0, measurements=(measurement(50, 0, 1), measurement(50, 0, 64))))
    for _ in range(4):
        await ue.srb1.expect(rrc.MeasurementReport, measurement=1)
        await ue.srb1.expect(rrc.MeasurementReport, measurement=64)
    ue.srb1.send(preambles.reconfiguration(1, released_measurements=bytes((1,))))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=1)
    ue.srb1.clear()
    await ue.srb1.never(rrc.MeasurementReport, within=SOON, measurement=1)
    await ue.srb1.expect(rrc.MeasurementReport, measurement=64)


@case("RRC-MEAS-13", group="rrc", role="ue", clause=MEASUREMENTS, options=("measurements",),
      purpose="A measurement that is configured again begins anew.")  # fmt: skip
async def measured_anew(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.send(preambles.reconfiguration(0, measurements=(measurement(60, 2),)))
    await ue.srb1.expect(rrc.MeasurementReport)
    ue.srb1.send(preambles.reconfiguration(1, measurements=(measurement(200, 2),)))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=1)
    ue.srb1.clear()
    for _ in range(2):
        await ue.srb1.expect(rrc.MeasurementReport, measurement=7)
    await ue.srb1.never(rrc.MeasurementReport, within=SOON)
