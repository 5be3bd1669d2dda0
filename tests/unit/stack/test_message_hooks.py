"""Message hooks: every action, from Python and as rules; what others' code does wrong harms nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from net4ai.codecs import nas, rrc
from net4ai.codecs.bus import StartJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import UnknownMessage
from net4ai.codecs.dep import DepHeader, DepType
from net4ai.codecs.errors import EncodeError
from net4ai.stack.message_hooks import (
    MAXIMUM_RESULTS,
    DepPdu,
    Go,
    Hook,
    HookRule,
    MessageHooks,
    Seen,
    replace_at,
    rule_hook,
)
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import MILLISECOND

RELEASE = rrc.Release(transaction=1, cause=Cause.NORMAL)
SETUP = rrc.Setup(transaction=0, ue_identity=5, c_rnti=9, bulk_port=7)


class Bench:
    """A node's hooks, with what comes out of them."""

    def __init__(self, *hooks: Hook, rules: Sequence[HookRule] = ()) -> None:
        self.trace: list[TraceEvent] = []
        self.errors: list[Exception] = []
        self.procedures = Procedures("ran-1", self.trace.append, lambda name, error: self.errors.append(error))
        self.hooks = (
            MessageHooks.of_rules("ran-1", self.procedures, rules)
            if rules
            else MessageHooks("ran-1", self.procedures, hooks)
        )
        self.out: list[Any] = []

    def send(self, message: Any, direction: Any = "out", link: Any = "Uu", node: str = "") -> list[Any]:
        """What goes on at once."""
        before = len(self.out)
        self.hooks.pass_on(link, direction, "ue-1", message, self.out.append, node)
        return self.out[before:]

    def told(self) -> list[str]:
        return [event.message for event in self.trace]


def test_without_hooks_nothing_happens() -> None:
    bench = Bench()
    assert bench.send(RELEASE) == [RELEASE]
    assert not bench.trace


def test_a_hook_sees_what_there_is_to_see() -> None:
    seen: list[Seen] = []
    bench = Bench(lambda message: seen.append(message))  # type: ignore[arg-type, func-returns-value, return-value]
    bench.procedures.advance(77)
    assert bench.send(RELEASE, node="ran-1/x") == [RELEASE]
    assert seen == [Seen(77, "ran-1/x", "Uu", "out", "ue-1", RELEASE)]
    assert seen[0].name == "RRC Release"
    assert not bench.trace


def test_drop_and_add_and_order_of_hooks() -> None:
    bench = Bench(
        lambda seen: [Go(seen.message), Go(SETUP)] if seen.message is RELEASE else None,
        lambda seen: [] if seen.message is RELEASE else None,
    )
    assert bench.send(RELEASE) == [SETUP]
    assert bench.told() == ["hook: RRC Release out becomes RRC Setup"]


def test_delays_of_several_hooks_add_up() -> None:
    later: Hook = lambda seen: [Go(seen.message, 5)]  # noqa: E731
    bench = Bench(later, later)
    assert bench.send(RELEASE) == []
    bench.procedures.advance(9)
    assert not bench.out
    bench.procedures.advance(10)
    assert bench.out == [RELEASE]
    assert not bench.procedures.open


def test_a_hook_that_fails_changes_nothing() -> None:
    def bad(seen: Seen) -> None:
        raise RuntimeError("mine")

    bench = Bench(bad)
    assert bench.send(RELEASE) == [RELEASE]
    assert [str(error) for error in bench.errors] == ["mine"]


def test_a_hook_cannot_flood() -> None:
    bench = Bench(lambda seen: [Go(seen.message)] * 1000)
    assert len(bench.send(RELEASE)) == MAXIMUM_RESULTS


@pytest.mark.parametrize("error", [EncodeError("X", "y", 1, "2"), ProcedureError(Cause.PEER_LOST)])
def test_a_message_of_a_hook_that_cannot_go_on_is_traced(error: Exception) -> None:
    def deliver(message: object) -> None:
        raise error

    bench = Bench(lambda seen: [Go(SETUP)])
    bench.hooks.pass_on("Uu", "out", "", RELEASE, deliver)
    assert "cannot go on" in bench.told()[-1]
    with pytest.raises(type(error)):  # unchanged messages: as without hooks
        Bench(lambda seen: None).hooks.pass_on("Uu", "out", "", RELEASE, deliver)


def rule(**values: Any) -> HookRule:
    return msgspec.convert(values, HookRule)


@pytest.mark.parametrize(
    ("values", "becomes"),
    [
        ({"action": "observe"}, [RELEASE]),
        ({"action": "drop"}, []),
        ({"action": "drop", "message": "RRC Re*"}, []),
        ({"action": "drop", "message": "RRC Setup"}, [RELEASE]),
        ({"action": "drop", "link": "N2"}, [RELEASE]),
        ({"action": "drop", "direction": "in"}, [RELEASE]),
        ({"action": "drop", "direction": "*", "node": "ran-?"}, []),
        ({"action": "drop", "node": "ran-2"}, [RELEASE]),
        ({"action": "drop", "where": {"cause": "NORMAL"}}, []),
        ({"action": "drop", "where": {"cause": 1}}, []),
        ({"action": "drop", "where": {"cause": "BUSY"}}, [RELEASE]),
        ({"action": "drop", "where": {"nothing": 1}}, [RELEASE]),
        ({"action": "edit", "edit": {"cause": "NO_RESOURCES"}}, [rrc.Release(transaction=1, cause=Cause.NO_RESOURCES)]),
        ({"action": "edit", "edit": {"cause": 999}}, [rrc.Release(transaction=1, cause=999)]),
        ({"action": "repeat"}, [RELEASE, RELEASE]),
        ({"action": "inject", "octets": "FF 01"}, [RELEASE, UnknownMessage(0xFF, b"\x01")]),
        ({"action": "delay", "delay_ms": 5}, []),
    ],
)
def test_rules(values: dict[str, Any], becomes: list[Any]) -> None:
    bench = Bench(rules=[rule(**values)])
    assert bench.send(RELEASE) == becomes
    bench.procedures.advance(5 * MILLISECOND)
    assert bench.out == (becomes if values["action"] != "delay" else [RELEASE])


def test_skip_and_times() -> None:
    bench = Bench(rules=[rule(action="drop", skip=1, times=2)])
    assert [bench.send(RELEASE) for _ in range(4)] == [[RELEASE], [], [], [RELEASE]]


def test_what_is_injected_on_arrival_is_decoded() -> None:
    bench = Bench(rules=[rule(action="inject", direction="in", octets=RELEASE.encode().hex())])
    assert bench.send(SETUP, "in") == [SETUP, RELEASE]
    bench = Bench(rules=[rule(action="inject", direction="in", octets="0A")])
    assert bench.send(SETUP, "in") == [SETUP]
    assert isinstance(bench.errors[0], Exception)


def test_octets_and_nested_fields_are_edited() -> None:
    transfer = rrc.DownlinkInformationTransfer(nas=b"\x01")
    assert Bench(rules=[rule(action="edit", edit={"nas": "FF00"})]).send(transfer) == [
        rrc.DownlinkInformationTransfer(nas=b"\xff\x00")
    ]
    offer = nas.JobOffer(job=1, service="s", purpose="p", k=2, raw_data=False)
    jobs = nas.JobList(jobs=(offer, offer))
    (edited,) = Bench(rules=[rule(action="edit", edit={"jobs[1].k": 7})]).send(jobs, link="NAS")
    assert [job.k for job in edited.jobs] == [2, 7]
    assert replace_at(StartJob(service=1, job="j", k=1, cut=1), "cut", 2).cut == 2


@pytest.mark.parametrize("path", ["nothing", "jobs[5].k", "jobs[0].x", "", "[0]", "a b", "jobs.k"])
def test_a_field_that_is_not_there_is_named(path: str) -> None:
    offer = nas.JobOffer(job=1, service="s", purpose="p", k=2, raw_data=False)
    with pytest.raises(EncodeError, match="the path of a field it has"):
        replace_at(nas.JobList(jobs=(offer,)), path, 1)
    bench = Bench(rules=[rule(action="edit", edit={path: 1})])
    assert bench.send(nas.JobList(jobs=(offer,))) == [nas.JobList(jobs=(offer,))]
    assert isinstance(bench.errors[0], EncodeError)


def test_dep_pdus_are_seen_by_rules_for_dep_alone() -> None:
    header = DepHeader(
        version=1,
        type=DepType.GRANT,
        response=False,
        ack_requested=False,
        reencrypted=False,
        congestion=0,
        qfi=1,
        extension_words=0,
        handle=5,
        message_id=3,
        offset=0,
    )
    pdu = DepPdu(header, b"\0\0\0\1\0\0\0\0")
    assert DepPdu.from_bytes(pdu.encode()) == pdu
    assert pdu.NAME == "DEP GRANT"
    assert Bench(rules=[rule(action="drop", direction="*")]).send(pdu, link="DEP") == [pdu]
    bench = Bench(rules=[rule(action="drop", link="DEP", message="DEP GRANT", where={"header.message_id": 3})])
    assert bench.send(pdu, link="DEP") == []
    bench = Bench(rules=[rule(action="edit", link="DEP", edit={"header.qfi": 4})])
    assert bench.send(pdu, link="DEP")[0].header.qfi == 4


def drop_everything(seen: Seen) -> list[Go]:
    """A hook of someone's own."""
    return []


def test_python_functions_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("my_hooks")
    module.drop_everything = drop_everything  # type: ignore[attr-defined]
    module.number = 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_hooks", module)
    assert Bench(rules=[rule(hook="my_hooks:drop_everything", message="RRC Release")]).send(RELEASE) == []
    for name in ("my_hooks:missing", "not_there:hook", "my_hooks", "my_hooks:number"):
        with pytest.raises(ValueError, match="hook"):
            rule_hook(rule(hook=name))


@pytest.mark.parametrize("values", [{"action": "edit"}, {"action": "inject"}, {"action": "delay"}])
def test_a_rule_that_lacks_something_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        rule_hook(rule(**values))
