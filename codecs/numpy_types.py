"""Headers as numpy types: thousands of equal headers read at once instead of one by one.

    headers = numpy.ndarray(count, DATA_HEADERS, buffer, strides=segment)      a batch of datagrams, end to end
    headers["DepHeader"]["handle"]                                             a word that is one field
    bit_field(DepHeader, "qfi").read(headers["DepHeader"])                     a field that shares its word

Ranges, constants and reserved bits are not checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from net4ai.codecs.declaration import Structure, Word
from net4ai.codecs.dep import DataBody, DepHeader
from net4ai.codecs.l2 import L2Header

Headers = NDArray[np.void]
"""An array of `header_type`."""


def header_type(structure: type[Structure]) -> np.dtype[np.void]:
    """The numpy type of a structure of fixed fields: big endian, no padding, one entry for each word.

    A word of one field has the field's name, a word of several ``word_`` and its number, from 0. Raises TypeError for
    structures with fields of variable length.
    """
    words = structure.fixed_run().words
    return np.dtype([(_name(number, word), f">u{word.bits // 8}") for number, word in enumerate(words)])


def headers_type(*structures: type[Structure]) -> np.dtype[np.void]:
    """Several structures one behind the other, each an entry named as its class."""
    return np.dtype([(structure.__name__, header_type(structure)) for structure in structures])


def _name(number: int, word: Word) -> str:
    return word.fields[0][0] if len(word.fields) == 1 else f"word_{number}"


@dataclass(frozen=True, slots=True)
class BitField:
    """Where a field lies in the words of its header."""

    word: str
    """Entry of the numpy type."""
    shift: int
    mask: int
    """After the shift: the largest value."""

    def read(self, headers: Headers) -> NDArray[Any]:
        """The field of every header, shape of `headers`."""
        return (headers[self.word] >> self.shift) & self.mask

    def write(self, headers: Headers, values: ArrayLike) -> None:
        """Sets the field in every header; its neighbours keep their values, and `values` lose bits that do not fit."""
        column = headers[self.word]
        kept = column & (np.iinfo(column.dtype).max ^ (self.mask << self.shift))
        headers[self.word] = kept | ((np.asarray(values).astype(column.dtype) & self.mask) << self.shift)


def bit_field(structure: type[Structure], name: str) -> BitField:
    """Where field `name` of `structure` lies. Raises KeyError for a name that is none of its fields."""
    for number, word in enumerate(structure.fixed_run().words):
        for field, spec, shift in word.fields:
            if field == name:
                return BitField(_name(number, word), shift, (1 << spec.bits) - 1)
    raise KeyError(f"{structure.__name__} has no field {name!r}; it has {', '.join(structure.DECLARATION)}")


DATA_HEADERS = headers_type(L2Header, DepHeader, DataBody)
"""The 32 octets before the payload of a DATA PDU."""
