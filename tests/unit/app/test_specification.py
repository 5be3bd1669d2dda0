"""The specification is kept true: generated parts are fresh, links lead somewhere, nothing of the wire is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from net4ai.app import specification
from net4ai.app.packet_diagram import packet_diagram
from net4ai.app.state_machines import MACHINES, START, Machine, name_of, render_machine
from net4ai.codecs import bus, dep, l2, link, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import FixedField, Message
from net4ai.codecs.generate import MODULES, families, structures
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_gnb, k_ng_ran_star, short_mac
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.timers import TIMERS

ROOT = Path(__file__).resolve().parents[3]
SPEC = ROOT / "docs" / "spec"
CHAPTERS = sorted(SPEC.glob("*.md"))
DOCUMENTS = sorted((ROOT / "docs").rglob("*.md"))
TABLES_ONLY = ("fields.md", "examples.md", "requirements.md", "drops.md")
"""Chapters that explain nothing."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def by_hand(path: Path) -> str:
    """A chapter without its generated parts."""
    return specification.BLOCK.sub("", text_of(path))


def explained() -> str:
    """All that the specification says in its own words, in one line."""
    return " ".join(" ".join(by_hand(path).split()) for path in CHAPTERS if path.name not in TABLES_ONLY)


def without_code(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor of a heading, as the usual viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ---------------------------------------------------------------------------------------------------------------------
# Generated parts


def test_generated_parts_are_fresh() -> None:
    stale = [chapter.name for chapter, _ in specification.stale(ROOT)]
    assert stale == [], "run python -m net4ai.app.specification"


def test_a_stale_part_is_named_and_refreshed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chapter = tmp_path / "docs" / "spec" / "a.md"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("before\n<!-- begin packet l2.SegmentOffset -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    monkeypatch.setattr(specification, "source_tree", lambda: tmp_path)
    assert specification.main(["--check"]) == 1
    assert "a.md" in capsys.readouterr().err
    assert specification.main([]) == 0
    assert specification.main(["--check"]) == 0
    text = text_of(chapter)
    assert text.startswith("before\n") and text.endswith("after\n") and "|" in text and "old" not in text


def test_a_packet_diagram_is_as_one_draws_it_by_hand() -> None:
    assert packet_diagram(dep.DataBody).splitlines()[2:] == [
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                        message_length                         |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                         packet_number                         |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
    ]
    header = packet_diagram(l2.L2Header).splitlines()
    assert header[3] == "| a |b| c |d|e|f| g |  bearer   |            c_rnti             |"
    assert header[-1].startswith("a version, b is_data, c segmentation, d poll, e has_mac, f ciphered, g bearer_type")


def declared() -> Iterator[Any]:
    for _, module in MODULES:
        yield from structures(module)
        for family in families(module):
            yield from family.messages.values()


@pytest.mark.parametrize(
    "structure", declared(), ids=lambda structure: f"{structure.__module__[14:]}.{structure.__name__}"
)
def test_a_packet_diagram_has_every_bit_and_every_field(structure: Any) -> None:
    diagram = packet_diagram(structure)
    rows = [line for line in diagram.splitlines() if line.startswith("|")]
    fixed = 8 if issubclass(structure, Message) else 0
    fixed += sum(spec.bits for spec in structure.DECLARATION.values() if isinstance(spec, FixedField))
    drawn = sum(len(row) // 2 for row in rows)
    assert drawn >= fixed
    assert all(len(row) <= 65 for row in rows)
    for name, spec in structure.DECLARATION.items():
        if isinstance(spec, FixedField) and not spec.reserved:
            assert name in diagram


# ---------------------------------------------------------------------------------------------------------------------
# State machines

EVERY_MACHINE = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


@EVERY_MACHINE
def test_a_way_begins_with_what_its_state_takes(machine: Machine) -> None:
    for way in machine.ways:
        if not isinstance(way.trigger, str):
            assert way.trigger in machine.legal[name_of(way.source)], way


@EVERY_MACHINE
def test_every_state_of_the_tables_is_in_the_diagram_and_can_be_reached(machine: Machine) -> None:
    reached, found = {START}, {START}
    while found:
        found = {name_of(way.target) for way in machine.ways if name_of(way.source) in reached} - reached
        reached |= found
    assert {name_of(end) for way in machine.ways for end in (way.source, way.target)} <= reached
    assert set(machine.legal) <= reached


@EVERY_MACHINE
def test_labels_have_no_characters_that_end_them_in_mermaid(machine: Machine) -> None:
    assert [way.label for way in machine.ways if set(way.label) & set(":;#")] == []


def test_sequences_have_no_characters_that_end_them_in_mermaid() -> None:
    diagrams = re.findall(r"```mermaid\nsequenceDiagram\n(.*?)```", text_of(SPEC / "procedures.md"), re.DOTALL)
    assert len(diagrams) >= 10
    for diagram in diagrams:
        names = re.findall(r"participant (\w+)", diagram)
        arrows = re.findall(r"^ +(\w+)-{1,2}>>(\w+): [^;#\n]+$", diagram, re.MULTILINE)
        assert len(arrows) == diagram.count(">>")
        assert {name for arrow in arrows for name in arrow} == set(names)
        assert len(re.findall(r"^ *(?:alt|opt|loop)\b", diagram, re.MULTILINE)) == len(
            re.findall(r"^ *end$", diagram, re.MULTILINE)
        )


@EVERY_MACHINE
def test_the_table_has_every_legal_message(machine: Machine) -> None:
    rendered = render_machine(machine)
    for messages in machine.legal.values():
        for message in messages:
            assert f"| {message.NAME} |" in rendered


# ---------------------------------------------------------------------------------------------------------------------
# Links


def links(path: Path) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(path)))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in {slug(heading) for heading in headings(text_of(file))}, target


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_anchors_are_unique(path: Path) -> None:
    anchors = [slug(heading) for heading in headings(text_of(path))]
    if path.name != "examples.md":  # one title for all examples of a message
        assert sorted(anchors) == sorted(set(anchors))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_sections_are_numbered_in_order(path: Path) -> None:
    text = without_code(by_hand(path))
    numbers = [
        tuple(map(int, number.split("."))) for number in re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", text, re.MULTILINE)
    ]
    if path.name in ("fields.md", "examples.md", "requirements.md"):
        assert numbers == []
        return
    assert len(numbers) == len(re.findall(r"^##+ ", text, re.MULTILINE)), "a heading without number"
    before: tuple[int, ...] = (0,)
    for number in numbers:
        expected = {(*before[:depth], before[depth] + 1) for depth in range(len(before))} | {(*before, 1)}
        assert number in expected, (before, number)
        before = number


def test_every_chapter_is_in_the_index() -> None:
    named = set(re.findall(r"^\| \[[\w.-]+\]\(([\w.-]+)\) \|", text_of(SPEC / "README.md"), re.MULTILINE))
    assert named == {path.name for path in CHAPTERS} - {"README.md"}


def test_conformance_cases_cite_sections_that_exist() -> None:
    anchors = {path.name: {slug(heading) for heading in headings(text_of(path))} for path in CHAPTERS}
    for path in sorted((ROOT / "conformance").rglob("*.py")):
        for name, anchor in re.findall(r"\b([\w-]+\.md)#([\w-]+)", text_of(path)):
            assert anchor in anchors.get(name, set()), f"{path.relative_to(ROOT)}: {name}#{anchor}"


# ---------------------------------------------------------------------------------------------------------------------
# Nothing is left out


@pytest.mark.parametrize(
    ("chapter", "family"),
    [("rrc.md", rrc.Rrc.FAMILY), ("nas.md", nas.Nas.FAMILY), ("n2.md", n2.N2.FAMILY), ("links.md", link.Link.FAMILY)],
    ids=["RRC", "NAS", "N2", "link"],
)
def test_every_message_is_explained(chapter: str, family: Any) -> None:
    words = " ".join(by_hand(SPEC / chapter).split())
    text = words + explained()

    def spoken(name: str) -> str:
        return re.sub(r"^(RRC|NAS|N2) | \((UE|network)\)$", "", name)

    assert [item.NAME for item in family.messages.values() if spoken(item.NAME) not in text] == []
    table = text_of(SPEC / chapter)
    assert [item.NAME for item in family.messages.values() if f"[{item.NAME}](fields.md" not in table] == []


def test_every_type_of_dep_is_explained() -> None:
    text = by_hand(SPEC / "dep.md")
    assert [kind.name for kind in dep.DepType if f"{kind.value} {kind.name}" not in text] == []
    assert [kind.name for kind in dep.ExtensionType if kind.name not in text] == []
    assert [reason.name for reason in dep.PathReason if reason.name not in explained()] == []


def test_every_cause_is_explained() -> None:
    rows = re.findall(r"^\| ([A-Z_0-9]+) \| (.+) \|$", by_hand(SPEC / "causes.md"), re.MULTILINE)
    assert [name for name, use in rows if use] == [cause.name for cause in Cause]
    assert set(re.findall(r"^\| \d+ \| ([A-Z_0-9]+) \|", text_of(SPEC / "causes.md"), re.MULTILINE)) == set(
        Cause.__members__
    )


def test_every_timer_is_listed_and_what_stops_it() -> None:
    text = text_of(SPEC / "timers.md")
    assert [name for name in TIMERS if f"| {name} |" not in text] == []
    assert set(specification.STOPS) == set(TIMERS)


def test_every_reason_of_a_drop_is_listed() -> None:
    text = text_of(SPEC / "drops.md")
    assert [reason.value for reason in Drop if f"| {reason.value} |" not in text] == []


def test_reasons_of_drops_that_chapters_name_exist() -> None:
    """In brackets and quotation marks: (\"out of window\")."""
    decoders = by_hand(SPEC / "drops.md")
    for path in CHAPTERS:
        for reason in re.findall(r"\(\"([a-zA-Z ,]+)\"\)", by_hand(path)):
            assert reason in [drop.value for drop in Drop] or reason in decoders, f"{path.name}: {reason}"


def test_reasons_of_drops_in_tables_exist() -> None:
    """Columns headed "dropped as"."""
    known = {drop.value for drop in Drop} | {"value out of range", "–"}
    tables = [table for path in CHAPTERS for table in re.findall(r"(?:^\|.*\|\n)+", by_hand(path), re.MULTILINE)]
    found = []
    for table in tables:
        head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
        if "dropped as" in head:
            found += [reason for row in rows[1:] for reason in row[head.index("dropped as")].split(", ")]
    assert len(found) > 30
    assert [reason for reason in found if reason not in known and not reason.startswith("see ")] == []


def test_every_body_of_the_bus_is_listed() -> None:
    text = text_of(SPEC / "bus.md")
    assert [name for name in bus.BODIES if f"\n#### {name}\n" not in text] == []


def test_requirement_rows_that_chapters_cite_exist() -> None:
    rows = set(re.findall(r"^\| (R\d+) \|", text_of(SPEC / "requirements.md"), re.MULTILINE))
    for path in CHAPTERS:
        assert set(re.findall(r"\bR\d+\b", text_of(path))) <= rows, path.name


# ---------------------------------------------------------------------------------------------------------------------
# The worked example of security.md, which was made without this code


def worked_example() -> dict[str, bytes]:
    text = text_of(SPEC / "security.md")
    found = re.findall(r"^    (\S.*?) {2,}((?:[0-9A-F]{2} ?)+)$", text, re.MULTILINE)
    return {name: bytes.fromhex(octets) for name, octets in found}


def test_the_worked_example_of_security() -> None:
    example = worked_example()
    k_amf = example["K_AMF"]
    key = k_gnb(k_amf, 0)
    core, terminal = (NasSecurity(k_amf, 2, 2, direction) for direction in (Direction.DOWNLINK, Direction.UPLINK))
    node, ue = (SrbSecurity(key, 2, 2, direction) for direction in (Direction.DOWNLINK, Direction.UPLINK))
    capabilities = nas.SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
    command = nas.SecurityModeCommand(integrity=2, ciphering=2, key_set=0, capabilities=capabilities)
    header = nas.SecurityHeaderType
    protected = terminal.protect(nas.SecurityModeComplete(), header.INTEGRITY_AND_CIPHERING_NEW_CONTEXT)
    assert example["K_gNB"] == key
    assert example["K_RRCint"] == node.k_rrc_int
    assert example["K_RRCenc"] == node.k_rrc_enc
    assert example["K_NG-RAN*"] == k_ng_ran_star(key, 1)
    assert example["NAS Security Mode Command"] == core.protect(command, header.INTEGRITY_NEW_CONTEXT).encode()
    assert example["NAS Security Mode Complete"] == protected.encode()
    for name, side, head_size, count, ciphered, payload in (
        ("RRC Security Mode Command", node, 8, 1, False, "0B 00 02 02"),
        ("RRC Security Mode Complete", ue, 8, 1, False, "0C 00"),
        ("RRC Release", node, 8, 2, True, "0A 00 00 01"),
        ("last segment", ue, 12, 3, True, "AA BB"),
    ):
        head = example[name][:head_size]
        assert side.protect(head, bytes.fromhex(payload), count, 1, ciphered) == example[name], name
    assert example["short MAC-I"] == short_mac(ue.k_rrc_int, 0x0011223344556677, 1, 4097, 2).to_bytes(2, "big")
