from __future__ import annotations

from typing import Any

from net4ai.app.report.one_ue import choose_ue, lines_of_ue, with_peers
from net4ai.app.report.roles import Roles
from net4ai.app.report.trace_lines import TraceLine, understand


def line(node: str, peer: str = "", link: str = "Uu", **ids: Any) -> TraceLine:
    return TraceLine(0, node, "message", link=link, message="DEP message", direction="out", peer=peer, ids=ids)


def test_lines_by_observer_peer_id_and_handle() -> None:
    own = [
        line("ue-1/3", "ran-1"),
        line("ran-1", "ue-1/3"),
        line("ran-1", "ran-1-app-server", "T4", ue="ue-1/3", handle=77),
        line("ran-1-app-server", "ran-1", "T4", handle=77),
    ]
    others = [
        line("ue-1/30", "ran-1"),
        line("ran-1", "ue-1/4", handle=77),
        line("ran-1-app-server", "ran-1", "T4", handle=78),
        line("edge", "ran-1", "T8", handle=77),
        line("ran-1", "ran-1-app-server", "T4", ue="ue-1/4", handle=77),
        line("core"),
    ]
    assert lines_of_ue([*own, *others], "ue-1/3", Roles()) == own


def test_a_missing_peer_is_the_usual_one_of_that_node_and_link() -> None:
    filled = with_peers([line("ue-1/3", "ran-1"), line("ue-1/3"), line("ran-1"), line("core", link="N2")])
    assert [each.peer for each in filled] == ["ran-1", "ran-1", "ue-1/3", ""]


def test_the_fullest_life_is_chosen(trace: list[dict[str, Any]]) -> None:
    lines, _ = understand(trace)
    short = [each for each in lines if each.node != "ue-1/1" or each.message.startswith("RRC")]
    assert choose_ue(lines, Roles()) == "ue-1/1"
    assert choose_ue([each for each in short if each.ids.get("ue") != "ue-1/1"], Roles()) != "ue-1/1"
    assert choose_ue([], Roles()) == ""
