"""Bearers, role ue: COUNT, segmentation, poll and status, protection, what belongs to no bearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode, SessionRelease
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType, MissingRange, StatusReport
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.conformance.case import case
from net4ai.conformance.cases.ue_steps import SOON, is_signalling, offer, rrc_security, still_hears, still_takes
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import L2Pdu, l2_pdu, with_bits, with_octet
from net4ai.conformance.preambles import bearer_configuration, reconfiguration, session_configuration
from net4ai.conformance.ue_tester import ServedUe, UeTester
from net4ai.stack.security.algorithms import MAC_SIZE, Direction
from net4ai.stack.security.srb_security import SrbSecurity

HEADER = "docs/spec/l2.md#21-header"
BEARERS = "docs/spec/l2.md#3-bearers"
BINDING = "docs/spec/l2.md#42-binding-of-sources"
COUNT = "docs/spec/l2.md#5-count"
SENDING = "docs/spec/l2.md#71-sending"
POLLING = "docs/spec/l2.md#73-poll-timer"
STATUS = "docs/spec/l2.md#74-status-reports"
REPORTED = "docs/spec/l2.md#75-receiving-a-status-report"
RECEIVING = "docs/spec/l2.md#77-receiving-data"
UNACKNOWLEDGED = "docs/spec/l2.md#8-unacknowledged-mode"
ACKNOWLEDGED = "docs/spec/l2.md#9-crb-in-acknowledged-mode"
CHECKS = "docs/spec/l2.md#10-order-of-checks"
PROTECTION = "docs/spec/security.md#46-receiving"

CHALLENGE = nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16))
"""A registered UE answers it each time, and is as before."""


# ---------------------------------------------------------------------------------------------------------------------
# Computing radio bearers without acknowledgement


def ping_pdu(session: Session, number: int, echo: int, **fields: object) -> L2Pdu:
    """A PING on layer 2 with this COUNT, and any header."""
    ping = session.pdu(DepType.PING, EchoBody(echo=echo)).encode()
    pdu = l2_pdu(BearerType.CRB, session.bearer, session.end.identity, number, ping)
    return L2Pdu(replace(pdu.header, **fields), pdu.body)  # type: ignore[arg-type]


async def unanswered(session: Session) -> None:
    """Nothing comes of what was sent; an ordinary PING is answered."""
    await session.end.dep.never(DepType.PONG, within=SOON)
    session.send(DepType.PING, EchoBody(echo=0x600D))
    await session.expect(DepType.PONG, echo=0x600D)


@case("CRB-COUNT-11", group="crb", role="ue", clause=UNACKNOWLEDGED,
      purpose="In unacknowledged mode no COUNT is dropped: a forged one cannot shut out the real ones.")  # fmt: skip
async def any_count(ran: UeTester) -> None:
    session = await ran.session()
    for echo, count in enumerate((0xFFFF_FFFF, 5, 0x8000_0000, 5)):
        session.end.pdus.send(ping_pdu(session, count, echo))
        await session.expect(DepType.PONG, echo=echo)


@case("CRB-COUNT-12", group="crb", role="ue", clause=COUNT,
      purpose="The UE counts the PDUs of each bearer and socket from 0, by one.")  # fmt: skip
async def own_count(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    sessions = [await ran.session(ue, number=number, bearer=number + 1) for number in range(2)]
    for echo in range(3):
        for session in sessions:
            session.send(DepType.PING, EchoBody(echo=echo))
            await session.expect(DepType.PONG, echo=echo)
    for bearer in (1, 2):
        found = [pdu.header for pdu in ran.pdus.arrived(L2Pdu, bearer_type=BearerType.CRB, bearer=bearer, bulk=False)]
        ran.check([header.count for header in found] == [0, 1, 2], f"COUNT 0, 1, 2 on bearer {bearer}")
        ran.check(all(each.is_data and each.segmentation == 0 and not each.poll for each in found), "whole data PDUs")


@case(
    "CRB-SEG-11",
    group="crb",
    role="ue",
    clause=UNACKNOWLEDGED,
    purpose="Segments and status reports on a CRB without acknowledgement are dropped; a poll bit is ignored.",
)
async def no_segments(ran: UeTester) -> None:
    session = await ran.session()
    for segmentation in (1, 2, 3):
        session.end.pdus.send(ping_pdu(session, 9, 1, segmentation=segmentation))
    session.end.pdus.send(ping_pdu(session, 10, 1, is_data=False))
    await unanswered(session)
    session.end.pdus.send(ping_pdu(session, 11, 2, poll=True))
    await session.expect(DepType.PONG, echo=2)
    await ran.pdus.never(bearer_type=BearerType.CRB, is_data=False, within=0)


@case("CRB-BEARER-11", group="crb", role="ue", clause=BINDING,
      purpose="PDUs with another C-RNTI than the UE's are dropped, and never answered.")  # fmt: skip
async def wrong_c_rnti(ran: UeTester) -> None:
    session = await ran.session()
    ran.pdus.clear()
    for c_rnti in (session.end.identity + 1, 0xFFFF, session.end.identity << 8):
        session.end.pdus.send(ping_pdu(session, 0, 1, c_rnti=c_rnti))
        session.end.pdus.send(l2_pdu(BearerType.SRB, 1, c_rnti, 0, b"\x0a\x00\x00\x01", poll=True))
    await ran.pdus.never(c_rnti=lambda number: number != 0, within=SOON)
    await unanswered(session)


@case(
    "CRB-BEARER-12",
    group="crb",
    role="ue",
    clause=BEARERS,
    rows=("R99",),
    purpose="PDUs of a bearer that is not configured, of another type, or on the wrong socket are dropped.",
)
async def wrong_bearer(ran: UeTester) -> None:
    session = await ran.session()
    for header in (
        {"bearer": 2},
        {"bearer": 0},
        {"bearer": 63},
        {"bearer_type": BearerType.DRB},
        {"bearer_type": BearerType.FIXED_LINK},
        {"bearer_type": BearerType.SRB, "bearer": 2},
    ):
        session.end.pdus.send(ping_pdu(session, 0, 1, **header))
    release = l2_pdu(BearerType.SRB, 1, session.end.identity, 0, b"\x0a\x00\x00\x01", poll=True)
    session.end.pdus.send(replace(release, bulk=True))
    await unanswered(session)


# ---------------------------------------------------------------------------------------------------------------------
# Computing radio bearers with acknowledgement


async def acknowledged_session(ran: UeTester, number: int = 0, bearer: int = 1) -> Session:
    """A session on a bearer in acknowledged mode. Raises `Inconclusive`."""
    ue = await ran.registered_ue()
    with ran.preamble("session on an acknowledged bearer"):
        mode = replace(bearer_configuration(bearer), mode=BearerMode.ACKNOWLEDGED)
        configuration = session_configuration(ue, number)
        ue.bound().add_bearer(mode)
        ue.srb1.send(reconfiguration(0, (mode,), (configuration,)))
        complete = await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=0)
        [theirs] = complete.sessions
    return Session(ue, number, configuration.flows, theirs.handle, configuration.handle, theirs.limits)


@case("CRB-AM-11", group="crb", role="ue", clause=ACKNOWLEDGED, options=("acknowledged-crb",), rows=("R99",),
      purpose="What gets lost on an acknowledged CRB, either way, comes all the same: once, in order.")  # fmt: skip
async def lost_on_crb(ran: UeTester) -> None:
    session = await acknowledged_session(ran)
    for way in ("in", "out"):
        ran.pdus.drop(L2Pdu, way, times=2, bearer_type=BearerType.CRB, is_data=True)
    for echo in range(5):
        session.send(DepType.PING, EchoBody(echo=echo))
    echoes = []
    for _ in range(5):
        pong = await session.expect(DepType.PONG)
        assert isinstance(pong.body, EchoBody)
        echoes.append(pong.body.echo)
    ran.check(echoes == [0, 1, 2, 3, 4], "each once, in order")
    await session.never(DepType.PONG, within=SOON)


@case("CRB-AM-12", group="crb", role="ue", clause=ACKNOWLEDGED, options=("acknowledged-crb",),
      purpose="A PDU that comes again is dropped, and its poll answered.")  # fmt: skip
async def repeated_on_crb(ran: UeTester) -> None:
    session = await acknowledged_session(ran)
    sent: list[L2Pdu] = []
    ran.pdus.edit(L2Pdu, keeps(sent), "out", bearer_type=BearerType.CRB, is_data=True)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.expect(DepType.PONG, echo=1)
    await ran.sleep(0.05)
    for _ in range(3):
        ran.pdus.clear()
        ran.pdus.send(sent[0])
        report = await ran.pdus.expect(bearer_type=BearerType.CRB, is_data=False)
        ran.check(StatusReport.from_bytes(report.body).next_count == 1, "next COUNT 1")
    await session.never(DepType.PONG, within=SOON)


@case(
    "CRB-AM-13",
    group="crb",
    role="ue",
    clause=ACKNOWLEDGED,
    options=("acknowledged-crb",),
    purpose="Segments, PDUs with a MAC-I, and a COUNT outside the window are dropped on an acknowledged CRB.",
)
async def wrong_on_crb(ran: UeTester) -> None:
    session = await acknowledged_session(ran)
    for header in (
        {"segmentation": 1},
        {"segmentation": 2},
        {"has_mac": True},
        {"count": 1024},
        {"count": 0xFFFF_FBFF},
    ):
        ran.pdus.send(ping_pdu(session, 0, 1, **header))
    await unanswered(session)


# ---------------------------------------------------------------------------------------------------------------------
# SRB1


def keeps(kept: list[L2Pdu]) -> Callable[[L2Pdu], L2Pdu]:
    """For `edit`: lets PDUs pass as they are, and keeps them."""

    def keep(pdu: L2Pdu) -> L2Pdu:
        kept.append(pdu)
        return pdu

    return keep


def holds(held: list[L2Pdu]) -> Callable[[L2Pdu], None]:
    """For `edit`: PDUs do not go, and are kept."""
    return held.append


def report_in(pdu: L2Pdu) -> StatusReport:
    """The status report in a PDU of SRB1, its MAC-I left aside."""
    return StatusReport.from_bytes(pdu.body[:-MAC_SIZE] if pdu.header.has_mac else pdu.body)


@case(
    "CRB-SRB-11",
    group="crb",
    role="ue",
    clause=SENDING,
    purpose="A message in many segments is taken, in whatever order they come, some of them lost, some twice.",
)
async def segmented(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    jobs = tuple(replace(offer(job), purpose="x" * 200) for job in range(100, 130))
    held: list[L2Pdu] = []
    ran.pdus.edit(L2Pdu, holds(held), "out", times=8, **is_signalling(is_data=True))
    ue.nas.send(nas.JobList(jobs=jobs))
    await ran.sleep(0.03)
    ran.check(len(held) > 4, "a message of more than four segments")
    for pdu in [*held[2::2], *held[3::2], *held[::-1][:2]]:
        ran.pdus.send(pdu)
    for job in range(100, 130):
        await ue.nas.expect(nas.Consent, job=job)
    await ue.nas.never(nas.Consent, within=SOON)


@case("CRB-SRB-12", group="crb", role="ue", clause=RECEIVING,
      purpose="Messages whose PDUs overtake each other are taken in their order.")  # fmt: skip
async def reordered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    held: list[L2Pdu] = []
    ran.pdus.edit(L2Pdu, holds(held), "out", times=4, **is_signalling(is_data=True))
    for transaction in range(4):
        ue.srb1.send(reconfiguration(transaction))
    await ran.sleep(0.03)
    for pdu in reversed(held):
        ran.pdus.send(pdu)
    found = [(await ue.srb1.expect(rrc.ReconfigurationComplete)).transaction for _ in range(4)]
    ran.check(found == [0, 1, 2, 3], "in their order")
    await ue.srb1.never(rrc.ReconfigurationComplete, within=SOON)


@case("CRB-SRB-13", group="crb", role="ue", clause=RECEIVING,
      purpose="A PDU that comes again is dropped, and its poll answered.")  # fmt: skip
async def duplicate(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    sent: list[L2Pdu] = []
    ran.pdus.edit(L2Pdu, keeps(sent), "out", **is_signalling(is_data=True))
    await still_takes(ue, 1)
    await ran.sleep(0.05)
    for _ in range(3):
        ran.pdus.clear()
        ran.pdus.send(sent[0])
        report = report_in(await ran.pdus.expect(**is_signalling(is_data=False)))
        ran.check(report.next_count == sent[0].header.count + 1 and not report.missing, "a report that nothing misses")
    await ue.srb1.never(rrc.ReconfigurationComplete, within=SOON)


@case("CRB-SRB-14", group="crb", role="ue", clause=STATUS,
      purpose="A gap is reported at once, with just the COUNTs that are missing.")  # fmt: skip
async def gap_reported(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    held: list[L2Pdu] = []
    ran.pdus.edit(L2Pdu, holds(held), "out", times=5, **is_signalling(is_data=True))
    for transaction in (0, 1, 2, 3, 0):
        ue.srb1.send(reconfiguration(transaction))
    await ran.sleep(0.03)
    ran.pdus.clear()
    first = held[0].header.count
    for number in (1, 4):
        ran.pdus.send(held[number])
    gaps = b"".join(MissingRange(first=first + at, length=length).to_bytes() for at, length in ((0, 1), (2, 2)))
    report = StatusReport(next_count=first + 5, missing=gaps).to_bytes()
    await ran.pdus.expect(
        **is_signalling(is_data=False, has_mac=True, ciphered=False, body=lambda body: body[:-MAC_SIZE] == report)
    )
    for _ in range(5):
        await ue.srb1.expect(rrc.ReconfigurationComplete)


@case("CRB-SRB-15", group="crb", role="ue", clause=POLLING,
      purpose="What is not acknowledged is sent again with poll: same COUNT, same payload.")  # fmt: skip
async def repeats(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.clear()
    ran.pdus.drop(L2Pdu, "out", times=3, **is_signalling(is_data=False))
    ue.srb1.send(reconfiguration(1))
    first = await ran.pdus.expect(**is_signalling(is_data=True))
    for _ in range(2):
        again = await ran.pdus.expect(**is_signalling(is_data=True))
        ran.check(again.header.count == first.header.count and again.header.poll, "the same COUNT, with poll")
        ran.check(again.body[:-MAC_SIZE] == first.body[:-MAC_SIZE], "the same payload, enciphered")
    await still_takes(ue, 2)


@case("CRB-SRB-16", group="crb", role="ue", clause=REPORTED,
      purpose="What a status report misses is sent again, and nothing else.")  # fmt: skip
async def missing_sent_again(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.clear()

    def misses_one(pdu: L2Pdu) -> bytes:
        """The report, as if the PDU before the last had not come."""
        report = report_in(pdu)
        gap = MissingRange(first=report.next_count - 2, length=1).to_bytes()
        body = StatusReport(next_count=report.next_count, missing=gap).to_bytes()
        return rrc_security(ue).protect(pdu.header.to_bytes(), body, pdu.header.count, 1, ciphered=False)

    security = ue.nas.security
    assert security is not None
    held: list[L2Pdu] = []
    # Both answers must be under way before the first report: the challenges come in one moment.
    ran.pdus.edit(L2Pdu, holds(held), "out", times=2, **is_signalling(is_data=True))
    for _ in range(2):
        ue.nas.send_plain(security.protect(CHALLENGE, SecurityHeaderType.INTEGRITY_AND_CIPHERING))
    await ran.sleep(0.03)
    ran.pdus.edit(L2Pdu, misses_one, "out", **is_signalling(is_data=False))
    for pdu in reversed(held):
        ran.pdus.send(pdu)
    older = await ran.pdus.expect(**is_signalling(is_data=True))
    newer = await ran.pdus.expect(**is_signalling(is_data=True))
    ran.check(newer.header.count == older.header.count + 1, "two PDUs, one after the other")
    await ran.pdus.expect(**is_signalling(is_data=True, count=older.header.count))
    await ran.pdus.never(**is_signalling(is_data=True, count=newer.header.count), within=SOON)


@case("CRB-SRB-17", group="crb", role="ue", clause=COUNT,
      purpose="COUNT of the UE's data PDUs begins with 0 at Setup Complete, and grows by one.")  # fmt: skip
async def count_of_signalling(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await still_takes(ue)
    await ran.settled(ue)
    counts = [pdu.header.count for pdu in ran.pdus.arrived(L2Pdu, **is_signalling(is_data=True, c_rnti=ue.c_rnti))]
    ran.check(sorted(set(counts)) == list(range(len(set(counts)))), "0, 1, 2, … without a gap")
    reports = [pdu.header.count for pdu in ran.pdus.arrived(L2Pdu, **is_signalling(is_data=False, c_rnti=ue.c_rnti))]
    ran.check(reports == list(range(len(reports))), "status reports count from 0, by one")


@case("CRB-SRB-18", group="crb", role="ue", clause=POLLING,
      purpose="Of several PDUs that are not acknowledged the newest is sent again, with poll.")  # fmt: skip
async def newest_again(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.clear()
    ran.pdus.drop(L2Pdu, "out", times=3, **is_signalling(is_data=False))
    for _ in range(2):
        ue.nas.send(CHALLENGE)
    first = await ran.pdus.expect(**is_signalling(is_data=True))
    newest = await ran.pdus.expect(**is_signalling(is_data=True, count=first.header.count + 1))
    again = await ran.pdus.expect(**is_signalling(is_data=True))
    ran.check(again.header.count == newest.header.count and again.header.poll, "the newest, with poll")
    await still_takes(ue)


# ---------------------------------------------------------------------------------------------------------------------
# Protection of SRB1

FORGED = reconfiguration(2).encode()
POLL = 0x04
"""In the first octet of a PDU."""


async def in_place(ran: UeTester, ue: ServedUe, forge: Callable[[L2Pdu], L2Pdu | bytes]) -> None:
    """What `forge` makes comes in place of a genuine PDU, with its COUNT: it is not taken, the genuine one then is."""
    ran.pdus.edit(L2Pdu, forge, "out", **is_signalling(is_data=True))
    ue.srb1.send(reconfiguration(1))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=1)
    await ue.srb1.never(rrc.ReconfigurationComplete, within=0)


def made_by(security: SrbSecurity, ciphered: bool = True) -> Callable[[L2Pdu], bytes]:
    """For `in_place`: another message, protected with these keys."""

    def make(pdu: L2Pdu) -> bytes:
        header = replace(pdu.header, ciphered=ciphered)
        return security.protect(header.to_bytes(), FORGED, header.count, 1, ciphered=ciphered)

    return make


@case("CRB-MAC-11", group="crb", role="ue", clause=PROTECTION,
      purpose="With security on, PDUs of SRB1 without a MAC-I are dropped, and change nothing.")  # fmt: skip
async def without_mac(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for marks in ({"has_mac": False, "ciphered": False}, {"has_mac": False, "ciphered": True}):
        await in_place(ran, ue, lambda pdu, marks=marks: L2Pdu(replace(pdu.header, **marks), FORGED))  # type: ignore[misc]


@case("CRB-MAC-12", group="crb", role="ue", clause=PROTECTION,
      purpose="With ciphering on, a PDU in clear is dropped, though its MAC-I is right.")  # fmt: skip
async def in_clear(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await in_place(ran, ue, made_by(rrc_security(ue), ciphered=False))


@case(
    "CRB-MAC-13",
    group="crb",
    role="ue",
    clause=PROTECTION,
    purpose="PDUs with a wrong MAC-I are dropped: other keys, other direction, damaged header, damaged payload.",
)
async def wrong_mac(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await in_place(ran, ue, made_by(SrbSecurity(bytes(range(32)), 2, 2, Direction.DOWNLINK)))
    await in_place(ran, ue, made_by(rrc_security(ue, Direction.UPLINK)))
    right = made_by(rrc_security(ue))
    for place, bits in ((0, POLL), (4, 0x40), (9, 0x01), (-1, 0x80)):  # poll, COUNT, transaction, MAC-I

        def damage(pdu: L2Pdu, place: int = place, bits: int = bits) -> bytes:
            octets = right(pdu)
            at = place % len(octets)
            return with_octet(octets, at, octets[at] ^ bits)

        await in_place(ran, ue, damage)


@case("CRB-MAC-14", group="crb", role="ue", clause=RECEIVING,
      purpose="A PDU outside the receiving window is dropped, though its MAC-I is right.")  # fmt: skip
async def outside_window(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for ahead in (128, 5000, 1 << 31):

        def far(pdu: L2Pdu, ahead: int = ahead) -> bytes:
            count = pdu.header.count + ahead
            head = replace(pdu.header, count=count).to_bytes()
            return rrc_security(ue).protect(head, FORGED, count, 1, ciphered=True)

        ran.pdus.clear()
        await in_place(ran, ue, far)
        reports = [report_in(pdu) for pdu in ran.pdus.arrived(L2Pdu, **is_signalling(is_data=False))]
        ran.check(reports and not any(report.missing for report in reports), "status reports that miss nothing")


@case("CRB-MAC-15", group="crb", role="ue", clause=PROTECTION,
      purpose="With security on, a status report without a MAC-I acknowledges nothing.")  # fmt: skip
async def forged_report(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.clear()

    def without(pdu: L2Pdu) -> L2Pdu:
        return L2Pdu(replace(pdu.header, has_mac=False), pdu.body[:-MAC_SIZE])

    ran.pdus.edit(L2Pdu, without, "out", **is_signalling(is_data=False))
    ue.srb1.send(reconfiguration(1))
    first = await ran.pdus.expect(**is_signalling(is_data=True))
    await ran.pdus.expect(**is_signalling(is_data=True, count=first.header.count))


@case("CRB-MAC-16", group="crb", role="ue", clause=CHECKS,
      purpose="A PDU on SRB1 that is too long, or has no payload, is dropped, though its MAC-I is right.")  # fmt: skip
async def wrong_length(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    security = rrc_security(ue)
    transfer = rrc.DownlinkInformationTransfer(nas=bytes(1500)).encode()
    for payload in (transfer, b""):

        def make(pdu: L2Pdu, payload: bytes = payload) -> bytes:
            return security.protect(pdu.header.to_bytes(), payload, pdu.header.count, 1, ciphered=True)

        await in_place(ran, ue, make)
    await still_hears(ue, 140)


@case("CRB-MAC-17", group="crb", role="ue", clause=HEADER,
      purpose="PDUs of another version of layer 2 are dropped.")  # fmt: skip
async def other_version(ran: UeTester) -> None:
    session = await ran.session()
    for version in (0x40, 0x80, 0xC0):
        ran.pdus.inject(with_bits(ping_pdu(session, 0, 1).encode(), 0, version))
    await unanswered(session)


@case(
    "CRB-AM-14",
    group="crb",
    role="ue",
    clause=ACKNOWLEDGED,
    options=("acknowledged-crb",),
    purpose="An acknowledged CRB that was never answered has failed: its session closes, a new one there is refused.",
)
async def failed_bearer(ran: UeTester) -> None:
    session = await acknowledged_session(ran)
    ue = ran.ue_of(session)
    crb = {"bearer_type": BearerType.CRB, "bearer": 1}
    ran.pdus.drop(L2Pdu, "out", times=10_000, **crb, is_data=False)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.expect(DepType.PONG)
    while ran.pdus.arrived(L2Pdu, **crb):
        ran.pdus.clear()
        await ran.sleep(1.5)  # longer than the longest poll timer
    await still_takes(ue)
    again = session_configuration(ue, 1)
    ue.srb1.send(reconfiguration(1, (), (again,)))
    await ue.srb1.expect(rrc.ReconfigurationFailure, transaction=1, cause=Cause.PEER_LOST)
    anew = replace(bearer_configuration(1), mode=BearerMode.ACKNOWLEDGED)
    release = SessionRelease(session=0, cause=Cause.NORMAL)
    ue.srb1.send(reconfiguration(2, (anew,), (again,), released_bearers=b"\x01", released_sessions=(release,)))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=2)
