"""Blocking TCP sockets: the reference. A header of 16 octets before each message, read straight into one buffer."""

from __future__ import annotations

import socket
import struct

from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = None
MOST = 1 << 40
HEADER = struct.Struct(">QQ")
"""Number, length."""


def send(worker: Worker, row: Row) -> None:
    messages = row.messages()
    address = worker.exchange()["receive"]
    with socket.create_connection(address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for count in worker.phases():
            for number in range(count):
                message = messages[number % KINDS_OF_MESSAGE]
                _send_all(sock, HEADER.pack(number, len(message)), message)


def _send_all(sock: socket.socket, header: bytes, message: bytes) -> None:
    """Header and message in one call, without a copy."""
    sent = sock.sendmsg([header, message])
    if sent < len(header):
        sock.sendall(header[sent:])
        sent = len(header)
    if sent < len(header) + len(message):
        sock.sendall(memoryview(message)[sent - len(header) :])


def receive(worker: Worker, row: Row) -> None:
    body = memoryview(bytearray(row.size))
    header = memoryview(bytearray(HEADER.size))
    with socket.create_server(("127.0.0.1", 0)) as server:
        worker.exchange(server.getsockname())
        sock, _ = server.accept()
    with sock:
        for count in worker.phases():
            for number in range(count):
                _read(sock, header)
                if HEADER.unpack(header) != (number, row.size):
                    raise ValueError(f"message {number} has another header")
                _read(sock, body)
            worker.last = body


def _read(sock: socket.socket, whole: memoryview) -> None:
    at = 0
    while at < len(whole):
        octets = sock.recv_into(whole[at:])
        if not octets:
            raise ConnectionError("the sender has gone")
        at += octets
