"""aioquic: one QUIC stream, each message behind a header of 16 octets, in packets of 1,200 octets.

It encrypts, as QUIC does. The certificate is made for the run, and nobody checks it.
"""

from __future__ import annotations

import asyncio
import datetime
import struct
import tempfile
from pathlib import Path
from typing import Any

from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = "aioquic"
MOST = 8 << 20
HEADER = struct.Struct(">QQ")
WINDOW = 8 << 20


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one for localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(1).not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def configuration(row: Row, client: bool) -> Any:
    import ssl

    from aioquic.quic.configuration import QuicConfiguration

    made = QuicConfiguration(
        is_client=client,
        alpn_protocols=["benchmark"],
        max_data=WINDOW,
        max_stream_data=WINDOW,
        max_datagram_size=1200 if row.segment < 1500 else row.segment,
    )
    made.verify_mode = ssl.CERT_NONE
    return made


async def _send(worker: Worker, row: Row) -> None:
    from aioquic.asyncio.client import connect

    messages = row.messages()
    address = worker.exchange()["receive"]
    async with connect(*address, configuration=configuration(row, True)) as client:
        _, writer = await client.create_stream()
        async for count in worker.phases_async():
            for number in range(count):
                message = messages[number % KINDS_OF_MESSAGE]
                writer.write(HEADER.pack(number, len(message)) + message)


async def _receive(worker: Worker, row: Row) -> None:
    from aioquic.asyncio.server import serve

    streams: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
    with tempfile.TemporaryDirectory() as folder:
        made = configuration(row, False)
        made.load_cert_chain(*certificate(Path(folder)))
        server = await serve(
            "127.0.0.1", 0, configuration=made, stream_handler=lambda reader, writer: streams.put_nowait(reader)
        )
        address = server._transport.get_extra_info("sockname")  # type: ignore[attr-defined]  # aioquic does not tell
        worker.exchange(address)
        reader = None
        async for count in worker.phases_async():
            reader = reader or await streams.get()
            body = b""
            for number in range(count):
                if HEADER.unpack(await reader.readexactly(HEADER.size)) != (number, row.size):
                    raise ValueError(f"message {number} has another header")
                body = await reader.readexactly(row.size)
            worker.last = body
        server.close()


def send(worker: Worker, row: Row) -> None:
    asyncio.run(_send(worker, row))


def receive(worker: Worker, row: Row) -> None:
    asyncio.run(_receive(worker, row))
