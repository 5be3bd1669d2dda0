"""Documents against msgspec types: every problem with its place, and the documentation of the types.

msgspec converts and stops at its first complaint; `check` walks the document along the same types and collects all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.inspect import (
    BoolType,
    DictType,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from net4ai.app.yaml_document import ConfigurationError, Document, Node, Path, Problem
from net4ai.codecs.wording import nearest, numbers, shown

__all__ = ["check", "convert", "schema_table"]

ACRONYMS = {"cqi": "CQI", "ran": "RAN", "ue": "UE"}

S = TypeVar("S", bound=Struct)


def convert(document: Document, type_: type[S]) -> S:
    """`document` as a `type_`. Raises `ConfigurationError` with every problem found."""
    problems = list(check(document, document.root, type_, ()))
    if problems:
        raise ConfigurationError(*problems)
    return msgspec.convert(document.root.plain(), type_)


def check(document: Document, node: Node, annotation: Any, path: Path) -> Iterator[Problem]:
    """What is wrong with `node`, at `path` of `document`, as a value of the type `annotation`."""
    info = _bare(type_info(annotation))
    structs = _struct_types(info)
    if structs and isinstance(node.value, dict):
        yield from _check_structs(document, node, structs, path)
    elif isinstance(info, DictType) and isinstance(node.value, dict):
        key_type, value_type = get_args(_unannotated(annotation))
        for key, child in node.value.items():
            if _fits(key, key_type):
                yield from check(document, child, value_type, (*path, key))
            else:
                yield document.problem(path, "not a name", _describe(type_info(key_type)), key=key)
        yield from _check_length(document, node, info, path)
    elif isinstance(info, (ListType, VarTupleType)) and isinstance(node.value, list):
        item_type = get_args(_unannotated(annotation))[0]
        for segment, child in node.children():
            yield from check(document, child, item_type, (*path, segment))
        yield from _check_length(document, node, info, path)
    elif not _fits(node.plain(), annotation):
        yield document.problem(path, allowed=_describe(type_info(annotation)))


def _check_structs(document: Document, node: Node, structs: list[StructType], path: Path) -> Iterator[Problem]:
    """A mapping, as the one struct or as that among several which its tag names."""
    assert isinstance(node.value, dict)
    chosen, key = structs[0], structs[0].tag_field
    if key is not None:
        by_tag = {str(struct.tag): struct for struct in structs}
        tag = node.value.get(key)
        if tag is None:
            yield document.problem(path, "missing", ", ".join(by_tag), key=key)
            return
        word = tag.value if isinstance(tag.value, str) else ""
        if word not in by_tag:
            complaint = f"{shown(tag.plain())} is not allowed{nearest(word, by_tag)}"
            yield document.problem((*path, key), complaint, ", ".join(by_tag))
            return
        chosen = by_tag[word]
    yield from _check_struct(document, node, chosen, path)


def _check_struct(document: Document, node: Node, struct: StructType, path: Path) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct.cls)}
    assert isinstance(node.value, dict)
    for key, child in node.value.items():
        if key in fields:
            yield from check(document, child, fields[key].type, (*path, key))
        elif key != struct.tag_field:
            yield document.problem(path, f"unknown key{nearest(key, fields)}", ", ".join(_keys(struct)), key=key)
    for key, field in fields.items():
        if field.required and key not in node.value:
            yield document.problem(path, "missing", _describe(type_info(field.type)), key=key)


def _check_length(
    document: Document, node: Node, info: DictType | ListType | VarTupleType, path: Path
) -> Iterator[Problem]:
    if isinstance(node.value, (dict, list)):
        if info.min_length is not None and len(node.value) < info.min_length:
            yield document.problem(path, allowed=f"at least {info.min_length} of them")
        if info.max_length is not None and len(node.value) > info.max_length:
            yield document.problem(path, f"{len(node.value)} are too many", f"at most {info.max_length} of them")


def _fits(value: object, annotation: Any) -> bool:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return False
    return True


def _unannotated(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _bare(info: Type) -> Type:
    while isinstance(info, Metadata):
        info = info.type
    return info


def _struct_types(info: Type) -> list[StructType]:
    """The structs that a value of the type can be."""
    choices = info.types if isinstance(info, UnionType) else (info,)
    return [bare for choice in choices if isinstance(bare := _bare(choice), StructType)]


def _keys(struct: StructType) -> list[str]:
    """Keys of a struct's mapping, its tag first."""
    tag = [struct.tag_field] if struct.tag_field is not None else []
    return [*tag, *(field.encode_name for field in struct.fields)]


def _describe(info: Type) -> str:
    """The values of a type, in words."""
    if isinstance(info, Metadata):
        return (info.extra or {}).get("allowed") or _describe(info.type)
    match info:
        case BoolType():
            return "true or false"
        case IntType():
            return numbers("an integer", info.ge, info.gt, info.le)
        case FloatType():
            return numbers("a number", info.ge, info.gt, info.le)
        case StrType():
            least = f"{info.min_length} to" if info.min_length else "up to"
            return "text" if info.max_length is None else f"text of {least} {info.max_length} characters"
        case NoneType():
            return "null"
        case LiteralType():
            return ", ".join(str(value) for value in info.values)
        case UnionType():
            others = [_describe(choice) for choice in info.types if not isinstance(_bare(choice), StructType)]
            return " or ".join([*others, *_describe_structs(_struct_types(info))])
        case StructType():
            return _describe_structs([info])[0]
        case DictType():
            return f"a mapping from names to {_plural(info.value_type)}"
        case ListType() | VarTupleType():
            return f"a list of {_plural(info.item_type)}"
    raise TypeError(f"no description of {info}")  # a schema uses a type that documents cannot hold


def _describe_structs(structs: list[StructType]) -> list[str]:
    tags = [str(struct.tag) for struct in structs if struct.tag_field is not None]
    if tags:
        return [f"a mapping with {structs[0].tag_field}: {', '.join(tags)}"]
    return [f"a mapping with the keys {', '.join(_keys(struct))}" for struct in structs]


def _plural(info: Type) -> str:
    bare = _bare(info)
    if isinstance(bare, StructType):
        return f"mappings with the keys {', '.join(field.encode_name for field in bare.fields)}"
    return {IntType: "integers", FloatType: "numbers", StrType: "names"}.get(type(bare), "values")


def schema_table(type_: type[Struct], elsewhere: Collection[type[Struct]] = ()) -> str:
    """Markdown that documents every key of `type_` and of the types within it, one table each.

    Types documented `elsewhere` in the same text are only linked.
    """
    tables, waiting, seen = [], [type_], {type_, *elsewhere}
    while waiting:
        cls = waiting.pop(0)
        rows = [f"### {_title(cls)}", "", (cls.__doc__ or "").strip(), ""]
        rows += ["| key | allowed | default | meaning |", "|---|---|---|---|"]
        (struct,) = _struct_types(type_info(cls))
        if struct.tag_field is not None:
            rows.append(f"| `{struct.tag_field}` | {struct.tag} | needed | Says which of the mappings it is. |")
        for field in msgspec.structs.fields(cls):
            info = type_info(field.type)
            inner = [found for found in _structs(info) if found not in seen]
            waiting += inner
            seen.update(inner)
            default = "needed" if field.required else _default(field)
            rows.append(f"| `{field.encode_name}` | {_cell(info)} | {default} | {_description(info)} |")
        tables.append("\n".join(rows))
    return "\n\n".join(tables) + "\n"


def _structs(info: Type) -> list[type[Struct]]:
    bare = _bare(info)
    match bare:
        case StructType() | UnionType():
            return [struct.cls for struct in _struct_types(bare)]
        case DictType(value_type=inner) | ListType(item_type=inner) | VarTupleType(item_type=inner):
            return _structs(inner)
    return []


def _title(cls: type[Struct]) -> str:
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in cls.__name__).split()
    first, *rest = (ACRONYMS.get(word, word) for word in words)
    return " ".join([first if first.isupper() else first.capitalize(), *rest])


def _cell(info: Type) -> str:
    bare, inner = _bare(info), _structs(info)
    if not inner:
        return _describe(info).replace("|", "\\|")
    titles = [_title(cls) for cls in inner]
    links = [f"[{title}](#{title.lower().replace(' ', '-')})" for title in titles]
    if not isinstance(bare, (DictType, ListType, VarTupleType)):
        others = bare.types if isinstance(bare, UnionType) else ()
        return " or ".join([*(_describe(other) for other in others if not _structs(other)), *links])
    bounds = (("at least", bare.min_length), ("at most", bare.max_length))
    size = ", ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
    kind = "a mapping from names to" if isinstance(bare, DictType) else "a list of"
    return f"{kind} {' or '.join(links)}" + (f" ({size})" if size else "")


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    plain = msgspec.to_builtins(value)
    if isinstance(value, Struct):
        return "its defaults"
    return f"`{msgspec.json.encode(plain).decode()}`"


def _description(info: Type) -> str:
    text = (info.extra_json_schema or {}).get("description", "") if isinstance(info, Metadata) else ""
    return text.replace("|", "\\|")
