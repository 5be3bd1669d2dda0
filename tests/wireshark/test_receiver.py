"""What a receiver would drop is said, at that packet and nowhere else; and nothing where the capture cannot know.

All stories go into one capture: each has addresses of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from wireshark_captures import PLUGIN, fields, write_pcapng
from wireshark_story import DOWN_HANDLE, UP_HANDLE, Story

from net4ai.codecs import dep, l2, link, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm, SecurityCapabilities
from net4ai.stack.drops import Drop

pytestmark = pytest.mark.tshark

DROPS = {
    "retransmission": Drop.DUPLICATE,
    "duplicate": Drop.DUPLICATE,
    "stale_status": Drop.REPLAY,
    "never_sent": Drop.STALE_STATUS,
    "segmented": Drop.SEGMENTED,
    "wrong_bearer": Drop.WRONG_BEARER,
    "not_protected": Drop.NOT_PROTECTED,
    "not_ciphered": Drop.NOT_CIPHERED,
    "unexpected": Drop.UNEXPECTED_MESSAGE,
    "answers_nothing": Drop.ANSWERS_NOTHING,
    "unknown_handle": Drop.UNKNOWN_HANDLE,
    "flow_not_configured": Drop.FLOW_NOT_CONFIGURED,
    "unknown_extension": Drop.UNKNOWN_EXTENSION,
    "message_too_large": Drop.MESSAGE_TOO_LARGE,
    "wrong_segment": Drop.WRONG_SEGMENT,
    "length_changed": Drop.WRONG_LENGTH,
    "credit_violation": Drop.CREDIT_VIOLATION,
    "capsule_changed": Drop.CAPSULE_CHANGED,
    "differs": Drop.OVERLAPPING_DATA,
}
"""Expert information: the reason a receiver counts it under. The guide has the same table."""

SILENT = ""
CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
TRANSFER = rrc.UplinkInformationTransfer(nas=nas.Status(cause=Cause.NORMAL, message_type=1).encode())
REJECT = nas.ServiceReject(cause=Cause.NO_RESOURCES)
TIMESTAMP = dep.Extension(critical=False, type=dep.ExtensionType.TIMESTAMP, words=2).to_bytes() + bytes(4)
PADDING = dep.Extension(critical=True, type=dep.ExtensionType.PADDING, words=1).to_bytes()


def extension(critical: bool) -> bytes:
    return dep.Extension(critical=critical, type=99, words=1).to_bytes()


def ping(story: Story, up: bool, kind: dep.DepType = dep.DepType.PING, **more: object) -> None:
    story.dep(kind, dep.EchoBody(echo=5), up=up, **more)  # type: ignore[arg-type]


def ready(story: Story) -> None:
    story.set_up().add_session()


# Each tells a story. The last packet is the one that something is said of.


def a_repeated_pdu_of_srb1(story: Story) -> None:
    story.set_up().datagram(story.rrc(rrc.Release(transaction=0, cause=Cause.NORMAL)), up=False)


def a_repeated_pdu_with_a_poll_and_another_mac(story: Story) -> None:
    story.set_up()
    pdu = story.rrc(TRANSFER, mac=True)
    story.datagram(bytes((pdu[0] | 0x04,)) + pdu[1:-4] + b"mac2", up=True)


def a_duplicate_on_an_unacknowledged_bearer(story: Story) -> None:
    ready(story)
    story.datagram(story.data(0, 150), up=True, bulk=True)


def a_retransmission_of_dep(story: Story) -> None:
    ready(story)
    story.data(0, 150)
    story.data(0, 150)


def an_older_status_report(story: Story) -> None:
    story.set_up().rrc(TRANSFER, mac=True)
    story.status(1, up=False, mac=True, count=1)
    story.status(1, up=False, mac=True, count=0)


def a_status_report_of_pdus_that_were_never_sent(story: Story) -> None:
    story.set_up().rrc(TRANSFER)
    story.status(1, up=False)
    story.status(2, up=False)


def a_segment_on_a_computing_bearer(story: Story) -> None:
    ready(story)
    story.data(0, 150, layer_2={"segmentation": l2.Segmentation.FIRST})


def another_bearer_than_that_of_the_flow(story: Story) -> None:
    ready(story)
    story.data(0, 150, crb=2)


def a_flow_the_session_does_not_have(story: Story) -> None:
    ready(story)
    story.data(0, 150, qfi=3)


def no_mac_behind_one(story: Story) -> None:
    story.set_up().rrc(TRANSFER, mac=True)
    story.rrc(TRANSFER)


def in_clear_behind_enciphered(story: Story) -> None:
    story.set_up().rrc(TRANSFER, mac=True)
    story.rrc(rrc.UplinkInformationTransfer(nas=b"cipher"), mac=True, ciphered=True)
    story.rrc(TRANSFER, mac=True)


def nas_unprotected_behind_security(story: Story) -> None:
    command = nas.SecurityModeCommand(
        integrity=IntegrityAlgorithm.NIA2, ciphering=CipheringAlgorithm.NEA2, key_set=0, capabilities=CAPABILITIES
    )
    header = nas.SecurityHeaderType
    for kind, inner, up in (
        (header.INTEGRITY_NEW_CONTEXT, command.encode(), False),
        (header.INTEGRITY_AND_CIPHERING_NEW_CONTEXT, b"?", True),
    ):
        protected = nas.Protected(security_header=kind, mac=1, count=0, message=inner).encode()
        transport = n2.UplinkNasTransport if up else n2.DownlinkNasTransport
        story.exported(transport(ran_ue=1, nas=protected), up=up)
    story.exported(n2.DownlinkNasTransport(ran_ue=1, nas=REJECT.encode()), up=False)  # legal also without protection
    done = nas.RoutineDone(execution=1, turn=1, cause=Cause.NORMAL)
    story.exported(n2.UplinkNasTransport(ran_ue=1, nas=done.encode()), up=True)


def a_protected_nas_message_in_another(story: Story) -> None:
    inner = nas.Protected(security_header=1, mac=1, count=0, message=b"").encode()
    outer = nas.Protected(security_header=1, mac=1, count=0, message=inner)
    story.exported(outer, up=True, dissector="net4ai_nas", interface="NAS in clear")


def a_ue_that_speaks_as_the_network(story: Story) -> None:
    story.set_up().rrc(rrc.Release(transaction=0, cause=Cause.NORMAL), up=True)


def a_network_that_speaks_as_a_ue(story: Story) -> None:
    story.set_up().rrc(rrc.MeasurementReport(measurement=1), up=False)


def a_message_of_srb1_on_srb0(story: Story) -> None:
    story.set_up().rrc(rrc.Release(transaction=0, cause=Cause.NORMAL), bearer=0)


def a_status_report_on_an_unacknowledged_bearer(story: Story) -> None:
    ready(story)
    story.status(0, up=True, bearer_type=l2.BearerType.CRB)


def a_core_that_speaks_as_a_ran_node(story: Story) -> None:
    story.n2_set_up().exported(n2.InitialContextSetupResponse(ran_ue=1), up=False)


def an_application_server_that_speaks_as_a_forwarding_function(story: Story) -> None:
    story.attach().link(link.Terminate(transaction=1, instance=1), up=True)


def a_complete_of_no_reconfiguration(story: Story) -> None:
    story.set_up().rrc(rrc.ReconfigurationComplete(transaction=2))


def an_acknowledge_of_nothing(story: Story) -> None:
    story.attach().link(link.Acknowledge(transaction=9), up=True)


def a_session_nobody_asked_for(story: Story) -> None:
    story.n2_set_up().exported(n2.SessionSetupResponse(ran_ue=1, transaction=5, session=0), up=True)


def a_response_to_no_message(story: Story) -> None:
    ready(story)
    story.data(0, 150, message_id=4, response=True, up=False)


def a_pong_to_no_ping(story: Story) -> None:
    ready(story)
    ping(story, True)
    ping(story, True, dep.DepType.PONG)


def a_close_ack_to_no_close(story: Story) -> None:
    ready(story)
    story.dep(dep.DepType.CLOSE_ACK, dep.CloseBody(cause=Cause.NORMAL))


def a_path_answer_to_another_sequence(story: Story) -> None:
    ready(story)
    story.path(1, False, up=True)
    story.path(2, True, up=False)


def a_capsule_answer_to_no_capsule(story: Story) -> None:
    ready(story)
    story.capsule(3, b"", up=False)


def a_handle_nobody_gave_out(story: Story) -> None:
    ready(story)
    story.data(0, 150, handle=0xCCCC)


def a_handle_of_the_other_end(story: Story) -> None:
    ready(story)
    story.data(0, 150, handle=DOWN_HANDLE)


def a_critical_extension(story: Story) -> None:
    ready(story)
    ping(story, True, extensions=extension(critical=True))


def an_extension_to_pass_over(story: Story) -> None:
    ready(story)
    ping(story, True, extensions=extension(critical=False))


def more_than_a_message_may_have(story: Story) -> None:
    ready(story)
    story.data(0, 1001)


def a_segment_too_short(story: Story) -> None:
    ready(story)
    story.data(0, 200, 99)


def a_segment_at_no_multiple(story: Story) -> None:
    ready(story)
    story.data(50, 200)


def another_length(story: Story) -> None:
    ready(story)
    story.data(0, 200)
    story.data(100, 300)


def beyond_what_is_unscheduled(story: Story) -> None:
    ready(story)
    story.data(300, 500)


def beyond_what_was_granted(story: Story) -> None:
    ready(story)
    for message_id, limit in ((1, 400), (2, 1000)):
        story.dep(dep.DepType.GRANT, dep.GrantBody(limit=limit, priority=0), up=False, message_id=message_id)
    story.data(300, 500)
    story.data(400, 500)


def another_capsule_of_an_epoch(story: Story) -> None:
    ready(story)
    for epoch, octets in ((1, b"a"), (1, b"a"), (2, b"b"), (2, b"c")):
        story.capsule(epoch, octets, up=True)


def other_octets(story: Story) -> None:
    ready(story)
    story.data(0, 150)
    story.number += 1
    story.data(0, 150)


# Nothing is said.


def what_is_right(story: Story) -> None:
    """All kinds of answers, extensions, a grant that is used, a status report of what was sent."""
    ready(story)
    story.status(1, up=False)
    ping(story, True, extensions=TIMESTAMP + PADDING)
    ping(story, False, dep.DepType.PONG)
    for kind, up in ((dep.DepType.CLOSE, False), (dep.DepType.CLOSE_ACK, True)):
        story.dep(kind, dep.CloseBody(cause=Cause.NORMAL), up=up)
    for answer, up in ((False, True), (True, False)):
        story.path(1, answer, up=up)
        story.capsule(1, b"" if answer else b"key", up=up)
    story.dep(dep.DepType.GRANT, dep.GrantBody(limit=500, priority=0), up=False)
    for offset in range(0, 500, 100):
        story.data(offset, 500)
    story.data(0, 0, message_id=2)
    story.data(0, 150, up=False, response=True)
    story.data(0, 150, crb=2, qfi=2)


def a_capture_that_begins_late(story: Story) -> None:
    story.rrc(rrc.ReconfigurationComplete(transaction=2), count=40)
    story.status(90, up=False, count=3)
    story.data(300, 500, handle=0xCCCC, layer_2={"count": 50})


def signalling_that_cannot_be_read(story: Story) -> None:
    story.set_up().add_session(mac=True, ciphered=True)
    story.data(300, 500, 7)
    ping(story, False, dep.DepType.PONG)


def security_that_was_refused(story: Story) -> None:
    story.set_up()
    command = rrc.SecurityModeCommand(
        transaction=0, integrity=IntegrityAlgorithm.NIA2, ciphering=CipheringAlgorithm.NEA2
    )
    story.rrc(command, mac=True)
    story.rrc(rrc.SecurityModeFailure(transaction=0, cause=Cause.INTEGRITY_FAILURE))
    story.rrc(rrc.Release(transaction=0, cause=Cause.NORMAL))


def a_session_that_changes_its_bearer(story: Story) -> None:
    """While it does, both are right."""
    ready(story)
    request, answer = story.reconfiguration(UP_HANDLE, DOWN_HANDLE)
    assert isinstance(request, rrc.Reconfiguration)
    session = request.sessions[0]
    swapped = tuple(flow.__class__(qfi=flow.qfi, bearer=3 - flow.bearer) for flow in session.flows)
    story.rrc(rrc.Reconfiguration(transaction=1, sessions=(type(session)(**{**vars(session), "flows": swapped}),)))
    story.data(0, 150)
    story.rrc(answer)
    story.data(0, 150, crb=2, message_id=2)


Tell = Callable[[Story], None]

STORIES: list[tuple[Tell, str]] = [
    (a_repeated_pdu_of_srb1, "retransmission"),
    (a_repeated_pdu_with_a_poll_and_another_mac, "retransmission"),
    (a_duplicate_on_an_unacknowledged_bearer, "duplicate"),
    (a_retransmission_of_dep, "retransmission"),
    (an_older_status_report, "stale_status"),
    (a_status_report_of_pdus_that_were_never_sent, "never_sent"),
    (a_segment_on_a_computing_bearer, "segmented"),
    (another_bearer_than_that_of_the_flow, "wrong_bearer"),
    (a_flow_the_session_does_not_have, "flow_not_configured"),
    (no_mac_behind_one, "not_protected"),
    (in_clear_behind_enciphered, "not_ciphered"),
    (nas_unprotected_behind_security, "not_protected"),
    (a_protected_nas_message_in_another, "unexpected"),
    (a_ue_that_speaks_as_the_network, "unexpected"),
    (a_network_that_speaks_as_a_ue, "unexpected"),
    (a_message_of_srb1_on_srb0, "unexpected"),
    (a_status_report_on_an_unacknowledged_bearer, "unexpected"),
    (a_core_that_speaks_as_a_ran_node, "answers_nothing unexpected"),
    (an_application_server_that_speaks_as_a_forwarding_function, "unexpected"),
    (a_complete_of_no_reconfiguration, "answers_nothing"),
    (an_acknowledge_of_nothing, "answers_nothing"),
    (a_session_nobody_asked_for, "answers_nothing"),
    (a_response_to_no_message, "answers_nothing"),
    (a_pong_to_no_ping, "answers_nothing"),
    (a_close_ack_to_no_close, "answers_nothing"),
    (a_path_answer_to_another_sequence, "answers_nothing"),
    (a_capsule_answer_to_no_capsule, "answers_nothing"),
    (a_handle_nobody_gave_out, "unknown_handle"),
    (a_handle_of_the_other_end, "unknown_handle"),
    (a_critical_extension, "unknown_extension"),
    (an_extension_to_pass_over, "passed_over"),
    (more_than_a_message_may_have, "message_too_large"),
    (a_segment_too_short, "wrong_segment"),
    (a_segment_at_no_multiple, "wrong_segment"),
    (another_length, "length_changed"),
    (beyond_what_is_unscheduled, "credit_violation"),
    (beyond_what_was_granted, "credit_violation"),
    (another_capsule_of_an_epoch, "capsule_changed"),
    (other_octets, "differs retransmission"),
    (what_is_right, SILENT),
    (a_capture_that_begins_late, SILENT),
    (signalling_that_cannot_be_read, SILENT),
    (security_that_was_refused, SILENT),
    (a_session_that_changes_its_bearer, SILENT),
]
EXPERTS = sorted({*DROPS, "passed_over", "malformed", "range", "unknown"})


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Story]]:
    stories = []
    for number, (tell, _) in enumerate(STORIES):
        story = Story(number)
        tell(story)
        stories.append(story)
    path = tmp_path_factory.mktemp("receiver") / "stories.pcapng"
    return write_pcapng(path, [packet for story in stories for packet in story.packets]), stories


def said(path: Path, stories: list[Story], *arguments: str) -> list[list[str]]:
    """For each story, what is said of each of its packets."""
    shown = iter(fields(path, [f"net4ai.expert.{name}" for name in EXPERTS], *arguments))
    return [
        [" ".join(sorted(name.removeprefix("net4ai.expert.") for name in next(shown))) for _ in story.packets]
        for story in stories
    ]


@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_each_is_said_of_its_packet_only(capture: tuple[Path, list[Story]], passes: tuple[str, ...]) -> None:
    wrong = []
    for (tell, expected), found in zip(STORIES, said(*capture, *passes), strict=True):
        if found != [""] * (len(found) - 1) + [expected]:
            wrong.append(f"{tell.__name__}: {found}")
    assert not wrong, "\n".join(wrong)


def test_every_reason_has_a_story() -> None:
    told = {name for _, expected in STORIES for name in expected.split()}
    assert told == {*DROPS, "passed_over"}


def test_checks_can_be_turned_off(capture: tuple[Path, list[Story]]) -> None:
    """Credit alone, and all that needs signalling."""
    for preferences, silent in (
        (("-o", "net4ai.check_credit:FALSE"), {"credit_violation"}),
        (
            ("-o", "net4ai.check:FALSE"),
            set(DROPS) - {"retransmission", "duplicate", "unknown_extension", "differs"},
        ),
    ):
        found = said(*capture, *preferences)
        for (_, expected), names in zip(STORIES, found, strict=True):
            left = " ".join(name for name in expected.split() if name not in silent)
            if expected == "unexpected" and "unexpected" in silent:
                continue
            assert names[-1] == left, expected


def test_the_guide_has_all_expert_information_with_severity_and_reason() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "wireshark.md"
    protocols = PLUGIN.with_name("net4ai_protocols.lua").read_text()
    severity = {"ERROR": "error", "WARN": "warning", "NOTE": "note"}
    declared = {
        name: severity[kind] for name, kind in re.findall(r'^  (\w+) = \{"[^}]*"(ERROR|WARN|NOTE)"\}', protocols, re.M)
    }
    rows = [line.split(" | ") for line in guide.read_text().splitlines() if line.startswith("| `net4ai.expert.")]
    rows = [row for row in rows if row[1] in severity.values()]
    told = {row[0].removeprefix("| `net4ai.expert.").rstrip("`"): row for row in rows}
    assert {name: row[1] for name, row in told.items()} == declared
    assert {name: row[2] for name, row in told.items() if len(row) == 4} == DROPS
