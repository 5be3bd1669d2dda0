"""One end of a data radio bearer: packets of a PDU session behind a layer-2 header with COUNT and an SDAP header (R95).

Unacknowledged: what runs inside repeats what it needs. As on computing bearers nothing is dropped for its COUNT, which
runs per socket: there is one `ComputingBearer` with the type of a data bearer for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.codecs.sdap import SDAP_HEADER_SIZE, DownlinkHeader, UplinkHeader
from net4ai.stack.computing_bearer import ComputingBearer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Direction
from net4ai.stack.runs import Alike, drop_all, runs
from net4ai.stack.user_plane.reframe import column

HEADERS_SIZE = L2_HEADER_SIZE + SDAP_HEADER_SIZE
_SDAP = Alike(L2_HEADER_SIZE, 4, L2_HEADER_SIZE + 4)
"""The SDAP header, and octets of the IP header behind it that are the same in a flow."""

Mirror = Callable[[Buffer, int, Direction], None]
"""Sees the PDUs of a bearer, `stride` octets apart, as they come and go: for captures."""


class Packets(NamedTuple):
    """Packets of one QoS flow that came over a bearer, `stride` octets apart, each behind `HEADERS_SIZE` octets."""

    header: UplinkHeader | DownlinkHeader
    data: Buffer
    stride: int


class DataBearer:
    """One end, at the UE or at the RAN node. `flows`: the QoS flows that are mapped to the bearer."""

    def __init__(
        self, bearer: int, c_rnti: int, flows: frozenset[int], drops: DropCounter, *, at_ue: bool, mirror: Mirror | None
    ) -> None:
        self.bearer = bearer
        self.flows = flows
        self.mirror = mirror
        self._drops = drops
        self._received: type[UplinkHeader] | type[DownlinkHeader] = DownlinkHeader if at_ue else UplinkHeader
        self._bearers = [
            ComputingBearer(bearer_type=BearerType.DRB, bearer=bearer, c_rnti=c_rnti, drops=drops) for _ in range(2)
        ]
        """On the signalling socket, on the bulk socket."""

    def stamp(self, packets: bytearray, stride: int, header: UplinkHeader | DownlinkHeader, bulk: bool) -> None:
        """Make PDUs for the signalling or the bulk socket of packets, which have `HEADERS_SIZE` octets in front."""
        self._bearers[bulk].stamp(packets, stride)
        column(packets, stride, L2_HEADER_SIZE, "u1")[:] = header.to_bytes()[0]
        if self.mirror is not None:
            self.mirror(packets, stride, "out")

    def receive(self, run: Buffer, stride: int, bulk: bool) -> Iterator[Packets]:
        """PDUs of this bearer have come: a run (see `net4ai.stack.runs`) by `HOP`. Never raises for what is in them."""
        if not self._bearers[bulk].accept_run(run, stride):
            return
        if self.mirror is not None:
            self.mirror(run, stride, "in")
        for alike in runs(run, stride, _SDAP):
            try:
                header, _ = self._received.read(alike, L2_HEADER_SIZE)
            except DecodeError as error:
                drop_all(self._drops, error.reason, len(alike), stride)
                continue
            if header.qfi not in self.flows:
                drop_all(self._drops, Drop.FLOW_NOT_CONFIGURED, len(alike), stride)
            elif isinstance(header, UplinkHeader) and not header.is_data:
                pass  # an end marker: flows stay on their bearer here, so it says nothing new
            else:
                yield Packets(header, alike, stride)
