"""Packet diagrams of declared structures, 32 bits wide, as RFCs have them."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from net4ai.codecs.declaration import FixedField, ListField, Message, NestedField, OctetsField, Structure

WIDTH = 32
_RULER = (
    " 0                   1                   2                   3",
    " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
)
_LINE = "+-" * WIDTH + "+"
_CONTINUED = ", continued"


@dataclass(frozen=True, slots=True)
class _Cell:
    """Part of a row, or (no bits) a row of its own for what has no fixed length."""

    name: str
    bits: int


def packet_diagram(structure: type[Structure]) -> str:
    """The diagram, a line for each 32 bits, and what the letters stand for where a name does not fit."""
    letters = iter(string.ascii_lowercase)
    legend: list[str] = []
    lines = [*_RULER, _LINE]
    for row in _rows(list(_cells(structure))):
        if not row[0].bits:
            lines += [f"/{row[0].name:^{2 * WIDTH - 1}}/", _LINE]
            continue
        labels = []
        for cell in row:
            label = cell.name
            if len(label) > 2 * cell.bits - 1 and label.endswith(_CONTINUED):
                label = "..."
            elif len(label) > 2 * cell.bits - 1:
                letter = next(letters)
                legend.append(f"{letter} {label}")
                label = letter
            labels.append(f"{label:^{2 * cell.bits - 1}}")
        filled = sum(cell.bits for cell in row)
        lines += [f"|{'|'.join(labels)}|", _LINE if filled == WIDTH else "+-" * filled + "+"]
    if legend:
        lines += ["", ", ".join(legend)]
    return "\n".join(lines)


def _cells(structure: type[Structure]) -> Iterator[_Cell]:
    if issubclass(structure, Message):
        yield _Cell(f"type 0x{structure.CODE:02X}", 8)
    for name, spec in structure.DECLARATION.items():
        match spec:
            case FixedField(reserved=True, bits=bits):
                yield _Cell("0" if bits < 5 else "reserved", bits)
            case FixedField(bits=bits):
                yield _Cell(name, bits)
            case OctetsField(length_bits=bits):
                if bits:
                    yield _Cell(f"length of {name}", bits)
                yield _Cell(name, 0)
            case ListField(count_bits=bits, element=element):
                yield _Cell(f"count of {name}", bits)
                yield _Cell(f"{name}: {element.__name__} ...", 0)
            case NestedField(element=element):
                yield from _cells(element)


def _rows(cells: Sequence[_Cell]) -> Iterator[list[_Cell]]:
    row: list[_Cell] = []
    used = 0
    for cell in cells:
        left, name = cell.bits, cell.name
        if not left:
            if row:
                yield row
            row, used = [], 0
            yield [cell]
        while left:
            bits = min(left, WIDTH - used)
            row.append(_Cell(name, bits))
            left, used = left - bits, used + bits
            name = cell.name + _CONTINUED
            if used == WIDTH:
                yield row
                row, used = [], 0
    if row:
        yield row
