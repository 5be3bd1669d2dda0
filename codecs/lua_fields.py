"""The field table of the Wireshark plugin: every declared header, structure and message as Lua data, without logic.

    return {
      structures = {l2_header = {...}, dep_header = {...}, ...},
      families = {rrc = {messages = {[1] = {name = "RRC Setup Request", parts = {...}}, ...}, ...}, ...},
      codes = {Cause = {[0] = "UNSPECIFIED", ...}, ...},
      exchanges = {rrc = {{requests = {1}, answers = {2, 4}, by = {"ue_identity"}}, ...}, ...},
    }

A part of a structure is a word (with its fields: mask, divisor, range, codes), octets, a list or a nested structure.
A quiet field is shown only where it is not 0.
The plugin (`pcaps/wireshark/net4ai.lua`) walks these parts. `render` is called by `net4ai.codecs.generate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from net4ai.codecs import dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import (
    Family,
    FixedRun,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
    Word,
)

LuaValue = bool | int | str | list["LuaValue"] | dict["str | int", "LuaValue"]
"""What can be written as a Lua expression. A list counts from 1 in Lua."""

LuaTable = dict[str | int, LuaValue]

LINE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Exchange:
    """Requests and what answers them: the plugin links the packets."""

    requests: tuple[type[Message], ...]
    answers: tuple[type[Message], ...]
    by: tuple[str, ...]
    """Fields that are equal in both. `ue` stands for the UE: the C-RNTI on the Uu, `ran_ue` on N2."""
    unasked: bool = False
    """The answer also comes without the request."""


EXCHANGES: tuple[Exchange, ...] = (
    Exchange((rrc.SetupRequest, rrc.ReestablishmentRequest), (rrc.Setup, rrc.Reject), ("ue_identity",)),
    Exchange((rrc.Setup,), (rrc.SetupComplete,), ("ue", "transaction")),
    Exchange((rrc.SecurityModeCommand,), (rrc.SecurityModeComplete, rrc.SecurityModeFailure), ("ue", "transaction")),
    Exchange((rrc.Reconfiguration,), (rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), ("ue", "transaction")),
    Exchange((rrc.ReestablishmentRequest,), (rrc.Reestablishment,), ("ue",)),
    Exchange((rrc.Reestablishment,), (rrc.ReestablishmentComplete,), ("ue", "transaction")),
    Exchange((nas.RegistrationRequest,), (nas.RegistrationAccept, nas.RegistrationReject), ("ue",)),
    Exchange((nas.RegistrationAccept,), (nas.RegistrationComplete,), ("ue",)),
    Exchange((nas.AuthenticationRequest,), (nas.AuthenticationResponse, nas.AuthenticationFailure), ("ue",)),
    Exchange((nas.SecurityModeCommand,), (nas.SecurityModeComplete, nas.SecurityModeReject), ("ue",)),
    Exchange((nas.ServiceRequest,), (nas.ServiceAccept, nas.ServiceReject), ("ue",)),
    Exchange((nas.DeregistrationRequest,), (nas.DeregistrationAccept,), ("ue",)),
    Exchange((nas.NetworkDeregistrationRequest,), (nas.NetworkDeregistrationAccept,), ("ue",)),
    Exchange(
        (nas.ComputingRequest,),
        (nas.ComputingAccept, nas.PduSessionAccept, nas.ComputingReject),
        ("ue", "transaction"),
    ),
    Exchange((nas.RoutineInvite,), (nas.RoutineAccept, nas.RoutineReject), ("ue", "execution")),
    Exchange((nas.RoutineStart,), (nas.RoutineDone,), ("ue", "execution", "turn")),
    Exchange((n2.SetupRequest,), (n2.SetupResponse, n2.SetupFailure), ()),
    Exchange(
        (n2.InitialContextSetupRequest,), (n2.InitialContextSetupResponse, n2.InitialContextSetupFailure), ("ran_ue",)
    ),
    Exchange((n2.SessionSetupRequest,), (n2.SessionSetupResponse, n2.SessionSetupFailure), ("ran_ue", "transaction")),
    Exchange(
        (n2.PduSessionSetupRequest,), (n2.PduSessionSetupResponse, n2.SessionSetupFailure), ("ran_ue", "transaction")
    ),
    Exchange(
        (n2.SessionModifyRequest,), (n2.SessionModifyResponse, n2.SessionModifyFailure), ("ran_ue", "transaction")
    ),
    Exchange((n2.SessionReleaseCommand,), (n2.SessionReleaseResponse,), ("ran_ue", "transaction")),
    Exchange((n2.ContextReleaseRequest,), (n2.ContextReleaseCommand,), ("ran_ue",), unasked=True),
    Exchange((n2.ContextReleaseCommand,), (n2.ContextReleaseComplete,), ("ran_ue",)),
    Exchange((n2.HandoverRequired,), (n2.HandoverCommand, n2.HandoverPreparationFailure), ("ran_ue",)),
    Exchange((n2.HandoverRequest,), (n2.HandoverRequestAcknowledge, n2.HandoverFailure), ("transaction",)),
    Exchange((n2.HandoverCancel,), (n2.HandoverCancelAcknowledge,), ("ran_ue",)),
    Exchange((link.AttachRequest,), (link.AttachAccept, link.AttachReject), ()),
    Exchange(
        (link.Instantiate, link.Terminate, link.SessionAdd, link.SessionRelease, link.Invite, link.Begin),
        (link.Acknowledge, link.Refuse, link.SessionAddComplete, link.Accept),
        ("transaction",),
    ),
    Exchange((link.Start,), (link.Done,), ("execution", "instance", "turn")),
    Exchange((link.Finish,), (link.Restart, link.Complete), ("execution", "instance")),
)

FAMILIES: dict[str, Family] = {
    "rrc": rrc.Rrc.FAMILY,
    "nas": nas.Nas.FAMILY,
    "n2": n2.N2.FAMILY,
    "link": link.Link.FAMILY,
}

STRUCTURES: dict[str, tuple[type[Structure], str]] = {
    "l2_header": (l2.L2Header, "net4ai"),
    "segment_offset": (l2.SegmentOffset, "net4ai.segment"),
    "status_report": (l2.StatusReport, "net4ai.status"),
    "dep_header": (dep.DepHeader, "dep"),
    "extension": (dep.Extension, "dep.extension"),
    "message_prefix": (message.MessagePrefix, "net4ai.message"),
    "record": (message.Record, "net4ai.message.record"),
}
"""Structures that are no message of a family: name in the table, structure, beginning of its filter names."""

ELEMENTS_OF_OCTETS: dict[tuple[type[Structure], str], type[Structure]] = {
    (l2.StatusReport, "missing"): l2.MissingRange,
    (dep.NackBody, "ranges"): dep.MissingOctets,
}
"""Fields declared as octets that hold structures of a fixed size, one after the other."""

CONTENT_OF_OCTETS: dict[str, str] = {"nas": "nas", "settings": "json", "values": "json"}
"""What octets of this field name hold, wherever they occur."""

SHARED_FIELDS: dict[str, tuple[int, str]] = {
    "cause": (16, "Cause, in whichever message it stands."),
    "execution": (32, "Number of an execution, in whichever message it stands."),
    "handle": (32, "Handle of a DEP session, in whichever message it stands."),
    "instance": (32, "Number of an instance, in whichever message it stands."),
    "job": (32, "Number of a job, in whichever message it stands."),
    "ran_ue": (32, "Identity of a UE's context at the RAN node, in whichever message it stands."),
    "seat": (16, "Seat of a client, in whichever message it stands."),
    "session": (8, "Identity of a DEP session at its UE, in whichever message it stands."),
    "turn": (32, "Number of a turn, in whichever message it stands."),
}
"""Fields that can also be filtered by `net4ai.<name>`, over all messages."""

_LABELS: dict[str, str] = {
    "ack_requested": "ACK requested",
    "c_rnti": "C-RNTI",
    "count": "COUNT",
    "dep_version": "DEP version",
    "five_qi": "5QI",
    "has_mac": "Has MAC-I",
    "mac": "MAC-I",
    "nas": "NAS",
    "qfi": "QFI",
    "qos": "QoS",
    "ran_ue": "RAN UE",
    "reencrypted": "Re-encrypted",
    "rsrp": "RSRP",
    "rsrq": "RSRQ",
    "short_mac": "Short MAC-I",
    "sinr": "SINR",
    "ue_identity": "UE identity",
}


def render() -> str:
    """The text of `net4ai_fields.lua`."""
    table: LuaTable = {
        "ports": {"signalling": l2.SIGNALLING_PORT, "bulk": l2.BULK_PORT, "n2": n2.PORT},
        "dep_version": dep.VERSION,
        "maximum_n2_message": n2.MAXIMUM_MESSAGE,
        "element_size": {int(kind): size for kind, size in message.ELEMENT_SIZE.items()},
        "structures": {
            name: {"name": structure.__name__, "doc": _line(structure.__doc__), "parts": _parts(structure, prefix)}
            for name, (structure, prefix) in STRUCTURES.items()
        },
        "bodies": {int(kind): _body(body) for kind, body in dep.BODIES.items()},
        "families": {name: _family(name, family) for name, family in FAMILIES.items()},
        "exchanges": {name: [*_exchanges(family)] for name, family in FAMILIES.items()},
        "shared": [_shared(name, bits, doc) for name, (bits, doc) in SHARED_FIELDS.items()],
        "codes": {codes.__name__: _codes(codes) for codes in _code_tables()},
    }
    lines = [
        "-- Generated from the declarations in codecs/ by `python -m net4ai.codecs.generate`; do not edit.",
        "-- Data of the Wireshark plugin net4ai.lua, which lies beside this file.",
        "",
        "return " + _lua(table, 0),
        "",
    ]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------------
# From declarations to tables


def _family(name: str, family: Family) -> LuaTable:
    return {
        "name": family.name,
        "doc": family.doc,
        "filter": f"net4ai.{name}",
        "messages": {code: _message(family.messages[code], name) for code in sorted(family.messages)},
    }


def _message(item: type[Message], family: str) -> LuaTable:
    return {
        "name": item.NAME,
        "bearer": item.BEARER,
        "direction": item.DIRECTION,
        "before_security": item.BEFORE_SECURITY,
        "doc": _line(item.__doc__),
        "parts": _parts(item, f"net4ai.{family}.{snake_case(item.__name__)}"),
    }


def _body(body: type[Structure]) -> LuaTable:
    name = snake_case(body.__name__.removesuffix("Body"))
    return {"filter": f"dep.{name}", "doc": _line(body.__doc__), "parts": _parts(body, f"dep.{name}")}


def _parts(structure: type[Structure], prefix: str) -> list[LuaValue]:
    parts: list[LuaValue] = []
    for part in structure.PARTS:
        if isinstance(part, FixedRun):
            parts += [_word(word, prefix) for word in part.words]
            continue
        name, spec = part
        common: LuaTable = {"name": name, "label": label(name), "filter": f"{prefix}.{name}"}
        match spec:
            case OctetsField():
                parts.append(_octets(structure, common, spec))
            case ListField():
                parts.append(
                    {
                        "kind": "list",
                        **common,
                        "count_size": spec.count_bits // 8,
                        "maximum": spec.maximum,
                        "doc": spec.doc,
                        "parts": _parts(spec.element, f"{prefix}.{name}"),
                    }
                )
            case NestedField():
                inner = _parts(spec.element, f"{prefix}.{name}")
                parts.append({"kind": "nested", **common, "doc": spec.doc, "parts": inner})
    return parts


def _octets(structure: type[Structure], common: LuaTable, spec: OctetsField) -> LuaTable:
    part: LuaTable = {"kind": "text" if spec.text else "octets", **common}
    part |= {"length_size": spec.length_bits // 8, "maximum": spec.maximum, "doc": spec.doc}
    name = str(common["name"])
    if name in CONTENT_OF_OCTETS and not spec.text:
        part["content"] = CONTENT_OF_OCTETS[name]
    element = ELEMENTS_OF_OCTETS.get((structure, name))
    if element is not None:
        part["element_size"] = element.fixed_run().size
        part["parts"] = _parts(element, str(common["filter"]))
    return part


def _word(word: Word, prefix: str) -> LuaTable:
    return {"kind": "word", "size": word.bits // 8, "fields": [*_fields(word, prefix)]}


def _fields(word: Word, prefix: str) -> Iterator[LuaValue]:
    for name, spec, shift in word.fields:
        field: LuaTable = {"name": name, "label": label(name), "filter": f"{prefix}.{name}"}
        field["type"] = "bool" if spec.is_flag else f"uint{word.bits}"
        if spec.bits != word.bits:
            field |= {"mask": ((1 << spec.bits) - 1) << shift, "divisor": 1 << shift, "modulus": 1 << spec.bits}
        if spec.hexadecimal:
            field["base"] = "HEX"
        if spec.codes is not None:
            field["codes"] = spec.codes.__name__
        if spec.reserved or name.startswith("dimension_"):
            field["quiet"] = True
        if spec.reserved:
            field["reserved"] = True
        elif spec.constant is not None:
            field |= {"minimum": spec.constant, "maximum": spec.constant}
        elif spec.checked:
            field |= {"minimum": spec.minimum, "maximum": spec.largest}
        if SHARED_FIELDS.get(name, (0, ""))[0] == spec.bits:
            field["shared"] = name
        field["doc"] = spec.doc
        yield field


def _shared(name: str, bits: int, doc: str) -> LuaTable:
    field: LuaTable = {"name": name, "label": label(name), "filter": f"net4ai.{name}", "type": f"uint{bits}"}
    if name == "cause":
        field["codes"] = Cause.__name__
    if name == "handle":
        field["base"] = "HEX"
    return {**field, "doc": doc}


def _exchanges(family: Family) -> Iterator[LuaValue]:
    for exchange in EXCHANGES:
        if exchange.requests[0].FAMILY is family:
            yield {
                "requests": [request.CODE for request in exchange.requests],
                "answers": [answer.CODE for answer in exchange.answers],
                "by": list(exchange.by),
                "unasked": exchange.unasked,
            }


def _codes(codes: type[IntEnum]) -> LuaTable:
    return {code.value: code.name for code in sorted(codes)}


def _code_tables() -> Iterable[type[IntEnum]]:
    """The code tables the declarations name, by name."""
    found: dict[str, type[IntEnum]] = {}

    def collect(structure: type[Structure]) -> None:
        for part in structure.PARTS:
            if isinstance(part, FixedRun):
                found.update({spec.codes.__name__: spec.codes for _, spec in part.fields if spec.codes is not None})
            elif isinstance(part[1], ListField | NestedField):
                collect(part[1].element)

    for structure, _ in STRUCTURES.values():
        collect(structure)
    for body in dep.BODIES.values():
        collect(body)
    for family in FAMILIES.values():
        for item in family.messages.values():
            collect(item)
    return [found[name] for name in sorted(found)]


def snake_case(name: str) -> str:
    """`SetupRequest` as it stands in filter names: `setup_request`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def label(name: str) -> str:
    """A field name as Wireshark shows it: `wait_time` is "Wait time"."""
    words = name.replace("_", " ")
    return _LABELS.get(name, words[:1].upper() + words[1:])


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


# ---------------------------------------------------------------------------------------------------------------------
# Lua text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def _lua(value: LuaValue, depth: int) -> str:
    """`value` as a Lua expression, on one line where it is a leaf or fits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    items = (
        [_lua(item, depth + 1) for item in value]
        if isinstance(value, list)
        else [f"{_key(name)} = {_lua(item, depth + 1)}" for name, item in value.items()]
    )
    line = "{" + ", ".join(items) + "}"
    if not any(mark in item for item in items for mark in "{\n") or 2 * depth + len(line) <= LINE_LENGTH:
        return line
    indent = "\n" + "  " * (depth + 1)
    return "{" + "".join(f"{indent}{item}," for item in items) + "\n" + "  " * depth + "}"


def _key(name: str | int) -> str:
    if isinstance(name, int):
        return f"[{name}]"
    return name if _NAME.fullmatch(name) else f'["{name}"]'
