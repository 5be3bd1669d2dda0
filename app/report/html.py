"""The report as one self-contained HTML file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import cycle
from urllib.parse import quote

from net4ai.app.report.charts import Line, Reference, Stack, line_chart, stacked_bars
from net4ai.app.report.markup import Markup, element, join
from net4ai.app.report.one_execution import steps_of_execution
from net4ai.app.report.one_ue import choose_ue
from net4ai.app.report.report import Report, roles_of
from net4ai.app.report.roles import Roles
from net4ai.app.report.sequence_chart import chart_of, sequence_chart
from net4ai.app.report.style import CHART, LINKS, PAGE, SCHEMES, link_colour
from net4ai.app.report.topology_chart import topology_chart
from net4ai.app.report.trace_lines import TraceLine
from net4ai.app.report.units import figure, many, quantity, span

MAX_UES = 200
"""UEs listed one by one."""
MAX_EVENTS = 60
"""Kinds of network events listed."""
BASELINE_COLOURS = ("c1", "c2", "c5", "c4")


def render_html(report: Report, lines: Sequence[TraceLine] = (), ue: str = "") -> str:
    """The whole page. `lines` is the trace in order of time; the sequence chart shows `ue`, or the UE with the fullest
    life."""
    parts = [
        _header(report),
        _warnings(report),
        _cards(report),
        *_findings(report),
        element("div", _learning(report), _traffic(report), class_="pairs"),
        element("div", _topology(report), _routines(report), class_="pairs"),
        element("div", _procedures(report), element("div", _links(report), _drops(report)), class_="pairs"),
        _sequence(report, lines, ue),
        element("div", _events(report), _environment(report), class_="pairs"),
    ]
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", f"net4ai: {report.scenario}"),
            element("style", Markup(SCHEMES + PAGE + CHART)),
        ),
        element("body", element("main", *parts)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _section(title: str, *children: object, class_: str | None = None) -> Markup:
    return element("section", element("h2", title), *children, class_=class_)


def _soft(text: object) -> Markup:
    return element("p", text, class_="soft small")


def _link(path: str) -> Markup:
    """A link to a file beside the report; whatever the path, it stays one."""
    return element("a", element("code", path), href="./" + quote(path))


def _header(report: Report) -> Markup:
    facts = [f"seed {report.seed}", report.started_at.replace("T", " ").replace("+00:00", " UTC")]
    facts += [f"{name} {report.versions[name]}" for name in ("net4ai", "python", "torch") if name in report.versions]
    files = [_link("report.json")]
    files += [_link(report.capture)] if report.capture else []
    files += [_link(trace) for trace in report.traces[:4]]
    if len(report.traces) > 4:
        files.append(element("span", f"and {many(len(report.traces) - 4, 'more trace')}"))
    return element(
        "header",
        element("h1", report.scenario),
        element("p", " · ".join(fact for fact in facts if fact), class_="soft"),
        element("p", *_between(files, " · "), class_="soft"),
    )


def _between(parts: Sequence[Markup], separator: str) -> Sequence[object]:
    return [piece for part in parts for piece in (separator, part)][1:]


def _warnings(report: Report) -> Markup:
    notes = ["Keys and handles came from the seed: a test run, insecure."] if report.insecure else []
    notes += report.warnings
    if not notes:
        return Markup("")
    return element("section", element("ul", *(element("li", note) for note in notes)), class_="note")


def _cards(report: Report) -> Markup:
    total = sum(link.up + link.down + link.across for link in report.links.values())
    sent = _soft(f"{quantity(total)} of messages over all links")
    executions = sum(each.executions for each in report.routines)
    ran = _soft(", ".join(each.routine for each in report.routines) or "none")
    return element(
        "div",
        *_learning_cards(report),
        _card("Executions of routines", f"{executions:,}", ran),
        _card("Duration", span(report.duration_s), sent),
        class_="cards",
    )


def _learning_cards(report: Report) -> list[Markup]:
    """Metric, baselines, verdict; nothing where no model was trained."""
    metric, verdict, value = report.metric, report.fidelity, report.headline
    if metric is None or verdict is None:
        return []
    unit = element("span", f" {metric.unit}", class_="unit")
    mark, colour = {"identical": ("✓ ", "good"), "different": ("✗ ", "bad")}.get(verdict.verdict, ("", "soft"))
    difference = verdict.max_abs_difference
    why = verdict.reason or (
        "every weight, bit for bit, as plain torch in the same batch order" if verdict.verdict == "identical" else ""
    )
    if difference:
        why = f"greatest difference {figure(difference)}. {why}"
    last = metric.note or (f"after {many(len(report.rounds), 'round')}" if report.rounds else "no rounds")
    baselines = [
        pair
        for name, level in report.baselines.items()
        for pair in (element("dt", name), element("dd", element("b", figure(level)), unit, class_="number"))
    ]
    return [
        _card(metric.label, join(figure(value), unit) if value is not None else "–", _soft(last)),
        _card("Baselines", "", element("dl", *baselines) if baselines else _soft("none")),
        _card("Fidelity", element("span", mark, verdict.verdict, class_=colour), _soft(why)),
    ]


def _card(title: str, value: object, more: Markup) -> Markup:
    shown = element("div", value, class_="value") if value else ""
    return element("div", element("div", title, class_="soft"), shown, more, class_="card")


def _findings(report: Report) -> list[Markup]:
    """The tables of the service's provider."""
    return [
        _section(
            each.title,
            _table(each.columns, [[_cell(value) for value in row] for row in each.rows], _number_columns(each.rows)),
            _soft(each.note) if each.note else "",
        )
        for each in report.findings
    ]


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else figure(value)


def _number_columns(rows: Sequence[Sequence[str | float]]) -> frozenset[int]:
    """Columns without text."""
    width = min(map(len, rows), default=0)
    return frozenset(column for column in range(width) if not any(isinstance(row[column], str) for row in rows))


def _routines(report: Report) -> Markup:
    rows = [
        [
            element(
                "span", each.routine, *([element("div", _causes(each.causes), class_="bad small")] * bool(each.causes))
            ),
            f"{each.executions:,}",
            _when(each.begin_s, each.end_s),
        ]
        for each in report.routines
    ]
    table = _table(["routine", "executions", "time"], rows, frozenset({1, 2})) if rows else _soft("none traced")
    return _section("What ran", table)


def _learning(report: Report) -> Markup:
    metric = report.metric
    if metric is None:
        return Markup("")
    points = [
        (float(each.round + 1), each.metrics[metric.name]) for each in report.rounds if metric.name in each.metrics
    ]
    levels = [
        Reference(name, level, colour)
        for (name, level), colour in zip(report.baselines.items(), cycle(BASELINE_COLOURS), strict=False)
    ]
    chart = line_chart(
        f"{metric.label} by round",
        [Line(metric.label, points)],
        levels,
        x_label="round",
        y_label=f"{metric.label}, {metric.unit}" if metric.unit else metric.label,
    )
    return _section("Learning curve", chart)


def _traffic(report: Report) -> Markup:
    used = {link for each in report.rounds for link in each.bytes}
    links = [link for link in LINKS if link in used] + sorted(used - set(LINKS))
    most = max((sum(each.bytes.values()) for each in report.rounds), default=0)
    divisor, unit = next((each for each in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if most >= each[0]), (1, "B"))
    chart = stacked_bars(
        "Bytes of messages by round",
        [str(each.round + 1) for each in report.rounds],
        [Stack(link or "no link", [each.bytes.get(link, 0) / divisor for each in report.rounds], link_colour(link))
         for link in links],
        x_label="round",
        y_label=unit,
        amount=lambda value: quantity(value * divisor),
    )  # fmt: skip
    return _section("Bytes per round", chart)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: frozenset[int]) -> Markup:
    """A table; `numbers` are the columns set as numbers."""
    kind = ["number" if index in numbers else None for index in range(len(head))]
    return element(
        "table",
        element("thead", element("tr", *(element("th", name, class_=kind[index]) for index, name in enumerate(head)))),
        element(
            "tbody",
            *(
                element("tr", *(element("td", cell, class_=kind[index]) for index, cell in enumerate(row)))
                for row in rows
            ),
        ),
    )


def _topology(report: Report) -> Markup:
    ues = sum(node.ues for node in report.topology if node.role == "UE") or len(report.ues)
    counts: dict[str, int] = {}
    for node in report.topology:
        if node.role != "UE":
            counts[node.role] = counts.get(node.role, 0) + 1
    told = [many(count, role) if role != "core" else "core" for role, count in counts.items()]
    rows = [
        [node.name, node.role, node.attached_to or "–", f"{node.ues:,}" if node.ues else ""] for node in report.topology
    ]
    summary = ", ".join([many(ues, "UE"), *told])
    table = _table(["node", "role", "attached to", "UEs"], rows, frozenset({3}))
    picture = topology_chart(report.topology)
    if picture is None:
        return _section("Network", _soft(summary), table if rows else "")
    return _section("Network", picture, element("details", element("summary", summary, class_="small"), table))


def _procedures(report: Report) -> Markup:
    rows = [
        [
            element("span", name, *([element("div", _causes(each.causes), class_="bad small")] if each.causes else [])),
            f"{each.count:,}",
            element("span", f"{each.failures:,}", class_="bad" if each.failures else None),
            _milliseconds(each.p50_ms),
            _milliseconds(each.p99_ms),
        ]
        for name, each in report.procedures.items()
    ]
    head = ["procedure", "count", "failed", "p50", "p99"]
    return _section("Procedures", _table(head, rows, frozenset({1, 2, 3, 4})) if rows else _soft("none traced"))


def _causes(causes: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count:,}" for cause, count in causes.items())


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else span(value / 1000)


def _links(report: Report) -> Markup:
    rows = [
        [link or "no link", f"{each.messages:,}", quantity(each.up), quantity(each.down), quantity(each.across)]
        for link, each in report.links.items()
    ]
    parts = [_table(["link", "messages", "up", "down", "across"], rows, frozenset({1, 2, 3, 4}))]
    if report.ues:
        up = statistics.median(each.up for each in report.ues.values())
        down = statistics.median(each.down for each in report.ues.values())
        told = f"A UE sent {quantity(up)} and was sent {quantity(down)} (median of {len(report.ues):,})"
        each_ue = [
            [name, f"{each.messages:,}", quantity(each.up), quantity(each.down)]
            for name, each in list(report.ues.items())[:MAX_UES]
        ]
        listed = _table(["UE", "messages", "up", "down"], each_ue, frozenset({1, 2, 3}))
        parts.append(element("details", element("summary", told, class_="small"), listed))
    return _section("Bytes", *parts)


def _drops(report: Report) -> Markup:
    rows = [[each.reason, each.node, each.link, f"{each.count:,}"] for each in report.drops]
    table = _table(["reason", "node", "link", "count"], rows, frozenset({3})) if rows else _soft("nothing was dropped")
    return _section("Drops", table)


def _events(report: Report) -> Markup:
    rows = []
    for each in report.network_events[:MAX_EVENTS]:
        detail = element("span", each.detail, class_="soft small")
        rows.append([each.name, f"{each.count:,}", _when(each.first_s, each.last_s), detail])
    table = _table(["event", "count", "time", "last detail"], rows, frozenset({1, 2})) if rows else _soft("none traced")
    return _section("Network events", table)


def _when(first: float, last: float) -> str:
    return f"{first:.2f} s" if last - first < 0.01 else f"{first:.2f} – {last:.2f} s"


def _environment(report: Report) -> Markup:
    machine = report.machine
    facts = [(name, version) for name, version in report.versions.items()]
    facts += [("system", machine.system), ("architecture", machine.architecture)]
    facts += [("processors", str(machine.processors))]
    facts += [("memory", quantity(machine.memory_bytes))] if machine.memory_bytes else []
    pairs = (pair for name, value in facts for pair in (element("dt", name), element("dd", value)))
    return _section("Run on", element("dl", *pairs, class_="facts small"))


def _sequence(report: Report, lines: Sequence[TraceLine], ue: str) -> Markup:
    roles = roles_of(report.topology)
    chosen = ue or choose_ue(lines, roles)
    chart = sequence_chart(lines, chosen, roles)
    title = f"The life of {chosen}" if chosen else "The life of a UE"
    note = "Each message once, when it was sent; repetition folded; procedures at the right. Hover for details."
    return join(
        _section(title, _soft(note), element("div", chart, class_="wide"), class_="long"),
        _execution(lines, chosen, roles),
    )


def _execution(lines: Sequence[TraceLine], ue: str, roles: Roles) -> Markup:
    number, steps = steps_of_execution(lines, ue, roles)
    if not steps:
        return join()
    note = (
        "Numbers are those of figure 6 of the paper: 1 execute, 2 invite the server, 3 invite the clients, "
        "4 they accept, routes are laid, 5 data, 6 restart or complete, 7 all servers have completed, 8 done. "
        "One server is shown with one of its clients; the access manager hears of every server. Repetition folded."
    )
    chart = chart_of(steps, ue, roles, f"Execution {number}")
    return _section(f"Execution {number}, with {ue}", _soft(note), element("div", chart, class_="wide"), class_="long")
