"""pyzmq, PUSH to PULL over TCP: two frames a message, a header of 8 octets and the message."""

from __future__ import annotations

import struct

from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = "zmq"
MOST = 1 << 40
HEADER = struct.Struct(">Q")


def send(worker: Worker, row: Row) -> None:
    import zmq

    messages = row.messages()
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(worker.exchange()["receive"])
        for count in worker.phases():
            for number in range(count):
                socket.send(HEADER.pack(number), zmq.SNDMORE)
                socket.send(messages[number % KINDS_OF_MESSAGE], copy=False)


def receive(worker: Worker, row: Row) -> None:
    import zmq

    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        worker.exchange(f"tcp://127.0.0.1:{port}")
        for count in worker.phases():
            for number in range(count):
                header, body = socket.recv_multipart(copy=False)
                if HEADER.unpack(header.bytes) != (number,):
                    raise ValueError(f"message {number} has another header")
            worker.last = body.buffer
