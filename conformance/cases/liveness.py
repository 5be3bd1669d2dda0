"""The Deep Edge Protocol: signs of life, versions, extensions, close, PATH, CAPSULE, errors, unknown handles."""

from __future__ import annotations

from typing import Any

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping
from net4ai.codecs.declaration import Structure
from net4ai.codecs.dep import (
    AckBody,
    CapsuleBody,
    CloseBody,
    DataBody,
    DepType,
    EchoBody,
    ErrorBody,
    GrantBody,
    PathBody,
    PathReason,
)
from net4ai.conformance.case import case
from net4ai.conformance.cases.sessions import answers, octets, session_case, silent
from net4ai.conformance.hop_end import FIRST_MESSAGE, Session
from net4ai.conformance.pdus import with_bits, with_octet
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.ue_tester import UeTester
from net4ai.stack.dep.extensions import extension

HEADER = "docs/spec/dep.md#21-header"
EXTENSIONS = "docs/spec/dep.md#22-extensions"
TYPES = "docs/spec/dep.md#3-types"
PING = "docs/spec/dep.md#36-ping-and-pong"
CLOSE = "docs/spec/dep.md#71-close"
PATH = "docs/spec/dep.md#8-path"
FORM = "docs/spec/dep.md#91-form"
RULES = "docs/spec/dep.md#92-rules"
UNKNOWN = "docs/spec/dep.md#93-unknown-sessions"
CAPSULE = "docs/spec/dep.md#10-capsule"
MALFORMED = "docs/spec/errors.md#8-dep"

SMALL = bytes(range(64))
PADDING, TIMESTAMP, NOT_DEFINED = 0, 1, 0x55
ERROR_BURST = 10
"""ERRORs at once; then one each 100 ms."""


# ---------------------------------------------------------------------------------------------------------------------
# PING, types, versions, reserved bits


@session_case("DEP-PING", 1, group="liveness", clause=PING, purpose="PONG repeats what PING said.")
async def pong(session: Session) -> None:
    for echo in (0xDEC0DE, 0, 0xFFFF_FFFF):
        session.send(DepType.PING, EchoBody(echo=echo), message_id=echo)
        await session.expect(DepType.PONG, echo=echo, message_id=echo, qfi=session.qfi, bulk=False, payload=b"")


@session_case("DEP-PING", 2, group="liveness", clause=TYPES, purpose="Answers to nothing are dropped, and told nobody.")
async def answers_nothing(session: Session) -> None:
    session.send(DepType.PONG, EchoBody(echo=1))
    session.send(DepType.CLOSE_ACK, CloseBody(cause=Cause.NORMAL))
    session.send(DepType.PATH, PathBody(sequence=1, reason=PathReason.BEARER_CHANGED, answer=True))
    session.send(DepType.CAPSULE, CapsuleBody(epoch=1, capsule=b""))
    session.send(DepType.GRANT, GrantBody(limit=0xFFFF_FFFF, priority=0), message_id=99)
    await silent(session, DepType.ERROR, DepType.PATH, DepType.CLOSE, DepType.DATA)


@session_case("DEP-TYPE", 1, group="liveness", clause=TYPES, purpose="Unknown types and EXT are dropped in silence.")
async def unknown_types(session: Session) -> None:
    for kind in (0, 13, 14, DepType.EXT):
        for bulk in (False, True):
            session.send(kind, None, SMALL, bulk=bulk, message_id=1)
    await silent(session, DepType.ERROR)


@session_case("DEP-TYPE", 2, group="liveness", clause=MALFORMED,
              purpose="Bodies that are cut or too long are dropped in silence, and have no effect.")  # fmt: skip
async def malformed_bodies(session: Session) -> None:
    bodies: dict[DepType, Structure] = {
        DepType.PING: EchoBody(echo=1),
        DepType.PATH: PathBody(sequence=1, reason=PathReason.BEARER_CHANGED, answer=False),
        DepType.CLOSE: CloseBody(cause=Cause.NORMAL),
        DepType.ERROR: ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=0),
        DepType.GRANT: GrantBody(limit=1, priority=0),
    }
    await answers(session)
    for kind, body in bodies.items():
        whole = session.pdu(kind, body).encode()
        for damaged in (whole[:-1], whole + b"\0", whole[:16]):
            session.end.dep.inject(damaged, bearer=session.bearer)
    ack = AckBody(highest_packet=1, delay=0, segment_size=1400, map_bits=9, congestion=0, map=b"\0")
    session.send(DepType.ACK, ack, message_id=1)
    session.send(DepType.NACK, None, bytes(7), message_id=1)
    session.send(DepType.NACK, None, bytes(8 * 65), message_id=1)
    await silent(session, DepType.ERROR, DepType.PATH, DepType.CLOSE_ACK)


@session_case("DEP-TYPE", 3, group="liveness", clause=HEADER, rows=("R87", "R94"),
              purpose="Marks that mean nothing on a PING are ignored, and not sent back.")  # fmt: skip
async def ignored_marks(session: Session) -> None:
    marks: dict[str, Any] = {"reencrypted": True, "ack_requested": True, "response": True, "offset": 7, "congestion": 3}
    whole = session.pdu(DepType.PING, EchoBody(echo=5), message_id=3, **marks).encode()
    session.end.dep.inject(with_bits(whole, 1, 0x1F), bearer=session.bearer)
    await session.expect(DepType.PONG, echo=5, message_id=3, reencrypted=False, congestion=0, offset=0)


@session_case("DEP-ERROR", 3, group="liveness", clause=HEADER,
              purpose="Another version gets ERROR, in the session's version; ERROR gets none.")  # fmt: skip
async def wrong_version(session: Session) -> None:
    for version in (0, 2, 15):
        session.send(DepType.PING, EchoBody(echo=1), version=version)
        await session.expect(DepType.ERROR, cause=Cause.VERSION_NOT_SUPPORTED, version=1)
        session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=0), version=version)
        await silent(session, DepType.ERROR)


@session_case("DEP-BEARER", 1, group="liveness", clause="docs/spec/dep.md#61-data-step-by-step",
              purpose="What comes over a bearer that is not the flow's is dropped in silence.")  # fmt: skip
async def wrong_bearer(session: Session) -> None:
    session.data(SMALL, packet=1, bearer=session.bearer + 1, ack_requested=True)
    session.send(DepType.PING, EchoBody(echo=1), bearer=session.bearer + 1)
    await silent(session, DepType.ERROR, DepType.ACK)
    await session.never(DepType.PONG, within=0.02)


@case("DEP-BEARER-02", group="liveness", role="ue", clause="docs/spec/dep.md#61-data-step-by-step", rows=("R103",),
      options=("several-flows",), purpose="What comes over another flow's bearer is dropped in silence.")  # fmt: skip
async def bearer_of_another_flow(ran: UeTester) -> None:
    session = await ran.session(flows=(FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=2)))
    session.send(DepType.PING, EchoBody(echo=1), qfi=1, bearer=2)
    session.send(DepType.PING, EchoBody(echo=2), qfi=2, bearer=1)
    session.data(SMALL, packet=1, qfi=1, bearer=2, ack_requested=True)
    await silent(session, DepType.ERROR, DepType.ACK)
    await session.never(DepType.PONG, within=0.02)
    session.send(DepType.PING, EchoBody(echo=3), qfi=2, bearer=2)
    await session.expect(DepType.PONG, echo=3, qfi=2, bearer=2)


# ---------------------------------------------------------------------------------------------------------------------
# Extensions


@session_case("DEP-EXT", 1, group="liveness", clause=EXTENSIONS,
              purpose="PADDING, TIMESTAMP and unknown extensions that are not critical change nothing.")  # fmt: skip
async def skipped_extensions(session: Session) -> None:
    good = [
        extension(PADDING), extension(PADDING, bytes(1000), critical=True), extension(TIMESTAMP, b"time"),
        extension(TIMESTAMP, b"time", critical=True), extension(NOT_DEFINED, b"any"),
    ]  # fmt: skip
    for number, extensions in enumerate((*good, b"".join(good[2:])), 1):
        session.send(DepType.PING, EchoBody(echo=number), extensions=extensions)
        await session.expect(DepType.PONG, echo=number, extension_words=0)
        session.data(SMALL, packet=number, message=number, extensions=extensions)
        await session.expect(DepType.ACK, message_id=number, offset=len(SMALL))


@session_case("DEP-EXT", 2, group="liveness", clause=EXTENSIONS,
              purpose="An unknown critical extension: ERROR, and nothing is done; none for ERROR.")  # fmt: skip
async def critical_extension(session: Session) -> None:
    for extensions in (extension(NOT_DEFINED, critical=True), extension(PADDING) + extension(2, b"x", critical=True)):
        session.send(DepType.PING, EchoBody(echo=1), extensions=extensions)
        await session.expect(DepType.ERROR, cause=Cause.UNKNOWN_CRITICAL_EXTENSION)
        session.data(SMALL, packet=1, extensions=extensions, ack_requested=True)
        await session.expect(DepType.ERROR, cause=Cause.UNKNOWN_CRITICAL_EXTENSION, message_id=FIRST_MESSAGE)
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=0), extensions=extensions)
    await silent(session, DepType.ERROR, DepType.ACK)
    await session.never(DepType.PONG, within=0.02)


@session_case("DEP-EXT", 3, group="liveness", clause=EXTENSIONS,
              purpose="Lengths of extensions that do not add up, or reserved bits: malformed.")  # fmt: skip
async def wrong_extensions(session: Session) -> None:
    good = extension(PADDING, b"pad.")
    wrong = [
        with_octet(good, 1, 0), with_octet(good, 1, 1), with_octet(good, 1, 3), with_octet(good, 1, 255),
        with_octet(good, 2, 1), with_octet(good, 3, 1), extension(TIMESTAMP), extension(TIMESTAMP, bytes(8)),
    ]  # fmt: skip
    for extensions in wrong:
        session.send(DepType.PING, EchoBody(echo=1), extensions=extensions)
        session.data(SMALL, packet=1, extensions=extensions, ack_requested=True)
    session.send(DepType.PING, EchoBody(echo=1), extension_words=2)
    session.send(DepType.PING, EchoBody(echo=1), extension_words=255)
    await silent(session, DepType.ERROR, DepType.ACK)
    await session.never(DepType.PONG, within=0.02)


# ---------------------------------------------------------------------------------------------------------------------
# CLOSE


@session_case("DEP-CLOSE", 1, group="liveness", clause=CLOSE, purpose="Every CLOSE is acknowledged, repeated or not.")
async def close_is_acknowledged(session: Session) -> None:
    for cause in (Cause.NORMAL, Cause.NORMAL, 0xFFFF):
        session.send(DepType.CLOSE, CloseBody(cause=cause))
        await session.expect(DepType.CLOSE_ACK, cause=Cause.NORMAL)


@session_case("DEP-CLOSE", 2, group="liveness", clause=CLOSE, purpose="After CLOSE all but CLOSE is dropped.")
async def dead_after_close(session: Session) -> None:
    size = session.limits.segment_size
    session.data(bytes(size), packet=1, length=3 * size)
    session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
    await session.expect(DepType.CLOSE_ACK)
    session.end.dep.clear()
    session.send(DepType.PING, EchoBody(echo=1))
    session.data(bytes(size), packet=2, offset=2 * size, length=3 * size, ack_requested=True)
    session.data(SMALL, packet=3, message=2, ack_requested=True)
    session.send(DepType.PATH, PathBody(sequence=1, reason=PathReason.BEARER_CHANGED, answer=False))
    session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
    await session.expect(DepType.CLOSE_ACK)
    for kind in (DepType.PONG, DepType.ACK, DepType.PATH, DepType.ERROR, DepType.NACK):
        await session.never(kind, within=0.06)


@session_case("DEP-CLOSE", 3, group="liveness", clause=RULES,
              purpose="ERROR UNKNOWN_SESSION ends a session in which something was said before.")  # fmt: skip
async def closed_by_error(session: Session) -> None:
    await answers(session)
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=session.receive_handle), handle=0)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.never(DepType.PONG, within=0.2)


@session_case("DEP-CLOSE", 4, group="liveness", clause=RULES,
              purpose="ERROR UNKNOWN_SESSION, too early or for another handle, ends nothing.")  # fmt: skip
async def not_closed_by_error(session: Session) -> None:
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=session.receive_handle), handle=0)
    await answers(session)
    other = session.receive_handle ^ 0x1111_1111
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNKNOWN_SESSION, handle=other), handle=0)
    await silent(session, DepType.ERROR)


# ---------------------------------------------------------------------------------------------------------------------
# PATH and CAPSULE


def new_path(session: Session, sequence: int) -> None:
    session.send(DepType.PATH, PathBody(sequence=sequence, reason=PathReason.HANDED_OVER, answer=False))


@session_case("DEP-PATH", 1, group="liveness", clause=PATH, options=("path",), rows=("R94", "R107"),
              purpose="PATH is answered behind ACK and GRANT of each message under way.")  # fmt: skip
async def path_answered(session: Session) -> None:
    size = session.limits.segment_size
    length = session.limits.unscheduled + 4 * size
    session.data(bytes(size), packet=1, length=length)
    await session.expect(DepType.ACK, offset=size)
    await session.expect(DepType.GRANT)
    for _ in range(2):
        session.end.dep.clear()
        new_path(session, 1)
        await session.expect(DepType.PATH, sequence=1, reason=PathReason.HANDED_OVER, answer=True)
        assert session.end.dep.last is not None
        answered = session.end.dep.last.time
        for kind, fields in ((DepType.ACK, {"offset": size}), (DepType.GRANT, {})):
            await session.expect(kind, within=0.2, message_id=FIRST_MESSAGE, **fields)
            session.end.tester.check(session.end.dep.last.time <= answered, f"{kind.name} before the answer")


@session_case("DEP-PATH", 2, group="liveness", clause=PATH, options=("path",), rows=("R94", "R107"),
              purpose="An older sequence is answered by PATH alone; numbers wrap around.")  # fmt: skip
async def old_path(session: Session) -> None:
    size = session.limits.segment_size
    session.data(bytes(size), packet=1, length=2 * size)
    await session.expect(DepType.ACK, offset=size)
    for sequence, states in ((0x7FFF, 1), (0x7FFE, 0), (0xFFFE, 1), (1, 1), (0xFFFF, 0), (1, 1)):
        session.end.dep.clear()
        new_path(session, sequence)
        await session.expect(DepType.PATH, sequence=sequence, answer=True)
        await answers(session)
        acks = session.end.dep.arrived(DepType.ACK)
        session.end.tester.check(len(acks) == states, f"sequence {sequence}: {'ACK' if states else 'no ACK'}")


@session_case("DEP-PATH", 3, group="liveness", clause=PATH, options=("path",), rows=("R94", "R107"),
              purpose="A message under way goes on where it stood.")  # fmt: skip
async def no_restart(session: Session) -> None:
    size = session.limits.segment_size
    body = octets(3 * size)
    session.data(body[:size], packet=1, length=len(body))
    new_path(session, 1)
    await session.expect(DepType.PATH, answer=True)
    session.data(body[size : 2 * size], packet=2, offset=size, length=len(body))
    session.data(body[2 * size :], packet=3, offset=2 * size, length=len(body))
    await session.expect(DepType.ACK, offset=len(body), highest_packet=3)


def capsule(session: Session, epoch: int, content: bytes) -> None:
    session.send(DepType.CAPSULE, CapsuleBody(epoch=epoch, capsule=content))


@session_case("DEP-CAPSULE", 1, group="liveness", clause=CAPSULE, options=("capsule",), rows=("R86", "R88"),
              purpose="A capsule is answered with its epoch and no octets; the same and older ones, too.")  # fmt: skip
async def capsule_answered(session: Session) -> None:
    for epoch, content in ((3, b"key"), (3, b"key"), (7, bytes(1024)), (3, b"key"), (5, b"late"), (7, bytes(1024))):
        capsule(session, epoch, content)
        await session.expect(DepType.CAPSULE, epoch=epoch, capsule=b"")
    await silent(session, DepType.ERROR)


@session_case("DEP-CAPSULE", 2, group="liveness", clause=CAPSULE, options=("capsule",), rows=("R86", "R88"),
              purpose="Other octets under the newest epoch are refused.")  # fmt: skip
async def capsule_changed(session: Session) -> None:
    capsule(session, 4, b"key")
    await session.expect(DepType.CAPSULE, epoch=4, capsule=b"")
    capsule(session, 4, b"kex")
    await session.expect(DepType.ERROR, cause=Cause.OVERLAPPING_DATA)
    await silent(session, DepType.CAPSULE)


@session_case("DEP-CAPSULE", 3, group="liveness", clause=CAPSULE, options=("capsule",), rows=("R86", "R88"),
              purpose="A capsule of more than 1024 octets is malformed.")  # fmt: skip
async def capsule_too_long(session: Session) -> None:
    whole = session.pdu(DepType.CAPSULE, CapsuleBody(epoch=1, capsule=bytes(1024))).encode()
    session.end.dep.inject(whole + b"\0", bearer=session.bearer)
    session.end.dep.inject(whole[:19], bearer=session.bearer)
    await silent(session, DepType.CAPSULE, DepType.ERROR)


# ---------------------------------------------------------------------------------------------------------------------
# ERROR


@session_case("DEP-ERROR", 1, group="liveness", clause=UNKNOWN, purpose="An unknown handle gets ERROR, and is named.")
async def unknown_handle(session: Session) -> None:
    await unknown_handle_answered(session)


async def unknown_handle_answered(session: Session) -> None:
    """A handle nobody has given out: ERROR with handle 0 names it, on the same bearer."""
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.end.dep.send(session.pdu(DepType.PING, EchoBody(echo=1), handle=wrong))
    fields = {"cause": Cause.UNKNOWN_SESSION, "bearer": session.bearer, "bulk": False}
    error = await session.end.dep.expect(DepType.ERROR, **fields)
    assert isinstance(error.body, ErrorBody)
    tester = session.end.tester
    tester.check(error.header.handle == 0 and error.body.handle == wrong, "handle 0; the body names the unknown one")


@session_case("DEP-ERROR", 2, group="liveness", clause=RULES, purpose="ERROR is never answered.")
async def error_is_never_answered(session: Session) -> None:
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=wrong), handle=wrong)
    for cause in (Cause.UNSPECIFIED, Cause.MESSAGE_TOO_LARGE, 0xFFFF):
        session.send(DepType.ERROR, ErrorBody(cause=cause, handle=wrong), message_id=1, qfi=session.qfi + 1)
        session.send(DepType.ERROR, ErrorBody(cause=cause, handle=0), message_id=1)
    session.end.dep.inject(session.pdu(DepType.ERROR, None, b"cut").encode(), bearer=session.bearer)
    await silent(session, DepType.ERROR)


@session_case("DEP-ERROR", 4, group="liveness", clause=RULES,
              purpose="Of a hundred faults in a session ten get ERROR at once, others wait.")  # fmt: skip
async def errors_of_a_session(session: Session) -> None:
    for packet in range(1, 101):
        session.data(SMALL, packet=packet, qfi=session.qfi + 1)
    await _few_errors(session)
    await session.end.tester.sleep(0.25)
    session.data(SMALL, packet=101, qfi=session.qfi + 1)
    await session.expect(DepType.ERROR, cause=Cause.QOS_FLOW_NOT_CONFIGURED)


@session_case("DEP-ERROR", 5, group="liveness", clause=RULES,
              purpose="Of a hundred unknown handles ten get ERROR at once, others wait.")  # fmt: skip
async def errors_for_handles(session: Session) -> None:
    wrong = session.send_handle ^ 0x5A5A_0000
    for number in range(100):
        session.send(DepType.PING, EchoBody(echo=1), handle=wrong + number)
    await _few_errors(session)
    await session.end.tester.sleep(0.25)
    session.send(DepType.PING, EchoBody(echo=1), handle=wrong)
    await session.end.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)


async def _few_errors(session: Session) -> None:
    """As many as may be at once, and those that time has given since."""
    tester = session.end.tester
    before = tester.clock.now()
    await answers(session)
    more = (tester.clock.now() - before) // 100_000_000 + 2
    came = len(session.end.dep.arrived(DepType.ERROR))
    tester.check(1 <= came <= ERROR_BURST + more, f"1 to {ERROR_BURST + more} ERRORs")
    session.end.dep.clear()


@session_case("DEP-ERROR", 6, group="liveness", clause=FORM,
              purpose="ERROR about a message names its flow, id and whether it is a response; no handle.")  # fmt: skip
async def error_form(session: Session) -> None:
    for response, message in ((False, 77), (True, 0xFFFF_FFFF)):
        body = DataBody(message_length=0xFFFF_FFFF, packet_number=1)
        cause = Cause.UNEXPECTED_MESSAGE if response else Cause.MESSAGE_TOO_LARGE
        session.send(DepType.DATA, body, SMALL, message_id=message, response=response)
        error = await session.expect(DepType.ERROR, cause=cause, message_id=message, response=response)
        assert isinstance(error.body, ErrorBody)
        right = (error.header.handle, error.body.handle, error.header.qfi) == (session.receive_handle, 0, session.qfi)
        session.end.tester.check(right and not error.payload, "the session's handle, none in the body, the flow")


@case("DEP-ERROR-11", group="liveness", role="ran-node", clause=UNKNOWN,
      purpose="A handle without a route gets ERROR, and is named.")  # fmt: skip
async def ran_node_unknown_handle(ran: RanNodeTester) -> None:
    await unknown_handle_answered(await ran.session())


@case("DEP-ERROR-12", group="liveness", role="ran-node", clause=RULES, purpose="ERROR is never answered.")
async def ran_node_error(ran: RanNodeTester) -> None:
    session = await ran.session()
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=wrong), handle=wrong)
    await session.end.dep.never(DepType.ERROR, within=0.2)
