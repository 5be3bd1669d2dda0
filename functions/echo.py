"""The service function of conformance tests: sends back what it gets, at a UE and at an application server."""

from __future__ import annotations

from net4ai.functions.api import Channel, ChannelClosed, Execution, Message, ServiceFunction, Turn

__all__ = ["STOP", "Echo"]

STOP = 0xFFFF
"""A message with this tag is sent back too; then the turn is done."""


class Echo(ServiceFunction):
    """Each message comes back as it was, tag, content and data; the turn ends with tag `STOP` or with the session."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await _echo(server)

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await _echo(client)


async def _echo(channel: Channel) -> None:
    message: Message | None = None
    try:
        while message is None or message.tag != STOP:
            message = await channel.receive()
            await channel.send(message)
    except ChannelClosed:
        return
