"""Declarations as objects of the construct library, for users who know it and as an independent second opinion.

    construct_type(L2Header).parse(octets)         a Container with the field names of the class; codes are numbers
    construct_type(L2Header).build(dict(...))      values of a message: dataclasses.asdict(message)
    construct_type(rrc.Rrc.FAMILY).parse(octets)   message_type and body

The stack does not use them. Compiled ones read faster, but accept octets cut short and raise errors of other
libraries: see docs/decisions/0002-signalling-codec.md. The interpreted ones (`compiled=False`) check everything.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any

import construct
from construct import Check, Computed, If, Rebuild, this

from net4ai.codecs.declaration import (
    Family,
    FixedField,
    FixedRun,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
    VariableField,
    Word,
)

_NUMBER = {8: construct.Int8ub, 16: construct.Int16ub, 32: construct.Int32ub, 64: construct.Int64ub}


def construct_type(declared: type[Structure] | Family, *, compiled: bool = False) -> Any:
    """The construct object of a structure, a message (with its type) or a whole family.

    It parses exactly what `from_bytes` (for messages and families `decode`) takes: octets left over are an error.
    """
    if isinstance(declared, Family):
        parts = _family(declared)
    elif issubclass(declared, Message):
        # Without a name: a message may have a field `message_type` of its own.
        parts = [("", construct.Const(declared.CODE, construct.Int8ub)), *_parts(declared)]
    else:
        parts = list(_parts(declared))
    whole = _struct([*parts, ("", construct.Terminated)])
    return whole.compile() if compiled else whole


def _struct(parts: list[tuple[str, Any]]) -> Any:
    return construct.Struct(*(name / part if name else part for name, part in parts))


def _family(family: Family) -> list[tuple[str, Any]]:
    bodies = {code: _struct(list(_parts(message))) for code, message in family.messages.items()}
    return [
        ("message_type", construct.Int8ub),
        ("body", construct.Switch(this.message_type, bodies, default=construct.GreedyBytes)),
    ]


def _parts(structure: type[Structure]) -> Iterator[tuple[str, Any]]:
    number = 0
    for part in structure.PARTS:
        if isinstance(part, FixedRun):
            for word in part.words:
                yield from _word(f"_word_{number}", word)
                number += 1
        else:
            name, spec = part
            yield from _variable(name, spec)


def _word(word_name: str, word: Word) -> Iterator[tuple[str, Any]]:
    """A word of several fields is read as a number, which its fields are computed from, and the other way round."""
    name, spec, _ = word.fields[0]
    if len(word.fields) == 1:
        if spec.reserved:
            yield "", construct.Padding(spec.bits // 8)
        elif spec.constant is not None:
            yield name, construct.Const(spec.constant, _NUMBER[spec.bits])
        else:
            yield name, _NUMBER[spec.bits]
            yield from _range(name, spec)
        return
    chosen = [(name, spec, shift) for name, spec, shift in word.fields if not spec.reserved]
    for name, spec, _ in chosen:
        if spec.constant is None:
            # A number too large would spill over its neighbours.
            fits = (getattr(this, name) >= 0) & (getattr(this, name) < 1 << spec.bits)
            yield "", If(this._building, Check(fits))
    placed = (
        spec.constant << shift if spec.constant is not None else getattr(this, name) << shift
        for name, spec, shift in chosen
    )
    yield word_name, Rebuild(_NUMBER[word.bits], functools.reduce(operator.or_, placed))
    for name, spec, shift in chosen:
        value = (getattr(this, word_name) >> shift) & ((1 << spec.bits) - 1)
        yield name, Computed(value == 1 if spec.is_flag else value)
        yield from _range(name, spec)


def _range(name: str, spec: FixedField) -> Iterator[tuple[str, Any]]:
    value = getattr(this, name)
    if spec.constant is not None:
        yield "", Check(value == spec.constant)
    elif spec.checked:
        yield "", Check((value >= spec.minimum) & (value <= spec.largest))


def _variable(name: str, spec: VariableField) -> Iterator[tuple[str, Any]]:
    match spec:
        case OctetsField(length_bits=0):
            yield name, construct.GreedyBytes
            yield "", Check(construct.len_(getattr(this, name)) <= spec.maximum)
        case OctetsField():
            octets = construct.Prefixed(_length(spec.length_bits, spec.maximum), construct.GreedyBytes)
            yield name, construct.StringEncoded(octets, "utf8") if spec.text else octets
        case ListField():
            element = _struct(list(_parts(spec.element)))
            yield name, construct.PrefixedArray(_length(spec.count_bits, spec.maximum), element)
        case NestedField():
            yield name, _struct(list(_parts(spec.element)))


def _length(bits: int, maximum: int) -> Any:
    number = _NUMBER[bits]
    return number if maximum == (1 << bits) - 1 else construct.ExprValidator(number, construct.obj_ <= maximum)
