"""gRPC with messages of octets: one call for each, thirty-two under way, as DEP has. `grpc_stream` uses one call."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = "grpc"
MOST = 96 << 20
HEADER = struct.Struct(">Q")
UNDER_WAY = 32
OPTIONS = [("grpc.max_receive_message_length", 1 << 30), ("grpc.max_send_message_length", 1 << 30)]


def channel_to(address: str) -> Any:
    import grpc

    return grpc.insecure_channel(address, OPTIONS)


def send(worker: Worker, row: Row) -> None:
    """Calls follow one another; what has not been answered is bounded."""
    messages = row.messages()
    with channel_to(worker.exchange()["receive"]) as channel:
        call = channel.unary_unary("/benchmark/carry")
        for count in worker.phases():
            under_way: list[Any] = []
            for number in range(count):
                if len(under_way) == UNDER_WAY:
                    under_way.pop(0).result()
                under_way.append(call.future(HEADER.pack(number) + messages[number % KINDS_OF_MESSAGE]))
            for answer in under_way:
                answer.result()


class Handler:
    """Takes messages of both kinds of call."""

    def __init__(self, whole: SimpleQueue[tuple[int, bytes]]) -> None:
        self.whole = whole

    def service(self, details: Any) -> Any:
        import grpc

        if details.method == "/benchmark/carry":
            return grpc.unary_unary_rpc_method_handler(self._carry)
        return grpc.stream_unary_rpc_method_handler(self._stream)

    def _carry(self, request: bytes, context: Any) -> bytes:
        self.whole.put((HEADER.unpack_from(request)[0], request))
        return b""

    def _stream(self, requests: Iterator[bytes], context: Any) -> bytes:
        for request in requests:
            self.whole.put((HEADER.unpack_from(request)[0], request))
        return b""


def receive(worker: Worker, row: Row) -> None:
    import grpc

    whole: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
    server = grpc.server(ThreadPoolExecutor(2), options=OPTIONS)
    server.add_generic_rpc_handlers([Handler(whole)])  # type: ignore[list-item]  # it has what is called
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    worker.exchange(f"127.0.0.1:{port}")
    for count in worker.phases():
        last = b""
        for _ in range(count):
            number, request = whole.get()
            if number == count - 1:
                last = request
        worker.last = memoryview(last)[HEADER.size :]
    server.stop(None)
