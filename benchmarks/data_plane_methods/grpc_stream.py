"""gRPC, one client-streaming call for all messages of a phase."""

from __future__ import annotations

from collections.abc import Iterator

from data_plane_methods.grpc_calls import HEADER, channel_to, receive
from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = "grpc"
MOST = 96 << 20

__all__ = ["MOST", "PACKAGE", "receive", "send"]


def send(worker: Worker, row: Row) -> None:
    messages = row.messages()

    def requests(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield HEADER.pack(number) + messages[number % KINDS_OF_MESSAGE]

    with channel_to(worker.exchange()["receive"]) as channel:
        call = channel.stream_unary("/benchmark/stream")
        for count in worker.phases():
            call(requests(count))
