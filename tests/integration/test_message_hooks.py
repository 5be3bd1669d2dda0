"""Message hooks at whole nodes: what a scenario or a program does to messages, the protocols survive or say why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from network_run import Network, play

from net4ai.codecs import nas, rrc
from net4ai.codecs.bus import StartClients
from net4ai.stack.message_hooks import Go, Seen

RULES = (
    "{message: RRC Setup, node: ran-1, action: drop, times: 2}",
    "{message: RRC Setup Request, node: ran-2, direction: in, action: repeat, delay_ms: 30}",
    "{message: Consent, node: ue-1/1, action: edit, edit: {given: false}}",
    "{message: Routine Accept, node: ue-2/2, action: delay, delay_ms: 700}",
    "{message: Session Setup Response, node: ran-1, action: drop, times: 1}",
    "{message: Session Add, link: T4, node: ran-1, action: inject, octets: FF 00}",
    "{message: SelectClients, direction: in, action: drop, times: 1}",
    "{link: DEP, message: DEP DATA, node: ue-2/3, action: drop, skip: 1, times: 1}",
    "{link: DEP, message: DEP ACK, node: ran-1-app-server, direction: in, action: delay, delay_ms: 20, times: 5}",
    "{message: Registration Accept, node: access-manager, action: observe}",
)


def test_a_job_survives_what_a_scenario_does_to_messages(tmp_path: Path) -> None:
    network = play(tmp_path, None, f"hooks=[{', '.join(RULES)}]", "settings.rounds=2", toys=True)
    assert not [event for event in network.trace() if "cannot go on" in event.get("message", "")]
    told = Counter(
        (event["node"], event["message"]) for event in network.trace() if event.get("message", "").startswith("hook: ")
    )
    injected = ("ran-1", "hook: Session Add out becomes Session Add, unknown message")
    assert told.pop(injected) > 0
    assert told == {
        ("ran-1", "hook: RRC Setup out becomes nothing"): 2,
        ("ran-2", "hook: RRC Setup Request in becomes RRC Setup Request, RRC Setup Request after 30 ms"): 12,
        ("ue-1/1", "hook: Consent out becomes Consent"): 1,
        ("ue-2/2", "hook: Routine Accept out becomes Routine Accept after 700 ms"): 2,
        ("ran-1", "hook: Session Setup Response out becomes nothing"): 1,
        ("core", "hook: SelectClients in becomes nothing"): 1,
        ("ue-2/3", "hook: DEP DATA out becomes nothing"): 1,
        ("ran-1-app-server", "hook: DEP ACK in becomes DEP ACK after 20 ms"): 5,
    }
    assert not any(ids["ue"] == "imsi-001010000000000" for ids in network.states("seat given"))


def test_hooks_of_a_program_see_every_link(tmp_path: Path) -> None:
    seen: Counter[tuple[str, str]] = Counter()

    def watch(message: Seen) -> list[Go] | None:
        seen[message.link, message.direction] += 1
        if isinstance(message.message, rrc.Release | nas.NetworkDeregistrationRequest):
            raise AssertionError("nobody is released in this story")
        return None

    async def story(network: Network) -> None:
        network.run.hooks.append(watch)
        await network.start()
        assert await network.end() is None

    play(tmp_path, story, "settings.rounds=1", toys=True)
    assert set(seen) == {(link, way) for link in ("Uu", "NAS", "N2", "T4", "T8", "bus") for way in ("in", "out")}


@pytest.mark.parametrize("error", [RuntimeError("mine"), AssertionError("no")])
def test_a_hook_that_fails_is_an_error_of_the_node_and_no_more(tmp_path: Path, error: Exception) -> None:
    def bad(message: Seen) -> list[Go] | None:
        if isinstance(message.message, StartClients):
            raise error
        return None

    async def story(network: Network) -> None:
        network.run.hooks.append(bad)
        await network.start()
        assert await network.end() is None
        assert [node.driver.errors > 0 for node in network.run.nodes if node.platform.name == "core"] == [True]
        for node in network.run.nodes:
            node.driver.errors = 0

    play(tmp_path, story, "settings.rounds=1", toys=True)
