"""The terminal's part: it tells what it hears of its cell, once a turn, and keeps nothing."""

from __future__ import annotations

from net4ai.functions.api import Channel, Execution, ServiceFunction, Turn
from net4ai.functions.radio_map.measurement import from_radio


class NoMeasurement(Exception):
    """This terminal measures nothing."""


class RadioTerminal(ServiceFunction):
    """Abstract function: routine client at every terminal."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """MEASUREMENT out. Raises `NoMeasurement`."""
        radio = self.context.radio
        if radio is None:
            raise NoMeasurement("the host knows nothing of the radio")
        await server.send(from_radio(radio))
