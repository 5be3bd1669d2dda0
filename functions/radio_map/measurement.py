"""What a terminal reports of its cell, and how it is counted: levels of the measurement tables of TS 38.133 10.1."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.api import Channel, Radio

LEVELS = 128
MAXIMUM_CELL = 1007
"""Physical cell identities are 0 to 1007 (TS 38.211 7.4.2)."""
MAXIMUM_CELLS = 64
"""Cells that one function may tell another of."""
MAXIMUM_SAMPLES = 1 << 24
"""Of one cell in one message: sums of them stay exact."""
MAXIMUM_JSON = 4096

Counts = NDArray[np.int64]
"""Samples by quantity and level: (3, 128)."""


class PeerError(Exception):
    """The other end sent what does not fit: which field, what was expected, what came."""

    def __init__(self, field: str, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received}")


class Tag(IntEnum):
    """Tags of the messages."""

    MEASUREMENT = 1
    """JSON, terminal to cell statistics, one a turn: ``{"cell": 1, "rsrp": -80.5, "rsrq": -11.0, "sinr": 15.5}``."""
    CELL = 2
    """TENSOR int32 (3, 128), cell statistics to radio map, index the cell: samples by quantity and level."""
    END = 3
    """JSON, cell statistics to radio map, after all CELL: ``{"withheld": 0}``, the cells with too few terminals."""
    MAP = 4
    """JSON, radio map to application controller."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity, in levels from `least`, `step` apart."""

    name: str
    unit: str
    least: float
    step: float

    @property
    def most(self) -> float:
        return self.least + LEVELS * self.step

    def level(self, value: float) -> int:
        """The level `value` lies in."""
        return min(LEVELS - 1, max(0, math.floor((value - self.least) / self.step)))

    def value(self, level: float) -> float:
        """The middle of a level."""
        return self.least + (level + 0.5) * self.step


QUANTITIES = (
    Quantity("rsrp", "dBm", -157.0, 1.0),
    Quantity("rsrq", "dB", -43.5, 0.5),
    Quantity("sinr", "dB", -23.5, 0.5),
)
"""TS 38.133 10.1.6, 10.1.11, 10.1.16."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sample of a terminal."""

    cell: int
    levels: tuple[int, ...]
    """By quantity."""


def from_radio(radio: Radio) -> Message:
    """What a terminal tells."""
    values = {"cell": radio.cell, "rsrp": radio.rsrp_dbm, "rsrq": radio.rsrq_db, "sinr": radio.sinr_db}
    return to_json(Tag.MEASUREMENT, values)


def to_measurement(message: Message) -> Measurement:
    """Raises `PeerError` for a cell or a value that no terminal can measure."""
    values = from_json(message, Tag.MEASUREMENT)
    levels = []
    for quantity in QUANTITIES:
        value = values.get(quantity.name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not quantity.least <= value <= quantity.most
        ):
            raise PeerError(f"MEASUREMENT.{quantity.name}", f"{quantity.least} to {quantity.most}", value)
        levels.append(quantity.level(value))
    return Measurement(integer(values, Tag.MEASUREMENT, "cell", 0, MAXIMUM_CELL), tuple(levels))


def count(samples: Iterable[Measurement]) -> Counts:
    """How many samples there are, by quantity and level."""
    counts = np.zeros((len(QUANTITIES), LEVELS), dtype=np.int64)
    for sample in samples:
        counts[range(len(QUANTITIES)), sample.levels] += 1
    return counts


def from_counts(cell: int, counts: Counts) -> Message:
    data = counts.astype("<i4").tobytes()
    return Message(Tag.CELL, Content.TENSOR, data, cell, ElementType.INT32, counts.shape)


def to_counts(message: Message, least: int) -> Counts:
    """The counts of a CELL message: of each quantity as many samples, at least `least`. Raises `PeerError`."""
    shape = (len(QUANTITIES), LEVELS)
    found = message.content, message.element_type, tuple(message.dimensions)
    if message.tag != Tag.CELL or found != (Content.TENSOR, ElementType.INT32, shape):
        raise PeerError("CELL", f"a tensor INT32 {shape}", (message.tag, *found))
    if not 0 <= message.index <= MAXIMUM_CELL:
        raise PeerError("CELL.index", f"0 to {MAXIMUM_CELL}", message.index)
    counts = np.frombuffer(message.data, dtype="<i4").reshape(shape).astype(np.int64)
    samples = {int(each) for each in counts.sum(axis=1)}
    if counts.min() < 0 or len(samples) != 1 or not least <= min(samples) <= MAXIMUM_SAMPLES:
        raise PeerError("CELL", f"{least} to {MAXIMUM_SAMPLES} samples of each quantity, none negative", samples)
    return counts


def to_json(tag: Tag, values: Mapping[str, Any]) -> Message:
    return Message(tag, Content.JSON, json.dumps(values).encode())


def from_json(message: Message, tag: Tag) -> dict[str, Any]:
    """The object in a JSON message. Raises `PeerError`."""
    if message.tag != tag or message.content != Content.JSON or len(message.data) > MAXIMUM_JSON:
        raise PeerError(tag.name, f"JSON of up to {MAXIMUM_JSON} octets", (message.tag, message.content))
    try:
        values = json.loads(bytes(message.data))
    except (ValueError, RecursionError) as error:
        raise PeerError(tag.name, "JSON", error) from error
    if not isinstance(values, dict):
        raise PeerError(tag.name, "a JSON object", type(values).__name__)
    return values


def integer(values: Mapping[str, Any], tag: Tag, key: str, least: int, most: int) -> int:
    """Raises `PeerError`."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise PeerError(f"{tag.name}.{key}", f"an integer from {least} to {most}", value)
    return value


async def receive_cells(channel: Channel, least: int) -> tuple[dict[int, Counts], int]:
    """CELL messages up to END: counts by cell, and how many cells were withheld. Raises `PeerError`."""
    cells: dict[int, Counts] = {}
    while (message := await channel.receive()).tag != Tag.END:
        if len(cells) == MAXIMUM_CELLS or message.index in cells:
            raise PeerError("CELL", f"up to {MAXIMUM_CELLS} cells, each once", message.index)
        cells[message.index] = to_counts(message, least)
    return cells, integer(from_json(message, Tag.END), Tag.END, "withheld", 0, MAXIMUM_CELL + 1)
