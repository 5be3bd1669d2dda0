"""Captures of all logical links in one pcapng file, as Wireshark reads it.

Every process writes a file of its own through taps, one for each link; `capture_reader.merge_captures` unites the
files of a run.
Each logical link is an interface of the file: Uu, T4, T8 and N3 as IPv4 and UDP with logical addresses in place of the
loopback ones, N2 and the control bus as exported PDUs. A link's traffic should be tapped at one end only, the sender's:
then lost packets are seen too, and none twice.

Formats: pcapng (draft-ietf-opsawg-pcapng), link types 101 and 252 of tcpdump.org, tags of Wireshark's exported PDUs.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import struct
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.internet import udp_over_ipv4
from net4ai.codecs.l2 import L2_HEADER_SIZE, L2Header
from net4ai.stack.io.clock import Clock
from net4ai.stack.io.pcapng import (
    Direction,
    Interface,
    LinkType,
    interface_block,
    names_block,
    packet_block,
    padded,
    section_block,
)

BUFFER_SIZE = 64 * 1024
"""Octets gathered before they are written."""
FLUSH_INTERVAL = 0.5
"""Seconds after which gathered octets are written even so, where an asyncio loop runs."""
MAXIMUM_DATAGRAM = 65507
"""Payload of the largest UDP datagram over IPv4."""
MAXIMUM_NAMES = 65536
"""Nodes whose names a file explains."""

log = logging.getLogger(__name__)

LINKS: dict[str, Interface] = {
    link.name: link
    for link in (
        Interface("Uu", "Radio between UEs and RAN nodes", LinkType.RAW_IP),
        Interface("N2", "RAN nodes and access manager, over TCP", LinkType.EXPORTED_PDU, "net4ai_n2"),
        Interface("bus", "Control bus between entities", LinkType.EXPORTED_PDU, "json"),
        Interface("T4", "Forwarding functions and application servers", LinkType.RAW_IP),
        Interface("T8", "Forwarding functions among themselves", LinkType.RAW_IP),
        Interface("N3", "GTP-U between RAN nodes and user plane functions", LinkType.RAW_IP),
        Interface("DRB", "Data radio bearers of the Uu once more, as PDCP-NR for Wireshark", LinkType.RAW_IP),
    )
}
"""The links a file can hold. Every file lists all of them, in this order."""

DATA_BEARERS = "DRB"
PDCP_NR_PORT = 46402
"""UDP port of `DATA_BEARERS`, which nobody has but captures."""

RRC_IN_CLEAR, NAS_IN_CLEAR = "RRC in clear", "NAS in clear"
CLEAR_LINKS: dict[str, Interface] = {
    link.name: link
    for link in (
        Interface(RRC_IN_CLEAR, "Protected RRC messages, from the key log", LinkType.EXPORTED_PDU, "net4ai_rrc"),
        Interface(NAS_IN_CLEAR, "Protected NAS messages, from the key log", LinkType.EXPORTED_PDU, "net4ai_nas"),
    )
}
"""What a file holds as well when the key log is on, behind `LINKS`; other files do not know it."""
ALL_LINKS = LINKS | CLEAR_LINKS


# ---------------------------------------------------------------------------------------------------------------------
# Logical addresses

_ENTITIES = (
    "service-manager",
    "orchestrator",
    "resource-manager",
    "access-manager",
    "job-manager",
    "task-manager",
    "routine-manager",
    "application-controller",
)
_NUMBERED: tuple[tuple[re.Pattern[str], Callable[[int], str], int], ...] = (
    (re.compile(r"core()"), lambda n: f"10.4.0.{n}", 9),
    (re.compile(r"ran(?:-(\d+))?"), lambda n: f"10.4.1.{n}", 254),
    (re.compile(r"edge(?:-(\d+))?"), lambda n: f"10.4.2.{n}", 254),
    (re.compile(r"ran(?:-(\d+))?-app-server"), lambda n: f"10.4.3.{n}", 199),
    (re.compile(r"edge(?:-(\d+))?-app-server"), lambda n: f"10.4.3.{200 + n}", 54),
    (re.compile(r"ue(?:-(\d+))?"), lambda n: f"10.4.{16 + n // 256}.{n % 256}", 4095),
)
"""Name, address of the one with number n (1 where the name has none), largest n."""
_ONE_UE = re.compile(r"ue-(\d{1,3})/(\d{1,5})")
_ONE_RADIO = re.compile(r"ran-(\d{1,2}) C-RNTI (\d{1,5})")
_MAXIMUM_RAN_NODE = 90
_MAXIMUM_UE_PROCESS, _MAXIMUM_UE = 155, 65534


def logical_address(node: str) -> IPv4Address:
    """The address under which a node, entity or UE appears in captures. It depends on the name alone.

    ``core`` 10.4.0.1, entities of the core 10.4.0.11 to 18, ``ran-N`` 10.4.1.N, ``edge`` 10.4.2.1, application servers
    10.4.3.x, UE processes ``ue-N`` 10.4.16.N, one UE ``ue-N/M`` 10.(100 + N).0.M, and as its RAN node knows it
    ``ran-N C-RNTI M`` 10.(5 + N).0.M. Any other name gets one of 48,000 addresses from 10.4.64.1 by its hash; two names
    may share one.
    """
    if node in _ENTITIES:
        return IPv4Address(f"10.4.0.{11 + _ENTITIES.index(node)}")
    if found := _ONE_UE.fullmatch(node):
        process, ue = int(found[1]), int(found[2])
        if 1 <= process <= _MAXIMUM_UE_PROCESS and 1 <= ue <= _MAXIMUM_UE:
            return IPv4Address(f"10.{100 + process}.{ue // 256}.{ue % 256}")
    if found := _ONE_RADIO.fullmatch(node):
        ran_node, c_rnti = int(found[1]), int(found[2])
        if 1 <= ran_node <= _MAXIMUM_RAN_NODE and c_rnti <= 0xFFFF:
            return IPv4Address(f"10.{5 + ran_node}.{c_rnti // 256}.{c_rnti % 256}")
    for pattern, address, largest in _NUMBERED:
        if (found := pattern.fullmatch(node)) and 1 <= (number := int(found[1] or 1)) <= largest:
            return IPv4Address(address(number))
    high, low = divmod(int.from_bytes(hashlib.sha256(node.encode()).digest()[:4], "big") % (192 * 254), 254)
    return IPv4Address(f"10.4.{64 + high}.{1 + low}")


# ---------------------------------------------------------------------------------------------------------------------
# Packets

_TAG = struct.Struct(">HH")
_USER_PLANE = 2
_TAG_PAYLOAD, _TAG_SN_LENGTH, _TAG_PDCP_DIRECTION, _TAG_BEARER, _TAG_UE, _TAG_SDAP = 1, 2, 3, 5, 6, 16
_SDAP_UPLINK, _SDAP_DOWNLINK = 1, 2
_PDCP_SN_BITS = 18
_PDCP_DATA = 0x800000
"""Of Wireshark's packet-pdcp-nr.h and TS 38.323 6.2.2.3: a data PDU with 18 bits of sequence number."""
_TAG_DISSECTOR, _TAG_SOURCE, _TAG_DESTINATION, _TAG_DIRECTION = 12, 20, 21, 35


def exported_pdu(dissector: str, source: bytes, destination: bytes, direction: Direction) -> bytes:
    """The tags in front of a PDU that Wireshark hands to the dissector of that name."""
    tags = (
        (_TAG_DISSECTOR, padded(dissector.encode())),
        (_TAG_SOURCE, source),
        (_TAG_DESTINATION, destination),
        (_TAG_DIRECTION, (1 if direction == "in" else 0).to_bytes(4, "big")),
    )
    return b"".join(_TAG.pack(tag, len(value)) + value for tag, value in tags) + _TAG.pack(0, 0)


def pdcp_nr(pdu: Buffer, bearer: int, ue: int, *, uplink: bool) -> bytes:
    """A PDU of a data radio bearer in the framing of Wireshark's heuristic dissector `pdcp_nr_udp`.

    The low 18 bits of COUNT are the PDCP sequence number, behind which SDAP header and packet are as they are.
    """
    header = L2Header.from_bytes(bytes(pdu[:L2_HEADER_SIZE]))
    count = header.count % (1 << _PDCP_SN_BITS)
    return b"".join(
        (
            b"pdcp-nr",
            bytes([_USER_PLANE, _TAG_SN_LENGTH, _PDCP_SN_BITS, _TAG_PDCP_DIRECTION, not uplink]),
            bytes([_TAG_BEARER, bearer, _TAG_UE]) + ue.to_bytes(2, "big"),
            bytes([_TAG_SDAP, _SDAP_UPLINK if uplink else _SDAP_DOWNLINK, _TAG_PAYLOAD]),
            (_PDCP_DATA | count).to_bytes(3, "big"),
            pdu[L2_HEADER_SIZE:],
        )
    )


class Tap:
    """One link of a capture file. Nothing raised here is due to the disk: see `CaptureFile.drops`."""

    __slots__ = ("_capture", "_number", "interface")

    def __init__(self, capture: CaptureFile, number: int, interface: Interface) -> None:
        self.interface = interface
        self._capture = capture
        self._number = number

    def datagram(
        self,
        source: str,
        destination: str,
        source_port: int,
        destination_port: int,
        data: bytes | bytearray | memoryview,
        direction: Direction = "out",
        *,
        time: int | None = None,
        comment: str = "",
    ) -> None:
        """One UDP datagram between two named nodes, on Uu, T4, T8 or N3. `time`: monotonic nanoseconds, else now.

        Raises ValueError on other links.
        """
        if self.interface.link_type is not LinkType.RAW_IP:
            raise ValueError(f"link {self.interface.name} carries messages, not datagrams")
        payload = bytes(data)
        if len(payload) > MAXIMUM_DATAGRAM:
            self._capture.drops["too long"] += 1
            return
        addresses = self._capture.address(source), self._capture.address(destination)
        headers = udp_over_ipv4(*addresses, source_port, destination_port, payload)
        self._capture.packet(self._number, headers + payload, direction, time, comment)

    def message(
        self,
        source: str,
        destination: str,
        data: bytes | bytearray | memoryview,
        direction: Direction = "out",
        *,
        time: int | None = None,
        comment: str = "",
    ) -> None:
        """One message between two named nodes or entities, on N2 or the bus. Raises ValueError on other links."""
        if self.interface.link_type is not LinkType.EXPORTED_PDU:
            raise ValueError(f"link {self.interface.name} carries datagrams, not messages")
        addresses = self._capture.address(source), self._capture.address(destination)
        tags = exported_pdu(self.interface.dissector, *addresses, direction)
        self._capture.packet(self._number, tags + bytes(data), direction, time, comment)


class CaptureFile:
    """The capture of one process.

    `comment` belongs to the whole file: version, scenario, seed. `snap_length` (0: none) cuts packets, headers
    included; after `packet_limit` packets (0: no limit) the rest is only counted. Octets are gathered and written by
    size, by time and at `close`, so a killed process loses the last half second at most. With `key_log` there are the
    interfaces of messages in clear too.

    Raises OSError where the file cannot be made. Afterwards a full disk is logged once; packets that got lost are
    counted in `drops` by reason: "disk", "packet limit", "too long", "closed".
    """

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        *,
        comment: str = "",
        snap_length: int = 0,
        packet_limit: int = 0,
        buffer_size: int = BUFFER_SIZE,
        key_log: bool = False,
    ) -> None:
        self.path = Path(path)
        self.drops: Counter[str] = Counter()
        self.packets = 0
        """Packets taken, those in the buffer included."""
        self._clock = clock
        self._snap_length = snap_length
        self._packet_limit = packet_limit
        self._buffer_size = buffer_size
        self._buffer = bytearray(section_block([comment]))
        self._links = ALL_LINKS if key_log else LINKS
        for interface in self._links.values():
            self._buffer += interface_block(interface, snap_length)
        self._buffered_packets = 0
        self._addresses: dict[str, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed_by = "closed"
        self._logged = False
        self._file = self.path.open("wb", buffering=0)
        self._good_end = 0
        try:
            self._write()
        except OSError:
            self._file.close()
            raise

    def link(self, name: str) -> Tap:
        """The tap of one of `LINKS`, with the key log of one of `CLEAR_LINKS` too. Raises ValueError for others."""
        if name not in self._links:
            raise ValueError(f"link {name!r} is not allowed; allowed: {', '.join(self._links)}")
        return Tap(self, list(self._links).index(name), self._links[name])

    def address(self, node: str) -> bytes:
        """The logical address of a node, 4 octets; the file explains it by the node's name from here on."""
        packed = self._addresses.get(node)
        if packed is None:
            packed = logical_address(node).packed
            if len(self._addresses) < MAXIMUM_NAMES and not self._file.closed:
                self._addresses[node] = packed
                self._gather(names_block([(packed, node)]))
        return packed

    def packet(self, number: int, data: bytes, direction: Direction, time: int | None, comment: str) -> None:
        """Takes one packet on the interface of that number, for `Tap`."""
        if self._file.closed:
            self.drops[self._closed_by] += 1
            return
        if self._packet_limit and self.packets >= self._packet_limit:
            self.drops["packet limit"] += 1
            return
        now = (self._clock.now() if time is None else time) + self._clock.utc_offset
        kept = data[: self._snap_length] if self._snap_length else data
        self._buffered_packets += 1
        self.packets += 1
        self._gather(packet_block(number, now, kept, len(data), direction, comment))

    def flush(self) -> None:
        """Writes what is gathered. Never raises: what could not be written is dropped and counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._buffer or self._file.closed:
            return
        try:
            self._write()
        except OSError as error:
            self._give_up_buffer(error)

    def close(self) -> None:
        """Writes the rest and closes the file. A second call does nothing."""
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gather(self, block: bytes) -> None:
        self._buffer += block
        if len(self._buffer) >= self._buffer_size:
            self.flush()
        elif self._timer is None:
            self._timer = self._start_timer()

    def _start_timer(self) -> asyncio.TimerHandle | None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        return loop.call_later(FLUSH_INTERVAL, self.flush)

    def _write(self) -> None:
        octets = bytes(self._buffer)
        while octets:
            octets = octets[self._file.write(octets) or 0 :]
        self._good_end += len(self._buffer)
        self._buffer.clear()
        self._buffered_packets = 0

    def _give_up_buffer(self, error: OSError) -> None:
        self.drops["disk"] += self._buffered_packets
        self.packets -= self._buffered_packets
        self._buffer.clear()
        self._buffered_packets = 0
        # Names explained in the lost octets have to be explained again.
        self._addresses.clear()
        if not self._logged:
            log.warning("capture %s is incomplete: %s", self.path, error)
            self._logged = True
        try:
            # Half a block may have been written: what follows must begin where the last good one ended.
            self._file.seek(self._good_end)
            self._file.truncate()
        except OSError:
            self._closed_by = "disk"
            self._file.close()
