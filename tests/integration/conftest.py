"""The helper modules beside this file are imported by their names. One run of the demo serves many tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bus_world import in_mqtt_world, in_world
from run_process import EndedRun, run_to_the_end

__all__ = ["demo", "in_mqtt_world", "in_world"]

DEMO = {
    "ue_groups.ue-1.count": 3,
    "ue_groups.ue-2.count": 3,
    "privacy.k": 2,
    "settings.batch_size": 64,
    "links.radio.loss": 0.02,
    "links.radio.reorder": 0.05,
}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> EndedRun:
    """The demo as a user types it, smaller and over a worse radio link: real processes, sockets and broker."""
    folder = tmp_path_factory.mktemp("demo") / "report"
    return run_to_the_end(
        folder, "blood-pressure", DEMO, "--rounds", "2", "--seed", "3", "--capture", folder / "demo.pcapng", "--key-log"
    )
