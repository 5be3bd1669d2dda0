from __future__ import annotations

from typing import Any

from net4ai.app.report.roles import Roles
from net4ai.app.report.trace_lines import TraceLine
from net4ai.app.report.traffic import (
    Bytes,
    RoundSpan,
    bytes_by_link,
    bytes_by_round,
    bytes_by_ue,
    count_once,
    round_spans,
)

UE, RAN = "ue-1/3", "ran-1"


def seen(node: str, direction: str, peer: str = "", name: str = "Consent", **fields: Any) -> TraceLine:
    values = {"link": "Uu", "size": 10, **fields}
    return TraceLine(values.pop("time", 0), node, "message", message=name, direction=direction, peer=peer, **values)


def test_a_message_both_ends_saw_counts_once() -> None:
    transfers = count_once([seen(UE, "out", RAN), seen(RAN, "in", UE)], Roles())
    assert [(each.sender, each.receiver) for each in transfers] == [(UE, RAN)]


def test_the_receiver_counts_where_the_sender_wrote_nothing() -> None:
    transfers = count_once([seen(RAN, "in", UE), seen(RAN, "in", UE)], Roles())
    assert [(each.sender, each.receiver) for each in transfers] == [(UE, RAN), (UE, RAN)]


def test_a_receiver_that_names_only_the_process_does_not_count_again() -> None:
    assert len(count_once([seen(UE, "out", RAN), seen(RAN, "in", "ue-1")], Roles())) == 1
    assert len(count_once([seen(UE, "out", RAN), seen(RAN, "in")], Roles())) == 1


def test_another_link_or_message_of_the_sender_does_not_hide_a_message() -> None:
    lines = [seen(UE, "out", RAN, "RRC Setup Request"), seen(RAN, "in", UE), seen(RAN, "out", "core", link="N2")]
    assert len(count_once(lines, Roles())) == 3


def test_repetitions_count_as_often_as_they_were_sent() -> None:
    assert len(count_once([seen(UE, "out", RAN), seen(UE, "out", RAN), seen(RAN, "in", UE)], Roles())) == 2


def test_a_ran_node_that_names_the_ue_in_ids_names_the_far_end() -> None:
    (transfer,) = count_once([seen(RAN, "out", "ue-1", ids={"ue": UE})], Roles())
    assert (transfer.sender, transfer.receiver, transfer.ue) == (RAN, UE, UE)


def test_up_is_away_from_the_ues() -> None:
    lines = [
        seen(UE, "out", RAN, size=1),
        seen(RAN, "out", UE, size=2),
        seen(RAN, "out", "core", link="N2", size=4),
        seen("core", "out", RAN, link="N2", size=8),
        seen("access-manager", "out", "job-manager", link="bus", size=16),
        seen("ran-1-app-server", "out", RAN, link="T4", size=32),
    ]
    assert bytes_by_link(count_once(lines, Roles()), Roles()) == {
        "Uu": Bytes(2, up=1, down=2),
        "N2": Bytes(2, up=4, down=8),
        "bus": Bytes(1, across=16),
        "T4": Bytes(1, down=32),
    }


def test_bytes_of_a_ue_count_what_it_saw_even_if_the_ran_node_cannot_name_it() -> None:
    lines = [
        seen(UE, "out", RAN, size=5),
        seen(RAN, "in", "ue-1", size=5),
        seen(RAN, "out", "ue-1", size=7, ids={"c_rnti": 17}),
        seen(UE, "in", RAN, size=7),
        seen(RAN, "out", "core", size=100, link="N2", ids={"ue": UE}),
    ]
    assert bytes_by_ue(lines, Roles()) == {UE: Bytes(2, up=5, down=7)}


def test_a_round_lasts_until_the_next_begins() -> None:
    def state(time: int, number: int) -> TraceLine:
        return TraceLine(time, "core", "state", ids={"round": number})

    lines = [state(10, 0), state(15, 0), state(30, 1), state(40, 1)]
    assert round_spans(lines) == [RoundSpan(0, 10, 30), RoundSpan(1, 30, 40)]


def test_messages_belong_to_the_round_they_name_or_else_were_seen_in() -> None:
    lines = [
        seen(UE, "out", RAN, time=5, size=1),
        seen(UE, "out", RAN, time=12, size=2),
        seen(UE, "out", RAN, time=12, size=4, ids={"round": 1}),
        seen(UE, "out", RAN, time=35, size=8),
        seen(UE, "out", RAN, time=99, size=16),
    ]
    spans = [RoundSpan(0, 10, 30), RoundSpan(1, 30, 40)]
    assert bytes_by_round(count_once(lines, Roles()), spans) == {0: {"Uu": 2}, 1: {"Uu": 12}}
