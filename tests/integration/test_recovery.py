"""kill -9 in mid-job, with real processes and a real broker: the job goes on from the last committed turn by itself.

Whatever is killed (§7: the unit of commit is one client turn), the execution under way is resumed, not repeated: the
same terminals come back to the same seats, so the weights are those of the undisturbed run, bit for bit (R6, R54, R55:
tasks and routines go on in their order; R74-R77: turns that were committed count; R80: nobody is left out for good).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
import torch
from run_process import PATIENCE, EndedRun, RunProcess, kill, run_to_the_end, settings
from safetensors.torch import load_file

ROUNDS = 5
SMALL: dict[str, object] = {
    "ue_groups.ue-1.count": 2,
    "ue_groups.ue-2.count": 2,
    "privacy.k": 2,
    "settings.rounds": ROUNDS,
    "settings.batch_size": 64,
    "links.radio.loss": 0.0,
    "seed": 5,
}


class CommittedTurns:
    """Follows the core's trace: state lines are in the file as soon as they are told."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "trace" / "core.ndjson"
        self._offset = 0
        self._rounds: dict[int, tuple[str, int]] = {}
        self.turns: list[tuple[str, int]] = []
        """Routine and round of each."""

    def look(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].splitlines():
            event: dict[str, Any] = json.loads(line)
            ids = event.get("ids", {})
            if event.get("message") == "execution begins":
                self._rounds[ids["execution"]] = ids["routine"], ids["round"]
            elif event.get("message") == "turn committed":
                self.turns.append(self._rounds[ids["execution"]])

    def wait_for(self, run: RunProcess, routine: str, round: int, count: int) -> None:
        """Until so many turns of a routine are committed in a round (from 0)."""
        deadline = monotonic() + PATIENCE
        while True:
            self.look()
            if self.turns.count((routine, round)) >= count:
                return
            assert run.running, f"it ended before turn {count} of {routine} in round {round}:\n{run.output}"
            assert monotonic() < deadline, f"no turn {count} of {routine} in round {round}:\n{run.output}"
            sleep(0.01)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> EndedRun:
    """The same run with nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "report"
    ended = run_to_the_end(folder, "blood-pressure", SMALL)
    assert ended.code == 0, ended.output
    return ended


def assert_same_bits(folder: Path, expected: EndedRun) -> None:
    found, model = load_file(folder / "model.safetensors"), load_file(expected.folder / "model.safetensors")
    assert found.keys() == model.keys()
    for name, tensor in model.items():
        assert torch.equal(tensor.view(torch.int32), found[name].view(torch.int32)), name


@dataclass(frozen=True)
class Case:
    """Who is killed, and when: as soon as so many turns of a routine are committed in a round."""

    words: tuple[str, ...]
    """Of its command line."""
    said: str
    routine: str = "bottom"
    count: int = 2
    workers: bool = False
    """Not it, but the compute workers it has started."""

    def victims(self, run: RunProcess) -> list[int]:
        pid = run.find(*self.words)
        if not self.workers:
            return [pid]
        children = psutil.Process(pid).children()
        return [child.pid for child in children if "net4ai.application_server.worker" in child.cmdline()]


AGAIN = "has ended with code -9 and is started again"
CORE = ("net4ai.app core",)
RAN_SERVER = "net4ai.app app-server", "ran-1-app-server.json"
EDGE_SERVER = "net4ai.app app-server", "edge-app-server.json"
UES = "net4ai.app ue", "ue-1.json"
STORIES = {
    "core, RAN node, edge": (
        Case(CORE, f"core {AGAIN}"),
        Case(("net4ai.app ran-node", "ran-1.json"), f"ran-1 {AGAIN}"),
        Case(("net4ai.app edge",), f"edge {AGAIN}", count=4),
    ),
    "application servers, core between routines": (
        Case(RAN_SERVER, f"ran-1-app-server {AGAIN}", count=1),
        Case(EDGE_SERVER, f"edge-app-server {AGAIN}", "top", 1),
        Case(CORE, f"core {AGAIN}", "top", 2),
    ),
    "UE process, compute workers, broker": (
        Case(UES, f"ue-1 {AGAIN}"),
        Case(RAN_SERVER, "local-training at ran-1 was lost", workers=True),
        Case(UES, "", count=1, workers=True),
        Case(("mosquitto.conf",), f"broker {AGAIN}", count=3),
    ),
}
"""Who is killed in one run, the first in the second round, the next in the third, and so on."""


@pytest.mark.mosquitto
@pytest.mark.parametrize("story", STORIES)
def test_killed_in_mid_job(story: str, undisturbed: EndedRun, tmp_path: Path) -> None:
    """What was killed is started again, the execution goes on, and the weights are those of the undisturbed run."""
    with RunProcess("run", "blood-pressure", *settings(SMALL), "--report", tmp_path) as run:
        committed = CommittedTurns(tmp_path)
        for round, case in enumerate(STORIES[story], 1):
            committed.wait_for(run, case.routine, round, case.count)
            before, victims = len(run.lines), case.victims(run)
            assert victims, run.processes()
            for pid in victims:
                kill(pid)
            run.wait_for(case.said, after=before)
        assert run.wait() == 0, run.output
        assert run.processes() == {}
    ended = EndedRun(0, run.output, tmp_path, {})
    assert "validation task: MAE" in run.output
    assert ended.report.fidelity.verdict == "identical", run.output
    assert_same_bits(tmp_path, undisturbed)
