"""`net4ai conformance`: arguments, statements, exit codes, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from net4ai.app.command_line import main
from net4ai.app.conformance import Options, address_of, load_statement, own_cases, run_conformance
from net4ai.app.conformance_guide import with_tables
from net4ai.app.conformance_page import to_html
from net4ai.app.yaml_document import ConfigurationError
from net4ai.conformance.cases import all_cases
from net4ai.conformance.report import CaseReport, ConformanceReport, StepReport
from net4ai.conformance.statement import OPTIONS, Statement

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "conformance.md"

FAILING = """
from net4ai.codecs import rrc
from net4ai.conformance.case import case

@case("MY-FAIL-01", group="rrc", role="ran-node", clause="here", purpose="It cannot be.")
async def fails(ran):
    ue = await ran.ue()
    await ue.srb0.expect(rrc.Setup, within=0.05)
"""


def command(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code, and what is on the terminal."""
    with pytest.raises(SystemExit) as ended:
        main(["conformance", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


def statement(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Statements


def test_own_statement_is_sound() -> None:
    own = load_statement()
    assert own.implementation == "net4ai"
    assert set(own.options) <= OPTIONS.keys()
    assert len(own.subscribers) >= 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("options: [path, telepathy]", 'mine.yaml:1: options.1: "telepathy" is not allowed; allowed: acknowledged'),
        ("patience: 0.5", "mine.yaml:1: patience: 0.5 is not allowed; allowed: a number from 1 to 100"),
        ("\ntimes:\n  apear: 3", "mine.yaml:3: times.apear: unknown key; did you mean appear?"),
        ("subscribers: []", "mine.yaml:1: subscribers"),
        ("subscribers:\n  - key: zz", "mine.yaml:2: subscribers.0.key"),
        ("a: [", "mine.yaml:1: not YAML"),
    ],
)
def test_a_wrong_statement_is_refused_with_file_and_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_statement(statement(tmp_path, text))
    assert told in str(refused.value)


def test_what_is_not_said_has_defaults(tmp_path: Path) -> None:
    assert load_statement(statement(tmp_path, "{}")) == Statement()


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:5", ("192.0.2.1", 5)),
        ("ran.example", ("ran.example", 46400)),
        ("[::1]:7", ("::1", 7)),
        ("[::1]", ("::1", 46400)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert address_of(text, "--target", 46400) == address


@pytest.mark.parametrize("text", ["", ":5", "host:", "host:port", "host:65536", "host:-1"])
def test_wrong_addresses_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--target"):
        address_of(text, "--target", 46400)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--role", "core"], "invalid choice"),
        ([], "--role"),
        (["--role", "ue", "--only", "NONE-OF-THESE"], "no case of role ue is named NONE-OF-THESE"),
        (["--role", "ue", "--pics", "not-there.yaml"], "not-there.yaml: cannot be read"),
        (["--role", "ue", "--cases", "not-there.py"], "not-there.py: FileNotFoundError"),
        (["--role", "ue", "--target", "host:port"], "--target"),
    ],
)
def test_wrong_arguments_end_with_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, said = command([*arguments, "--report", str(tmp_path / "report")], capsys)
    assert code == 2
    assert told in said


def test_list_prints_the_cases(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = command(["--role", "ran-node", "--list"], capsys)
    assert code == 0
    assert "rrc: Radio resource control" in said
    assert re.search(r"^  RRC-SETUP-01 +RRC Setup answers", said, re.MULTILINE)


def test_list_without_a_role_prints_the_cases_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = command(["--list"], capsys)
    assert code == 0
    assert all(f"  {each.identity} " in said for each in all_cases())


def test_a_file_of_own_cases(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FAILING, "utf-8")
    assert [each.identity for each in own_cases(path)] == ["MY-FAIL-01"]
    path.write_text("1 / 0", "utf-8")
    with pytest.raises(ConfigurationError, match=r"mine\.py: ZeroDivisionError"):
        own_cases(path)
    path.write_text("x = 1", "utf-8")
    with pytest.raises(ConfigurationError, match="no case is in it"):
        own_cases(path)


# ---------------------------------------------------------------------------------------------------------------------
# Runs, over real sockets


def test_a_run_passes_and_leaves_its_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = command(["--role", "ran-node", "--only", "RRC-SETUP-01", "--report", str(tmp_path)], capsys)
    assert code == 0, said
    assert "PASS         RRC-SETUP-01" in said and "all: 1 pass" in said
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=ConformanceReport)
    assert [(case.id, case.verdict, case.capture) for case in report.cases] == [
        ("RRC-SETUP-01", "pass", "RRC-SETUP-01.pcapng")
    ]
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "report.json", "report.html", "junit.xml", "RRC-SETUP-01.pcapng",
    }  # fmt: skip


def test_a_failed_case_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FAILING, "utf-8")
    arguments = ["--role", "ran-node", "--cases", str(path), "--only", "MY", "--report", str(tmp_path / "report")]
    code, said = command(arguments, capsys)
    assert code == 1
    assert "FAIL         MY-FAIL-01" in said and "SRB0: expected RRC Setup within 0.05 s; nothing came" in said


def test_an_absent_target_ends_with_1_and_soon(tmp_path: Path) -> None:
    quick = statement(tmp_path, "times: {appear: 0.2}")
    options = Options("ue", "127.0.0.1:0", tmp_path / "report", statement=quick, only=("RRC-CELL",))
    report = run_conformance(options, lambda line: None)
    assert set(report.verdicts) - {"not applicable"} == {"inconclusive"}
    assert sum(case.seconds for case in report.cases) < 2


# ---------------------------------------------------------------------------------------------------------------------
# The page


class Tags(HTMLParser):
    """Tags that are open, and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "hr", "link"):
            self.open.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "br", "hr", "link"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_sound_and_loads_nothing() -> None:
    nasty = '<script>alert("x")</script>'
    case = CaseReport(
        id="RRC-A-01", group="rrc", clause="c", rows=["R1"], purpose=nasty, options=[], verdict="fail", why=nasty,
        capture="RRC A?.pcapng", steps=[StepReport(0.5, "in", "SRB0", nasty, "failed")],
    )  # fmt: skip
    report = ConformanceReport(
        version=1, tool="t", role="ue", target=nasty, implementation=nasty, claimed=[], started="s", complete=False,
        verdicts={"fail": 1}, cases=[case],
    )  # fmt: skip
    tags = Tags()
    tags.feed(to_html(report))
    assert tags.open == []
    assert tags.links == ["report.json", "junit.xml", "#rrc", "./RRC%20A%3F.pcapng"]
    assert tags.texts.count(nasty) >= 3
    assert "interrupted" in "".join(tags.texts)


def test_tables_of_the_guide_are_true() -> None:
    guide = GUIDE.read_text("utf-8")
    assert with_tables(guide) == guide, "run python -m net4ai.app.conformance_guide docs/guide/conformance.md"


def test_the_statement_of_the_guide_is_sound(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert load_statement(statement(tmp_path, text)).patience == 2
