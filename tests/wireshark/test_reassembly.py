"""Reassembled service data units and messages are what was sent, whatever the order of arrival."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from wireshark_captures import RAN_NODE, RAN_NODE_BULK, UE, UE_BULK, Packet, fields, info, tshark, udp, write_pcapng

from net4ai.codecs import dep, l2, message, nas, rrc
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer

pytestmark = pytest.mark.tshark

SEGMENT = 500


def data_pdu(
    sent: bytes,
    offset: int,
    number: int,
    *,
    message_id: int = 12,
    handle: int = 0xABCD,
    response: bool = False,
    bearer_type: l2.BearerType = l2.BearerType.CRB,
    segment: int = SEGMENT,
    count: int | None = None,
) -> bytes:
    """One DATA from its layer-2 header on; the packet number, and unless given COUNT, are `number`."""
    count = number if count is None else count
    header = l2.L2Header(is_data=True, segmentation=0, bearer_type=bearer_type, bearer=1, c_rnti=7, count=count)
    dep_header = dep.DepHeader(
        version=1,
        type=dep.DepType.DATA,
        response=response,
        congestion=0,
        qfi=1,
        extension_words=0,
        handle=handle,
        message_id=message_id,
        offset=offset,
    )
    body = dep.DataBody(message_length=len(sent), packet_number=number)
    return header.to_bytes() + dep_header.to_bytes() + body.to_bytes() + sent[offset : offset + segment]


def data_pdus(sent: bytes, first_number: int = 0, **options: object) -> list[bytes]:
    offsets = range(0, max(len(sent), 1), SEGMENT)
    return [data_pdu(sent, offset, first_number + index, **options) for index, offset in enumerate(offsets)]  # type: ignore[arg-type]


def tensor_message(length: int, generator: random.Random) -> bytes:
    data = generator.randbytes(length * 4)
    item = message.Message(2, message.Content.TENSOR, data, 9, message.ElementType.FLOAT32, (length,))
    return message.encode_message(item)


def up(pdu: bytes) -> Packet:
    return Packet(udp(pdu, UE_BULK, RAN_NODE_BULK))


def reassembled(path: Path, *arguments: str) -> list[bytes]:
    """Whole messages in the order they became whole."""
    found = fields(path, ["dep.message"], *arguments)
    return [bytes.fromhex(packet["dep.message"][0].replace(":", "")) for packet in found if packet]


def in_order(pdus: list[bytes], generator: random.Random) -> list[bytes]:
    return pdus


def reversed_order(pdus: list[bytes], generator: random.Random) -> list[bytes]:
    return pdus[::-1]


def shuffled(pdus: list[bytes], generator: random.Random) -> list[bytes]:
    return generator.sample(pdus, len(pdus))


def duplicated(pdus: list[bytes], generator: random.Random) -> list[bytes]:
    return shuffled(pdus + pdus, generator)


ORDERS: tuple[Callable[[list[bytes], random.Random], list[bytes]], ...] = (
    in_order,
    reversed_order,
    shuffled,
    duplicated,
)


def test_messages_are_what_was_sent(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    lengths = (0, 1, 100, 109, 125, 1000, 5000)
    sent = [tensor_message(length, generator) for _ in ORDERS for length in lengths]
    packets = []
    for index, whole in enumerate(sent):
        arrive = ORDERS[index // len(lengths)]
        packets += map(up, arrive(data_pdus(whole, 100 * index, message_id=index), generator))
    path = write_pcapng(tmp_path / "messages.pcapng", packets)
    assert reassembled(path) == sent
    assert reassembled(path, "-2") == sent


def test_interleaved_legs_flows_and_directions_do_not_mix(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    legs = []
    for response in (False, True):
        for bearer_type, interface in ((l2.BearerType.CRB, "Uu"), (l2.BearerType.FIXED_LINK, "T4")):
            sent = tensor_message(800, generator)
            pdus = data_pdus(sent, response=response, bearer_type=bearer_type)
            legs.append((sent, [Packet(udp(pdu, UE_BULK, RAN_NODE_BULK), interface) for pdu in pdus]))
    numbers = [number for number, (_, packets) in enumerate(legs) for _ in packets]
    generator.shuffle(numbers)
    queues = [iter(packets) for _, packets in legs]
    path = write_pcapng(tmp_path / "legs.pcapng", [next(queues[number]) for number in numbers])
    assert sorted(reassembled(path)) == sorted(sent for sent, _ in legs)


def test_retransmission_with_a_new_packet_number_is_marked(tmp_path: Path, seed: int) -> None:
    sent = tensor_message(400, random.Random(seed))
    first, second, third, last = data_pdus(sent)
    again = data_pdu(sent, SEGMENT, 50)
    path = write_pcapng(tmp_path / "again.pcapng", map(up, [first, second, third, again, last]))
    assert reassembled(path) == [sent]
    marks = fields(path, ["dep.retransmission_of", "net4ai.repeats", "dep.reassembled_in", "dep.segment"], "-2")
    assert marks == [
        {"dep.reassembled_in": ["5"]},
        {"dep.reassembled_in": ["5"]},
        {"dep.reassembled_in": ["5"]},
        {"dep.reassembled_in": ["5"], "dep.retransmission_of": ["2"]},
        {"dep.segment": ["1", "2", "3", "5"]},
    ]
    assert info(path) == [
        "DEP DATA msg 12 [0-500) of 1664",
        "DEP DATA msg 12 [500-1000) of 1664",
        "DEP DATA msg 12 [1000-1500) of 1664",
        "DEP DATA msg 12 [500-1000) of 1664, retransmission",
        "DEP DATA msg 12 [1500-1664) of 1664, FLOAT32 [400] TENSOR tag 2 index 9",
    ]


def test_duplicate_pdu_is_marked_and_counts_once(tmp_path: Path, seed: int) -> None:
    sent = tensor_message(300, random.Random(seed))
    first, second, last = data_pdus(sent)
    path = write_pcapng(tmp_path / "duplicate.pcapng", map(up, [first, second, second, last]))
    assert reassembled(path) == [sent]
    marks = fields(path, ["dep.retransmission_of", "net4ai.repeats"])
    assert marks == [{}, {}, {"net4ai.repeats": ["2"]}, {}]


def test_forwarded_twice_is_no_retransmission(tmp_path: Path, seed: int) -> None:
    """The packet number is the sender's: a relay that got a PDU twice sends both under a COUNT of its own."""
    sent = tensor_message(300, random.Random(seed))
    first, second, last = data_pdus(sent)
    again = data_pdu(sent, SEGMENT, 1, count=10)
    path = write_pcapng(tmp_path / "forwarded.pcapng", map(up, [first, second, again, last]))
    assert reassembled(path) == [sent]
    assert not any(fields(path, ["dep.retransmission_of", "net4ai.repeats"]))


def test_same_octets_with_other_content_are_reported(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    sent, other = tensor_message(300, generator), tensor_message(300, generator)
    pdus = [data_pdu(sent, 0, 0), data_pdu(sent, 500, 1), data_pdu(other, 500, 2)]
    path = write_pcapng(tmp_path / "differs.pcapng", map(up, pdus))
    assert [bool(packet) for packet in fields(path, ["net4ai.expert.differs"])] == [False, False, True]


def test_segments_of_another_size_overlap(tmp_path: Path, seed: int) -> None:
    """A sender may cut a message anew: octets count once, the message is whole at the right frame."""
    sent = tensor_message(400, random.Random(seed))
    cuts = [(700, 600), (0, 300), (200, 600), (1200, 464)]
    pdus = [data_pdu(sent, offset, number, segment=size) for number, (offset, size) in enumerate(cuts)]
    path = write_pcapng(tmp_path / "overlap.pcapng", map(up, pdus))
    assert reassembled(path) == [sent]
    assert [bool(packet) for packet in fields(path, ["dep.message"])] == [False, False, False, True]


def test_memory_for_messages_is_bounded(tmp_path: Path, seed: int) -> None:
    """Beyond the bound the oldest messages are forgotten, and it is said."""
    generator = random.Random(seed)
    sent = [tensor_message(200_000, generator) for _ in range(2)]
    packets = []
    for index, whole in enumerate(sent):
        pdus = [
            data_pdu(whole, offset, number, message_id=index, segment=60_000)
            for number, offset in enumerate(range(0, len(whole), 60_000), 100 * index)
        ]
        packets += map(up, pdus)
    path = write_pcapng(tmp_path / "large.pcapng", packets)
    assert reassembled(path, "-2") == sent
    assert reassembled(path, "-2", "-o", "net4ai.memory:1") == sent[1:]
    assert sum("message not kept" in line for line in info(path, "-2", "-o", "net4ai.memory:1")) == 1


def test_json_goes_to_the_json_dissector(tmp_path: Path) -> None:
    sent = message.encode_message(message.Message(1, message.Content.JSON, b'{"metric": 12.5}'))
    path = write_pcapng(tmp_path / "json.pcapng", map(up, data_pdus(sent)))
    assert fields(path, ["json.key", "_ws.col.Protocol"]) == [
        {"json.key": ["metric"], "_ws.col.Protocol": ["DEP"]},
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Acknowledged bearers


def signalling(sdus: list[bytes]) -> list[bytes]:
    """What a real bearer makes of service data units."""
    bearer = AcknowledgedBearer(bearer_type=l2.BearerType.SRB, bearer=1, c_rnti=7)
    pdus = []
    for sdu in sdus:
        bearer.send(sdu, 0)
        pdus += bearer.datagrams_to_send(0)
    return pdus


def information_transfer(length: int, generator: random.Random) -> tuple[bytes, bytes]:
    """An RRC message and the NAS octets it carries."""
    invite = nas.RoutineInvite(
        execution=length,
        session=1,
        function="local-training",
        routine="local-training",
        round=1,
        cut=2,
        seat=3,
        sequential=True,
        settings=generator.randbytes(length),
        key=generator.randbytes(20),
    )
    return rrc.DownlinkInformationTransfer(nas=invite.encode()).encode(), invite.settings


def test_service_data_units_are_what_was_sent(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    sent, packets = [], []
    for number, arrive in enumerate(ORDERS):
        made = [information_transfer(length, generator) for length in (10, 1370, 1500, 3000, 8000)]
        sent += [settings for _, settings in made]
        pdus = arrive(signalling([sdu for sdu, _ in made]), generator)
        packets += [Packet(udp(pdu, RAN_NODE, ("10.0.0.1", 50_000 + number))) for pdu in pdus]
    path = write_pcapng(tmp_path / "srb.pcapng", packets)
    name = "net4ai.nas.routine_invite.settings"
    shown = {
        bytes.fromhex(packet[name][0].replace(":", ""))
        for packet in fields(path, [name, "net4ai.repeats"], "-Y", "net4ai_nas")
    }
    assert shown == set(sent)
    problems = "net4ai.expert.malformed || _ws.malformed || net4ai.expert.range"
    assert not tshark(path, "-Y", problems)


def test_segments_name_the_frame_that_makes_them_whole(tmp_path: Path, seed: int) -> None:
    sdu, _ = information_transfer(3000, random.Random(seed))
    pdus = signalling([sdu])
    path = write_pcapng(tmp_path / "srb.pcapng", [Packet(udp(pdu, RAN_NODE, UE)) for pdu in [*pdus, pdus[1]]])
    names = ["net4ai.reassembled_in", "net4ai.segment.frame", "net4ai.reassembled_length", "net4ai.repeats"]
    first, second, last, again = fields(path, names, "-2")
    assert first == second == {"net4ai.reassembled_in": ["3"]}
    assert last == {"net4ai.segment.frame": ["1", "2", "3"], "net4ai.reassembled_length": [str(len(sdu))]}
    assert again == {"net4ai.repeats": ["2"]}
    assert info(path)[-1].startswith("retransmission")
