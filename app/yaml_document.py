"""YAML text as plain data that remembers where each key and value stands, and the error that says so.

Scalars follow the YAML 1.2 core schema: `1e-3` is a number, `no` and `08:30` are text. Tags are refused, anchors are
copied within the node limit, keys are text and unique. Whatever the text, the result is a `Document` or a
`ConfigurationError`.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias

import yaml

from net4ai.codecs.wording import nearest, printable, shown

__all__ = [
    "OVERRIDE",
    "ConfigurationError",
    "Document",
    "Node",
    "Origin",
    "Path",
    "Problem",
    "dotted",
    "nearest",
    "parse",
    "read",
    "refusal",
    "shown",
]

MAX_BYTES = 65_536
"""Size of a document: the size of a message on the control bus."""
MAX_NODES = 10_000
"""Values in a document, counted after anchors are copied."""
MAX_DEPTH = 20
"""Mappings and lists within each other."""
MAX_PROBLEMS = 20
"""Problems printed by one error; the rest is counted."""

OVERRIDE = "--set"
"""The source of values that stand on the command line."""

Path: TypeAlias = tuple[str, ...]
"""The way to a value: keys; in lists the item's `name` or its index."""
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key or value was written."""

    source: str
    """A file, or `--set`."""
    line: int = 0
    """From 1; 0 where the source has no lines."""
    column: int = 0
    """From 1."""
    mount: int = 0
    """Depth at which the source's document was put into another: errors in a file give the path within that file."""


@dataclass(slots=True)
class Node:
    """A value: a scalar, a list of nodes, or a mapping of nodes, and where it and its keys were written."""

    value: Scalar | list[Node] | dict[str, Node]
    origin: Origin
    keys: dict[str, Origin] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value as plain lists, dicts and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        children = self.value.values() if isinstance(self.value, dict) else self.value
        if not isinstance(children, str) and isinstance(children, Iterable):
            for child in children:
                yield from child.walk()

    def children(self) -> list[tuple[str, Node]]:
        """The path segment and node of each child: the key; in a list the item's name, else its index."""
        if isinstance(self.value, dict):
            return list(self.value.items())
        if not isinstance(self.value, list):
            return []
        names = [_name_of(item) for item in self.value]
        return [
            (name if name and names.count(name) == 1 else str(index), item)
            for index, (name, item) in enumerate(zip(names, self.value, strict=True))
        ]

    def child(self, segment: str) -> Node | None:
        """The child that `segment` names; an index always works for a list."""
        found = dict(self.children()).get(segment)
        if found is None and isinstance(self.value, list) and segment.isdecimal() and len(segment) < 6:
            return self.value[int(segment)] if int(segment) < len(self.value) else None
        return found


def _name_of(item: Node) -> str | None:
    name = item.value.get("name") if isinstance(item.value, dict) else None
    text = name.value if name is not None else None
    return text if isinstance(text, str) and re.fullmatch(r"[A-Za-z][\w-]{0,31}", text) else None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document; `str()` is one line."""

    file: str
    line: int
    """From 1; 0 where there is none."""
    column: int
    key: str
    """The dotted path; empty for the document as a whole."""
    value: Any
    complaint: str
    allowed: str = ""

    def __str__(self) -> str:
        where = printable(self.file, MAX_BYTES) + (f":{self.line}" if self.line else "")
        parts = [where, self.key, self.complaint]
        if self.file == OVERRIDE:
            parts = [f"{OVERRIDE} {self.key}", self.complaint]
        text = ": ".join(part for part in parts if part)
        if not self.allowed:
            return text
        return f"{text}{'' if text.endswith('?') else ';'} allowed: {self.allowed}"


class ConfigurationError(Exception):
    """A document, override or address cannot be used; holds every problem found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:MAX_PROBLEMS]]
        if len(self.problems) > MAX_PROBLEMS:
            lines.append(f"... and {len(self.problems) - MAX_PROBLEMS} more")
        return "\n".join(lines)


def dotted(path: Path) -> str:
    """`path` as it is written in `--set` and in errors."""
    return ".".join(printable(segment) for segment in path)


class Document:
    """A tree of nodes under one name."""

    def __init__(self, name: str, root: Node) -> None:
        self.name = name
        self.root = root

    def find(self, path: Path) -> Node | None:
        """The node at `path`, or None."""
        return self._locate(path)[0]

    def problem(self, path: Path, complaint: str = "", allowed: str = "", *, key: str | None = None) -> Problem:
        """The problem with what stands at `path`; without a `complaint`, its value is the complaint.

        `key` is a key of the mapping at `path` that is missing or unknown.
        """
        node, origin, labels = self._locate(path)
        if key is not None:
            labels = (*labels, key)
            if node is not None and key in node.keys:
                origin, node = node.keys[key], node.child(key)
            else:
                node = None
        value = node.plain() if node is not None else None
        written = labels if origin.source == OVERRIDE else labels[origin.mount :]
        complaint = complaint or f"{shown(value)} is not allowed"
        return Problem(origin.source, origin.line, origin.column, dotted(written), value, complaint, allowed)

    def _locate(self, path: Path) -> tuple[Node | None, Origin, Path]:
        """The node at `path`, the origin of its key or of the nearest that encloses it, and `path` with names."""
        node: Node | None = self.root
        origin, labels = self.root.origin, []
        for segment in path:
            child = node.child(segment) if node is not None else None
            if node is not None and child is not None:
                segment = next(label for label, other in node.children() if other is child)
                origin = node.keys.get(segment, child.origin)
            labels.append(segment)
            node = child
        return node, origin, tuple(labels)

    def mount(self, path: Path, document: Document) -> None:
        """Put the root of `document` in place of the node at `path`."""
        for node in document.root.walk():
            node.origin = replace(node.origin, mount=len(path))
            node.keys = {key: replace(origin, mount=len(path)) for key, origin in node.keys.items()}
        parent = self.find(path[:-1])
        assert parent is not None and isinstance(parent.value, dict)
        parent.value[path[-1]] = document.root
        parent.keys[path[-1]] = document.root.origin

    def override(self, path: Path, value: Node) -> None:
        """Put `value` at `path`, making mappings on the way. Raises `ConfigurationError`."""
        origin = Origin(OVERRIDE)
        node = self.root
        for depth, segment in enumerate(path):
            last = depth == len(path) - 1
            if isinstance(node.value, list):
                item = node.child(segment)
                if item is None:
                    labels = ", ".join(label for label, _ in node.children()) or "none, the list is empty"
                    raise ConfigurationError(_override_problem(path, f"no {printable(segment)} in the list", labels))
                if last:
                    node.value[next(index for index, other in enumerate(node.value) if other is item)] = value
                node = item
            elif isinstance(node.value, dict):
                if last:
                    node.value[segment] = value
                    node.keys[segment] = origin
                elif segment not in node.value:
                    node.value[segment] = Node({}, origin)
                    node.keys[segment] = origin
                node = node.value[segment]
            else:
                held = dotted(path[:depth])
                raise ConfigurationError(_override_problem(path, f"{held} is {shown(node.value)}, which has no keys"))


def _override_problem(path: Path, complaint: str, allowed: str = "") -> Problem:
    return Problem(OVERRIDE, 0, 0, dotted(path), None, complaint, allowed)


def parse(data: bytes | str, name: str) -> Document:
    """Parse one YAML document; `name` is the file's name in errors. Raises `ConfigurationError`."""
    if len(data) > MAX_BYTES:
        raise refusal(name, 0, 0, f"longer than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise refusal(name, line, 0, "not UTF-8 text") from None
    try:
        return Document(name, _Builder(name).build(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reason = " ".join(part for part in (error.context, error.problem) if part)
        hint = "; indent with spaces, not tabs" if r"'\t'" in reason else ""
        raise refusal(name, line, column, f"not YAML: {_one_line(reason)}{hint}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refusal(name, line, 0, "not YAML: a character that YAML does not allow") from None
    except (ValueError, OverflowError):  # PyYAML: escapes beyond Unicode, a version number of thousands of digits
        raise refusal(name, 0, 0, "not YAML: a number or escape out of range") from None


def read(file: Traversable, name: str) -> Document:
    """Read and parse one YAML file; `name` is its name in errors. Raises `ConfigurationError`."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise refusal(name, 0, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return parse(data, name)


def refusal(name: str, line: int, column: int, complaint: str, allowed: str = "") -> ConfigurationError:
    """The error that refuses a file as a whole."""
    return ConfigurationError(Problem(name, line, column, "", None, complaint, allowed))


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:200]


class _Builder:
    """Builds nodes from YAML events, so that depth and number are bounded before memory is used."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self._events: Iterator[Any] = iter(())

    def build(self, events: Iterator[Any]) -> Node:
        self._events = events
        next(events)  # stream start
        if isinstance(next(events), yaml.StreamEndEvent):
            return Node(None, Origin(self._name, 1, 1))
        root = self._node(next(events), 0)
        next(events)  # document end
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._refuse(following, "a second document begins; one is allowed")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._refuse(event, f"*{printable(str(event.anchor))} names no finished anchor")
            original = self._anchors[event.anchor]
            self._counted(event, sum(1 for _ in original.walk()))
            return copy.deepcopy(original)
        self._counted(event, 1)
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag is not None:
            raise self._refuse(event, f"tags such as {printable(event.tag)} are not allowed")
        origin = self._origin(event)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event), origin)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node(list(self._items(depth + 1)), origin)
        else:
            node = self._mapping(origin, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth)

    def _mapping(self, origin: Origin, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Origin] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse(event, "a key must be text")
            self._scalar(event)
            key = event.value
            if key in keys:
                raise self._refuse(event, f"{printable(key)}: given twice, first in line {keys[key].line}")
            keys[key] = self._origin(event)
            values[key] = self._node(next(self._events), depth)
        return Node(values, origin, keys)

    def _scalar(self, event: Any) -> Scalar:
        try:
            event.value.encode()
        except UnicodeEncodeError:
            raise self._refuse(event, "half of a surrogate pair is no character") from None
        plain = event.implicit[0] and event.style is None
        return _resolve(event.value) if plain else str(event.value)

    def _counted(self, event: Any, number: int) -> None:
        self._count += number
        if self._count > MAX_NODES:
            raise self._refuse(event, f"more than {MAX_NODES} values")

    def _origin(self, event: Any) -> Origin:
        return Origin(self._name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, complaint: str) -> ConfigurationError:
        origin = self._origin(event)
        return refusal(self._name, origin.line, origin.column, complaint)


_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,15}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")


def _resolve(text: str) -> Scalar:
    """A plain scalar's value by the YAML 1.2 core schema; numbers too long or not finite stay text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
