"""A run with the key log: with the keys in it all protected RRC and NAS on the wire is opened, and is what is captured
in clear. By the algorithms alone, as somebody else's tool would do it."""

from __future__ import annotations

import io
import json
from pathlib import Path

from net4ai.app.progress import Display
from net4ai.app.runner import Options, run_scenario
from net4ai.app.scenario import load_scenario
from net4ai.codecs import nas, rrc
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack.io.capture import NAS_IN_CLEAR, RRC_IN_CLEAR
from net4ai.stack.io.capture_reader import Capture, Packet, read_capture
from net4ai.stack.io.key_log import KEY_LOG, WARNING
from net4ai.stack.security.algorithms import nea2, nia2

SMALL = (
    "ue_groups.ue-1.count=2",
    "ue_groups.ue-2.count=2",
    "privacy.k=2",
    "settings.rounds=1",
    "settings.batch_size=256",
    "key_log=true",
)
UDP_HEADERS = 28


def exported(packet: Packet) -> bytes:
    """The message behind the tags."""
    data, start = packet.data, 0
    while (tag := int.from_bytes(data[start : start + 2], "big")) != 0:
        start += 4 + int.from_bytes(data[start + 2 : start + 4], "big")
    assert tag == 0
    return data[start + 4 :]


def opened_on_uu(capture: Capture, keys: dict[tuple[str, int], dict[str, bytes]]) -> set[bytes]:
    """All protected messages on SRB1, deciphered and verified with the keys of their C-RNTI."""
    names = {address.packed: name for name, address in capture.names.items()}
    segments: dict[tuple[str, int, bool, int], tuple[int, bytes]] = {}
    for packet in capture.packets:
        if packet.interface.name != "Uu":
            continue
        pdu, destination = packet.data[UDP_HEADERS:], names[packet.data[16:20]]
        header, start = L2Header.read(pdu)
        if header.bearer_type != BearerType.SRB or not header.has_mac or not header.is_data:
            continue
        downlink = "C-RNTI" in destination
        node = names[packet.data[12:16]] if downlink else destination
        own = keys[node, header.c_rnti]
        start += 4 * (header.segmentation in (Segmentation.MIDDLE, Segmentation.LAST))
        body = pdu[start:]
        if header.ciphered:
            body = nea2(own["K_RRCenc"], header.count, 0, downlink, body)
        assert nia2(own["K_RRCint"], header.count, 0, downlink, pdu[:start] + body[:-4]) == body[-4:]
        segments[node, header.c_rnti, downlink, header.count] = header.segmentation, body[:-4]
    found, message = set(), b""
    for _, (segmentation, payload) in sorted(segments.items()):
        message = payload if segmentation in (Segmentation.COMPLETE, Segmentation.FIRST) else message + payload
        if segmentation in (Segmentation.COMPLETE, Segmentation.LAST):
            found.add(message)
    return found


def opened_nas(messages: set[bytes], keys: list[dict[str, bytes]]) -> set[bytes]:
    """All NAS inside these RRC messages, deciphered with whichever keys make its MAC-I right."""
    found = set()
    for octets in messages:
        carried = getattr(message := rrc.Rrc.FAMILY.decode(octets), "nas", None)
        if carried is None:
            continue
        protected = nas.Nas.FAMILY.decode(carried)
        assert isinstance(protected, nas.Protected)
        downlink = isinstance(message, rrc.DownlinkInformationTransfer)
        covered = protected.count.to_bytes(4, "big") + protected.message
        mac = protected.mac.to_bytes(4, "big")
        (own,) = [own for own in keys if nia2(own["K_NASint"], protected.count, 1, downlink, covered) == mac]
        found.add(nea2(own["K_NASenc"], protected.count, 1, downlink, protected.message))
    return found


def test_with_the_keys_everything_can_be_read(tmp_path: Path) -> None:
    out = io.StringIO()
    folder, capture_file = tmp_path / "report", tmp_path / "run.pcapng"
    run_scenario(load_scenario("blood-pressure", SMALL), Options(folder, capture_file, True), Display(out))
    processes = ("core", "edge", "ran-1", "ran-2", "ue-1", "ue-2", "controller-health-research")
    assert all(out.getvalue().count(f" {name}: {WARNING}") == 1 for name in processes)

    lines = [json.loads(line) for line in (folder / KEY_LOG).read_text().splitlines()]
    radio, core = {}, []
    for line in lines:
        keys = {name: bytes.fromhex(key) for name, key in line["keys"].items()}
        if line["node"] == "core":
            core.append(keys)
        else:
            radio[line["node"], line["c_rnti"]] = keys
    assert (len(radio), len(core)) == (4, 4)

    capture = read_capture(capture_file)
    in_clear = {
        name: {exported(packet) for packet in capture.packets if packet.interface.name == name}
        for name in (RRC_IN_CLEAR, NAS_IN_CLEAR)
    }
    on_uu = opened_on_uu(capture, radio)
    assert on_uu <= in_clear[RRC_IN_CLEAR]
    assert len(on_uu) > 40
    # The run may end before the last release of each UE's session has gone out.
    assert {type(rrc.Rrc.FAMILY.decode(message)) for message in in_clear[RRC_IN_CLEAR] - on_uu} <= {rrc.Reconfiguration}
    assert len(in_clear[RRC_IN_CLEAR] - on_uu) <= len(radio)
    # Before security of the radio NAS goes in RRC that is not protected.
    assert opened_nas(on_uu, core) <= in_clear[NAS_IN_CLEAR]
    kinds = {type(nas.Nas.FAMILY.decode(octets)) for octets in in_clear[NAS_IN_CLEAR]}
    assert kinds >= {nas.SecurityModeCommand, nas.SecurityModeComplete, nas.RegistrationAccept, nas.Consent}
