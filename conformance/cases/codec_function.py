"""Encoding, role function: truncated, unknown and extreme messages, reserved bits."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionLimits
from net4ai.codecs.dep import DataBody, DepType, EchoBody
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.conformance.case import case
from net4ai.conformance.cases.procedures import instantiate, invite, session_add, terminate
from net4ai.conformance.cases.sessions import answers, silent
from net4ai.conformance.function_tester import NO_INSTANCE, FunctionTester
from net4ai.conformance.pdus import l2_pdu, truncations, with_bits, with_octet

FIELDS = "docs/spec/errors.md#2-faults-of-a-field"
LAYER_2 = "docs/spec/l2.md#21-header"
ORDER = "docs/spec/l2.md#10-order-of-checks"
T4 = "docs/spec/errors.md#7-t4-and-t8"
DEP = "docs/spec/errors.md#8-dep"


@case("COD-TRUNC-21", group="codec", role="function", clause=FIELDS,
      purpose="T4 messages truncated at every length are dropped; the whole ones are answered.")  # fmt: skip
async def truncated_signalling(function: FunctionTester) -> None:
    server = await function.attached()
    messages = (terminate(function), session_add(function, server, NO_INSTANCE, 1), invite(function, NO_INSTANCE))
    for message in messages:
        for part in truncations(message.encode())[1:]:
            server.link.inject(part)
    await function.request(server, terminate(function))
    await server.link.never(link.Link, within=0.05)
    for message in messages:
        await function.request(server, message, link.Acknowledge if message is messages[0] else link.Refuse)


@case("COD-TRUNC-22", group="codec", role="function", clause=DEP,
      purpose="DEP PDUs truncated at every length are dropped in silence.")  # fmt: skip
async def truncated_dep(function: FunctionTester) -> None:
    session = await function.session()
    data = session.pdu(DepType.DATA, DataBody(message_length=64, packet_number=1), bytes(64), message_id=1)
    for whole in (session.pdu(DepType.PING, EchoBody(echo=9)).encode(), data.encode()):
        for part in truncations(whole):
            for bulk in (False, True):
                session.end.dep.inject(part, bearer=session.bearer, bulk=bulk)
    await silent(session, DepType.ACK, DepType.ERROR)
    await session.never(DepType.PONG, within=0.02)


@case("COD-TRUNC-23", group="codec", role="function", clause=LAYER_2,
      purpose="Truncated layer-2 headers are dropped.")  # fmt: skip
async def truncated_header(function: FunctionTester) -> None:
    session = await function.session()
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    whole = l2_pdu(BearerType.FIXED_LINK, 1, session.end.identity, 1, ping).encode()
    for length in range(1, L2_HEADER_SIZE + 1):
        for bulk in (False, True):
            function.pdus.inject(whole[:length], bulk=bulk)
    await answers(session)
    await session.never(DepType.PONG, within=0.02)


@case("COD-L2-21", group="codec", role="function", clause=ORDER,
      purpose="Another layer-2 version, other bearers, segments and status reports carry no DEP.")  # fmt: skip
async def wrong_layer_2(function: FunctionTester) -> None:
    session = await function.session()
    identity = session.end.identity
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    right = l2_pdu(BearerType.FIXED_LINK, 1, identity, 1, ping)
    for version in (0x40, 0x80, 0xC0):
        function.pdus.inject(with_bits(right.encode(), 0, version))
    for bearer_type, bearer in (
        (BearerType.CRB, 1),
        (BearerType.SRB, 1),
        (BearerType.DRB, 1),
        (BearerType.FIXED_LINK, 2),
    ):
        function.pdus.send(l2_pdu(bearer_type, bearer, identity, 1, ping))
    for segmentation in (1, 2, 3):
        function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 1, identity, 1, ping, segmentation=segmentation))
    function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 1, identity, 1, ping, is_data=False))
    await answers(session)
    await session.never(DepType.PONG, within=0.05)
    function.pdus.send(right)
    await session.expect(DepType.PONG, echo=1)


@case("COD-UNKNOWN-21", group="codec", role="function", clause=T4,
      purpose="T4 messages of all types that do not exist are dropped.")  # fmt: skip
async def unknown_types(function: FunctionTester) -> None:
    server = await function.attached()
    known = {message.CODE for message in link.Link.FAMILY.messages.values()}
    whole = terminate(function).encode()
    for code in range(256):
        if code not in known:
            server.link.inject(with_octet(whole, 0, code))
    await function.request(server, terminate(function))
    await server.link.never(link.Link, within=0.05)


@case("COD-UNKNOWN-22", group="codec", role="function", clause=FIELDS,
      purpose="A cause that is not known is taken: the session is released.")  # fmt: skip
async def unknown_cause(function: FunctionTester) -> None:
    session = await function.session()
    server = function.server
    assert server is not None
    [(execution, instance)] = server.sessions
    release = link.SessionRelease(transaction=0, execution=execution, instance=instance, cause=0xFFFE, seats=())
    server.link.send(release)
    await function.request(server, terminate(function))
    session.send(DepType.PING, EchoBody(echo=1))
    await session.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)


@case("COD-RES-22", group="codec", role="function", clause=FIELDS,
      purpose="Reserved bits of a T4 message are ignored, and not sent.")  # fmt: skip
async def reserved_bits(function: FunctionTester) -> None:
    instance = await function.instance()
    server = function.server
    assert server is not None
    wanted = invite(function, instance)
    whole, other = wanted.encode(), replace(wanted, sequential=True).encode()
    [flags] = [at for at, octet in enumerate(whole) if other[at] != octet]
    server.link.inject(with_bits(whole, flags, 0x7F))
    await server.link.expect(link.Accept, transaction=wanted.transaction)


@case("COD-EXTREME-21", group="codec", role="function", clause=FIELDS, rows=("R47",),
      purpose="The largest numbers and the longest texts of a T4 message are taken.")  # fmt: skip
async def extreme_values(function: FunctionTester) -> None:
    server = await function.attached()
    most = 0xFFFF_FFFF
    settings = b'{"a": "' + b"x" * (link.MAXIMUM_SETTINGS - 9) + b'"}'
    request = replace(instantiate(function, server, most, settings), transaction=most)
    await function.request(server, request, within=40)
    long = replace(invite(function, most, most), routine="x" * 64, round=most, cut=255, transaction=most)
    accept = await function.request(server, long, link.Accept)
    assert isinstance(accept, link.Accept)
    function.check((accept.execution, accept.instance) == (most, most), "execution and instance")
    limits = SessionLimits(segment_size=60000, unscheduled=most, maximum_message=most, maximum_open=255)
    [session] = await function.add_sessions(server, most, most, [65535], limits=limits)
    await answers(session)


@case("COD-EXTREME-22", group="codec", role="function", clause=FIELDS, rows=("R47",),
      purpose="Numbers, lengths and counts outside their range make a T4 message malformed.")  # fmt: skip
async def out_of_range(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    add = session_add(function, server, instance, 0)
    whole = add.encode()
    one = len(whole) - len(replace(add, sessions=()).encode())
    end = len(whole) - 1  # behind the session stands the length of a node's name, 0
    start = end - one
    # Count of sessions; segment_size below 64; handle 0; bearer 0; QoS flow 64.
    for octets in (
        with_octet(whole, start - 1, 2),
        with_octet(whole, start - 1, 0),
        whole[: start + 2] + bytes(4) + whole[start + 6 :],
        whole[: start + 6] + bytes((0, 63)) + whole[start + 8 :],
        with_octet(whole, end - 2, 0),
        with_octet(whole, end - 3, 64),
    ):
        server.link.inject(octets)
    await function.request(server, terminate(function))
    await server.link.never(link.Link, within=0.05)
    await function.request(server, add, link.SessionAddComplete)
