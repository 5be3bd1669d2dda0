"""The capture of a run in which nothing goes wrong but losses: nothing above a note is said of it, all is linked."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pytest
from wireshark_captures import fields, tshark

from net4ai.app.progress import Display
from net4ai.app.runner import Options, run_scenario
from net4ai.app.scenario import load_scenario

pytestmark = pytest.mark.tshark

SMALL = (
    "ue_groups.ue-1.count=2",
    "ue_groups.ue-2.count=2",
    "privacy.k=2",
    "settings.rounds=1",
    "settings.batch_size=256",
    "links.radio.loss=0.03",
    "links.radio.duplicate=0.02",
)


RUNS = {
    "enciphered, with key log": ("key_log=true",),
    "in clear": ("security.integrity=NIA0", "security.ciphering=NEA0"),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    options = Options(folder / "report", folder / "run.pcapng", True)
    scenario = load_scenario("blood-pressure", [*SMALL, *RUNS[request.param]])
    run_scenario(scenario, options, Display(io.StringIO()))
    return folder / "run.pcapng"


def severities(path: Path, *arguments: str) -> set[str]:
    """The headings of `-z expert`: Errors, Warns, Notes, Chats."""
    lines = tshark(path, "-q", "-z", "expert", *arguments).splitlines()
    return {line.split()[0] for line, below in pairwise(lines) if below.startswith("====")}


LATE_COPY = "ERROR UNKNOWN_SESSION"
"""A copy that the link held back may come when its session has been renewed; then its receiver says so."""


def above_a_note(path: Path, *arguments: str) -> set[str]:
    """What is said of packets above a note, handles left out."""
    texts = tshark(
        path, *arguments, "-Y", "_ws.expert.severity >= 0x00600000", "-T", "fields", "-e", "_ws.expert.message"
    )
    return {text.split(", handle")[0] for text in texts.splitlines()}


@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_nothing_above_a_note(run: Path, passes: tuple[str, ...]) -> None:
    assert severities(run, *passes) <= {"Notes", "Chats", "Warns"}
    assert above_a_note(run, *passes) <= {LATE_COPY}


def test_losses_and_copies_are_seen(run: Path) -> None:
    """Else the test above proves little."""
    shown = fields(run, ["dep.retransmission_of", "net4ai.expert.duplicate", "net4ai.repeats"], "-Y", "dep")
    assert {name for packet in shown for name in packet} >= {"dep.retransmission_of", "net4ai.expert.duplicate"}


def test_every_session_is_known(run: Path) -> None:
    """By the key log, or because it is in clear. On T8 the two ways are captured at two places, not in order."""
    filter = 'dep.type == 1 && !dep.session_added_in && frame.interface_name != "T8"'
    assert not tshark(run, "-Y", filter)


def test_configurations_are_answered(run: Path) -> None:
    """But for those that release the sessions: the run ends first."""
    open_ones = fields(run, ["net4ai.rrc.reconfiguration.released_sessions.session"], "-2", "-Y", OPEN)
    assert all(open_ones), "only releases"


OPEN = "net4ai.rrc.type == 5 && !net4ai.rrc.response_in && !net4ai.repeats"


def test_statistics(run: Path) -> None:
    text = tshark(run, "-q", "-o", "net4ai.statistics:TRUE")
    sessions, procedures = text.split("NET4AI: ")[1:]
    assert "Jitter us" in sessions and "Refused" in procedures
    rows = [line.split() for line in sessions.splitlines() if line.startswith("Uu ") and " session 0 " in line]
    assert len(rows) == 4 and len({row[2] for row in rows}) == 4, "a session for each terminal"
    messages = len(fields(run, ["dep.message"], "-Y", "net4ai_message && net4ai.bearer_name == CRB1"))
    assert sum(int(row[6]) for row in rows) == messages
    payloads = [
        payload
        for packet in fields(run, ["dep.payload"], "-Y", "dep.type == 1 && net4ai.bearer_name == CRB1")
        for payload in packet.get("dep.payload", [])
        if payload != "<MISSING>"  # an announcement has none
    ]
    assert sum(len(payload) // 2 for payload in payloads) == sum(int(row[7]) for row in rows)
    requests = [line.split() for line in procedures.splitlines() if line.startswith("rrc ") and "Setup Request" in line]
    assert int(requests[0][4]) >= 4 and int(requests[0][5]) == 4
