"""YAML text to nodes: values, positions, refusals; whatever the text, a document or a ConfigurationError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.app import yaml_document
from net4ai.app.yaml_document import ConfigurationError, Origin, Problem, parse, read


def refused(data: bytes | str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(data, "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("08", 8),
        ("0x1F", 31),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("true", True),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2017-01-01", "2017-01-01"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("", None),
        ("~", None),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 30, float("9" * 30)),
        ("9" * 60, "9" * 60),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse(f"key: {text}", "a.yaml").root.plain()["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse("on: 1\n5: 2\nnull: 3", "a.yaml").root.plain() == {"on": 1, "5": 2, "null": 3}


def test_every_key_and_value_has_its_place() -> None:
    document = parse("# comment\nlinks:\n  radio: {loss: 1,\n    cuts: [{at_s: 5}]}\n", "a.yaml")
    radio = document.find(("links", "radio"))
    assert radio is not None
    assert radio.origin == Origin("a.yaml", 3, 10)
    assert radio.keys == {"loss": Origin("a.yaml", 3, 11), "cuts": Origin("a.yaml", 4, 5)}
    at = document.find(("links", "radio", "cuts", "0", "at_s"))
    assert at is not None
    assert at.origin == Origin("a.yaml", 4, 19)


def test_items_of_a_list_are_found_by_name_and_by_index_and_shown_by_name() -> None:
    document = parse("nodes: [{name: a}, {name: b, count: 2}, {name: c}, {name: c}, 7]", "a.yaml")
    by_name, by_index = document.find(("nodes", "b", "count")), document.find(("nodes", "1", "count"))
    assert by_name is not None
    assert by_name is by_index
    assert document.problem(("nodes", "1", "count")).key == "nodes.b.count"
    assert document.problem(("nodes", "3", "name")).key == "nodes.3.name", "c is no unique name"
    assert document.find(("nodes", "9")) is None


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("a: 1\nb: 2\na: 3", "a.yaml:3: a: given twice, first in line 1"),
        ("a: !!python/object:os.system {}", "a.yaml:1: tags such as tag:yaml.org,2002:python/object:os.system"),
        ("a: !!str 5", "a.yaml:1: tags such as tag:yaml.org,2002:str are not allowed"),
        ("a: 1\n? [b]\n: 2", "a.yaml:2: a key must be text"),
        ("a: 1\n---\nb: 2", "a.yaml:2: a second document begins; one is allowed"),
        ("a: &x [*x]", "a.yaml:1: *x names no finished anchor"),
        ("a: *b", "a.yaml:1: *b names no finished anchor"),
        ("a:\n\tb: 1", "a.yaml:2: not YAML: while scanning for the next token found character '\\t'"),
        ("a: [1, 2", "a.yaml:1: not YAML: while parsing a flow sequence expected ',' or ']'"),
        ("a: 1\nb", "a.yaml:2: not YAML: while scanning a simple key could not find expected ':'"),
        (b"a: 1\nb: \xff", "a.yaml:2: not UTF-8 text"),
        ("a: 1\nb: \x07", "a.yaml:2: not YAML: a character that YAML does not allow"),
        ('a: "\\ud800"', "a.yaml:1: half of a surrogate pair is no character"),
        ('a: "\\UFFFFFFFF"', "a.yaml: not YAML: a number or escape out of range"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", "a.yaml: not YAML: a number or escape out of range"),
        ("[" * 30 + "]" * 30, "a.yaml:1: nested deeper than 20 levels"),
        ("- a\n" * 10_001, "a.yaml:10000: more than 10000 values"),
        (b" " * 65_537, "a.yaml: longer than 65536 bytes"),
    ],
)
def test_refusals(data: bytes | str, line: str) -> None:
    assert refused(data).startswith(line)


def test_a_tab_gets_a_hint() -> None:
    assert refused("a:\n\tb: 1").endswith("indent with spaces, not tabs")


def test_anchors_are_copied_and_a_bomb_of_them_is_refused() -> None:
    assert parse("a: &x {b: 1}\nc: *x", "a.yaml").root.plain() == {"a": {"b": 1}, "c": {"b": 1}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert "more than 10000 values" in refused(bomb)


def test_a_copied_anchor_is_changed_alone() -> None:
    document = parse("a: &x {b: 1}\nc: *x", "a.yaml")
    document.override(("c", "b"), parse("2", yaml_document.OVERRIDE).root)
    assert document.root.plain() == {"a": {"b": 1}, "c": {"b": 2}}


def test_an_override_makes_mappings_and_replaces_items() -> None:
    document = parse("a: 1\nlist: [{name: x, n: 1}, 5]", "a.yaml")
    for path, text in [(("b", "c"), "2"), (("list", "x", "n"), "3"), (("list", "1"), "[6]"), (("a",), "4")]:
        document.override(path, parse(text, yaml_document.OVERRIDE).root)
    assert document.root.plain() == {"a": 4, "list": [{"name": "x", "n": 3}, [6]], "b": {"c": 2}}


def test_an_override_leads_nowhere() -> None:
    document = parse("a: 1\nlist: [{name: x}, 5]", "a.yaml")
    value = parse("2", yaml_document.OVERRIDE).root
    with pytest.raises(ConfigurationError, match=r"^--set a\.b: a is 1, which has no keys$"):
        document.override(("a", "b"), value)
    with pytest.raises(ConfigurationError, match=r"^--set list\.y\.n: no y in the list; allowed: x, 1$"):
        document.override(("list", "y", "n"), value)


def test_an_empty_document_is_null() -> None:
    assert parse("", "a.yaml").root.plain() is None
    assert parse("# nothing\n", "a.yaml").root.plain() is None


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", "a.yaml").root.plain() == {"a": 1}


def test_reading_names_what_the_system_says(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^gone\.yaml: cannot be read: No such file or directory$"):
        read(tmp_path / "gone.yaml", "gone.yaml")
    with pytest.raises(ConfigurationError, match=r"^here: cannot be read: "):
        read(tmp_path, "here")


def test_many_problems_are_cut_short() -> None:
    problem = Problem("a.yaml", 1, 1, "k", None, "missing")
    assert str(ConfigurationError(*[problem] * 25)).splitlines()[-1] == "... and 5 more"


YAML_PIECES = st.sampled_from(
    ["a", "b: ", ": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",", "&x ", "*x", "!!str ", "? ", "|\n", '"', "'", "#",
     "%YAML 1.1\n", "---\n", "...\n", "\t", "<<: ", "1e5", "0x", "\\", "\\U0011", "\x85", "\ufeff", "\ud800", "\0", "~"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(YAML_PIECES, max_size=30).map("".join), st.text(max_size=60), st.binary(max_size=60)))
def test_any_text_gives_a_document_or_the_one_error(data: bytes | str) -> None:
    try:
        document = parse(data, "a.yaml")
    except ConfigurationError as error:
        assert str(error).startswith("a.yaml")
        assert "\n" not in str(error)
        str(error).encode()
    else:
        assert all(node.origin.line >= 1 for node in document.root.walk())
