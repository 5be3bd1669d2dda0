"""Message hooks: at the codec edge of a node, see every message, and drop, change, delay, repeat or add some.

A hook is a function of one message. It gives what goes on in the message's place, or None: the message itself.

    def no_release(seen: Seen) -> list[Go] | None:
        return [] if isinstance(seen.message, rrc.Release) and seen.direction == "out" else None

What is sent passes before it is encoded and protected, what arrives after it was verified and decoded: a changed
message is numbered, protected and repeated like any other. Hooks come from Python, or as rules of a scenario
(`HookRule`). Where there are none, a node does not look.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from net4ai.codecs.declaration import (
    Buffer,
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
    UnknownMessage,
)
from net4ai.codecs.dep import DepHeader
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import MILLISECOND

Direction = Literal["in", "out"]

MAXIMUM_RESULTS = 64
"""Messages that may go on in the place of one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message at the codec edge of a node."""

    time: int
    node: str
    link: str
    """Uu, NAS (within Uu and N2), N2, T4, T8, bus, or DEP (PDUs on Uu, T4 and T8, where a session ends)."""
    direction: Direction
    peer: str
    message: Any
    """A declared message, an unknown one, a `DepPdu`, or the body of a bus message."""

    @property
    def name(self) -> str:
        """The message's name, as traces have it."""
        return name_of(self.message)


@dataclass(frozen=True, slots=True)
class Go:
    """A message that goes on, `after` nanoseconds."""

    message: Any
    after: int = 0


Hook = Callable[[Seen], Iterable[Go] | None]


@dataclass(frozen=True, slots=True)
class DepPdu:
    """A DEP PDU for hooks: its header as a value, extensions and body as octets."""

    header: DepHeader
    rest: bytes

    @property
    def NAME(self) -> str:
        """DEP and the type's name."""
        return f"DEP {getattr(self.header.type, 'name', self.header.type)}"

    @classmethod
    def from_bytes(cls, pdu: Buffer) -> DepPdu:
        """Raises `DecodeError`."""
        header, end = DepHeader.read(pdu)
        return cls(header, bytes(pdu[end:]))

    def encode(self) -> bytes:
        """The octets of the PDU. Raises `EncodeError`."""
        return self.header.to_bytes() + self.rest


def name_of(message: object) -> str:
    """The name of a message: what its declaration says, else its class."""
    return str(getattr(message, "NAME", "") or type(message).__name__)


class MessageHooks:
    """The hooks of one node. Every place where it sends or takes a message passes it through here."""

    def __init__(
        self, node: str, procedures: Procedures, hooks: Sequence[Hook] = (), dep_hooks: Sequence[Hook] = ()
    ) -> None:
        """`dep_hooks` see DEP PDUs one by one, which bulk data is slow with; the others see everything else."""
        self.node = node
        self.hooks = list(hooks)
        self.dep_hooks = list(dep_hooks)
        self._procedures = procedures

    @classmethod
    def of_rules(cls, node: str, procedures: Procedures, rules: Sequence[HookRule]) -> MessageHooks:
        """The hooks of a scenario. Raises ValueError where a Python function cannot be found."""
        on_dep = [rule for rule in rules if rule.link == "DEP"]
        others = [rule for rule in rules if rule.link != "DEP"]
        return cls(node, procedures, [rule_hook(rule) for rule in others], [rule_hook(rule) for rule in on_dep])

    def pass_on(
        self,
        link: str,
        direction: Direction,
        peer: str,
        message: Any,
        deliver: Callable[[Any], object],
        node: str = "",
    ) -> None:
        """Give `deliver` what goes on in the place of `message`, now or later. `node`: a part of this node (one UE).

        Errors of `deliver` are its caller's as long as the message is unchanged; a message that a hook has made, and
        that cannot be encoded or sent, is traced and lost.
        """
        hooks = self.dep_hooks if link == "DEP" else self.hooks
        if not hooks:
            deliver(message)
            return
        node = node or self.node
        going = [Go(message)]
        for hook in hooks:
            going = [
                Go(result.message, go.after + result.after)
                for go in going
                for result in self._apply(hook, Seen(self._procedures.now, node, link, direction, peer, go.message))
            ][:MAXIMUM_RESULTS]
        if len(going) == 1 and going[0].message is message and not going[0].after:
            deliver(message)
            return
        self._trace(Seen(self._procedures.now, node, link, direction, peer, message), going)
        for go in going:
            if go.after:
                self._procedures.start("hook", self._later(go, node, deliver), traced=False)
            else:
                self._deliver(go.message, node, deliver)

    def _apply(self, hook: Hook, seen: Seen) -> Iterable[Go]:
        try:
            result = hook(seen)
        except Exception as error:  # someone else's code: the node lives on, the message goes on
            self._procedures.on_error(f"hook on {seen.name}", error)
            result = None
        return (Go(seen.message),) if result is None else result

    async def _later(self, go: Go, node: str, deliver: Callable[[Any], object]) -> None:
        await self._procedures.sleep(go.after)
        self._deliver(go.message, node, deliver)

    def _deliver(self, message: Any, node: str, deliver: Callable[[Any], object]) -> None:
        try:
            deliver(message)
        except (EncodeError, DecodeError, ProcedureError) as error:
            self._say(node, f"hook: {name_of(message)} cannot go on: {error}")

    def _trace(self, seen: Seen, going: Sequence[Go]) -> None:
        results = ", ".join(
            name_of(go.message) + (f" after {go.after // MILLISECOND} ms" if go.after else "") for go in going
        )
        self._say(seen.node, f"hook: {seen.name} {seen.direction} becomes {results or 'nothing'}", seen.link, seen.peer)

    def _say(self, node: str, what: str, link: str = "", peer: str = "") -> None:
        procedures = self._procedures
        procedures.trace(TraceEvent(time=procedures.now, node=node, kind="state", message=what, link=link, peer=peer))


# ---------------------------------------------------------------------------------------------------------------------
# Rules of a scenario


class HookRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One hook of a scenario: which messages, and what becomes of them."""

    node: Annotated[str, msgspec.Meta(max_length=64, description="Node, `*` and `?` allowed.")] = "*"
    link: Annotated[
        Literal["*", "Uu", "NAS", "N2", "T4", "T8", "bus", "DEP"], msgspec.Meta(description="Where it is seen.")
    ] = "*"
    direction: Annotated[Literal["*", "in", "out"], msgspec.Meta(description="Arriving at the node, or sent.")] = "out"
    message: Annotated[
        str, msgspec.Meta(max_length=64, description="Name of the message, as reports show it; `*` and `?` allowed.")
    ] = "*"
    where: Annotated[
        dict[str, int | str | bool], msgspec.Meta(description="Fields and the values they must have.")
    ] = {}
    skip: Annotated[int, msgspec.Meta(ge=0, description="Let so many of them pass first.")] = 0
    times: Annotated[int, msgspec.Meta(ge=0, description="Act on so many of them; 0: on all.")] = 0
    action: Annotated[
        Literal["observe", "drop", "edit", "delay", "repeat", "inject"],
        msgspec.Meta(description="What becomes of them; `observe`: a line of trace."),
    ] = "observe"
    delay_ms: Annotated[
        float, msgspec.Meta(ge=0, le=600_000, description="`delay`: how long; `repeat`, `inject`: how much later.")
    ] = 0.0
    edit: Annotated[
        dict[str, int | str | bool],
        msgspec.Meta(description="`edit`: fields (`bearers[0].mode`) and their new values; octets in base 16."),
    ] = {}
    octets: Annotated[
        str,
        msgspec.Meta(
            pattern="^([0-9A-Fa-f]{2} ?)*$",
            description="`inject`: a message beside the one seen, in base 16, message type first.",
        ),
    ] = ""
    hook: Annotated[
        str,
        msgspec.Meta(max_length=200, description="`module:function` of Python code that decides instead of `action`."),
    ] = ""


def fault(rule: HookRule) -> tuple[str, str] | None:
    """What is wrong with a rule that is well-formed: the key, and what is allowed."""
    if rule.action == "edit" and not rule.edit and not rule.hook:
        return "edit", "at least one field, for the action edit"
    if rule.action == "inject" and not rule.octets and not rule.hook:
        return "octets", "a message in base 16, for the action inject"
    if rule.action == "delay" and not rule.delay_ms and not rule.hook:
        return "delay_ms", "above 0, for the action delay"
    return None


def rule_hook(rule: HookRule) -> Hook:
    """The hook a rule describes. Raises ValueError for a faulty one, and where its function cannot be found."""
    if (wrong := fault(rule)) is not None:
        raise ValueError(f"hook on {rule.message}: {wrong[0]}; allowed: {wrong[1]}")
    act = _imported(rule.hook) if rule.hook else _ACTIONS[rule.action](rule)
    seen_so_far = 0

    def hook(seen: Seen) -> Iterable[Go] | None:
        nonlocal seen_so_far
        if not _matches(rule, seen):
            return None
        seen_so_far += 1
        if seen_so_far <= rule.skip or (rule.times and seen_so_far > rule.skip + rule.times):
            return None
        return act(seen)

    return hook


def _matches(rule: HookRule, seen: Seen) -> bool:
    return (
        rule.link in ("*", seen.link)
        and rule.direction in ("*", seen.direction)
        and fnmatch.fnmatchcase(seen.node, rule.node)
        and fnmatch.fnmatchcase(seen.name, rule.message)
        and all(_value_at(seen.message, path) == _read(seen.message, path, value) for path, value in rule.where.items())
    )


def _observe(rule: HookRule) -> Hook:
    return lambda seen: None


def _drop(rule: HookRule) -> Hook:
    return lambda seen: ()


def _edit(rule: HookRule) -> Hook:
    def edit(seen: Seen) -> Iterable[Go]:
        message = seen.message
        for path, value in rule.edit.items():
            message = replace_at(message, path, _read(message, path, value))
        return (Go(message),)

    return edit


def _delay(rule: HookRule) -> Hook:
    return lambda seen: (Go(seen.message, round(rule.delay_ms * MILLISECOND)),)


def _repeat(rule: HookRule) -> Hook:
    return lambda seen: (Go(seen.message), Go(seen.message, round(rule.delay_ms * MILLISECOND)))


def _inject(rule: HookRule) -> Hook:
    octets = bytes.fromhex(rule.octets)

    def inject(seen: Seen) -> Iterable[Go]:
        added: Any = UnknownMessage(octets[0], octets[1:])
        if seen.direction == "in" and isinstance(seen.message, Message):
            added = seen.message.FAMILY.decode(octets)
        return (Go(seen.message), Go(added, round(rule.delay_ms * MILLISECOND)))

    return inject


_ACTIONS: dict[str, Callable[[HookRule], Hook]] = {
    "observe": _observe,
    "drop": _drop,
    "edit": _edit,
    "delay": _delay,
    "repeat": _repeat,
    "inject": _inject,
}


def _imported(name: str) -> Hook:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"hook {name!r} cannot be imported: {error}; allowed: module:function") from None
    if not callable(found):
        raise ValueError(f"hook {name!r} is no function")
    hook: Hook = found
    return hook


# ---------------------------------------------------------------------------------------------------------------------
# Fields of messages, by path

_STEP = re.compile(r"\.?(\w+)|\[(\d+)\]")


def _steps(path: str) -> list[str | int]:
    """`bearers[0].mode` as its steps. Raises KeyError for what is no path."""
    found = list(_STEP.finditer(path))
    if "".join(match[0] for match in found) != path or not found:
        raise KeyError(path)
    return [match[1] if match[1] is not None else int(match[2]) for match in found]


def _value_at(message: Any, path: str) -> Any:
    """The value of a field; None where there is none."""
    value = message
    try:
        for step in _steps(path):
            value = value[step] if isinstance(step, int) else getattr(value, step)
    except (AttributeError, LookupError, TypeError):
        return None
    return value


def replace_at(message: Any, path: str, value: Any) -> Any:
    """A copy of `message` with another value at `path`. Raises `EncodeError` where there is no such field."""
    try:
        return _replaced(message, _steps(path), value)
    except (AttributeError, LookupError, TypeError):
        raise EncodeError(name_of(message), path, value, "the path of a field it has") from None


def _replaced(holder: Any, steps: list[str | int], value: Any) -> Any:
    step, *rest = steps
    if isinstance(step, int):
        inner = _replaced(holder[step], rest, value) if rest else value
        return (*holder[:step], inner, *holder[step + 1 :])
    inner = _replaced(getattr(holder, step), rest, value) if rest else value
    if isinstance(holder, msgspec.Struct):
        return msgspec.structs.replace(holder, **{step: inner})
    return dataclasses.replace(holder, **{step: inner})


def _read(message: Any, path: str, value: int | str | bool) -> Any:
    """A value as a scenario writes it: names of codes, octets in base 16, other values as they are."""
    spec: Any = None
    structure = type(message)
    try:
        for step in _steps(path):
            if isinstance(step, str):
                spec = structure.DECLARATION[step] if issubclass(structure, Structure) else None
                structure = spec.element if isinstance(spec, ListField | NestedField) else object
    except KeyError:
        return value
    if isinstance(value, str):
        if isinstance(spec, FixedField) and spec.codes is not None:
            return spec.codes.__members__.get(value, value)
        if isinstance(spec, OctetsField) and not spec.text:
            try:
                return bytes.fromhex(value)
            except ValueError:
                return value
    return value
