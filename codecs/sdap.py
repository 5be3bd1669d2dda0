"""Service Data Adaptation Protocol (SDAP): one octet that names the QoS flow of a packet on a data radio bearer.

The headers are those of TS 37.324, bit for bit: Wireshark's own dissector reads them.
"""

from __future__ import annotations

from net4ai.codecs.declaration import Structure, flag, reserved, unsigned


class UplinkHeader(Structure, reference="TS 37.324 6.2.2.3"):
    """From the UE. A control PDU, the end marker, is this octet alone: the QoS flow has left the bearer."""

    is_data: bool = flag("Data (1) or control PDU (0).", default=True)
    reserved_bit: int = reserved(1)
    qfi: int = unsigned(6, "QoS flow identifier.")


class DownlinkHeader(Structure, reference="TS 37.324 6.2.2.2"):
    """Towards the UE."""

    reflective_mapping: bool = flag("RDI: the UE shall send the QoS flow on this bearer too.", default=False)
    reflective_flow: bool = flag(
        "RQI: the UE shall send what answers this packet on this QoS flow (TS 23.501 5.7.5).", default=False
    )
    qfi: int = unsigned(6, "QoS flow identifier.")


SDAP_HEADER_SIZE = UplinkHeader.fixed_run().size
assert SDAP_HEADER_SIZE == DownlinkHeader.fixed_run().size == 1
