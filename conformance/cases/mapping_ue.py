"""Sessions, QoS flows and computing radio bearers, role ue: which may be mapped to which (R98 to R107)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SessionConfiguration,
    SessionHandle,
    SessionRelease,
)
from net4ai.codecs.dep import DepType, EchoBody, PathReason
from net4ai.conformance.case import Case, case
from net4ai.conformance.cases.ue_steps import SOON, still_carries, still_takes
from net4ai.conformance.hop_end import Session
from net4ai.conformance.preambles import bearer_configuration, reconfiguration, session_configuration
from net4ai.conformance.ue_tester import ServedUe, UeTester

WHOLE = "docs/spec/rrc.md#61-all-or-nothing"
BEARERS = "docs/spec/rrc.md#62-bearers"
MAPPING = "docs/spec/rrc.md#63-sessions"
FAULTS = "docs/spec/rrc.md#64-faults"


async def taken(ue: ServedUe, message: rrc.Reconfiguration) -> rrc.ReconfigurationComplete:
    """The UE takes a configuration, and names a handle for each session, in their order."""
    for bearer in message.bearers:
        ue.bound().add_bearer(bearer)
    ue.srb1.send(message)
    complete = await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=message.transaction)
    wanted = [session.session for session in message.sessions]
    ue.tester.check([each.session for each in complete.sessions] == wanted, f"handles of sessions {wanted}")
    ue.tester.check(all(each.handle for each in complete.sessions), "no handle 0")
    return complete


async def refused(ue: ServedUe, message: rrc.Reconfiguration, cause: Cause) -> None:
    """The UE takes nothing of a configuration, and says why."""
    ue.srb1.send(message)
    await ue.srb1.expect(rrc.ReconfigurationFailure, transaction=message.transaction, cause=cause)


def flows(*pairs: tuple[int, int]) -> tuple[FlowMapping, ...]:
    """QoS flows by QFI and bearer."""
    return tuple(FlowMapping(qfi=qfi, bearer=bearer) for qfi, bearer in pairs)


def session_of(ue: ServedUe, configuration: SessionConfiguration, handle: SessionHandle) -> Session:
    """The session that a configuration has made."""
    return Session(
        ue, configuration.session, configuration.flows, handle.handle, configuration.handle, handle.limits
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Configurations that are taken


@case("MAP-ONE-01", group="mapping", role="ue", clause=MAPPING, rows=("R100", "R101"),
      purpose="Two sessions share a bearer, each with its own handle.")  # fmt: skip
async def shared_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, number=0, bearer=3), await ran.session(ue, number=1, bearer=3)
    ran.check(first.send_handle != second.send_handle, "two handles")
    for session, echo in ((first, 1), (second, 2)):
        session.send(DepType.PING, EchoBody(echo=echo))
        await session.expect(DepType.PONG, echo=echo, bearer=3)


@case("MAP-ONE-02", group="mapping", role="ue", clause=MAPPING, rows=("R97", "R100"),
      purpose="Complete names a handle for each session of the message, in the same order.")  # fmt: skip
async def several_at_once(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    wanted = [session_configuration(ue, number, flows((1, number + 1))) for number in (5, 0, 31)]
    bearers = tuple(bearer_configuration(number + 1) for number in (5, 0, 31))
    complete = await taken(ue, reconfiguration(2, bearers, tuple(wanted)))
    ran.check(len({each.handle for each in complete.sessions}) == 3, "three handles")
    for configuration, theirs in zip(wanted, complete.sessions, strict=True):
        await still_carries(session_of(ue, configuration, theirs))


@case("MAP-FLOWS-01", group="mapping", role="ue", clause=MAPPING, rows=("R103",), options=("several-flows",),
      purpose="A session with two QoS flows has each on its own bearer: the bearer tells which flow.")  # fmt: skip
async def two_flows(ran: UeTester) -> None:
    session = await ran.session(flows=flows((1, 1), (2, 2)))
    for qfi, bearer in ((1, 1), (2, 2)):
        session.data(b"whole", packet=1, qfi=qfi, bearer=bearer, ack_requested=True)
        await session.expect(DepType.ACK, qfi=qfi, bearer=bearer, offset=5)
    session.send(DepType.PING, EchoBody(echo=1), qfi=2, bearer=1)
    await session.never(DepType.PONG, within=SOON)


@case("MAP-BEARER-02", group="mapping", role="ue", clause=MAPPING, rows=("R99",),
      purpose="PDUs of a session on another bearer than its own are dropped.")  # fmt: skip
async def other_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    session = await ran.session(ue, number=0, bearer=1)
    await ran.session(ue, number=1, bearer=2)
    session.send(DepType.PING, EchoBody(echo=1), bearer=2)
    await session.never(DepType.PONG, within=SOON)
    session.send(DepType.PING, EchoBody(echo=2))
    await session.expect(DepType.PONG, echo=2)


@case("MAP-BEARER-03", group="mapping", role="ue", clause=BEARERS, rows=("R102",),
      purpose="Another quality of service for a bearer: its sessions go on.")  # fmt: skip
async def bearer_changed(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    await still_carries(session, 1)
    changed = replace(bearer_configuration(1), qos=QosProfile(five_qi=200, priority=1))
    await taken(ue, reconfiguration(1, (changed,)))
    await still_carries(session, 2)


@case("MAP-BEARER-04", group="mapping", role="ue", clause=BEARERS, rows=("R107",),
      purpose="A released bearer, and its released session, carry nothing any more; others do.")  # fmt: skip
async def bearer_released(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    gone, stays = await ran.session(ue, number=0, bearer=1), await ran.session(ue, number=1, bearer=2)
    release = (SessionRelease(session=0, cause=Cause.NORMAL),)
    await taken(ue, reconfiguration(1, released_bearers=b"\x01", released_sessions=release))
    gone.send(DepType.PING, EchoBody(echo=1))
    await ue.dep.never(DepType.PONG, within=SOON)
    ran.check(not ue.dep.arrived(), "nothing from a bearer that is gone")
    await still_carries(stays)


@case("MAP-SESSION-01", group="mapping", role="ue", clause=MAPPING, rows=("R107",),
      purpose="A released session is unknown afterwards; another on the same bearer goes on.")  # fmt: skip
async def session_released(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    gone, stays = await ran.session(ue, number=0), await ran.session(ue, number=1)
    await taken(ue, reconfiguration(1, released_sessions=(SessionRelease(session=0, cause=Cause.NORMAL),)))
    gone.send(DepType.PING, EchoBody(echo=1))
    await ue.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
    await still_carries(stays)


@case("MAP-SESSION-02", group="mapping", role="ue", clause=MAPPING,
      purpose="Releasing what is not there is no fault.")  # fmt: skip
async def nothing_released(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    release = (SessionRelease(session=9, cause=Cause.NORMAL),)
    await taken(ue, reconfiguration(1, released_bearers=b"\x09\x20", released_sessions=release))
    await still_carries(session)


@case("MAP-SESSION-03", group="mapping", role="ue", clause=MAPPING,
      purpose="A session that is named with another handle of the peer's is renewed: the old handles end.")  # fmt: skip
async def session_renewed(ran: UeTester) -> None:
    old = await ran.session(number=4)
    ue = ran.ue_of(old)
    new = await ran.session(ue, number=4)
    ran.check(new.send_handle != old.send_handle, "another handle of the UE's")
    old.send(DepType.PING, EchoBody(echo=1))
    await ue.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
    await still_carries(new)


@case("MAP-SESSION-04", group="mapping", role="ue", clause=MAPPING, options=("path",), rows=("R94", "R107"),
      purpose="A session that is moved to another bearer keeps its handles, and says PATH there first.")  # fmt: skip
async def session_moved(ran: UeTester) -> None:
    session = await ran.session(bearer=1)
    ue = ran.ue_of(session)
    await still_carries(session, 1)
    moved = SessionConfiguration(
        session=session.number,
        dep_version=1,
        handle=session.receive_handle,
        limits=ue.endpoint.limits,
        flows=flows((1, 2)),
    )
    complete = await taken(ue, reconfiguration(1, (bearer_configuration(2),), (moved,)))
    ran.check(complete.sessions[0].handle == session.send_handle, "the same handle of the UE's")
    await session.expect(DepType.PATH, bearer=2, answer=False, reason=PathReason.BEARER_CHANGED)
    await still_carries(replace(session, flows=moved.flows), 2)


@case("MAP-WHOLE-02", group="mapping", role="ue", clause=WHOLE,
      purpose="The same configuration once more has no effect, and is answered with the same handles.")  # fmt: skip
async def repeated(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    configuration = session_configuration(ue, 3)
    message = reconfiguration(1, (bearer_configuration(1),), (configuration,))
    first = await taken(ue, message)
    session = session_of(ue, configuration, first.sessions[0])
    await still_carries(session, 1)
    again = await taken(ue, message)
    ran.check(again.sessions == first.sessions, "the same handles")
    await session.never(DepType.PATH, within=0)
    session.data(b"whole", packet=2, message=1, ack_requested=True)
    await session.expect(DepType.ACK, message_id=1, offset=5)
    await still_carries(session, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Configurations that are refused, and leave everything as it was. The UE has session 0 on bearer 1, and bearer 2.

Fault = Callable[[ServedUe, Session], rrc.Reconfiguration]
NEW = bearer_configuration(7)


def added(ue: ServedUe, *pairs: tuple[int, int], session: int = 1) -> SessionConfiguration:
    """Another session with these QoS flows."""
    return session_configuration(ue, session, flows(*pairs))


def release_of(session: int) -> SessionRelease:
    return SessionRelease(session=session, cause=Cause.NORMAL)


def measurement(number: int) -> rrc.MeasurementConfiguration:
    return rrc.MeasurementConfiguration(measurement=number, interval=60000, amount=1)


FAULTY: dict[str, tuple[str, Cause, Fault]] = {
    "MAP-FAULT-01": (
        "An unknown mode of a bearer",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW, replace(NEW, bearer=8, mode=7))),
    ),
    "MAP-FAULT-02": (
        "A change of mode of a bearer that stays",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW, replace(NEW, bearer=1, mode=BearerMode.ACKNOWLEDGED))),
    ),
    "MAP-FAULT-03": (
        "A session on a bearer that is not there",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 9)),)),
    ),
    "MAP-FAULT-04": (
        "Two QoS flows of a session on one bearer (R104)",
        Cause.QOS_FLOW_NOT_CONFIGURED,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 7), (2, 7)),)),
    ),
    "MAP-FAULT-05": (
        "A QoS flow twice in a session",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 7), (1, 2)),)),
    ),
    "MAP-FAULT-06": (
        "A session without a QoS flow",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue),)),
    ),
    "MAP-FAULT-07": (
        "A DEP version that the UE does not speak",
        Cause.VERSION_NOT_SUPPORTED,
        lambda ue, old: reconfiguration(1, (NEW,), (replace(added(ue, (1, 7)), dep_version=9),)),
    ),
    "MAP-FAULT-08": (
        "A bearer twice",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW, NEW)),
    ),
    "MAP-FAULT-09": (
        "A session twice",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 7)), added(ue, (1, 7)))),
    ),
    "MAP-FAULT-10": (
        "A released session twice",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), released_sessions=(release_of(0), release_of(0))),
    ),
    "MAP-FAULT-11": (
        "A released bearer twice",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), released_bearers=b"\x02\x02"),
    ),
    "MAP-FAULT-12": (
        "A measurement twice",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), measurements=(measurement(5), measurement(5))),
    ),
    "MAP-FAULT-13": (
        "A released bearer that no bearer can be",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), released_bearers=b"\x02\x21"),
    ),
    "MAP-FAULT-14": (
        "A released measurement that no measurement can be",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), released_measurements=b"\x41"),
    ),
    "MAP-FAULT-15": (
        "The release of a bearer that a session would be left on",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), released_bearers=b"\x01"),
    ),
    "MAP-FAULT-16": (
        "A handle of the sender's that another session has",
        Cause.HANDLE_IN_USE,
        lambda ue, old: reconfiguration(1, (NEW,), (replace(added(ue, (1, 7)), handle=old.receive_handle),)),
    ),
    "MAP-FAULT-17": (
        "A handle of the sender's twice in the message",
        Cause.HANDLE_IN_USE,
        lambda ue, old: reconfiguration(
            1, (NEW,), (replace(added(ue, (1, 7)), handle=77), replace(added(ue, (1, 7), session=2), handle=77))
        ),
    ),
    "MAP-FAULT-18": (
        "Synchronisation with another cell",
        Cause.UNKNOWN_TARGET,
        lambda ue, old: reconfiguration(
            1,
            (NEW,),
            synchronisation=(
                rrc.Synchronisation(cell=2, c_rnti=1, bulk_port=46401, next_hop_chaining_count=0, t304=1000),
            ),
        ),
    ),
    "MAP-FAULT-19": (
        "One session that is wrong beside one that is right",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 7)), added(ue, (1, 30), session=2))),
    ),
    "MAP-FAULT-20": (
        "The renewal of a session with a fault",
        Cause.INVALID_CONFIGURATION,
        lambda ue, old: reconfiguration(1, (NEW,), (added(ue, (1, 30), session=0),)),
    ),
}
"""What is wrong, the cause, the configuration. Each has a bearer 7 too, which would be right."""


def fault_case(identity: str, what: str, cause: Cause, fault: Fault) -> Case:
    """A case of one fault: refused whole, the old session goes on, and what was right in it does not live."""

    async def fault_refused(ran: UeTester) -> None:
        old = await ran.session(number=0, bearer=1)
        ue = ran.ue_of(old)
        with ran.preamble("a second bearer"):
            await taken(ue, reconfiguration(0, (bearer_configuration(2),)))
        await still_carries(old, 1)
        await refused(ue, fault(ue, old), cause)
        await still_carries(old, 2)
        on_new = reconfiguration(2, (), (added(ue, (1, 7), session=5),))
        await refused(ue, on_new, Cause.INVALID_CONFIGURATION)
        await still_takes(ue)

    purpose = f"{what} is refused whole, {cause.name}: everything is as before."
    return case(
        identity, group="mapping", role="ue", clause=FAULTS, rows=("R99", "R104", "R106"), purpose=purpose
    )(fault_refused)  # fmt: skip


FAULT_CASES = tuple(fault_case(identity, *fault) for identity, fault in FAULTY.items())


@case("MAP-FAULT-21", group="mapping", role="ue", clause="docs/spec/errors.md#4-rrc",
      purpose="A Reconfiguration that is malformed, as by a handle 0, is dropped: nothing of it is taken.")  # fmt: skip
async def handle_zero(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    configuration = replace(added(ue, (1, 7)), handle=0xAABB_CCDD)
    octets = reconfiguration(1, (NEW,), (configuration,)).encode()
    ue.srb1.inject(octets.replace(bytes.fromhex("aabbccdd"), bytes(4)))
    await ue.srb1.never((rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), within=SOON)
    await refused(ue, reconfiguration(2, (), (configuration,)), Cause.INVALID_CONFIGURATION)
    await still_carries(session)


@case("MAP-WHOLE-01", group="mapping", role="ue", clause=WHOLE, rows=("R99", "R106"),
      purpose="The parts of a message count as if in order: released, then added, then mapped.")  # fmt: skip
async def order_of_parts(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.session(ue, number=0, bearer=1)
    anew = BearerConfiguration(bearer=1, mode=BearerMode.UNACKNOWLEDGED, qos=QosProfile(five_qi=200, priority=9))
    configuration = session_configuration(ue, 0, flows((1, 1)))
    message = reconfiguration(
        1, (anew,), (configuration,), released_bearers=b"\x01", released_sessions=(release_of(0),)
    )
    complete = await taken(ue, message)
    await still_carries(session_of(ue, configuration, complete.sessions[0]))
