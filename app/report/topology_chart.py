"""The network as a picture: core above, RAN nodes and edges with their application servers, UEs below."""

from __future__ import annotations

from collections.abc import Sequence

from net4ai.app.report.charts import svg
from net4ai.app.report.markup import Markup, element
from net4ai.app.report.report import Node
from net4ai.app.report.roles import natural
from net4ai.app.report.units import many

MAX_ACROSS = 8
"""More boxes in a row cannot be read; the table tells them."""
BOX, TALL, SPACE, RISE = 168.0, 46.0, 22.0, 40.0
"""Width and height of a box, the space between two, and between two rows."""
LETTERS = 24
"""Letters of a name that fit a box."""


def topology_chart(nodes: Sequence[Node]) -> Markup | None:
    """A picture of `nodes`; None where there are none or too many for one."""
    servers = [node for node in nodes if node.role == "application server"]
    rows = [
        [node for node in nodes if node.role == "core"],
        _ordered([node for node in nodes if node.role in ("RAN node", "edge")]),
        _ordered([node for node in nodes if node.role in ("UE", "application controller")]),
    ]
    host_names = {node.name for node in rows[1]}
    rows[0] += [server for server in servers if server.attached_to not in host_names]
    rows[2].sort(key=lambda node: [host.name for host in rows[1]].index(node.attached_to)
                 if node.attached_to in host_names else len(rows[1]))  # fmt: skip
    across = max(len(row) for row in rows)
    if not 0 < across <= MAX_ACROSS:
        return None
    guests = {host.name: [server for server in servers if server.attached_to == host.name] for host in rows[1]}
    extra = max((len(each) for each in guests.values()), default=0) * 24.0
    width = max(5, across) * (BOX + SPACE) + SPACE
    tops = [8.0, 8 + TALL + RISE, 8 + 2 * (TALL + RISE) + extra]
    height = tops[2] + TALL + 8 if rows[2] else tops[2] - RISE + 8
    places = {
        node.name: (width * (index + 0.5) / len(row), top)
        for row, top in zip(rows, tops, strict=True)
        for index, node in enumerate(row)
    }
    _put_below_hosts(rows[2], rows[1], places, width)
    lines = [
        _joint(places[node.name], places[node.attached_to])
        for row in rows
        for node in row
        if node.attached_to in places and places[node.attached_to][1] < places[node.name][1]
    ]
    boxes = [_box(node, *places[node.name], guests.get(node.name, ())) for row in rows for node in row]
    return svg(width, height, "The network", *lines, *boxes)


def _ordered(nodes: Sequence[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node.role == "edge", natural(node.name)))


def _put_below_hosts(
    guests: Sequence[Node], hosts: Sequence[Node], places: dict[str, tuple[float, float]], width: float
) -> None:
    """Move each box of the lowest row under the one it is attached to, where all of them fit."""
    groups = [[guest for guest in guests if guest.attached_to == host.name] for host in hosts]
    slot = width / max(1, len(hosts))
    if sum(map(len, groups)) < len(guests) or max(map(len, groups), default=0) * (BOX + SPACE) > slot:
        return
    for host, group in zip(hosts, groups, strict=True):
        for index, guest in enumerate(group):
            x = places[host.name][0] + (index - (len(group) - 1) / 2) * (BOX + SPACE)
            places[guest.name] = (x, places[guest.name][1])


def _joint(below: tuple[float, float], above: tuple[float, float]) -> Markup:
    """From the top of one box up to another; what lies over the lower part is covered by the box."""
    (x, y), (above_x, above_y) = below, above
    middle = y - RISE / 2
    return element("path", d=f"M{x:.1f} {y:.1f}V{middle:.1f}H{above_x:.1f}V{above_y:.1f}", class_="joint")


def _box(node: Node, x: float, y: float, guests: Sequence[Node]) -> Markup:
    told = many(node.ues, "UE") if node.role == "UE" and node.ues else node.role
    left = x - BOX / 2
    drawn = [
        element("rect", x=left, y=y, width=BOX, height=TALL + 24 * len(guests), rx=8, class_="box"),
        element("text", _short(node.name), x=x, y=y + 20, text_anchor="middle", font_weight=600),
        element("text", told, x=x, y=y + 36, text_anchor="middle", font_size=11, class_="soft"),
    ]
    for index, guest in enumerate(guests):
        top = y + TALL + 24 * index - 2
        drawn += [
            element("rect", x=left + 8, y=top, width=BOX - 16, height=20, rx=5, class_="guest"),
            element("text", _short(guest.name), x=x, y=top + 14, text_anchor="middle", font_size=11),
        ]
    return element("g", element("title", f"{node.name}: {told}"), *drawn)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
