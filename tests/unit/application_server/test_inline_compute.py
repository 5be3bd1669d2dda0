"""Functions in the loop of the node."""

from __future__ import annotations

import asyncio

from function_host_bench import SERVER, Scripted, begin, begun, end, ended, load, run_turn, sent, talk, virtual, words

from net4ai.application_server.inline_compute import InlineCompute
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker
from net4ai.functions.api import ServiceFunction


@virtual
async def test_inline_compute_is_never_re_entrant_and_keeps_the_order() -> None:
    function = type("Function", (Scripted,), {"scripts": {"server": talk}})
    looked_for: list[str] = []

    def find(name: str) -> type[ServiceFunction]:
        looked_for.append(name)
        return function

    worker = InlineCompute(asyncio.get_running_loop(), find)
    said: list[FromWorker] = []
    depth = 0

    def receive(message: FromWorker) -> None:
        nonlocal depth
        depth += 1
        assert depth == 1
        said.append(message)
        if isinstance(message, c.Send):
            worker.send(sent())
        depth -= 1

    worker.receive = receive
    for message in (load(SERVER), begin(), run_turn(), end()):
        worker.send(message)
    assert said == []
    assert looked_for == []
    await asyncio.sleep(1)
    assert said[:3] == [c.Ready(), c.Loaded(instance=SERVER), begun()]
    assert words(said) == [str(n) for n in range(8)], "the end has cut the turn off"
    assert said[-1] == ended()
    worker.send(load(SERVER))
    worker.close()
    worker.send(load(SERVER))
    before = len(said)
    await asyncio.sleep(1)
    assert len(said) == before
