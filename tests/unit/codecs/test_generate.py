from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from net4ai.codecs import generate, l2, link


def test_products_are_fresh() -> None:
    assert generate.stale(generate.source_tree()) == []


def test_check_names_a_stale_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs" / "spec").mkdir(parents=True)
    monkeypatch.setattr(generate, "source_tree", lambda: tmp_path)
    assert generate.main(["--check"]) == 1
    assert "stale: docs/spec/fields.md" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    with (tmp_path / "docs/spec/fields.md").open("a") as document:
        document.write("edited by hand\n")
    assert generate.main(["--check"]) == 1


def test_every_structure_message_and_code_table_is_in_the_document() -> None:
    document = generate.render_fields()
    for _, module in generate.MODULES:
        for structure in generate.structures(module):
            assert f"\n### {structure.__name__}\n" in document
        for family in generate.families(module):
            for message in family.messages.values():
                assert f"\n### {message.NAME}\n" in document
        for codes in generate.code_tables(module):
            assert f"\n### {codes.__name__}\n" in document


def test_titles_are_unique_so_links_lead_to_one_place() -> None:
    document = generate.render_fields()
    titles = [line for line in document.splitlines() if line.startswith("#")]
    anchors = [title.lstrip("# ").lower().replace(" ", "-") for title in titles]
    assert len(anchors) == len(set(anchors))


def test_meanings_come_from_the_text_below_a_member() -> None:
    assert generate.code_meanings(link.EndPoint) == {
        "RESULTS": "Between a routine server and the application controller (R5, R111)."
    }


def test_fixed_bits() -> None:
    assert sum(generate.fixed_bits(spec) or 0 for spec in l2.L2Header.DECLARATION.values()) == 64
    assert generate.fixed_bits(l2.StatusReport.DECLARATION["missing"]) is None


def test_outside_a_source_tree_the_error_says_what_to_do(tmp_path: Path) -> None:
    package = tmp_path / "net4ai"
    shutil.copytree(Path(generate.__file__).resolve().parent, package / "codecs")
    ran = subprocess.run(
        [sys.executable, "-m", "net4ai.codecs.generate"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert ran.returncode == 2
    assert "is not the source tree of net4ai" in ran.stderr
    assert "pip install --editable" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_requirements_cited_are_in_the_specification() -> None:
    requirements = (generate.source_tree() / "docs/spec/requirements.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| R(\d+) \|", requirements, re.MULTILINE)
    assert rows == [str(number) for number in range(1, 116)]
    cited = set(re.findall(r"\bR(\d+)\b", generate.render_fields()))
    assert cited
    assert cited <= set(rows)
