"""What a node says of itself, and which commands it takes."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.codecs.bus import CommandDone, CommandNode, NodeStatus, ReportStatus
from net4ai.codecs.causes import Cause
from net4ai.stack import operation as module
from net4ai.stack.operation import (
    LONGEST_PAUSE,
    MAXIMUM_ROWS,
    METRICS,
    ActivityCount,
    Operation,
    number,
    seconds,
    split_name,
    text,
)
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.qos.figures import QOS_VIOLATED
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import SECOND


class Operated:
    """A node, and an operator that asks it over a bus."""

    def __init__(self, network: Any) -> None:
        self.network = network
        entity = network.callee("node/ran-1")
        self.operation = Operation("ran-1", "ran-node", entity, 0)
        self.operator = network.callee("operator")

    def ask(self, request: Any, reply: Any) -> Any:
        self.operator.procedures.advance(self.network.now)
        call = self.operator.procedures.start("ask", self.operator.call("node/ran-1", request, reply))
        self.network.run(until=lambda: call.done)
        return call.result()

    def status(self) -> NodeStatus:
        found: NodeStatus = self.ask(ReportStatus(), NodeStatus)
        return found

    def command(self, name: str, **arguments: str) -> str:
        return str(self.ask(CommandNode(command=name, arguments=arguments), CommandDone).detail)


@pytest.fixture
def operated(network: Any) -> Operated:
    return Operated(network)


def test_a_report_adds_up_what_all_sources_say(operated: Operated) -> None:
    operated.network.run(seconds=90)
    started = operated.network.now
    operated.operation.counters(lambda: {"errors": 1, "drops/Uu/lost": 2})
    operated.operation.counters(lambda: {"errors": 2})
    operated.operation.gauges(lambda: {"sessions": 4})
    operated.operation.table("terminals", lambda: [{"c_rnti": 1, "state": "secured"}])
    status = operated.status()
    assert (status.node, status.kind) == ("ran-1", "ran-node")
    assert started / SECOND <= status.uptime_s < started / SECOND + 1
    assert status.counters == {"errors": 3, "drops/Uu/lost": 2}
    assert status.gauges == {"sessions": 4}
    assert status.tables == {"terminals": [{"c_rnti": 1, "state": "secured"}]}


@pytest.mark.parametrize("rows", [0, 1, MAXIMUM_ROWS, MAXIMUM_ROWS + 1, 10 * MAXIMUM_ROWS])
def test_a_table_is_cut_and_says_so(operated: Operated, rows: int) -> None:
    operated.operation.table("terminals", lambda: ({"ue": index} for index in range(rows)))
    status = operated.status()
    assert status.tables["terminals"] == [{"ue": index} for index in range(min(rows, MAXIMUM_ROWS))]
    assert status.gauges == ({"rows_not_shown/terminals": rows - MAXIMUM_ROWS} if rows > MAXIMUM_ROWS else {})


def test_commands_and_their_arguments(operated: Operated) -> None:
    done: list[dict[str, Any]] = []

    def release(**arguments: Any) -> str:
        done.append(arguments)
        return f"{arguments['c_rnti']} is released"

    operated.operation.command("release", release, "", c_rnti=number)
    operated.operation.command("pause", release, "", link=text, seconds=seconds)
    assert operated.command("release", c_rnti="7") == "7 is released"
    assert done == [{"c_rnti": 7}]
    for name, arguments, why in (
        ("dance", {}, r"no command 'dance'; allowed: release, pause"),
        ("release", {}, r"release: argument 'c_rnti' is missing; allowed: c_rnti"),
        ("release", {"c_rnti": "1", "ue": "2"}, r"release: argument 'ue' is unknown; allowed: c_rnti"),
        ("release", {"c_rnti": "-1"}, r"release: c_rnti: '-1' is not allowed; allowed: a number"),
        ("pause", {"link": "", "seconds": "1"}, r"pause: link: '' is not allowed; allowed: a text"),
    ):
        with pytest.raises(ProcedureError, match=why) as refused:
            operated.command(name, **arguments)
        assert refused.value.cause is Cause.NOT_ALLOWED
    assert len(done) == 1, "what is refused is not done"


@pytest.mark.parametrize("wrong", ["", "x", "-1", "0", "nan", "inf", str(LONGEST_PAUSE + 1), "1e999"])
def test_durations_that_are_none(wrong: str) -> None:
    with pytest.raises(ValueError, match="more than 0, at most 86400 seconds"):
        seconds(wrong)
    assert seconds("0.5") == 0.5 and seconds(str(LONGEST_PAUSE)) == LONGEST_PAUSE


@pytest.mark.parametrize("wrong", ["", "-1", "1.5", "x", "²", "1" * 19])
def test_numbers_that_are_none(wrong: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        number(wrong)
    assert number("0") == 0 and number("007") == 7


# What passes through the trace


def test_activity_is_counted_and_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_SERIES", 5)
    events: list[TraceEvent] = []
    count = ActivityCount(events.append)
    given = [
        TraceEvent(1, "ran-1", "message", link="Uu", message="RRC Setup", direction="out"),
        TraceEvent(2, "ran-1", "message", link="Uu", message="RRC Setup Complete", direction="in"),
        TraceEvent(3, "ran-1", "drop", drop="duplicate"),
        TraceEvent(4, "ran-1", "drop", drop="duplicate"),
        TraceEvent(5, "ran-1", "procedure", procedure="registration", outcome="done"),
        TraceEvent(8, "ran-1", "state", link="Uu", message=QOS_VIOLATED, ids={"what": "rate"}),
        TraceEvent(6, "ran-1", "procedure", procedure="one too many", outcome="done"),
        TraceEvent(7, "ran-1", "state", message="attached"),
    ]
    for event in given:
        count(event)
    assert events == given
    assert count.read() == {
        "messages/Uu/out": 1,
        "messages/Uu/in": 1,
        "drops/-/duplicate": 2,
        "procedures/registration/done": 1,
        "qos_violations/Uu/rate": 1,
    }
    assert all(split_name(name) for name in count.read())


def test_names_belong_to_a_family() -> None:
    assert split_name("drops/Uu/lost on the link") == ("drops", ("Uu", "lost on the link"))
    assert split_name("errors") == ("errors", ())
    with pytest.raises(KeyError):
        split_name("unheard-of")
    with pytest.raises(ValueError, match="1 labels; allowed: 2"):
        split_name("drops/Uu")
    assert {metric.kind for metric in METRICS.values()} == {"counter", "gauge"}
