"""The golden captures in pcaps/golden: small, one for each procedure, always the same.

    python tests/wireshark/make_golden.py --update

Nodes of a whole network run in one loop under virtual time (tests/integration/network_run.py); what they take from the
operating system's randomness comes from a seed here, and the keys are those of the run key 00…00. The key log is on.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy.random  # noqa: F401  # it draws when it is imported: not from what is mocked here

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from network_run import CONTROLLER, TOYS, Local, Network, Source

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import PathReason
from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, Execution, Turn
from net4ai.ran_node.hand_over import prepare_handover
from net4ai.stack.io.capture import ALL_LINKS, logical_address
from net4ai.stack.io.capture_reader import Capture, Packet, merge_captures, read_capture
from net4ai.stack.io.pcapng import interface_block, names_block, packet_block, section_block
from net4ai.stack.io.platform import LinkConfig
from net4ai.stack.io.virtual_loop import run_virtual

FOLDER = Path(__file__).parents[2] / "pcaps" / "golden"
SEED = 2026
NETWORK = ("core", "edge", "ran-1", "ran-2")
SMALL = ("ue_groups.ue-1.count=2", "ue_groups.ue-2.count=2", "privacy.k=2", "settings.rounds=1")
OTHERS = ("ran-2", "ue-2", "ran-2-app-server")
"""What one terminal's procedures do without."""
OTHER_SUBSCRIBERS = ("imsi-001010000000002", "imsi-001010000000003")
RADIO_AND_CORE = ("Uu", "N2", "RRC in clear", "NAS in clear")
SECOND = 1_000_000_000
RADIO = LinkConfig(delay=0.002)
SMALL_BUFFER = 760_000
"""Octets of a socket's buffer: six segments of a message come unasked, the rest is granted."""
PAUSE = 9
"""Seconds a slow turn does nothing."""

Story = Callable[[Network], Coroutine[Any, Any, None]]


class SlowSource(Source):
    """Takes its time, then sends several segments."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await server.send(Message(tag=1, data=bytes(range(256)) * 40, index=turn.number))
        await server.receive()
        await asyncio.sleep(PAUSE)
        await server.send(Message(tag=1, data=bytes(range(256)) * 80, index=turn.number))
        await server.receive()


class PatientLocal(Local):
    """Answers both."""

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await super().server_turn(execution, turn, client)
        await super().server_turn(execution, turn, client)


@dataclass(frozen=True, slots=True)
class Golden:
    """A capture: its story, and which packets of it are kept."""

    doc: str
    story: Story
    first: float
    """Seconds from the beginning of the story."""
    last: float
    links: tuple[str, ...]
    without: tuple[str, ...] = OTHERS
    overrides: tuple[str, ...] = ()
    radio: LinkConfig = RADIO
    slow: bool = False


def machine(network: Network, name: str) -> Any:
    """The machine of a node, and its driver."""
    node = next(node for node in network.run.nodes if node.platform.name == name)
    return node.driver.machine, node.driver


async def register(network: Network) -> None:
    await network.start(*NETWORK)
    await asyncio.sleep(1)
    await network.start("ue-1")
    await asyncio.sleep(1)


async def set_up_session(network: Network) -> None:
    """The second terminal is not there: the job waits for it, with the session of the first set up."""
    await register(network)
    await network.start(CONTROLLER)
    await asyncio.sleep(1)


async def execute(network: Network) -> None:
    await set_up_session(network)
    await network.start("ue-2")
    await network.end()


async def page(network: Network) -> None:
    """Silent for two seconds, the terminal is released; the job list has to find it."""
    await register(network)
    await asyncio.sleep(4)
    await network.start(CONTROLLER)
    await asyncio.sleep(1)


async def leave(network: Network) -> None:
    await register(network)
    process, driver = machine(network, "ue-1")
    driver.feed(lambda now: process.terminals[0].leave())
    await asyncio.sleep(1)


async def prepare(network: Network) -> None:
    await set_up_session(network)
    node, driver = machine(network, "ran-1")
    context = next(iter(node.contexts.values()))
    cause = Cause.NORMAL
    driver.feed(lambda now: node.procedures.start("handover", prepare_handover(node, context, "ran-2", cause)))
    await asyncio.sleep(1)


async def change_paths(network: Network) -> None:
    """In the pause of a slow turn a key capsule, and a change of path."""
    await set_up_session(network)
    await network.start("ue-2")
    await asyncio.sleep(2)
    process, driver = machine(network, "ue-1")

    def change(now: int) -> None:
        for end in process.endpoint.sessions.values():
            end.session.send_capsule(1, bytes(range(64)), now)
            process.endpoint.path_changed(end, PathReason.BEARER_CHANGED, now)

    driver.feed(change)
    await network.end()


GOLDEN: dict[str, Golden] = {
    "registration": Golden("RRC connection, NAS security, registration, RRC security", register, 1, 2, RADIO_AND_CORE),
    "session": Golden("Job list, consent, a DEP session set up", set_up_session, 2, 3, RADIO_AND_CORE),
    "execution": Golden(
        "One turn of a terminal: invitation, start, DEP on Uu and T4, done, completion",
        execute,
        4,
        5,
        (*RADIO_AND_CORE, "T4"),
    ),
    "reestablishment": Golden(
        "Six seconds without radio: radio link failure, re-establishment, PATH",
        execute,
        4.4,
        16,
        RADIO_AND_CORE,
        radio=LinkConfig(delay=0.002, cuts=[(4.6, 6.0)]),
        slow=True,
    ),
    "paging": Golden(
        "Release for inactivity, paging, service request",
        page,
        3,
        7,
        RADIO_AND_CORE,
        overrides=("ran_nodes.ran-1.inactivity_ms=2000",),
    ),
    "deregistration": Golden("The terminal leaves", leave, 2, 3, RADIO_AND_CORE),
    "handover-preparation": Golden("Preparation at another RAN node", prepare, 3, 4, ("N2",), without=("ue-2",)),
    "dep": Golden(
        "DEP over a radio that loses a tenth: retransmissions, a key capsule, a change of path",
        change_paths,
        2,
        16,
        ("Uu", "RRC in clear"),
        radio=LinkConfig(delay=0.002, loss=0.1, duplicate=0.05),
        slow=True,
    ),
}


# ---------------------------------------------------------------------------------------------------------------------
# Playing, cutting, writing


def play(golden: Golden, folder: Path) -> Capture:
    """All that was captured."""
    traces = folder / "traces"
    traces.mkdir()
    functions = {**TOYS, "data-source": SlowSource, "local-training": PatientLocal} if golden.slow else TOYS
    generator = random.Random(SEED)

    async def whole() -> None:
        network = Network(
            traces, *SMALL, *golden.overrides, toys=True, find=functions.__getitem__, receive_buffer=SMALL_BUFFER
        )
        run = network.run.run
        run.capture_folder, run.key_log, run.links = str(folder), True, {**run.links, "Uu": golden.radio}
        try:
            await golden.story(network)
        finally:
            network.close()

    with mock.patch.object(secrets, "randbits", generator.getrandbits):
        run_virtual(whole())
    merged = folder / "merged"
    merge_captures(sorted(folder.glob("*.pcapng")), merged)
    return read_capture(merged)


def addresses(packet: Packet) -> tuple[bytes, bytes]:
    """Source and destination: of the IPv4 header, or of an exported PDU's tags."""
    data = packet.data
    if data[0] == 0x45:
        return data[12:16], data[16:20]
    at, found = 0, {}
    while tag := int.from_bytes(data[at : at + 2], "big"):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found[20], found[21]


def cut(golden: Golden, capture: Capture) -> bytes:
    """The file: what is in the window and of the terminal, and the names it needs."""
    names = {address.packed: name for name, address in capture.names.items()}
    strangers = {logical_address(name).packed for name in golden.without} | {
        address for address, name in names.items() if golden.without and is_of(name, golden.without)
    }
    first, last = (int(second * SECOND) for second in (golden.first, golden.last))
    kept = [
        packet
        for packet in capture.packets
        if first <= packet.time < last
        and packet.interface.name in golden.links
        and not strangers.intersection(addresses(packet))
    ]
    needed = sorted({address for packet in kept for address in addresses(packet)} & names.keys())
    links = list(ALL_LINKS)
    blocks = [section_block([golden.doc]), *(interface_block(link, 0) for link in ALL_LINKS.values())]
    blocks.append(names_block((address, names[address]) for address in needed))
    for packet in kept:
        direction = packet.direction or "in"
        number = links.index(packet.interface.name)
        blocks.append(packet_block(number, packet.time, packet.data, packet.length, direction, packet.comment))
    return b"".join(blocks)


def is_of(name: str, strangers: tuple[str, ...]) -> bool:
    """A UE as its RAN node names it, or a subscriber of the second UE process."""
    return any(name.startswith((f"{stranger} ", f"{stranger}/")) for stranger in strangers) or name in OTHER_SUBSCRIBERS


def make(name: str) -> bytes:
    """A golden capture, as the file has it."""
    golden = GOLDEN[name]
    with tempfile.TemporaryDirectory() as folder:
        return cut(golden, play(golden, Path(folder)))


def main() -> None:
    if sys.argv[1:] != ["--update"]:
        raise SystemExit(__doc__)
    FOLDER.mkdir(exist_ok=True)
    for name in GOLDEN:
        octets = make(name)
        (FOLDER / f"{name}.pcapng").write_bytes(octets)
        print(f"{name}.pcapng: {len(octets)} octets")


if __name__ == "__main__":
    main()
