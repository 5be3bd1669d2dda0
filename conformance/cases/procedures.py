"""Attachment, instances and routines: order, answers, completion."""

from __future__ import annotations

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import NO_INSTANCE, FunctionTester

ATTACH = "docs/spec/links.md#2-attachment"
INSTANCE = "docs/spec/links.md#4-instances"
ROUTINE = "docs/spec/links.md#6-an-execution"


@case("T4-ATTACH-01", group="procedures", role="function", clause=ATTACH, rows=("R47", "R51"),
      purpose="An attach request is repeated, with the same COUNT, until it is answered.")  # fmt: skip
async def attach_repeated(function: FunctionTester) -> None:
    first = await function.attach_request()
    again = await function.attach.expect(link.AttachRequest)
    function.check(again == first, "the same request")
    counts = {pdu.header.count for pdu in function.pdus.arrived(c_rnti=0)}
    function.check(len(counts) == 1, "the same COUNT")


@case("T4-ATTACH-02", group="procedures", role="function", clause=ATTACH, rows=("R47",),
      purpose="An attached application server carries out requests.")  # fmt: skip
async def attached(function: FunctionTester) -> None:
    server = await function.attached()
    function.check(server.name, "a name")
    await function.request(server, link.Terminate(transaction=function.transaction(), instance=NO_INSTANCE))


@case("T4-INST-01", group="procedures", role="function", clause=INSTANCE, rows=("R50",),
      purpose="A function that is not there is refused, by the transaction of the request.")  # fmt: skip
async def unknown_function(function: FunctionTester) -> None:
    server = await function.attached()
    request = link.Instantiate(
        transaction=function.transaction(), instance=NO_INSTANCE, function="no-such-function", settings=b"{}"
    )
    await function.request(server, request, link.Refuse, within=40)


@case("T4-INST-02", group="procedures", role="function", clause=INSTANCE, rows=("R47",),
      purpose="Sessions with an instance that is not there are refused.")  # fmt: skip
async def session_without_instance(function: FunctionTester) -> None:
    server = await function.attached()
    add = link.SessionAdd(
        transaction=function.transaction(),
        execution=1,
        instance=NO_INSTANCE,
        end_point=link.EndPoint.ROUTINE_SERVER,
        dep_version=1,
        sessions=(),
    )
    refusal = await function.request(server, add, link.Refuse)
    function.check(refusal.cause == Cause.FUNCTION_NOT_HERE, "cause FUNCTION_NOT_HERE")  # type: ignore[attr-defined]
