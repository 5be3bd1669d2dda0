"""The guide on message hooks: its scenario and its Python run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from network_run import play

from net4ai.stack.message_hooks import HookRule

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "message-hooks.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_scenario_runs(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    rules = yaml.safe_load(text)["hooks"]
    assert all(set(rule) <= set(HookRule.__struct_fields__) for rule in rules)
    override = text.replace("hooks:\n", "").replace("  - ", "").strip().replace("\n", ", ")
    network = play(tmp_path, None, f"hooks=[{override}]", "settings.rounds=3", toys=True)
    told = {event["message"] for event in network.trace() if event.get("message", "").startswith("hook: ")}
    assert len(told) == len(rules)


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "guide"}
    exec(compile(code, str(GUIDE), "exec"), names)
    answered = names["answered"]
    assert isinstance(answered, int) and answered >= 25
    assert (tmp_path / "run" / "report.html").exists()
