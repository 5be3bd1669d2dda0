"""Cases of DEP that are the same for a UE and for an application server: their steps see a session alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.message import Message, encode_message
from net4ai.conformance.case import Case, case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.ue_tester import UeTester

Steps = Callable[[Session], Awaitable[None]]

STOP = 0xFFFF
"""Tag of the message behind which the function of the tests ends its turn."""
FUNCTION_NUMBERS = 20
"""What the number of a case of role function is above that of the same case of role ue."""
RELIABLE = (FlowMapping(qfi=1, bearer=1),)
UNORDERED = (FlowMapping(qfi=1, bearer=1, ordered=False),)
UNRELIABLE = (FlowMapping(qfi=1, bearer=1, reliable=False, ordered=False),)


def session_case(
    name: str,
    number: int,
    *,
    group: str,
    clause: str,
    purpose: str,
    rows: Sequence[str] = ("R94",),
    options: Sequence[str] = (),
    flows: tuple[FlowMapping, ...] = RELIABLE,
    limits: SessionLimits | None = None,
    echo: bool = False,
) -> Callable[[Steps], tuple[Case, Case]]:
    """A case for a UE, NAME-01, and one for an application server, NAME-21, from steps that take a session.

    `echo`: the function runs in the session and sends back what it gets. `limits`: what the tester permits.
    """
    options = (*options, "echo") if echo else options

    def make(steps: Steps) -> tuple[Case, Case]:
        async def of_ue(ran: UeTester) -> None:
            begin = ran.echo if echo else ran.session
            await steps(await begin(flows=flows, limits=limits))

        async def of_function(function: FunctionTester) -> None:
            begin = function.echo if echo else function.session
            await steps(await begin(flows=flows, limits=limits))

        def of_role(role: str, at: int, body: Callable[..., Awaitable[None]]) -> Case:
            identity = f"{name}-{at:02}"
            made = case(identity, group=group, role=role, clause=clause, purpose=purpose, rows=rows, options=options)
            return made(body)

        return of_role("ue", number, of_ue), of_role("function", number + FUNCTION_NUMBERS, of_function)

    return make


async def answers(session: Session, echo: int = 0x600D) -> None:
    """The session lives: PING gets PONG. What was sent before has been looked at then."""
    session.send(DepType.PING, EchoBody(echo=echo), message_id=echo)
    await session.expect(DepType.PONG, echo=echo, message_id=echo)


async def silent(session: Session, *kinds: DepType) -> None:
    """What was sent gets no answer of these types, and the session lives."""
    await answers(session)
    for kind in kinds:
        await session.never(kind, within=0.02)


def octets(count: int) -> bytes:
    """Octets that tell where they stand."""
    return bytes((at * 7 + at // 251) % 256 for at in range(count))


def segments(session: Session, body: bytes) -> list[tuple[int, bytes]]:
    """A message cut as the target wants it: offsets and payloads."""
    size = session.limits.segment_size
    return [(offset, body[offset : offset + size]) for offset in range(0, max(len(body), 1), size)]


def function_message(tag: int, size: int = 0) -> bytes:
    """A message that a function takes: its prefix and `size` octets."""
    return encode_message(Message(tag=tag, data=octets(size)))
