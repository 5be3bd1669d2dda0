from __future__ import annotations

from net4ai.codecs import dep, l2


def test_declared_widths() -> None:
    assert dep.DEP_HEADER_SIZE == 16
    assert dep.DATA_HEADERS_SIZE == 32
    sizes = {kind.name: getattr(body.PARTS[0], "size", 0) for kind, body in dep.BODIES.items()}
    assert sizes == {
        "DATA": 8,
        "GRANT": 8,
        "ACK": 16,
        "NACK": 0,
        "BUSY": 4,
        "PING": 4,
        "PONG": 4,
        "CLOSE": 4,
        "CLOSE_ACK": 4,
        "PATH": 4,
        "ERROR": 8,
        "CAPSULE": 4,
    }
    assert dep.Extension.fixed_run().size == 4


def test_the_handle_and_the_packet_number_lie_where_forwarding_expects_them() -> None:
    headers = (
        l2.L2Header(
            is_data=True,
            segmentation=l2.Segmentation.COMPLETE,
            bearer_type=l2.BearerType.CRB,
            bearer=1,
            c_rnti=0x4001,
            count=0x44444444,
        ).to_bytes()
        + dep.DepHeader(
            version=dep.VERSION,
            type=dep.DepType.DATA,
            congestion=dep.CongestionMark.NOT_CAPABLE,
            qfi=1,
            extension_words=0,
            handle=0x12121212,
            message_id=0x16161616,
            offset=0x20202020,
        ).to_bytes()
        + dep.DataBody(message_length=0x24242424, packet_number=0x28282828).to_bytes()
    )
    assert len(headers) == 32
    assert headers[2:8].hex() == "400144444444"
    assert headers[12:32].hex() == "1212121216161616202020202424242428282828"


def test_every_type_has_a_body_or_is_reserved() -> None:
    assert set(dep.DepType) - set(dep.BODIES) == {dep.DepType.EXT}
