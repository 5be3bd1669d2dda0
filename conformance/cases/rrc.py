"""Radio resource control: connection establishment, release, what is not legal."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.ran_node_tester import RanNodeTester

SETUP = "docs/spec/rrc.md#4-connection"
RELEASE = "docs/spec/rrc.md#43-release"


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
    await ran.core.n2.never(n2.InitialUeMessage)
    ue.take(setup)
    nas = preambles.registration_request(ue).encode()
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=nas))
    initial = await ran.core.n2.expect(n2.InitialUeMessage, nas=nas)
    ue.ran_ue = initial.ran_ue


@case("RRC-REL-01", group="rrc", role="ran-node", clause=RELEASE, purpose="The core's command releases the UE.")
async def release_on_command(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
    await ue.srb1.expect(rrc.Release)
