"""N2: set-up and versions, contexts, sessions."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.ran_node_tester import RanNodeTester

SETUP = "docs/spec/n2.md#3-set-up"
SESSION = "docs/spec/n2.md#6-sessions"
CONTEXT = "docs/spec/n2.md#4-ue-contexts"


@case("N2-SETUP-01", group="n2", role="ran-node", clause=SETUP, purpose="The first message names node and versions.")
async def setup_request(ran: RanNodeTester) -> None:
    await ran.core.connection()
    ran.core.disconnect()
    await ran.core.connection()
    request = await ran.core.n2.expect(n2.SetupRequest)
    ran.check(request.node, "a name")
    ran.check(request.versions.lowest <= n2.VERSION <= request.versions.highest, f"version {n2.VERSION} within range")


@case("N2-SETUP-02", group="n2", role="ran-node", clause=SETUP, purpose="A refused node serves no UE and stays calm.")
async def refused(ran: RanNodeTester) -> None:
    await ran.core.ready()
    ue = await ran.ue()
    ran.core.disconnect()
    await ran.core.connection()
    await ran.core.n2.expect(n2.SetupRequest)
    ran.core.n2.send(n2.SetupFailure(cause=Cause.VERSION_NOT_SUPPORTED, versions=VersionRange(lowest=200, highest=201)))
    ue.srb0.send(preambles.setup_request(ran, ue))
    await ue.srb0.never(rrc.Setup)


@case("N2-SETUP-03", group="n2", role="ran-node", clause=SETUP, limit=30, purpose="Without an answer it connects anew.")
async def unanswered(ran: RanNodeTester) -> None:
    await ran.core.connection()
    ran.core.disconnect()
    await ran.core.connection()
    await ran.core.n2.expect(n2.SetupRequest)
    await ran.core.new_connection(within=12)
    await ran.core.n2.expect(n2.SetupRequest)


@case(
    "N2-SESSION-01",
    group="n2",
    role="ran-node",
    clause=SESSION,
    rows=("R97",),
    purpose="A job has one session.",
)
async def session_once(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    session = await ran.session(ue, job=5)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=99, job=5, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=99, session=session.number)


@case("N2-SESSION-02", group="n2", role="ran-node", clause=SESSION, rows=("R106",), purpose="Unknown context: failure.")
async def session_of_unknown_context(ran: RanNodeTester) -> None:
    await ran.core.ready()
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=0xFFFF_FFF0, transaction=4, job=1, qos=(preambles.QOS,)))
    await ran.core.n2.expect((n2.SessionSetupFailure, n2.ErrorIndication))


@case("N2-CTX-01", group="n2", role="ran-node", clause=CONTEXT, purpose="Every UE has an identity of its own on N2.")
async def identities_differ(ran: RanNodeTester) -> None:
    first, second = await ran.connected_ue(), await ran.connected_ue()
    ran.check(first.ran_ue != second.ran_ue, "two identities on N2")
    ran.check(first.c_rnti != second.c_rnti, "two C-RNTIs")
