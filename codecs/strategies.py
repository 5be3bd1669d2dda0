"""Hypothesis strategies out of the declarations: any value a structure or message can have.

For property tests, also of third parties; needs hypothesis (the extra `test`), which nothing else here does.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from net4ai.codecs.declaration import (
    Family,
    FieldType,
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
    UnknownMessage,
)

AnyStructure = TypeVar("AnyStructure", bound=Structure)

MAXIMUM_OCTETS = 64
"""Octets drawn for one field, so that examples stay small."""
MAXIMUM_ELEMENTS = 3


def values(structure: type[AnyStructure]) -> st.SearchStrategy[AnyStructure]:
    """Every value of `structure`: numbers over their whole range, known and unknown codes, lists, texts."""
    return st.builds(
        structure,
        **{
            name: _field(spec)
            for name, spec in structure.DECLARATION.items()
            if not (isinstance(spec, FixedField) and (spec.reserved or spec.constant is not None))
        },
    )


def messages(family: Family) -> st.SearchStrategy[Message | UnknownMessage]:
    """Every message of `family`, and messages of types it does not know."""
    unknown = [code for code in range(256) if code not in family.messages]
    return st.one_of(
        *map(values, family.messages.values()),
        st.builds(UnknownMessage, st.sampled_from(unknown), st.binary(max_size=MAXIMUM_OCTETS)),
    )


def _field(spec: FieldType) -> st.SearchStrategy[Any]:
    match spec:
        case FixedField(is_flag=True):
            return st.booleans()
        case FixedField(codes=codes) if codes is not None:
            return st.sampled_from(list(codes)) | st.integers(spec.minimum, spec.largest)
        case FixedField():
            return st.integers(spec.minimum, spec.largest)
        case OctetsField(text=True, maximum=maximum):
            texts = st.text(max_size=min(maximum, MAXIMUM_OCTETS))
            return texts.filter(lambda text: len(text.encode()) <= maximum)
        case OctetsField(maximum=maximum):
            return st.binary(max_size=min(maximum, MAXIMUM_OCTETS))
        case ListField(element=element, maximum=maximum):
            elements = st.lists(values(element), max_size=min(maximum, MAXIMUM_ELEMENTS))
            return elements.map(tuple)
        case NestedField(element=element):
            return values(element)
