"""The same datagrams on uvloop."""

from __future__ import annotations

from data_plane_methods.datagrams import receive_datagrams, send_datagrams
from data_plane_methods.transfer import Row, Worker

PACKAGE = "uvloop"
MOST = 24 << 20


def send(worker: Worker, row: Row) -> None:
    import uvloop

    uvloop.run(send_datagrams(worker, row))


def receive(worker: Worker, row: Row) -> None:
    import uvloop

    uvloop.run(receive_datagrams(worker, row))
