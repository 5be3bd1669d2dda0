"""The function of conformance tests: back comes what was sent, until the session or a message ends it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from net4ai.application_server.find_function import installed_function
from net4ai.codecs.message import Content
from net4ai.functions.api import ChannelClosed, Context, Execution, Message, Role, Turn
from net4ai.functions.echo import STOP, Echo


class Line:
    """A channel with messages to come, then closed."""

    def __init__(self, *messages: Message) -> None:
        self.sent: list[Message] = []
        self._coming = list(messages)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def receive(self) -> Message:
        if not self._coming:
            raise ChannelClosed
        return self._coming.pop(0)


MESSAGES = [Message(tag=1, data=b"one", index=4), Message(tag=2, content=Content.JSON, data=b"{}")]
LAST = Message(tag=STOP)


@pytest.mark.parametrize("turn", ["client_turn", "server_turn"])
@pytest.mark.parametrize(
    ("coming", "echoed"), [(MESSAGES, MESSAGES), ([*MESSAGES, LAST, *MESSAGES], [*MESSAGES, LAST]), ([], [])]
)
def test_messages_come_back(turn: str, coming: list[Message], echoed: list[Message]) -> None:
    line: Any = Line(*coming)
    execution = Execution(1, "conformance", Role.CLIENT, 0, 1, (0,), False)
    asyncio.run(getattr(Echo(cast(Context, None)), turn)(execution, Turn(0, 0), line))
    assert line.sent == echoed


def test_it_is_installed() -> None:
    assert installed_function("echo") is Echo
