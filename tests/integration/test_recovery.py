"""kill -9 in mid-job, with real processes and a real broker: the job goes on from the last committed turn by itself.

Whatever is killed (§7: the unit of commit is one client turn), the execution under way is resumed, not repeated: the
same terminals come back to the same seats, so the weights are those of the undisturbed run, bit for bit (R6, R54, R55:
tasks and routines go on in their order; R74-R77: turns that were committed count; R80: nobody is left out for good).
"""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import torch
from run_process import PATIENCE, EndedRun, RunProcess, kill, run_to_the_end, settings
from safetensors.torch import load_file

ROUNDS = 3
SMALL: dict[str, object] = {
    "ue_groups.ue-1.count": 2,
    "ue_groups.ue-2.count": 2,
    "privacy.k": 2,
    "settings.rounds": ROUNDS,
    "settings.batch_size": 64,
    "links.radio.loss": 0.0,
    "seed": 5,
}
TURNS = 4
"""Turns of terminals in a round; the servers' turns at the edge come after them."""


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


CASES = {
    "core": ("net4ai.app core",),
    "RAN node": ("net4ai.app ran-node", "ran-1.json"),
    "edge": ("net4ai.app edge",),
    "application server of the RAN node": ("net4ai.app app-server", "ran-1-app-server.json"),
    "application server of the edge": ("net4ai.app app-server", "edge-app-server.json"),
    "broker": ("mosquitto", "mosquitto.conf"),
    "UE process": ("net4ai.app ue", "ue-1.json"),
}
"""What is killed, and words of its command line."""
SAID = {
    "core": "core has ended with code -9 and is started again",
    "RAN node": "ran-1 has ended with code -9 and is started again",
    "edge": "edge has ended with code -9 and is started again",
    "application server of the RAN node": r"ran-1-app-server has ended with code -9 and is started again",
    "application server of the edge": r"edge-app-server has ended with code -9 and is started again",
    "broker": "broker has ended with code -9 and is started again",
    "UE process": "ue-1 has ended with code -9 and is started again",
}
MOMENTS = {"in the terminals' turns": ("bottom", 1, 2), "in the servers' turns": ("top", 1, 1)}
"""Killed as soon as so many turns of a routine are committed in a round."""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("who", CASES)
def test_killed_in_mid_job(who: str, moment: str, undisturbed: EndedRun, tmp_path: Path) -> None:
    """It is started again, the execution goes on, and the weights are those of the undisturbed run."""
    with RunProcess("run", "blood-pressure", *settings(SMALL), "--report", tmp_path) as run:
        CommittedTurns(tmp_path).wait_for(run, *MOMENTS[moment])
        kill(run.find(*CASES[who]))
        run.wait_for(SAID[who])
        assert run.wait() == 0, run.output
        assert run.processes() == {}
    ended = EndedRun(0, run.output, tmp_path, {})
    assert [each.round for each in ended.report.rounds] == list(range(ROUNDS))
    assert ended.report.fidelity.verdict == "identical", run.output
    assert_same_bits(tmp_path, undisturbed)
