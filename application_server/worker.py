"""The compute worker: `python -m net4ai.application_server.worker --fd N`. Runs the functions of one node.

Its node speaks to it over an inherited socket, one message of `net4ai.codecs.compute` a frame. It ends when that
socket does. Computing blocks nothing but the worker itself; whoever wants it to stop can kill it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence

from net4ai.application_server.find_function import Find, finder
from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs.compute import MAXIMUM_FRAME, FromWorker, Ready, decode_to_worker, encode
from net4ai.codecs.errors import DecodeError
from net4ai.stack.io.child_process import watch_parent
from net4ai.stack.io.stream import FrameConnection

SEND_BUFFER = 4 * MAXIMUM_FRAME
"""Octets that may wait for the node. Functions wait for room long before; this bounds what does not."""

log = logging.getLogger(__name__)


async def serve(sock: socket.socket, find: Find, preload: Sequence[str] = ()) -> str:
    """Run functions for the node at the other end of `sock`, until that is gone. Gives the reason it ended."""
    reader, writer = await asyncio.open_unix_connection(sock=sock)
    connection = FrameConnection(reader, writer, maximum_frame=MAXIMUM_FRAME, send_buffer=SEND_BUFFER, at_once=True)
    one_at_a_time = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def room() -> AsyncIterator[None]:
        async with one_at_a_time:
            await connection.drain()
            yield

    def reply(message: FromWorker) -> None:
        connection.send(encode(message))

    def receive(frame: bytes) -> None:
        try:
            message = decode_to_worker(frame)
        except DecodeError as error:
            connection.close(str(error))
        else:
            host.receive(message)

    host = FunctionHost(reply, find, room)
    connection.receive = receive
    reply(Ready())
    load_early(preload, find)
    reason = await connection.wait_closed()
    host.close()
    return reason


def load_early(names: Sequence[str], find: Find) -> None:
    """Import the modules of functions. What cannot be imported goes to the log; `Load` will say it again."""
    for name in names:
        try:
            find(name)
        except Exception:
            log.exception("function %s cannot be imported", name)


def keep_to_this_process(sock: socket.socket) -> None:
    """Children that functions start have no copy of `sock`: when this process is gone, the node sees it at once."""
    fd = sock.fileno()

    def close_copy() -> None:
        with contextlib.suppress(OSError):
            os.close(fd)

    os.register_at_fork(after_in_child=close_copy)
    sock.set_inheritable(False)


def listed(names: str) -> list[str]:
    """Names that stand behind each other with commas between."""
    return [name for name in names.split(",") if name]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compute worker of a node; started by it.")
    parser.add_argument("--fd", type=int, required=True, help="inherited socket to the node")
    parser.add_argument("--preload", default="", help="functions to import at once, comma separated")
    parser.add_argument("--modules", default="", help='modules whose functions may be named "module:Class", by comma')
    parser.add_argument("--path", default="", help="folder that is put on the import path, behind all others")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent()
    sock = socket.socket(fileno=options.fd)
    keep_to_this_process(sock)
    if options.path:
        sys.path.append(options.path)
    find = finder(listed(options.modules))
    reason = asyncio.run(serve(sock, find, listed(options.preload)))
    if reason != "closed by the peer":
        sys.exit(f"the compute worker ends: {reason}")


if __name__ == "__main__":
    main()
