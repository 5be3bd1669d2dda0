"""The Deep Edge Protocol: signs of life, close, errors, unknown handles."""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CloseBody, DepType, EchoBody, ErrorBody
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.ue_tester import UeTester

PING = "docs/spec/dep.md#36-ping-and-pong"
CLOSE = "docs/spec/dep.md#7-the-end-of-a-session"
ERROR = "docs/spec/dep.md#9-errors"


async def pong(session: Session) -> None:
    """PONG repeats what PING said, and its message id."""
    session.send(DepType.PING, EchoBody(echo=0xDEC0DE), message_id=77)
    await session.expect(DepType.PONG, echo=0xDEC0DE, message_id=77)


async def close_is_acknowledged(session: Session) -> None:
    """Every CLOSE is answered, also a repeated one; then the data phase is over."""
    for _ in range(2):
        session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
        await session.expect(DepType.CLOSE_ACK)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.never(DepType.PONG)


async def unknown_handle(session: Session) -> None:
    """A handle nobody has given out: ERROR with handle 0 names it."""
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.send(DepType.PING, EchoBody(echo=1), handle=wrong)
    await session.end.dep.expect(DepType.ERROR, handle=lambda handle: handle == 0, cause=Cause.UNKNOWN_SESSION)


async def error_is_never_answered(session: Session) -> None:
    """ERROR for a handle nobody knows is dropped in silence."""
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=wrong), handle=wrong)
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=wrong))
    await session.end.dep.never(DepType.ERROR)
    await pong(session)


async def wrong_version(session: Session) -> None:
    """A version that was not agreed: ERROR."""
    session.send(DepType.PING, EchoBody(echo=1), version=9)
    await session.expect(DepType.ERROR, cause=Cause.VERSION_NOT_SUPPORTED)
    await pong(session)


@case("DEP-PING-01", group="liveness", role="ue", clause=PING, rows=("R94",), purpose="PONG repeats what PING said.")
async def ue_pong(ran: UeTester) -> None:
    await pong(await ran.session())


@case("DEP-CLOSE-01", group="liveness", role="ue", clause=CLOSE, purpose="Every CLOSE is acknowledged.")
async def ue_close(ran: UeTester) -> None:
    await close_is_acknowledged(await ran.session())


@case("DEP-ERROR-01", group="liveness", role="ue", clause=ERROR, purpose="An unknown handle gets ERROR, handle 0.")
async def ue_unknown_handle(ran: UeTester) -> None:
    await unknown_handle(await ran.session())


@case("DEP-ERROR-02", group="liveness", role="ue", clause=ERROR, purpose="ERROR is never answered.")
async def ue_error(ran: UeTester) -> None:
    await error_is_never_answered(await ran.session())


@case("DEP-ERROR-03", group="liveness", role="ue", clause=ERROR, purpose="A version not agreed on gets ERROR.")
async def ue_version(ran: UeTester) -> None:
    await wrong_version(await ran.session())


@case("DEP-ERROR-11", group="liveness", role="ran-node", clause=ERROR, purpose="A handle without a route gets ERROR.")
async def ran_node_unknown_handle(ran: RanNodeTester) -> None:
    session = await ran.session()
    await unknown_handle(session)


@case("DEP-ERROR-12", group="liveness", role="ran-node", clause=ERROR, purpose="ERROR is never answered.")
async def ran_node_error(ran: RanNodeTester) -> None:
    session = await ran.session()
    wrong = session.send_handle ^ 0x5A5A_5A5A
    session.send(DepType.ERROR, ErrorBody(cause=Cause.UNSPECIFIED, handle=wrong), handle=wrong)
    await session.end.dep.never(DepType.ERROR)


@case("DEP-PING-21", group="liveness", role="function", clause=PING, purpose="PONG repeats what PING said.")
async def function_pong(function: FunctionTester) -> None:
    await pong(await function.session())


@case("DEP-CLOSE-21", group="liveness", role="function", clause=CLOSE, purpose="Every CLOSE is acknowledged.")
async def function_close(function: FunctionTester) -> None:
    await close_is_acknowledged(await function.session())


@case("DEP-ERROR-21", group="liveness", role="function", clause=ERROR, purpose="An unknown handle gets ERROR.")
async def function_unknown_handle(function: FunctionTester) -> None:
    await unknown_handle(await function.session())
