"""Documents against types: what is complained about is what msgspec refuses, tagged unions among it; the tables."""

from __future__ import annotations

import copy
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from net4ai.app.schema import check, convert, schema_table
from net4ai.app.yaml_document import ConfigurationError, parse
from net4ai.codecs.service import ServiceDescription


class Circle(Struct, forbid_unknown_fields=True, tag_field="shape", tag="circle"):
    """A circle."""

    radius: Annotated[float, Meta(gt=0, description="Of the circle.")]


class Square(Struct, forbid_unknown_fields=True, tag_field="shape", tag="square"):
    """A square."""

    side: Annotated[int, Meta(ge=1, le=9, description="Of the square.")] = 1


class Point(Struct, forbid_unknown_fields=True):
    """A point."""

    x: Annotated[int, Meta(description="To the right.")] = 0


class Drawing(Struct, forbid_unknown_fields=True):
    """A drawing."""

    main: Annotated[Literal["nothing"] | Circle | Square, Meta(description="The main part.")] = "nothing"
    parts: Annotated[tuple[Circle | Square, ...], Meta(max_length=3, description="More.")] = ()
    named: Annotated[dict[str, Circle | Square], Meta(description="By name.")] = {}
    origin: Annotated[Point | None, Meta(description="Where it is.")] = None


def lines(text: str) -> list[str]:
    try:
        convert(parse(text, "d"), Drawing)
    except ConfigurationError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main: nothing", []),
        ("main: {shape: circle, radius: 1.5}", []),
        ("parts: [{shape: square}, {shape: circle, radius: 1}]", []),
        ("named: {a: {shape: square, side: 2}}", []),
        ("origin: {x: 3}", []),
        ("origin: null", []),
        ("main: {shape: circle}", ["main.radius: missing; allowed: a number above 0"]),
        ("main: {shape: square, side: 10}", ["main.side: 10 is not allowed; allowed: an integer from 1 to 9"]),
        ("main: {shape: square, sidle: 1}", ["main.sidle: unknown key; did you mean side? allowed: shape, side"]),
        (
            "main: {shape: squire}",
            ['main.shape: "squire" is not allowed; did you mean square? allowed: circle, square'],
        ),
        ("main: {shape: 7}", ["main.shape: 7 is not allowed; allowed: circle, square"]),
        ("main: {shape: null}", ["main.shape: null is not allowed; allowed: circle, square"]),
        ("main: {radius: 1}", ["main.shape: missing; allowed: circle, square"]),
        ("main: all", ['main: "all" is not allowed; allowed: nothing or a mapping with shape: circle, square']),
        ("main: [1]", ["main: [1] is not allowed; allowed: nothing or a mapping with shape: circle, square"]),
        ("parts: [{shape: square}, 1]", ["parts.1: 1 is not allowed; allowed: a mapping with shape: circle, square"]),
        ("named: {a: {shape: x}}", ['named.a.shape: "x" is not allowed; allowed: circle, square']),
        ("origin: {y: 1}", ["origin.y: unknown key; allowed: x"]),
        ("origin: 1", ["origin: 1 is not allowed; allowed: null or a mapping with the keys x"]),
    ],
)
def test_tagged_unions(text: str, expected: list[str]) -> None:
    assert lines(text) == [f"d:1: {line}" for line in expected]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "nothing", "circle", "square", "request", "event", "time", "a name"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["shape", "radius", "side", "x", "on", "event", "after_s"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def agree(plain: Any, type_: Any) -> bool:
    """Whether the value is accepted; msgspec and ours say the same."""
    document = parse(json.dumps(plain), "d")
    problems = list(check(document, document.root, type_, ()))
    try:
        msgspec.convert(document.root.plain(), type_)
    except msgspec.ValidationError as error:
        assert problems, f"not found: {error}"
        return False
    assert not problems, str(problems[0])
    return True


@given(st.dictionaries(st.sampled_from(["main", "parts", "named", "origin", "other"]), VALUES))
def test_complaints_are_what_msgspec_refuses(plain: Any) -> None:
    agree(plain, Drawing)


SERVICE: dict[str, Any] = {
    "name": "s",
    "provider": "p",
    "purpose": "to know",
    "functions": {
        "ue": {"kind": "abstract", "entry_point": "a"},
        "ran": {"kind": "concrete", "entry_point": "b", "place": "ran-node", "resources": {"cpu": 1.5}},
    },
    "routines": {"low": {"client": "ue", "server": "ran", "quality": {"five_qi": 130}}},
    "tasks": {"one": {"chain": ["low"], "repeat": "until-stop", "depends_on": []}},
    "jobs": {
        "a": {"tasks": ["one"], "trigger": "request"},
        "b": {"tasks": ["one"], "trigger": {"on": "event", "event": "e"}},
        "c": {"tasks": ["one"], "trigger": {"on": "terminals", "at_least": 3}},
        "d": {"tasks": ["one"], "trigger": {"on": "time", "after_s": 1, "every_s": 2}},
    },
    "privacy": {"k": 2},
    "model": {"neurons": [3, 1]},
    "settings": {"cut": {"default": 1, "at_least": 0, "at_most": 1}},
}


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


@settings(deadline=None)
@given(st.sampled_from(places(SERVICE)[1:]), VALUES)
def test_a_service_description_with_anything_anywhere(path: tuple[Any, ...], value: Any) -> None:
    plain = copy.deepcopy(SERVICE)
    assert agree(plain, ServiceDescription)
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    agree(plain, ServiceDescription)


def test_the_table_of_a_union() -> None:
    table = schema_table(Drawing)
    assert '| `main` | nothing or [Circle](#circle) or [Square](#square) | `"nothing"` | The main part. |' in table
    assert "| `parts` | a list of [Circle](#circle) or [Square](#square) (at most 3) |" in table
    assert "| `named` | a mapping from names to [Circle](#circle) or [Square](#square) |" in table
    assert "| `origin` | null or [Point](#point) | `null` | Where it is. |" in table
    assert "| `shape` | circle | needed | Says which of the mappings it is. |" in table
    assert table.count("### ") == 4
