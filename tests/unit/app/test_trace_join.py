"""The observer's join: which UE each line is about, though no node knows all of it."""

from __future__ import annotations

from typing import Any

from net4ai.app.trace_join import TraceJoiner

NAMES = {"imsi-1": "ue-1/1", "imsi-2": "ue-2/1"}
PLACES = {"ue-1/1": "ran-1", "ue-2/1": "ran-2"}


def event(node: str, kind: str = "message", peer: str = "", **ids: Any) -> dict[str, Any]:
    return {"utc": 5, "time": 1, "node": node, "kind": kind, "peer": peer, "ids": ids}


def state(node: str, message: str, **ids: Any) -> dict[str, Any]:
    return event(node, "state", **ids) | {"message": message}


LEARNT = [
    state("ue-1/1", "connected", ue="ue-1/1", c_rnti=1),
    state("ue-2/1", "connected", ue="ue-2/1", c_rnti=1),
    state("ran-1", "UE context", c_rnti=1, ran_ue=7),
    state("ran-2", "UE context", c_rnti=1, ran_ue=7),
    state("access-manager", "seat given", execution=3, server=1, seat=0, ue="imsi-1"),
    state("access-manager", "seat given", execution=3, server=2, seat=0, ue="imsi-2"),
]


def joined(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return list(TraceJoiner(NAMES, PLACES).join([*events, *LEARNT]))[: len(events)]


def ues(*events: dict[str, Any]) -> list[str | None]:
    return [each["ids"].get("ue") for each in joined(*events)]


def test_the_same_c_rnti_in_two_cells_is_two_ues() -> None:
    assert ues(event("ran-1", c_rnti=1), event("ran-2", c_rnti=1)) == ["ue-1/1", "ue-2/1"]


def test_a_context_number_is_known_at_both_ends_of_n2() -> None:
    assert ues(
        event("ran-2", ran_ue=7),
        event("core", peer="ran-2", ran_ue=7),
        event("access-manager", ran_ue=7, ran_node="ran-1"),
    ) == ["ue-2/1", "ue-2/1", "ue-1/1"]


def test_a_seat_is_one_of_an_execution_and_server() -> None:
    assert ues(
        event("ran-1-app-server", execution=3, instance=1, seat=0),
        event("ran-2-app-server", execution=3, instance=2, seat=0),
    ) == ["ue-1/1", "ue-2/1"]


def test_a_subscription_gets_the_ues_name() -> None:
    (by_id,) = joined(event("access-manager", ue="imsi-2"))
    (by_peer,) = joined(event("access-manager", peer="imsi-2"))
    assert by_id["ids"]["ue"] == by_peer["ids"]["ue"] == by_peer["peer"] == "ue-2/1"


def test_peers_that_stand_for_a_ue_get_its_name() -> None:
    assert joined(event("ran-1", peer="C-RNTI 1", c_rnti=1))[0]["peer"] == "ue-1/1"
    assert joined(event("core", peer="context 7", ran_ue=7, ran_node="ran-2"))[0]["peer"] == "ue-2/1"
    assert joined(event("ran-1", peer="core", ran_ue=7))[0]["peer"] == "core"


def test_what_nobody_knows_stays_as_it_is() -> None:
    lines = [
        event("ran-1", c_rnti=2),
        event("ran-3", c_rnti=1),
        event("core", peer="ran-9", ran_ue=7),
        event("edge-app-server", execution=3, instance=3, seat=0),
        event("core"),
        {"utc": 5, "time": 1, "node": "core", "kind": "drop", "drop": "truncated"},
    ]
    for before, after in zip(lines, joined(*lines), strict=True):
        assert after == {**before, "time": 5}


def test_lines_are_not_changed_in_place() -> None:
    line = event("ran-1", c_rnti=1)
    joined(line)
    assert line == event("ran-1", c_rnti=1)
