"""Channels and contexts by themselves: their bounds, and what a function can do to them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest

from net4ai.application_server import function_context, host_channel
from net4ai.application_server.function_context import HostContext
from net4ai.application_server.host_channel import UNANSWERED_SENDS, UNREAD_MESSAGES, HostChannel
from net4ai.codecs import compute
from net4ai.codecs.compute import Dropped, FromWorker, Progress
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.functions.api import ChannelClosed, Radio
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.stack.line_limit import LINES

BODY = encode_message(Message(1))


class Wire(list[bytes]):
    """What a channel has emitted."""

    def tags(self) -> list[int]:
        return [decode_message(body).tag for body in self]


async def settle() -> None:
    """Virtual time."""
    await asyncio.sleep(1)


def opened() -> tuple[HostChannel, Wire]:
    wire = Wire()
    return HostChannel(wire.append, nullcontext), wire


def send_all(channel: HostChannel, count: int) -> list[asyncio.Task[None]]:
    return [asyncio.ensure_future(channel.send(Message(tag))) for tag in range(count)]


def test_few_messages_go_unanswered_and_all_keep_their_order() -> None:
    async def play() -> None:
        channel, wire = opened()
        sends = send_all(channel, UNANSWERED_SENDS + 3)
        for answered in (0, 1, 2):
            await settle()
            assert wire.tags() == list(range(UNANSWERED_SENDS + answered))
            channel.sent()
        await asyncio.gather(*sends)
        assert wire.tags() == list(range(UNANSWERED_SENDS + 3))

    run_virtual(play())


def test_answers_to_nothing_make_no_room() -> None:
    async def play() -> None:
        channel, wire = opened()
        for _ in range(50):
            channel.sent()
        sends = send_all(channel, 2 * UNANSWERED_SENDS)
        await settle()
        assert len(wire) == UNANSWERED_SENDS
        channel.close("end")
        assert len(await asyncio.gather(*sends, return_exceptions=True)) == len(sends)

    run_virtual(play())


def test_all_who_wait_are_told_of_the_end() -> None:
    async def play() -> None:
        channel, wire = opened()
        sends = send_all(channel, UNANSWERED_SENDS + 5)
        readers = [asyncio.ensure_future(channel.receive()) for _ in range(3)]
        await settle()
        channel.close("the session has ended")
        channel.close("something else")
        found = await asyncio.gather(*sends, *readers, return_exceptions=True)
        assert [type(one) for one in found] == [type(None)] * UNANSWERED_SENDS + [ChannelClosed] * 8
        assert {str(error) for error in found if error} == {"the session has ended"}
        assert len(wire) == UNANSWERED_SENDS

    run_virtual(play())


def test_a_sender_that_gives_up_leaves_its_place() -> None:
    async def play() -> None:
        channel, wire = opened()
        sends = send_all(channel, UNANSWERED_SENDS + 2)
        await settle()
        sends[-2].cancel()
        await settle()
        channel.sent()
        await sends[-1]
        assert wire.tags()[-1] == UNANSWERED_SENDS + 1

    run_virtual(play())


def test_what_is_sent_is_a_snapshot_taken_at_once() -> None:
    async def play() -> None:
        channel, wire = opened()
        data = bytearray(b"before")
        sends = [asyncio.ensure_future(channel.send(Message(1, data=data))) for _ in range(UNANSWERED_SENDS + 1)]
        await settle()
        data[:] = b"after!"
        channel.sent()
        await asyncio.gather(*sends)
        assert {bytes(decode_message(body).data) for body in wire} == {b"before"}

    run_virtual(play())


def test_room_is_waited_for_one_message_at_a_time_and_given_back() -> None:
    async def play() -> None:
        inside: list[str] = []
        gate = asyncio.Semaphore(0)

        @asynccontextmanager
        async def room() -> AsyncIterator[None]:
            await gate.acquire()
            inside.append("in")
            yield
            inside.append("out")

        wire = Wire()
        channel = HostChannel(wire.append, room)
        sends = send_all(channel, 3)
        await settle()
        assert wire == []
        gate.release()
        await settle()
        assert (wire.tags(), inside) == ([0], ["in", "out"])
        sends[1].cancel()
        channel.close("the session has ended")
        gate.release()
        assert isinstance((await asyncio.gather(*sends, return_exceptions=True))[2], ChannelClosed)
        assert wire.tags() == [0], "nothing is sent into a session that has ended meanwhile"

    run_virtual(play())


def test_too_long_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_channel, "MAXIMUM_BODY", 100)

    async def play() -> None:
        channel, wire = opened()
        await channel.send(Message(1, data=bytes(36)))
        with pytest.raises(EncodeError, match="'37 octets' is not allowed; allowed: up to 100 with the prefix"):
            await channel.send(Message(1, data=bytes(37)))
        assert len(wire) == 1

    run_virtual(play())


def test_unread_messages_are_bounded_and_can_still_be_read() -> None:
    async def play() -> None:
        channel, _ = opened()
        assert [channel.deliver(BODY) for _ in range(UNREAD_MESSAGES)] == [""] * UNREAD_MESSAGES
        assert channel.deliver(BODY) == "receive queue full"
        assert channel.deliver(BODY) == "channel closed"
        for _ in range(UNREAD_MESSAGES):
            await channel.receive()
        for _ in range(2):
            with pytest.raises(ChannelClosed, match="the function left 64 messages, 4096 octets, unread"):
                await channel.receive()

    run_virtual(play())


def test_unread_octets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_channel, "UNREAD_OCTETS", 3 * len(BODY))

    async def play() -> None:
        channel, _ = opened()
        for _ in range(5):
            assert [channel.deliver(BODY) for _ in range(3)] == [""] * 3
            for _ in range(3):
                await channel.receive()
        assert [channel.deliver(BODY) for _ in range(4)] == ["", "", "", "receive queue full"]

    run_virtual(play())


def test_a_malformed_message_is_told_to_who_reads_it() -> None:
    async def play() -> None:
        channel, _ = opened()
        channel.deliver(b"N4")
        channel.deliver(BODY)
        with pytest.raises(DecodeError, match="truncated"):
            await channel.receive()
        assert (await channel.receive()).tag == 1

    run_virtual(play())


# --- Context


def context(said: list[FromWorker], **settings: Any) -> HostContext:
    return HostContext(3, settings, {}, said.append, nullcontext, lambda: 0.0)


def test_progress() -> None:
    said: list[FromWorker] = []
    context(said).progress(loss=math.nan, best=-math.inf, done=True, share=0.5, name="\ud800", long="x" * 2000)
    values = {"loss": "nan", "best": "-inf", "done": 1, "share": 0.5, "name": "?", "long": "x" * compute.MAXIMUM_TEXT}
    assert said == [Progress(instance=3, execution=0, values=values)]
    assert compute.decode_from_worker(compute.encode(said[0])) == said[0]


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"x": object()}, TypeError, "progress of x: object is not allowed; allowed: float, int of 64 bits, str"),
        ({"x": 1 << 63}, TypeError, "progress of x: int is not allowed"),
        ({"x": None}, TypeError, "progress of x: NoneType is not allowed"),
        ({str(n): "x" * 900 for n in range(5)}, ValueError, r"progress of 45\d\d octets; allowed: up to 4096"),
    ],
)
def test_progress_that_cannot_be_told(values: dict[str, Any], error: type[Exception], text: str) -> None:
    said: list[FromWorker] = []
    with pytest.raises(error, match=text):
        context(said).progress(**values)
    assert said == []


def test_progress_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_context, "REPORTS", 2)
    said: list[FromWorker] = []
    found = context(said)
    for _ in range(2):
        token = function_context.current_scope.set(function_context.Scope(9))
        for step in range(5):
            found.progress(step=step)
        function_context.current_scope.reset(token)
    reports = [Progress(instance=3, execution=9, values={"step": step}) for step in range(2)]
    assert said == [*reports, Dropped(instance=3, reason="too much progress", octets=10)] * 2


def test_a_closed_context_says_nothing() -> None:
    said: list[FromWorker] = []
    found = context(said)
    found.close()
    found.progress(x=1)
    assert said == []
    with pytest.raises(ChannelClosed, match="the instance was unloaded"):
        run_virtual(found.results.send(Message(1)))  # type: ignore[arg-type]


def test_settings_cannot_be_changed() -> None:
    found = context([], model=1)
    assert found.settings == {"model": 1}
    with pytest.raises(TypeError):
        found.settings["model"] = 2  # type: ignore[index]


def test_a_flood_of_log_is_cut_off_and_counted() -> None:
    now = 0.0
    said: list[FromWorker] = []
    found = HostContext(3, {}, {}, said.append, nullcontext, lambda: now)
    for number in range(1000):
        found.log(f"line {number}")
    lines = [compute.Log(instance=3, line=f"line {number}") for number in range(LINES)]
    assert said == [*lines, Dropped(instance=3, reason="too much log", octets=len("line 200"))]
    said.clear()
    now = 0.1
    found.log("\ud800" + "x" * 2000)
    dropped = compute.Log(instance=3, line="800 lines were dropped")
    assert said == [dropped, compute.Log(instance=3, line="?" + "x" * (compute.MAXIMUM_TEXT - 1))]
    found.close()
    now = 10.0
    found.log("late")
    assert len(said) == 2


def test_radio_belongs_to_the_turn() -> None:
    found = context([])
    assert found.radio is None
    heard = Radio(3, -80.0, -10.0, 15.0)
    token = function_context.current_scope.set(function_context.Scope(9, heard))
    assert found.radio == heard
    function_context.current_scope.reset(token)
    assert found.radio is None
