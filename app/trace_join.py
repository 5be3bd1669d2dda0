"""Joins the traces of all nodes as only the observer of an emulation can: which UE each anonymous line is about.

A RAN node knows a C-RNTI, the core a context number, an application server a seat. The joined trace says `ue` in the
ids of each, so that reports can follow one UE's life through the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Event = dict[str, Any]


class TraceJoiner:
    """Learns identities from the state lines as it goes; feed it lines in the order of time.

    `ue_names`: UE by subscription identity. `ran_nodes`: RAN node of each UE.
    """

    def __init__(self, ue_names: Mapping[str, str], ran_nodes: Mapping[str, str]) -> None:
        self._ue_names = ue_names
        self._ran_nodes = ran_nodes
        self._by_c_rnti: dict[tuple[str, int], str] = {}
        self._by_context: dict[tuple[str, int], str] = {}
        self._by_seat: dict[tuple[int, int, int], str] = {}

    def join(self, trace: Iterable[Event]) -> Iterator[Event]:
        """The lines with `ue` added where it is known, and `time` in UTC."""
        lines = list(trace)
        for event in lines:
            if event["kind"] == "state":
                self._learn(event)
        for event in lines:
            ids = event.get("ids", {})
            ue = self._ue_of(event, ids)
            joined = {**event, "time": event["utc"]}
            if ue is not None:
                joined["ids"] = {**ids, "ue": ue}
                if event.get("peer") in self._ue_names or str(event.get("peer", "")).startswith(("C-RNTI", "context")):
                    joined["peer"] = ue
            yield joined

    def _learn(self, event: Event) -> None:
        ids, what = event.get("ids", {}), event.get("message")
        if what == "connected":
            self._by_c_rnti[self._ran_nodes[ids["ue"]], ids["c_rnti"]] = ids["ue"]
        elif what == "UE context":
            ue = self._by_c_rnti.get((event["node"], ids["c_rnti"]))
            if ue is not None:
                self._by_context[event["node"], ids["ran_ue"]] = ue
        elif what == "seat given":
            self._by_seat[ids["execution"], ids["server"], ids["seat"]] = self._ue_names[ids["ue"]]

    def _ue_of(self, event: Event, ids: Mapping[str, Any]) -> str | None:
        if "ue" in ids:
            return self._ue_names.get(ids["ue"], str(ids["ue"]))
        if event.get("peer") in self._ue_names:
            return self._ue_names[event["peer"]]
        if "c_rnti" in ids:
            return self._by_c_rnti.get((event["node"], ids["c_rnti"]))
        if "ran_ue" in ids:
            for node in (event["node"], event.get("peer"), ids.get("ran_node")):
                if (ue := self._by_context.get((str(node), ids["ran_ue"]))) is not None:
                    return ue
            return None
        return self._by_seat.get((ids.get("execution", 0), ids.get("instance", 0), ids.get("seat", -1)))
