"""Writes what is derived from the declarations and kept in the source tree.

    python -m net4ai.codecs.generate            writes the products
    python -m net4ai.codecs.generate --check    exits 1 and names those that are stale

The products are `docs/spec/fields.md` and `pcaps/wireshark/net4ai_fields.lua`. They cannot check the declarations they
come from: that is what the hand-written examples of `docs/spec/examples.md` are for.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from types import ModuleType

from net4ai.codecs import causes, common, dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.declaration import (
    Family,
    FieldType,
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
)

MODULES: tuple[tuple[str, ModuleType], ...] = (
    ("Layer 2", l2),
    ("Deep Edge Protocol (DEP)", dep),
    ("Messages between functions", message),
    ("RRC", rrc),
    ("NAS", nas),
    ("N2", n2),
    ("Signalling on T4 and T8", link),
    ("Structures shared by several protocols", common),
    ("Causes", causes),
)
"""Heading and module, in the order of the document. What a module declares is found, not listed."""


class NoSourceTree(RuntimeError):
    """The program runs from an installed package: there is nothing to write to."""


# ---------------------------------------------------------------------------------------------------------------------
# What is declared


def structures(module: ModuleType) -> list[type[Structure]]:
    """Structures declared in `module`, messages of families left out."""
    return [
        item
        for item in _own(module)
        if issubclass(item, Structure) and not issubclass(item, Message) and item.DECLARATION
    ]


def families(module: ModuleType) -> list[Family]:
    """Families of messages declared in `module`."""
    found = (item.FAMILY for item in _own(module) if issubclass(item, Message) and "FAMILY" in vars(item))
    return list(found)


def code_tables(module: ModuleType) -> list[type[IntEnum]]:
    """Code tables declared in `module`."""
    return [item for item in _own(module) if issubclass(item, IntEnum)]


def _own(module: ModuleType) -> Iterator[type]:
    for item in vars(module).values():
        if isinstance(item, type) and item.__module__ == module.__name__:
            yield item


def code_meanings(codes: type[IntEnum]) -> dict[str, str]:
    """The text written below each member of a code table, by its name. Needs the source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(codes))).body[0]
    assert isinstance(body, ast.ClassDef)
    meanings: dict[str, str] = {}
    name = ""
    for statement in body.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case ast.Expr(value=ast.Constant(value=str(meaning))) if name:
                meanings[name] = _line(meaning)
    return meanings


# ---------------------------------------------------------------------------------------------------------------------
# docs/spec/fields.md

_PREFACE = """# Fields

Generated from the declarations in `codecs/` by `python -m net4ai.codecs.generate`; do not edit.
Octets and bits are counted from 0, the most significant bit first; numbers are big endian. "At 1.3" is bit 3 of
octet 1. A position that depends on a field before it is not given.

A receiver ignores reserved bits and keeps codes it does not know. A value outside the range given, octets missing and
octets left over are decode errors.
"""


def render_fields() -> str:
    """The document with the tables of every header, structure, message and code."""
    parts = [_PREFACE]
    for heading, module in MODULES:
        parts.append(f"\n## {heading}\n\n{_paragraphs(module.__doc__)}\n")
        parts += map(_render_structure, structures(module))
        for family in families(module):
            parts.append(_render_overview(family))
            parts += map(_render_message, _by_code(family))
        parts += map(_render_codes, code_tables(module))
    return "".join(parts)


def _by_code(family: Family) -> list[type[Message]]:
    return [family.messages[code] for code in sorted(family.messages)]


def _render_structure(structure: type[Structure]) -> str:
    facts = [_size(structure), structure.REFERENCE]
    return _section(structure.__name__, structure, facts, 0)


def _render_message(message: type[Message]) -> str:
    facts = [
        f"Message type {_code(message.CODE)}",
        f"`{message.__name__}`",
        f"{message.BEARER}, {message.DIRECTION}",
        message.REFERENCE,
    ]
    return _section(message.NAME, message, facts, 1)


def _section(title: str, structure: type[Structure], facts: Sequence[str], start: int) -> str:
    lines = [f"\n### {title}\n", _paragraphs(structure.__doc__), "", ". ".join(filter(None, facts)) + ".", ""]
    lines += ["| at | size | field | values | meaning |", "|---|---|---|---|---|"]
    if start:
        code = getattr(structure, "CODE", 0)
        lines.append(f"| 0 | 8 bits | message type | {_code(code)} | {title}. |")
    lines += _rows(structure, start * 8)
    return "\n".join(lines) + "\n"


def _rows(structure: type[Structure], position: int | None) -> Iterator[str]:
    for name, spec in structure.DECLARATION.items():
        shown = "reserved" if isinstance(spec, FixedField) and spec.reserved else f"`{name}`"
        yield f"| {_at(position)} | {_width(spec)} | {shown} | {_values(spec)} | {_line(spec.doc)} |"
        bits = fixed_bits(spec)
        position = None if position is None or bits is None else position + bits


def fixed_bits(spec: FieldType) -> int | None:
    """The bits a field takes, or None where that depends on its value."""
    match spec:
        case FixedField(bits=bits):
            return bits
        case NestedField(element=element):
            widths = [fixed_bits(inner) for inner in element.DECLARATION.values()]
            return None if None in widths else sum(width for width in widths if width is not None)
    return None


def _at(position: int | None) -> str:
    if position is None:
        return ""
    octet, bit = divmod(position, 8)
    return f"{octet}.{bit}" if bit else f"{octet}"


def _width(spec: FieldType) -> str:
    match spec:
        case FixedField(bits=bits):
            return f"{bits} bit{'s' if bits > 1 else ''}"
        case OctetsField(length_bits=0):
            return "the rest"
        case OctetsField(length_bits=bits):
            return f"{bits}-bit length, octets"
        case ListField(count_bits=bits):
            return f"{bits}-bit count, elements"
        case NestedField():
            bits_taken = fixed_bits(spec)
            return "varies" if bits_taken is None else f"{bits_taken} bits"


def _values(spec: FieldType) -> str:
    match spec:
        case FixedField(reserved=True):
            return "0"
        case FixedField(codes=codes) if codes is not None:
            return f"[{codes.__name__}]({anchor(codes.__name__)})"
        case FixedField(constant=value, hexadecimal=hexadecimal) if value is not None:
            return _code(value) if hexadecimal else str(value)
        case FixedField(is_flag=True):
            return "0, 1"
        case FixedField(minimum=smallest, hexadecimal=True):
            return f"{smallest:#x} to {spec.largest:#x}"
        case ListField(element=element, maximum=largest):
            return f"0 to {largest} [{element.__name__}]({anchor(element.__name__)})"
        case NestedField(element=element):
            return f"[{element.__name__}]({anchor(element.__name__)})"
    return spec.allowed().replace("text of", "UTF-8,")


def _render_overview(family: Family) -> str:
    lines = ["", f"### {family.name} messages", "", _paragraphs(family.doc), ""]
    lines += ["| type | message | bearer | direction | reference |", "|---|---|---|---|---|"]
    lines += [
        f"| {_code(item.CODE)} | [{item.NAME}]({anchor(item.NAME)}) | {item.BEARER} | {item.DIRECTION} "
        f"| {item.REFERENCE} |"
        for item in _by_code(family)
    ]
    return "\n".join(lines) + "\n"


def _render_codes(codes: type[IntEnum]) -> str:
    meanings = code_meanings(codes)
    lines = [
        "",
        f"### {codes.__name__}",
        "",
        _paragraphs(codes.__doc__),
        "",
        "| code | name | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| {code.value} | {code.name} | {meanings.get(code.name, '')} |" for code in codes]
    return "\n".join(lines) + "\n"


def _size(structure: type[Structure]) -> str:
    widths = [fixed_bits(spec) for spec in structure.DECLARATION.values()]
    if None in widths:
        return ""
    count = sum(width for width in widths if width is not None) // 8
    return f"{count} octet{'s' if count > 1 else ''}"


def _code(value: int) -> str:
    return f"0x{value:02X}"


def anchor(title: str) -> str:
    """Where a heading can be linked to: in small letters, spaces as hyphens, of everything else letters and digits."""
    return "#" + "".join(
        character for character in title.lower().replace(" ", "-") if character.isalnum() or character in "-_"
    )


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _paragraphs(text: str | None) -> str:
    return inspect.cleandoc(text or "")


# ---------------------------------------------------------------------------------------------------------------------
# Products


def products() -> dict[str, Callable[[], str]]:
    """What is generated: path below the root of the source tree, and the function that renders it."""
    found: dict[str, Callable[[], str]] = {"docs/spec/fields.md": render_fields}
    if importlib.util.find_spec("net4ai.codecs.lua_fields") is not None:
        found["pcaps/wireshark/net4ai_fields.lua"] = importlib.import_module("net4ai.codecs.lua_fields").render
    return found


def source_tree() -> Path:
    """The root of the source tree this module lies in. Raises `NoSourceTree` in an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "pyproject.toml").is_file() or not (root / "docs" / "spec").is_dir():
        raise NoSourceTree(
            f"{root} is not the source tree of net4ai (no pyproject.toml and docs/spec there); "
            "run this from a clone with `pip install --editable .`"
        )
    return root


def stale(root: Path) -> list[str]:
    """Products in `root` that are missing or differ from what would be written."""
    return [path for path, render in products().items() if _read(root / path) != render()]


def write(root: Path) -> list[str]:
    """Writes the products that are stale and gives their paths."""
    paths = stale(root)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(products()[path](), encoding="utf-8")
    return paths


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all products are (now) fresh; 1: `--check` found stale ones; 2: no source tree."""
    parser = argparse.ArgumentParser(
        prog="python -m net4ai.codecs.generate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a product is stale")
    check: bool = parser.parse_args(arguments).check
    try:
        root = source_tree()
    except NoSourceTree as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not check:
        for path in write(root):
            print(f"wrote {path}")
        return 0
    paths = stale(root)
    for path in paths:
        print(f"stale: {path}; run `python -m net4ai.codecs.generate`", file=sys.stderr)
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main())
