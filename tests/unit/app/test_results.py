"""Between network and provider: any service's results, a line for each, and what the provider says goes back."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest

from net4ai.app.progress import Display
from net4ai.app.provider_code import make_provider
from net4ai.app.results import Results, ResultsError
from net4ai.app.scenario import Scenario, load_scenario
from net4ai.codecs.message import Content, Message
from net4ai.functions.provider import Provider, ProviderContext, ProviderError, RoutineRecord

OWN = """
from net4ai.functions.provider import Provider, ProviderError

class Own(Provider):
    def opening(self): return ["hello"]
    def take(self, function, message):
        if message.tag == 9:
            raise ProviderError("that is no result")
        return message
    def line(self): return "taken"

class Picky(Provider):
    def __init__(self, context): raise ProviderError("settings: nothing suits")

class NoProvider: pass
"""


def scenario(provider_code: str, *overrides: str) -> Scenario:
    """The radio map's, with other provider code."""
    found = load_scenario("radio-map", overrides)
    service = msgspec.structs.replace(found.service, provider_code=provider_code)
    return msgspec.structs.replace(found, service=service)


def own_scenario(folder: Path, name: str) -> Scenario:
    (folder / "own_provider_code.py").write_text(OWN)
    sys.modules.pop("own_provider_code", None)
    found = scenario(f"own_provider_code:{name}")
    return msgspec.structs.replace(found, function_modules=("own_provider_code",), function_path=str(folder))


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


class Screen:
    """A display whose lines are kept."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.display = Display(self.out, lambda: 0.0)

    def lines(self) -> list[str]:
        return [line.removeprefix("    0.0 s  ") for line in self.out.getvalue().splitlines()]


# Results


def test_results_go_to_the_provider_and_its_answer_back(tmp_path: Path) -> None:
    """R5: what the provider gives back is the job's input."""
    screen = Screen()
    results = Results(own_scenario(tmp_path, "Own"), screen.display)
    results.octets.update(Uu=1_500_000, T4=500_000)
    message = Message(1)
    assert results.take(message, "radio-map") is message
    results.octets.update(Uu=250)
    results.take(message)
    assert screen.lines() == ["hello", "taken; 2.0 MB", "taken; 250 B"], "only what was sent since"
    assert results.news == 2
    with pytest.raises(ResultsError, match="that is no result"):
        results.take(Message(9))


def test_settings_are_the_providers(tmp_path: Path) -> None:
    results = Results(own_scenario(tmp_path, "Own"), Screen().display)
    assert results.settings == {
        name: {"rounds": 5, "trim": 0.2} for name in ("terminal", "cell-statistics", "radio-map")
    }
    with pytest.raises(ResultsError, match="service radio-map: settings: nothing suits"):
        Results(own_scenario(tmp_path, "Picky"), Screen().display)


def test_progress_of_the_job_is_a_line_of_functions_is_not() -> None:
    screen = Screen()
    results = Results(scenario(""), screen.display)
    results.progress("job started", {"job": 1, "of": "train"})
    results.progress("waiting", {})
    results.progress("function", {"round": 4, "seat": 2})
    results.progress("function", {"loss": 0.5})
    assert screen.lines() == ["job started (job 1, of train)", "waiting"]
    assert (results.doing, results.news) == ("round 5", 4)


def test_it_is_said_once_that_all_are_there() -> None:
    screen = Screen()
    results = Results(scenario(""), screen.display)
    for count in (0, 1, 2, 2, 1, 2):
        results.registered(count, 2)
    assert screen.lines() == ["2 UEs attached and registered"]


# The base provider


def test_without_code_results_are_shown_and_kept(tmp_path: Path) -> None:
    screen = Screen()
    results = Results(scenario(""), screen.display)
    assert type(results.provider) is Provider
    assert results.provider.line() == ""
    assert results.take(Message(1, Content.JSON, b'{"mean": 3.5}'), "radio-map") is None
    assert results.take(Message(1, Content.BYTES, bytes(300))) is None
    assert results.take(Message(1, Content.JSON, b"x" * 300), "radio-map") is None
    lines = screen.lines()
    assert lines[:2] == ['radio-map: {"mean": 3.5}', "result: 300 octets"]
    assert lines[2] == f"radio-map: {'x' * 157}..."
    paths = results.save(tmp_path)
    assert [path.name for path in paths] == [
        "result-0001-radio-map.json",
        "result-0002.bin",
        "result-0003-radio-map.json",
    ]
    assert paths[0].read_bytes() == b'{"mean": 3.5}'
    assert results.provider.findings(lambda routine: RoutineRecord()).learning is None


# Finding code


def context(found: Scenario) -> ProviderContext:
    return ProviderContext(found.service, found.settings, k=5)


def test_installed_code_is_found_by_name() -> None:
    found = load_scenario("radio-map")
    assert type(make_provider(context(found))).__name__ == "RadioMapProvider"


@pytest.mark.parametrize(
    ("code", "modules", "expected"),
    [
        ("no-such", (), "provider_code 'no-such' is not installed; installed: blood-pressure, "),
        ("own_provider_code:Own", (), "modules allowed here: none; a scenario lists them in function_modules"),
        ("own_provider_code:Own", ("other",), "modules allowed here: other"),
        ("own_provider_code:Own", ("own_provider",), "modules allowed here: own_provider"),
        ("own_provider_code:NoProvider", ("own_provider_code",), "allowed: a subclass of Provider"),
        ("own_provider_code:Nobody", ("own_provider_code",), "cannot be imported: AttributeError"),
        ("own_provider_code.part:Own", ("own_provider_code",), "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_code_that_cannot_be_had(tmp_path: Path, code: str, modules: tuple[str, ...], expected: str) -> None:
    own_scenario(tmp_path, "Own")
    with pytest.raises(ProviderError, match=expected):
        make_provider(context(scenario(code)), modules, str(tmp_path))


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("net4ai.functions.learning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = load_scenario("blood-pressure")
    expected = r"provider_code 'blood-pressure' needs torch, which is not installed; .*pip install 'net4ai\[learning\]'"
    with pytest.raises(ProviderError, match=expected):
        make_provider(context(found))
