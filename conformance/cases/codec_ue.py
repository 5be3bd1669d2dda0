"""Encoding, role ue: reserved bits, truncated and unknown messages, extreme values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.codec import reserved_dep_bits
from net4ai.conformance.cases.ue_steps import (
    SOON,
    is_signalling,
    offer,
    protected_octets,
    still_carries,
    still_hears,
    still_takes,
)
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import l2_pdu, truncations, with_octet
from net4ai.conformance.preambles import bearer_configuration, reconfiguration, session_configuration
from net4ai.conformance.ue_tester import UeTester

FIELDS = "docs/spec/errors.md#2-faults-of-a-field"
RRC = "docs/spec/errors.md#4-rrc"
SRB0 = "docs/spec/l2.md#6-srb0"
NAS = "docs/spec/errors.md#5-nas"


@case("COD-RES-11", group="codec", role="ue", clause=FIELDS, purpose="Reserved bits of the DEP header are ignored.")
async def ue_reserved_bits(ran: UeTester) -> None:
    await reserved_dep_bits(await ran.session())


@case("COD-RES-12", group="codec", role="ue", clause=FIELDS, purpose="Reserved bits in RRC and NAS are ignored.")
async def reserved_in_signalling(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    configuration = session_configuration(ue, 0, (FlowMapping(qfi=0x2A, bearer=1),))
    octets = reconfiguration(1, (bearer_configuration(1),), (configuration,)).encode()
    ran.check(octets.count(b"\x2a\x01\xc0") == 1, "the flags of the QoS flow in one place")
    ue.bound().add_bearer(bearer_configuration(1))
    ue.srb1.inject(octets.replace(b"\x2a\x01\xc0", b"\x2a\x01\xff"))
    complete = await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=1)
    [theirs] = complete.sessions
    session = Session(ue, 0, configuration.flows, theirs.handle, configuration.handle, theirs.limits)
    await still_carries(session)
    jobs = nas.JobList(jobs=(offer(150),)).encode()
    security = ue.nas.security
    assert security is not None
    ue.nas.send_plain(protected_octets(security, with_octet(jobs, len(jobs) - 1, 0x7F)))
    await ue.nas.expect(nas.Consent, job=150)


@case("COD-TRUNC-11", group="codec", role="ue", clause=FIELDS, purpose="Truncated DEP PDUs are dropped.")
async def ue_truncated_dep(ran: UeTester) -> None:
    session = await ran.session()
    whole = session.pdu(DepType.PING, EchoBody(echo=9)).encode()
    for part in truncations(whole):
        session.end.dep.inject(part, bearer=session.bearer)
    await session.never(DepType.PONG, within=SOON)
    session.send(DepType.PING, EchoBody(echo=10))
    await session.expect(DepType.PONG, echo=10)


# ---------------------------------------------------------------------------------------------------------------------
# SRB0


async def nothing_of_it(ran: UeTester, make: Callable[[rrc.Setup], Iterable[bytes]]) -> None:
    """The UE asks for a connection. `make` gives datagrams out of the Setup it waits for: none is taken, Setup is."""
    request = await ran.setup_request()
    setup = rrc.Setup(transaction=0, ue_identity=request.ue_identity, c_rnti=0xF002, bulk_port=ran.pdus.bulk_port)
    assert ran.srb0.last is not None
    ran.srb0.clear()
    for datagram in make(setup):
        ran.pdus.inject(datagram, to=ran.srb0.last.source)
    await ran.srb0.never(rrc.SetupRequest, within=ran.timer("T300") / 2)  # T300 runs on
    await ran.pdus.never(**is_signalling(), within=SOON)
    await preambles.give_connection(ran, request)


def on_srb0(message: bytes) -> bytes:
    return l2_pdu(BearerType.SRB, 0, 0, 0, message).encode()


@case(
    "COD-SRB0-11",
    group="codec",
    role="ue",
    clause=FIELDS,
    purpose="A truncated Setup, one with octets left over, or with a number outside its range is dropped.",
)
async def malformed_setup(ran: UeTester) -> None:
    def make(setup: rrc.Setup) -> Iterable[bytes]:
        whole = setup.encode()
        yield from map(on_srb0, truncations(whole))
        yield on_srb0(whole + b"\x00")
        yield on_srb0(with_octet(whole, 1, 4))  # transaction
        yield on_srb0(whole[:10] + b"\x00\x00" + whole[12:])  # C-RNTI
        yield on_srb0(whole[:12] + b"\x00\x00")  # bulk port

    await nothing_of_it(ran, make)


@case("COD-SRB0-12", group="codec", role="ue", clause=RRC,
      purpose="Unknown messages on SRB0, those of the other direction, and those of SRB1 are dropped.")  # fmt: skip
async def unexpected_on_srb0(ran: UeTester) -> None:
    def make(setup: rrc.Setup) -> Iterable[bytes]:
        identity, port = setup.ue_identity, setup.bulk_port
        yield on_srb0(b"\xee" + setup.encode()[1:])
        for message in (
            rrc.SetupRequest(ue_identity=identity, cause=3, bulk_port=port),
            rrc.SystemInformationRequest(),
            rrc.Reestablishment(transaction=0, next_hop_chaining_count=0),
            rrc.Release(transaction=0, cause=Cause.NORMAL),
            rrc.SecurityModeCommand(transaction=0, integrity=0, ciphering=0),
            rrc.SetupComplete(transaction=0, nas=b"x"),
        ):
            yield on_srb0(message.encode())

    await nothing_of_it(ran, make)


@case(
    "COD-SRB0-13",
    group="codec",
    role="ue",
    clause=SRB0,
    purpose="Segments, status reports, PDUs with a MAC-I or of another bearer or socket are not taken for SRB0.",
)
async def flags_of_srb0(ran: UeTester) -> None:
    request = await ran.setup_request()
    setup = rrc.Setup(transaction=0, ue_identity=request.ue_identity, c_rnti=0xF003, bulk_port=ran.pdus.bulk_port)
    pdu = l2_pdu(BearerType.SRB, 0, 0, 0, setup.encode())
    for header in (
        {"segmentation": 1},
        {"segmentation": 2},
        {"segmentation": 3},
        {"is_data": False},
        {"has_mac": True},
        {"bearer": 1},
        {"bearer_type": BearerType.DRB},
        {"bearer_type": BearerType.CRB},
        {"c_rnti": 1},
    ):
        ran.pdus.send(replace(pdu, header=replace(pdu.header, **header)))
    ran.pdus.inject(with_octet(pdu.encode(), 0, pdu.encode()[0] | 0x40))  # version
    for length in range(1, 9):
        ran.pdus.inject(pdu.encode()[:length])
    assert ran.pdus.peer_address is not None
    for bulk in (True, False):  # from either socket
        ran.pdus.put(pdu.encode(), bulk=bulk, to=(ran.pdus.peer_address[0][0], request.bulk_port))
    await ran.pdus.never(**is_signalling(), within=SOON)
    await preambles.give_connection(ran, request)


# ---------------------------------------------------------------------------------------------------------------------
# SRB1


@case("COD-SRB1-11", group="codec", role="ue", clause=RRC,
      purpose="Malformed messages on SRB1 are dropped, without answer.")  # fmt: skip
async def malformed_on_srb1(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    configuration = session_configuration(ue, 1)
    whole = reconfiguration(1, (bearer_configuration(1),), (configuration,)).encode()
    for octets in (*truncations(whole)[1:], whole + b"\x00", with_octet(whole, 1, 4)):
        ue.srb1.inject(octets)
    await ue.srb1.never((rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), within=SOON)
    await still_takes(ue)
    await still_carries(session)


@case("COD-SRB1-12", group="codec", role="ue", clause=RRC,
      purpose="Unknown messages on SRB1, those of the other direction, and those of SRB0 are dropped.")  # fmt: skip
async def unexpected_on_srb1(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.clear()
    for message in (
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=9, bulk_port=9),
        rrc.Reject(ue_identity=1, wait_time=1, cause=Cause.OVERLOAD),
        rrc.Paging(records=(rrc.PagingRecord(temporary_identity=ran.temporary_identity),)),
        rrc.SystemInformation(cell=1, period=1000, barred=True),
        rrc.Reestablishment(transaction=0, next_hop_chaining_count=0),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.SecurityModeComplete(transaction=0),
        rrc.UplinkInformationTransfer(nas=b"\x80"),
        rrc.MeasurementReport(measurement=1, cells=()),
    ):
        ue.srb1.send(message)
    for octets in (b"\xee", b"\x00", b"\xff" * 100):
        ue.srb1.inject(octets)
    await ue.srb1.never(rrc.Rrc, within=SOON)
    await still_takes(ue)
    await still_hears(ue, 151)


@case("COD-SRB1-13", group="codec", role="ue", clause=FIELDS,
      purpose="Counts and lengths beyond the octets that are there, or beyond their maximum, are refused.")  # fmt: skip
async def lying_lengths(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    empty = reconfiguration(1).encode()
    counts = [at for at in range(2, len(empty)) if not 9 <= at <= 12]  # there the UE AMBR is
    for place in counts:
        for count in (1, 33, 0xFF):
            ue.srb1.inject(with_octet(empty, place, count))
    ue.srb1.inject(b"\x08\xff\xff")
    ue.srb1.inject(b"\x08\x40\x01" + bytes(0x4001))
    await ue.srb1.never((rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), within=SOON)
    await still_takes(ue)
    await still_hears(ue, 152)


@case("COD-UTF8-11", group="codec", role="ue", clause=NAS,
      purpose="Text that is not UTF-8 makes a NAS message malformed: Status says so.")  # fmt: skip
async def not_utf8(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    security = ue.nas.security
    assert security is not None
    octets = nas.JobList(jobs=(offer(153),)).encode().replace(b"conformance", b"conform\xff\xfece")
    ue.nas.send_plain(protected_octets(security, octets))
    await ue.nas.expect(nas.Status, cause=Cause.MALFORMED_MESSAGE, message_type=nas.JobList.CODE)
    await ue.nas.never(nas.Consent, within=0)
    await still_hears(ue, 153)


@case("COD-CAUSE-11", group="codec", role="ue", clause=FIELDS,
      purpose="A cause that is not known is none: the release counts, and the UE is deregistered.")  # fmt: skip
async def unknown_cause(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    ue.srb1.send(rrc.Release(transaction=0, cause=0xFFFE))
    request = await ran.srb0.expect(rrc.SetupRequest, within=ran.statement.times.come_back)
    again = await preambles.give_connection(ran, request)
    await again.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)


@case(
    "COD-MAX-11",
    group="codec",
    role="ue",
    clause=FIELDS,
    purpose="Highest and lowest values are taken: session 31, bearer 32, QFI 0 and 63, handles and limits.",
)
async def extremes(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    least = SessionLimits(segment_size=64, unscheduled=0, maximum_message=64, maximum_open=1)
    most = SessionLimits(segment_size=60000, unscheduled=0xFFFF_FFFF, maximum_message=0xFFFF_FFFF, maximum_open=255)
    bearers = tuple(bearer_configuration(bearer) for bearer in (1, 32))
    configurations = tuple(
        replace(session_configuration(ue, number, flows), handle=handle, limits=limits)
        for number, flows, handle, limits in (
            (0, (FlowMapping(qfi=0, bearer=1, reliable=False, ordered=False),), 1, least),
            (31, (FlowMapping(qfi=63, bearer=32),), 0xFFFF_FFFF, most),
        )
    )
    for bearer in bearers:
        ue.bound().add_bearer(bearer)
    ue.srb1.send(reconfiguration(3, bearers, configurations))
    complete = await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=3)
    for configuration, theirs in zip(configurations, complete.sessions, strict=True):
        session = Session(
            ue, theirs.session, configuration.flows, theirs.handle, configuration.handle, theirs.limits
        )  # fmt: skip
        session.send(DepType.PING, EchoBody(echo=0xFFFF_FFFF), message_id=0xFFFF_FFFF)
        await session.expect(DepType.PONG, echo=0xFFFF_FFFF, message_id=0xFFFF_FFFF, qfi=session.qfi)
