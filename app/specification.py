"""The generated parts of the chapters in docs/spec: packet diagrams, tables of timers, causes, drops, bus messages, and
the state machines.

    python -m net4ai.app.specification            refreshes them
    python -m net4ai.app.specification --check    exits 1 and names the chapters that are stale

A part stands between `<!-- begin NAME -->` and `<!-- end -->`; everything around it is written by hand. The tables of
fields are made by `net4ai.codecs.generate`.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any

from net4ai.app.packet_diagram import packet_diagram
from net4ai.app.schema import schema_table
from net4ai.app.state_machines import MACHINES, render_machine
from net4ai.codecs import bus, causes, envelope, link, n2, nas, rrc
from net4ai.codecs.declaration import Family
from net4ai.codecs.five_qi import CHARACTERISTICS
from net4ai.codecs.generate import MODULES, NoSourceTree, anchor, code_meanings, source_tree
from net4ai.codecs.service import ServiceDescription
from net4ai.core import jobs, service_manager
from net4ai.ran_node import cell, set_up_connection
from net4ai.stack import (
    acknowledged_bearer,
    computing_bearer,
    drops,
    radio_link_monitor,
    retransmission_timeout,
    timers,
)
from net4ai.stack.dep import constants

__all__ = ["main", "refreshed", "stale"]

BLOCK = re.compile(r"(<!-- begin (?P<name>[\w -]+?)(?: (?P<of>\w+\.[\w.]+))? -->\n).*?(<!-- end -->)", re.DOTALL)

DECLARATIONS = {module.__name__.rpartition(".")[2]: module for _, module in MODULES}

BOUNDS: Mapping[str, ModuleType] = {
    module.__name__.removeprefix("net4ai."): module
    for module in (
        acknowledged_bearer,
        cell,
        computing_bearer,
        constants,
        envelope,
        jobs,
        radio_link_monitor,
        retransmission_timeout,
        service_manager,
        set_up_connection,
    )
}
"""Modules whose bounds chapters may list, by their names."""

STOPS: Mapping[str, str] = {
    "T300": "RRC Setup, RRC Reject",
    "T301": "RRC Re-establishment verified, RRC Setup, RRC Reject",
    "T302": "–",
    "T310": "System Information (N311)",
    "T311": "a suitable cell",
    "camping": "–",
    "cell-search": "–",
    "cell-selection": "a suitable cell",
    "setup-complete": "RRC Setup Complete",
    "reestablishment-complete": "RRC Re-establishment Complete",
    "context-kept": "RRC Re-establishment Request, UE Context Release Command",
    "security-mode": "Security Mode Complete, Security Mode Failure",
    "reconfiguration": "Reconfiguration Complete, Reconfiguration Failure",
    "reconfiguration-turn": "the one before has ended",
    "T3510": "Registration Accept, Registration Reject",
    "T3512": "each Registration Accept and Service Accept starts it anew",
    "T3517": "Service Accept, Service Reject",
    "T3521": "Deregistration Accept (UE)",
    "T3580": "Computing Accept, Computing Reject",
    "T3513": "the terminal's Service Request",
    "T3522": "Deregistration Accept (network)",
    "T3550": "Registration Complete",
    "T3560": "NAS Security Mode Complete, Security Mode Reject",
    "mobile-reachable": "the terminal's next connection",
    "initial-context-setup": "Initial Context Setup Response, Failure",
    "handover-request": "Handover Request Acknowledge, Handover Failure",
    "handover-preparation": "Handover Command, Handover Preparation Failure",
    "handover-prepared": "the UE's RRC Reconfiguration Complete, UE Context Release Command",
    "handover-execution": "UE Context Release Command; the UE's Reconfiguration Failure or Re-establishment Complete",
    "move-client": "the reply",
    "move-route": "the reply",
    "T304": "the target has acknowledged RRC Reconfiguration Complete, or sends on SRB1",
    "handover-cancel": "Handover Cancel Acknowledge",
    "session-change": "Session Modify Response, Failure; Session Release Response",
    "n2-setup": "N2 Setup Response, N2 Setup Failure",
    "session-setup": "Session Setup Response, Session Setup Failure",
    "attach": "Attach Accept, Attach Reject",
    "link-request": "the answer, Refuse, loss of the peer",
    "relayed-request": "the answer, Refuse, loss of the peer",
    "announce": "–",
    "routed-request": "the answer, Refuse, loss of the peer",
    "load": "the worker has loaded the function",
    "begin": "the worker is ready",
    "instantiate-link": "Acknowledge, Refuse",
    "instantiate": "the reply",
    "invite": "Routine Accept, Routine Reject",
    "invite-clients": "the reply",
    "install-routes": "the reply",
    "turn": "TurnsDone of the server (and of a concrete client), ClientsDone",
    "finish": "ExecutionOutcome",
    "reserve": "the reply",
    "instantiate-service": "the reply",
    "register-service": "the reply",
    "start-job": "the reply",
    "nodes-wait": "NodeAvailable of the last missing node",
    "node-lease": "NodeAvailable with an application server starts it anew",
    "terminate": "the reply",
    "bus-call": "the reply",
    "remove-service": "the reply",
    "end-task": "Task Finished",
    "end-job": "Job Finished",
    "terminate-service": "the reply",
    "store-again": "–",
    "report-status": "the reply",
    "results-ready": "Session Add",
    "job-poll": "JobEnded",
    "consent-count": "the last job on offer has ended",
    "clients-wait": "–",
    "clients-gather": "all pending terminals have answered",
    "seats-return": "all terminals of the execution are back",
    "resume": "a turn is committed, or the routine is done",
    "clear": "the replies of all nodes that are there",
}
"""What stops a timer before its end; timers that only wait have nothing."""

# ---------------------------------------------------------------------------------------------------------------------
# Parts


def _packet(path: str) -> str:
    module, _, name = path.partition(".")
    structure = getattr(DECLARATIONS[module], name)
    return f"```text\n{packet_diagram(structure)}\n```"


def _timers() -> str:
    rows = ["| timer | default | times | source | runs at: starts; at its end | stops |", "|---|---|---|---|---|---|"]
    for name, timer in timers.TIMERS.items():
        times = str(timer.attempts) if timer.attempts else "–"
        rows.append(f"| {name} | {timer.milliseconds} ms | {times} | {timer.reference} | {timer.doc} | {STOPS[name]} |")
    return "\n".join(rows)


def _nested() -> str:
    rows = ["| timer | is longer than |", "|---|---|"]
    rows += [f"| {outer} | {', then '.join(inner)} |" for outer, inner in timers.NESTED.items()]
    return "\n".join(rows)


def _messages(family: Family) -> str:
    rows = [
        "| type | message | bearer | direction | before security | after |",
        "|---|---|---|---|---|---|",
    ]
    for code, message in sorted(family.messages.items()):
        before = "yes" if message.BEFORE_SECURITY else ""
        link = f"[{message.NAME}](fields.md{anchor(message.NAME)})"
        rows.append(
            f"| 0x{code:02X} | {link} | {message.BEARER} | {message.DIRECTION} | {before} | {message.REFERENCE} |"
        )
    return "\n".join(rows)


def _causes() -> str:
    meanings = code_meanings(causes.Cause)
    rows = ["| code | name | meaning |", "|---|---|---|"]
    rows += [f"| {cause.value} | {cause.name} | {meanings.get(cause.name, '')} |" for cause in causes.Cause]
    return "\n".join(rows)


def _drops() -> str:
    """The reasons under the headings that stand as comments in their table."""
    source = inspect.getsource(drops.Drop)
    rows: list[str] = []
    for line in source.splitlines():
        line = line.strip()
        if line.startswith("# "):
            rows += ["", f"### {line[2:]}", "", "| reason | meaning |", "|---|---|"]
        elif (found := re.match(r"([A-Z0-9_]+) = ", line)) and rows:
            reason = drops.Drop[found[1]]
            rows.append(f"| {reason.value} | {reason.doc} |")
    other = drops.Drop.OTHER
    return "\n".join(["| reason | meaning |", "|---|---|", f"| {other.value} | {other.doc} |", *rows])


def _five_qi() -> str:
    rows = ["| 5QI | type | priority | delay budget, ms | error rate | burst, octets | discard | for |"]
    rows.append("|---:|---|---:|---:|---:|---:|---|---|")
    for number, row in sorted(CHARACTERISTICS.items()):
        rate = f"{row.error_rate:.0e}".replace("e-0", "e-")
        discard, burst = "yes" if row.discard else "no", f"{row.burst:,}" if row.burst else ""
        rows.append(
            f"| {number} | {row.resource_type.value} | {row.priority} | {row.delay_budget_ms} | {rate} | {burst} "
            f"| {discard} | {row.use} |"
        )
    return "\n".join(rows)


def _bounds(path: str) -> str:
    rows = ["| name | value | meaning |", "|---|---|---|"]
    bounds = _constants_of(BOUNDS[path])
    return "\n".join([*rows, *(f"| {name} | {value} | {meaning} |" for name, value, meaning in bounds)])


def _constants_of(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Public numbers of a module, with the text below each."""
    statements = ast.parse(inspect.getsource(module)).body
    for statement, after in zip(statements, [*statements[1:], None], strict=True):
        if not isinstance(statement, ast.Assign):
            continue
        names = [name.id for target in statement.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        # Several statements may share the text behind the last of them.
        meaning = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        is_time = any(isinstance(node, ast.Name) and node.id in _UNITS for node in ast.walk(statement.value))
        for name in names:
            value = getattr(module, name)
            if re.fullmatch("[A-Z][A-Z_]+", name) and isinstance(value, int) and name not in _UNITS:
                yield name, _shown(value, is_time), " ".join(str(meaning).split()).replace("|", "\\|")


_UNITS = {"MILLISECOND": 1_000_000, "SECOND": 1_000_000_000}


def _shown(value: int, is_time: bool) -> str:
    if is_time:
        return f"{value // _UNITS['MILLISECOND']} ms"
    return str(value)


BUS_MODULES = (bus.body, bus.services, bus.execution, bus.terminals, bus.forwarding, bus.user_plane, bus.operation)
"""Where the bodies are declared, in the order of the chapter."""


def _bus_messages() -> str:
    """Every body, under the heading of its interface."""
    rows: list[str] = []
    kinds = {request.__name__: f"request, answered by {reply.__name__}" for request, reply in bus.REPLIES.items()}
    kinds |= {reply.__name__: "reply" for reply in bus.REPLIES.values()}
    parts = set(_parts_of_bodies())
    for line in "".join(inspect.getsource(module) for module in BUS_MODULES).splitlines():
        if line.startswith("# --- "):
            rows += ["", f"### {line[6:]}"]
        elif found := re.match(r"class (\w+)\(Body\)", line):
            body = bus.BODIES[found[1]]
            kind = "part of others" if found[1] in parts else kinds.get(found[1], "event, answered by Done")
            rows += ["", f"#### {body.__name__}", "", f"{kind[0].upper()}{kind[1:]}. {_text(body.__doc__)}"]
            rows += _body_table(body)
    return "\n".join(rows).strip()


def _parts_of_bodies() -> Iterator[str]:
    for body in bus.BODIES.values():
        for hint in typing.get_type_hints(body).values():
            yield from (inner.__name__ for inner in typing.get_args(hint) if inner in bus.BODIES.values())
            if hint in bus.BODIES.values():
                yield hint.__name__


def _body_table(body: type[bus.Body]) -> list[str]:
    meanings = _field_meanings(body)
    hints = typing.get_type_hints(body)
    if not hints:
        return ["", "No fields."]
    rows = ["", "| field | JSON | meaning |", "|---|---|---|"]
    optional = dict(zip(reversed(body.__struct_fields__), reversed(body.__struct_defaults__), strict=False))
    for name in body.__struct_fields__:
        also = "; may be missing" if name in optional else ""
        rows.append(f"| {name} | {_json_type(hints[name])}{also} | {meanings.get(name, '')} |")
    return rows


def _field_meanings(body: type) -> dict[str, str]:
    declared = ast.parse(inspect.getsource(body)).body[0]
    assert isinstance(declared, ast.ClassDef)
    meanings: dict[str, str] = {}
    name = ""
    for statement in declared.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case ast.Expr(value=ast.Constant(value=str(meaning))) if name:
                meanings[name] = _text(meaning)
    return meanings


_JSON: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "true or false",
    bytes: "string, base64",
    Any: "any value",
}


def _json_type(hint: Any) -> str:
    if hint in _JSON:
        return _JSON[hint]
    inner = typing.get_args(hint)
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        return " or ".join(_json_type(each) for each in inner)
    origin = typing.get_origin(hint)
    if origin is dict:
        return f"object of {_json_type(inner[1])}"
    if origin is tuple:
        return f"[{', '.join(_json_type(each) for each in inner)}]"
    if inner:
        return f"array of {_json_type(inner[0])}"
    return str(hint.__name__)


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


PARTS: Mapping[str, Callable[..., str]] = {
    "packet": _packet,
    "timers": _timers,
    "nested timers": _nested,
    "causes": _causes,
    "drops": _drops,
    "five-qi": _five_qi,
    "bounds": _bounds,
    "bus messages": _bus_messages,
    "service description": lambda: schema_table(ServiceDescription),
    **{
        f"messages {family.name}": lambda family=family: _messages(family)
        for family in (rrc.Rrc.FAMILY, nas.Nas.FAMILY, n2.N2.FAMILY, link.Link.FAMILY)
    },
    **{f"machine {name}": lambda machine=machine: render_machine(machine) for name, machine in MACHINES.items()},
}

# ---------------------------------------------------------------------------------------------------------------------
# Chapters


def refreshed(text: str) -> str:
    """`text` with each part made anew. Raises KeyError for a part that is not known."""

    def part(match: re.Match[str]) -> str:
        content = PARTS[match["name"]](*filter(None, [match["of"]]))
        return f"{match[1]}\n{content}\n\n{match[4]}"

    return BLOCK.sub(part, text)


def stale(root: Path) -> Iterator[tuple[Path, str]]:
    """Chapters below `root` that are not as they would be made now, with their new text."""
    for chapter in sorted((root / "docs" / "spec").glob("*.md")):
        text = chapter.read_text(encoding="utf-8")
        if (new := refreshed(text)) != text:
            yield chapter, new


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything is (now) fresh; 1: `--check` found stale chapters; 2: no source tree."""
    parser = argparse.ArgumentParser(prog="python -m net4ai.app.specification", description="Refreshes docs/spec.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a chapter is stale")
    check: bool = parser.parse_args(arguments).check
    try:
        root = source_tree()
    except NoSourceTree as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = list(stale(root))
    for chapter, new in found:
        name = chapter.relative_to(root)
        if check:
            print(f"stale: {name}; run `python -m net4ai.app.specification`", file=sys.stderr)
        else:
            chapter.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
