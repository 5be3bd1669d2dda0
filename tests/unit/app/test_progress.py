"""What a person sees: traces are followed while they grow, lines and the passing line do not mix."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from net4ai.app.progress import Display, LiveTrace, octets_text


def line(**fields: object) -> bytes:
    return json.dumps({"node": "core", **fields}).encode() + b"\n"


def test_a_trace_is_followed_while_it_grows(tmp_path: Path) -> None:
    live = LiveTrace(tmp_path)
    live.look()
    assert not live.nodes
    path = tmp_path / "core.ndjson"
    sent = line(kind="message", direction="out", link="N2", size=100)
    path.write_bytes(sent + sent[:20])
    live.look()
    live.look()
    assert (live.nodes, live.octets) == ({"core"}, {"N2": 100})
    with path.open("ab") as file:
        file.write(sent[20:] + line(kind="message", direction="out", link="bus", size=7))
    (tmp_path / "ue-1.ndjson").write_bytes(b"")
    live.look()
    assert (live.nodes, live.octets) == ({"core", "ue-1"}, {"N2": 200, "bus": 7})


def test_octets_count_where_they_are_sent_and_once(tmp_path: Path) -> None:
    (tmp_path / "core.ndjson").write_bytes(
        line(kind="message", direction="out", link="Uu", size=100)
        + line(kind="message", direction="in", link="Uu", size=100)
        + line(kind="message", direction="out", link="NAS", size=60)  # inside the one on Uu
        + line(kind="drop", direction="out", link="Uu", size=100)
    )
    live = LiveTrace(tmp_path)
    live.look()
    assert live.octets == {"Uu": 100}


def test_terminals_come_and_go(tmp_path: Path) -> None:
    live = LiveTrace(tmp_path)
    path = tmp_path / "core.ndjson"
    for what, expected in (
        ("terminal registered", {"imsi-1"}),
        ("terminal registered", {"imsi-1"}),
        ("terminal lost", set()),
        ("terminal lost", set()),
        ("terminal registered", {"imsi-1"}),
    ):
        with path.open("ab") as file:
            file.write(line(kind="state", message=what, ids={"ue": "imsi-1"}))
        live.look()
        assert live.registered == expected


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_log_only_lines_that_stay() -> None:
    out, times = io.StringIO(), iter([10.0, 11.5])
    display = Display(out, lambda: next(times))
    display.passing("3 nodes")
    display.line("round 1")
    display.plain("done")
    display.plain()
    assert out.getvalue() == "    1.5 s  round 1\ndone\n\n"


def test_on_a_terminal_the_passing_line_stays_last() -> None:
    out = Terminal()
    display = Display(out, lambda: 0.0)
    display.passing("3 nodes")
    display.passing("3 nodes")
    display.passing("4 nodes")
    display.line("round 1")
    clear = "\r\x1b[K"
    assert out.getvalue() == f"\r3 nodes{clear}\r4 nodes{clear}    0.0 s  round 1\n\r4 nodes"


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_640_000, "1.6 MB"), (25_000_000_000, "25.0 GB")],
)
def test_octets_as_text(octets: int, text: str) -> None:
    assert octets_text(octets) == text
