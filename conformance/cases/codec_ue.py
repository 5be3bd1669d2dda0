"""Encoding, role ue: reserved bits, truncated and unknown messages, extreme values."""

from __future__ import annotations

from net4ai.codecs.dep import DepType, EchoBody
from net4ai.conformance.case import case
from net4ai.conformance.cases.codec import reserved_dep_bits
from net4ai.conformance.pdus import truncations
from net4ai.conformance.ue_tester import UeTester

ERRORS = "docs/spec/errors.md#2-faults-of-a-field"
RESERVED = "docs/spec/errors.md#2-faults-of-a-field"
LAYER_2 = "docs/spec/l2.md#21-header"


@case("COD-RES-11", group="codec", role="ue", clause=RESERVED, purpose="Reserved bits of the DEP header are ignored.")
async def ue_reserved_bits(ran: UeTester) -> None:
    await reserved_dep_bits(await ran.session())


@case(
    "COD-TRUNC-11",
    group="codec",
    role="ue",
    clause=ERRORS,
    purpose="Truncated DEP PDUs are dropped.",
)
async def ue_truncated_dep(ran: UeTester) -> None:
    session = await ran.session()
    whole = session.pdu(DepType.PING, EchoBody(echo=9)).encode()
    for part in truncations(whole):
        session.end.dep.inject(part, bearer=session.bearer)
    await session.never(DepType.PONG)
    session.send(DepType.PING, EchoBody(echo=10))
    await session.expect(DepType.PONG, echo=10)
