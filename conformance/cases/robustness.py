"""Floods, damage, lies: the target stays calm, and serves who behaves. What is random has its seed in the steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from net4ai.codecs import link, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import AckBody, DataBody, DepType, EchoBody, ErrorBody, GrantBody, NackBody, PathBody
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.codecs.message import decode_message
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.procedures import instantiate, invite, session_add, terminate
from net4ai.conformance.cases.sessions import UNORDERED, answers, function_message, octets, session_case
from net4ai.conformance.function_tester import NO_INSTANCE, ONE_FLOW, FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import damaged, l2_pdu, noise
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.tester import Tester
from net4ai.conformance.ue_tester import UeTester
from net4ai.stack.dep.events import MessageReceived

PRINCIPLES = "docs/spec/errors.md#1-principles"
FIELDS = "docs/spec/errors.md#2-faults-of-a-field"
LAYER_2 = "docs/spec/errors.md#3-layer-2"
RRC = "docs/spec/errors.md#4-rrc"
NAS = "docs/spec/errors.md#5-nas"
N2 = "docs/spec/errors.md#6-n2"
T4 = "docs/spec/errors.md#7-t4-and-t8"
DEP = "docs/spec/errors.md#8-dep"
FRAMES = "docs/spec/n2.md#11-frames"
CREDIT = "docs/spec/dep.md#4-credit"
RESOURCES = "docs/spec/errors.md#11-resources"
RULES = "docs/spec/dep.md#92-rules"

SEED = 20_261_122
"""Of all that is random here, so that each run is the same."""
DATAGRAMS = 2000
"""Datagrams of a flood of noise, sent in portions that a socket holds."""
PORTION = 100
MESSAGES = 300
"""Damaged messages where each costs the target some work."""
HALF_OPEN = 400


T = TypeVar("T")


class Numbers:
    """Numbers that look random, the same in every run."""

    def __init__(self, seed: int) -> None:
        self._next = seed << 24

    def between(self, low: int, high: int) -> int:
        """A number from `low` to before `high`."""
        self._next += 1
        return low + int.from_bytes(noise(self._next, 8, 8), "big") % (high - low)

    def one_of(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[self.between(0, len(values))]

    def octets(self, count: int) -> bytes:
        """So many octets."""
        self._next += 1
        return noise(self._next, count, count)


async def flood(end_or_tester: Tester, count: int, send: Callable[[int, Numbers], None]) -> None:
    """`send` is called `count` times, with pauses for the target to take what came."""
    tester = end_or_tester
    tester.note(f"{count} of them, seed {SEED}")
    numbers = Numbers(SEED)
    for number in range(count):
        send(number, numbers)
        if number % PORTION == PORTION - 1:
            await tester.sleep(0.01)
    await tester.sleep(0.05)


def mutated(valid: bytes, numbers: Numbers, after: int = 0) -> bytes:
    """A valid message with some octets changed, cut, repeated or added; one octet at least."""
    kind = numbers.between(0, 4)
    if kind == 0:
        return valid[: numbers.between(max(after, 1), len(valid))]
    if kind == 1:
        return valid + numbers.octets(numbers.between(1, 20))
    if kind == 2:
        at = numbers.between(after, len(valid))
        return valid[:at] + valid[numbers.between(after, at + 1) :]
    return damaged(valid, numbers.between(0, 1 << 60), after)


def dep_wholes(session: Session) -> list[bytes]:
    """A valid PDU of each type, that would change little."""
    bodies = {
        DepType.GRANT: GrantBody(limit=5, priority=0),
        DepType.ACK: AckBody(highest_packet=1, delay=0, segment_size=1400, map_bits=9, congestion=0, map=b"\xff\x80"),
        DepType.NACK: NackBody(ranges=bytes(16)),
        DepType.PING: EchoBody(echo=1),
        DepType.PATH: PathBody(sequence=1, reason=0, answer=False),
        DepType.ERROR: ErrorBody(cause=Cause.TIMEOUT, handle=0),
        DepType.DATA: DataBody(message_length=100, packet_number=1),
    }
    return [
        session.pdu(kind, body, octets(100) if kind is DepType.DATA else b"", message_id=1).encode()
        for kind, body in bodies.items()
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Sessions, of UEs and application servers


@session_case("ROB-SESSION", 1, group="robustness", clause=LAYER_2,
              purpose="Noise on both sockets, with the target's own identity on it or not, harms nobody.")  # fmt: skip
async def noise_on_sockets(session: Session) -> None:
    end = session.end
    own = end.identity.to_bytes(2, "big")

    def send(number: int, numbers: Numbers) -> None:
        datagram = noise(SEED + number, 200)
        if number % 2 and len(datagram) > L2_HEADER_SIZE:
            datagram = datagram[:2] + own + datagram[4:]
        end.pdus.put(datagram, number % 3 == 0)

    await flood(end.tester, DATAGRAMS, send)
    await answers(session)


@session_case("ROB-SESSION", 2, group="robustness", clause=DEP, echo=True,
              purpose="Mutated DEP PDUs may end the session, not the target: another one works.")  # fmt: skip
async def mutated_dep(session: Session) -> None:
    wholes = dep_wholes(session)

    def send(number: int, numbers: Numbers) -> None:
        # The handle stays, so that damage gets further; CLOSE would only make the rest of it dull.
        whole = numbers.one_of(wholes)
        kept = mutated(whole, numbers)
        kept = kept[:1] + kept[1:4] + whole[4:8] + kept[8:]
        if kept[0] & 0x0F != DepType.CLOSE:
            session.end.transmit_dep(kept, session.bearer, number % 2 == 0)

    await flood(session.end.tester, DATAGRAMS, send)
    await still_serves(session)


@session_case("ROB-SESSION", 3, group="robustness", clause=DEP,
              purpose="Noise where DEP belongs harms nobody.")  # fmt: skip
async def noise_in_dep(session: Session) -> None:
    def send(number: int, numbers: Numbers) -> None:
        session.end.transmit_dep(noise(SEED + number, 100), session.bearer, number % 2 == 0)

    await flood(session.end.tester, DATAGRAMS, send)
    await answers(session)


@session_case("ROB-LENGTH", 1, group="robustness", clause=CREDIT, flows=UNORDERED,
              purpose="Lengths up to 2^32 - 1, announced by thousands, take no memory and no place.")  # fmt: skip
async def announced_lengths(session: Session) -> None:
    lengths = (0xFFFF_FFFF, 0x8000_0000, session.limits.maximum_message + 1, session.limits.maximum_message)

    def send(number: int, numbers: Numbers) -> None:
        body = DataBody(message_length=lengths[number % 4], packet_number=number + 1)
        whole = session.pdu(DepType.DATA, body, b"", message_id=number + 1)
        session.end.transmit_dep(whole.encode(), session.bearer, True)

    await flood(session.end.tester, DATAGRAMS, send)
    await answers(session)


@session_case("ROB-LENGTH", 2, group="robustness", clause=FIELDS,
              purpose="Offsets, ranges, limits and maps at their extremes are no harm.")  # fmt: skip
async def extreme_numbers(session: Session) -> None:
    most = 0xFFFF_FFFF
    session.data(b"x", packet=most, message=most, offset=most, length=most, ack_requested=True)
    session.data(b"x", packet=most, message=0, ack_requested=True)
    for message in (0, 1, most):
        session.send(DepType.GRANT, GrantBody(limit=most, priority=255), message_id=message, response=True)
        session.send(DepType.NACK, NackBody(ranges=b"\xff" * 512), message_id=message)
        body = AckBody(
            highest_packet=most, delay=most, segment_size=65535, map_bits=8192, congestion=255, map=b"\xff" * 1024
        )
        session.send(DepType.ACK, body, message_id=message, offset=most)
    session.send(DepType.PING, EchoBody(echo=0), extensions=bytes((0, 255, 0, 0)) * 255)
    await answers(session)


@session_case("ROB-STORM", 1, group="robustness", clause=RULES,
              purpose="A storm of ERRORs is answered by none.")  # fmt: skip
async def error_storm(session: Session) -> None:
    def send(number: int, numbers: Numbers) -> None:
        cause = numbers.one_of((Cause.UNSPECIFIED, Cause.MESSAGE_TOO_LARGE, Cause.UNKNOWN_SESSION, 0xFFFF))
        handle = numbers.one_of((0, session.send_handle ^ 0x5555))
        named = numbers.between(0, 1 << 32)
        error = session.pdu(DepType.ERROR, ErrorBody(cause=cause, handle=named), handle=handle, message_id=number)
        session.end.transmit_dep(error.encode(), session.bearer, False)

    await flood(session.end.tester, DATAGRAMS, send)
    await session.end.dep.never(DepType.ERROR, within=0.05)
    await answers(session)


@session_case("ROB-STORM", 2, group="robustness", clause=RULES, echo=True,
              purpose="A storm of what deserves ERROR gets few of them, and holds up nothing.")  # fmt: skip
async def storm_of_faults(session: Session) -> None:
    tester = session.end.tester
    before = tester.clock.now()

    def send(number: int, numbers: Numbers) -> None:
        body = DataBody(message_length=0xFFFF_FFFF, packet_number=number)
        pdu = session.pdu(DepType.DATA, body, b"x", message_id=number, qfi=session.qfi + number % 2)
        session.end.transmit_dep(pdu.encode(), session.bearer, True)

    await flood(tester, DATAGRAMS, send)
    await answers(session)
    came = len(session.end.dep.arrived(DepType.ERROR))
    tester.check(came <= 12 + (tester.clock.now() - before) // 100_000_000, "ten, and one each 100 ms")
    await echoes(session)


async def echoes(session: Session) -> None:
    """The function sends a message of some segments back."""
    opened = session.open()
    opened.send(function_message(5, 5000))
    came = await opened.expect(MessageReceived, within=5)
    session.end.tester.check(decode_message(came.body).tag == 5, "the message that was sent")


async def still_serves(session: Session) -> None:
    """The target takes another session beside the one that was mistreated, and uses it."""
    tester = session.end.tester
    if isinstance(tester, UeTester):
        flows = tuple(replace(flow, bearer=2) for flow in session.flows)
        await answers(await preambles.configure_session(tester.ue_of(session), 1, flows))
    else:
        assert isinstance(tester, FunctionTester)
        await echoes(await tester.echo())


# ---------------------------------------------------------------------------------------------------------------------
# Application servers


@case("ROB-T4-21", group="robustness", role="function", clause=T4,
      purpose="Mutated signalling messages: the server answers the next right one.")  # fmt: skip
async def mutated_signalling(function: FunctionTester) -> None:
    server = await function.attached()
    wholes = [
        message.encode()
        for message in (
            terminate(function), instantiate(function, server, NO_INSTANCE), invite(function, NO_INSTANCE),
            session_add(function, server, NO_INSTANCE, 0, 1),
            link.Start(execution=1, instance=NO_INSTANCE, end_point=2, turn=0, seat=0, repetition=0),
            link.Finish(execution=1, instance=NO_INSTANCE, repetition=0),
        )
    ]  # fmt: skip

    def send(number: int, numbers: Numbers) -> None:
        octets = mutated(numbers.one_of(wholes), numbers)
        server.link.inject(octets)
        with contextlib.suppress(DecodeError):
            # Right by chance: the case's end ends what has come of it.
            if isinstance(message := link.Link.FAMILY.decode(octets), link.Instantiate):
                server.instances.append(message.instance)

    await flood(function, MESSAGES, send)
    await function.request(server, terminate(function), within=10)
    await answers(await function.session())


@case("ROB-T4-22", group="robustness", role="function", clause="docs/spec/l2.md#7-acknowledged-mode",
      purpose="Damaged status reports and PDUs far ahead do not stop the link.")  # fmt: skip
async def damaged_status(function: FunctionTester) -> None:
    server = await function.attached()

    def send(number: int, numbers: Numbers) -> None:
        body = numbers.octets(numbers.between(0, 40))
        # Ahead of the window, or malformed: what a COUNT inside would say is not to be guessed.
        ahead = 0x4000_0000 + numbers.between(0, 1 << 20)
        is_data = bool(number % 2)
        pdu = l2_pdu(BearerType.FIXED_LINK, 0, server.identity, ahead, body if is_data else body[:3], is_data=is_data)
        server.pdus.put(pdu.encode())

    await flood(function, DATAGRAMS, send)
    await function.request(server, terminate(function))


@case("ROB-ATTACH-21", group="robustness", role="function", clause=T4,
      purpose="Noise and mutated answers to an attach request do not keep the server from attaching.")  # fmt: skip
async def attach_fuzz(function: FunctionTester) -> None:
    request = await function.attach_request()
    accept = link.AttachAccept(version=1, peer=9, bulk_port=9, name="nobody").encode()
    count = function.pdus.arrived(c_rnti=0)[-1].header.count

    def send(number: int, numbers: Numbers) -> None:
        # Another COUNT: a mutated accept that is right by chance is one to another request.
        wrong = l2_pdu(BearerType.FIXED_LINK, 0, 0, (count + 1 + number) % 2**32, mutated(accept, numbers))
        cut = l2_pdu(BearerType.FIXED_LINK, 0, 0, count, accept[: numbers.between(0, len(accept))])
        function.pdus.put(noise(SEED + number, 60) if number % 2 else (cut if number % 4 else wrong).encode())

    await flood(function, DATAGRAMS, send)
    await function.attach.expect(link.AttachRequest)
    server = function.accept_attachment(request)
    await function.request(server, terminate(function))


@case("ROB-HANDLE-21", group="robustness", role="function", clause="docs/spec/links.md#51-session-add", rows=("R81",),
      purpose="Of 255 seats in one message those that get a handle live, others are left out.")  # fmt: skip
async def many_sessions(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    add = session_add(function, server, instance, *range(255))
    complete = await function.request(server, add, link.SessionAddComplete, within=10)
    assert isinstance(complete, link.SessionAddComplete)
    handles = {each.seat: each.handle for each in complete.sessions}
    function.check(handles and len(set(handles.values())) == len(complete.sessions), "handles that differ")
    ours = {each.seat: each.handle for each in add.sessions}
    for each in complete.sessions[::20]:
        await answers(Session(server, each.seat, ONE_FLOW, each.handle, ours[each.seat], each.limits))
    release = link.SessionRelease(transaction=0, execution=1, instance=instance, cause=Cause.NORMAL, seats=())
    server.link.send(release)
    await answers((await function.add_sessions(server, instance, 2, [0]))[0])


# ---------------------------------------------------------------------------------------------------------------------
# RAN nodes


@case("ROB-FLOOD-01", group="robustness", role="ran-node", clause=RESOURCES,
      purpose="Half-open connections are bounded, and forgotten; others are served, always.")  # fmt: skip
async def half_open_flood(ran: RanNodeTester) -> None:
    ue, other = await ran.ue(), await ran.registered_ue()
    for number in range(HALF_OPEN):
        ue.srb0.send(rrc.SetupRequest(ue_identity=number + 1, cause=3, bulk_port=ue.pdus.bulk_port))
    await ue.srb0.expect((rrc.Setup, rrc.Reject), ue_identity=HALF_OPEN)
    await ran.sleep(0.1)
    await passes_nas(ran, other)
    await ran.sleep(ran.timer("setup-complete") + 0.5)
    with ran.preamble("after the flood"):
        await preambles.ask_for_setup(ran, await ran.ue())


async def passes_nas(ran: RanNodeTester, ue: PlayedUe, nas_octets: bytes = b"\x81 still there") -> None:
    """The RAN node does its work for a UE."""
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=nas_octets))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=nas_octets)


@case("ROB-FUZZ-01", group="robustness", role="ran-node", clause=RRC,
      purpose="Noise and mutated messages on SRB0 harm nobody.")  # fmt: skip
async def srb0_fuzz(ran: RanNodeTester) -> None:
    ue, other = await ran.ue(), await ran.connected_ue()
    valid = preambles.setup_request(ran, ue).encode()

    def send(number: int, numbers: Numbers) -> None:
        ue.srb0.inject(noise(SEED + number, 60) if number % 2 else mutated(valid, numbers)[: len(valid) - 1])

    await flood(ran, MESSAGES, send)
    await passes_nas(ran, other)


@case("ROB-FUZZ-02", group="robustness", role="ran-node", clause=N2,
      purpose="Noise on N2 harms nobody.")  # fmt: skip
async def n2_fuzz(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()

    def send(number: int, numbers: Numbers) -> None:
        ran.core.n2.inject(noise(SEED + number, 60, 0))

    await flood(ran, MESSAGES, send)
    await passes_nas(ran, ue)


@case("ROB-FUZZ-03", group="robustness", role="ran-node", clause=LAYER_2,
      purpose="Noise on both radio sockets, from strangers and from a UE, harms nobody.")  # fmt: skip
async def radio_noise(ran: RanNodeTester) -> None:
    ue, stranger = await ran.registered_ue(), await ran.ue()

    def send(number: int, numbers: Numbers) -> None:
        datagram = noise(SEED + number, 200)
        if number % 2 and len(datagram) > 4:
            datagram = datagram[:2] + ue.c_rnti.to_bytes(2, "big") + datagram[4:]
        (ue if number % 4 == 1 else stranger).pdus.put(datagram, number % 3 == 0 and ue.pdus is stranger.pdus)

    await flood(ran, DATAGRAMS, send)
    await passes_nas(ran, ue)


@case("ROB-FUZZ-04", group="robustness", role="ran-node", clause=RRC,
      purpose="Mutated RRC messages on a secure SRB1 are dropped one by one.")  # fmt: skip
async def srb1_fuzz(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    wholes = [
        rrc.ReconfigurationComplete(transaction=3, sessions=()).encode(),
        rrc.SecurityModeComplete(transaction=0).encode(),
        rrc.UplinkInformationTransfer(nas=b"x").encode(),
    ]

    def send(number: int, numbers: Numbers) -> None:
        ue.srb1.inject(mutated(numbers.one_of(wholes), numbers))

    await flood(ran, MESSAGES, send)
    await passes_nas(ran, ue)


@case("ROB-FUZZ-05", group="robustness", role="ran-node", clause=N2,
      purpose="Mutated N2 messages for contexts that are not there harm no other context.")  # fmt: skip
async def n2_mutated(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    nobody = ue.ran_ue ^ 0x7000_0000
    wholes = [
        n2.ContextReleaseCommand(ran_ue=nobody, cause=Cause.NORMAL).encode(),
        n2.DownlinkNasTransport(ran_ue=nobody, nas=b"nas").encode(),
        n2.SessionSetupRequest(ran_ue=nobody, transaction=1, job=1, qos=(preambles.QOS,)).encode(),
    ]

    def send(number: int, numbers: Numbers) -> None:
        # The identity of a context stays that of nobody.
        whole = numbers.one_of(wholes)
        ran.core.n2.inject(whole[:5] + mutated(whole, numbers, 5)[5:])

    await flood(ran, MESSAGES, send)
    await passes_nas(ran, ue)


@case("ROB-DEP-01", group="robustness", role="ran-node", clause=DEP,
      purpose="Noise and mutated DEP PDUs on a bearer: the RAN node relays nothing of it to its ruin.")  # fmt: skip
async def relay_fuzz(ran: RanNodeTester) -> None:
    session = await ran.session()
    wholes = dep_wholes(session)

    def send(number: int, numbers: Numbers) -> None:
        octets = noise(SEED + number, 100) if number % 2 else mutated(numbers.one_of(wholes), numbers)
        session.end.transmit_dep(octets, session.bearer, number % 3 == 0)

    await flood(ran, DATAGRAMS, send)
    ue = session.end
    assert isinstance(ue, PlayedUe)
    await passes_nas(ran, ue)


@case("ROB-FRAME-01", group="robustness", role="ran-node", clause=FRAMES,
      purpose="An N2 frame of an illegal length ends the connection; the RAN node comes back and serves.")  # fmt: skip
async def illegal_frames(ran: RanNodeTester) -> None:
    await ran.core.ready()
    for length in (65_537, 0xFFFF_FFFF):
        ran.core.send_octets(length.to_bytes(4, "big"))
        await ran.core.new_connection(within=5)
        await ran.core.ready()
    ue = await ran.connected_ue()
    await passes_nas(ran, ue)


@case("ROB-FRAME-02", group="robustness", role="ran-node", clause=FRAMES,
      purpose="A frame that comes octet by octet is taken; an empty and the longest are no harm.")  # fmt: skip
async def slow_frame(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    down = n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x81 slowly").encode()
    for octet in len(down).to_bytes(4, "big") + down:
        ran.core.send_octets(bytes((octet,)))
        await ran.sleep(0.001)
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x81 slowly")
    ran.core.n2.inject(b"")
    ran.core.n2.inject(b"\xee" * 65_536)
    await passes_nas(ran, ue)


@case("ROB-ERROR-11", group="robustness", role="ran-node", clause=RULES,
      purpose="ERROR is rate-limited: of a hundred unknown handles few get one.")  # fmt: skip
async def error_rate(ran: RanNodeTester) -> None:
    session = await ran.session()
    before = ran.clock.now()
    for number in range(100):
        session.send(DepType.PING, EchoBody(echo=number), handle=0xDEAD_0000 + number)
    await session.end.dep.expect(DepType.ERROR)
    await ran.sleep(0.2)
    allowed = 11 + (ran.clock.now() - before) // 100_000_000
    ran.check(len(session.end.dep.arrived(DepType.ERROR)) < allowed, "ten, and one each 100 ms")


@case("ROB-PATIENCE-01", group="robustness", role="ran-node", clause=RESOURCES,
      purpose="System Information requested by many addresses: who is connected is served.")  # fmt: skip
async def camping_flood(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for _ in range(20):
        camper = await ran.ue()
        for _ in range(PORTION // 10):
            camper.srb0.send(rrc.SystemInformationRequest())
    await passes_nas(ran, ue)


# ---------------------------------------------------------------------------------------------------------------------
# UEs


@case("ROB-SRB-11", group="robustness", role="ue", clause=RRC,
      purpose="Noise and mutated messages on SRB0 do not shake a connected UE.")  # fmt: skip
async def ue_srb0_fuzz(ran: UeTester) -> None:
    session = await ran.session()
    wholes = [
        rrc.SystemInformation(cell=1, period=500, barred=False).encode(),
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=9, bulk_port=9).encode(),
        rrc.Reject(ue_identity=1, wait_time=1, cause=Cause.NORMAL).encode(),
    ]

    def send(number: int, numbers: Numbers) -> None:
        ran.srb0.inject(noise(SEED + number, 60) if number % 2 else mutated(numbers.one_of(wholes), numbers))

    await flood(ran, MESSAGES, send)
    await answers(session)


@case("ROB-SRB-12", group="robustness", role="ue", clause=RRC,
      purpose="Mutated messages on a secure SRB1: the UE takes the next configuration.")  # fmt: skip
async def ue_srb1_fuzz(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    whole = preambles.reconfiguration(0, (preambles.bearer_configuration(),)).encode()

    def send(number: int, numbers: Numbers) -> None:
        # Shorter than a configuration can be, or of a type that does not exist: none is right by chance.
        cut = whole[: 1 + numbers.between(0, len(whole) - 1)]
        ue.srb1.inject(bytes((0xE0 + number % 16,)) + noise(SEED + number, 60) if number % 2 else cut)

    await flood(ran, MESSAGES, send)
    await answers(await ran.session(ue))


@case("ROB-NAS-11", group="robustness", role="ue", clause=NAS,
      purpose="Noise where NAS belongs, protected or not: the UE stays registered.")  # fmt: skip
async def ue_nas_fuzz(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    whole = nas.JobList(jobs=()).encode()

    def send(number: int, numbers: Numbers) -> None:
        octets = noise(SEED + number, 60) if number % 2 else mutated(whole, numbers)
        ue.srb1.send(rrc.DownlinkInformationTransfer(nas=octets))

    await flood(ran, MESSAGES, send)
    await ue.srb1.never((rrc.SetupComplete,), within=0.05)
    await answers(await ran.session(ue))
