"""What the learning functions say to each other.

MODEL
    TENSORS, server to client, index the round: the parameters to start from, of the blocks up to the cut (bottom
    routine) or of all (top routine). Global training sends it to the application controller, too.
ACTIVATIONS
    TENSOR, client to server, index the step of the turn: float32 (rows, neurons at the cut) of one batch; at cut 0
    the inputs of all rows, once.
LABELS
    TENSOR, client to server, index that of ACTIVATIONS: float32 (rows, outputs).
GRADIENT
    TENSOR, server to client, index that of ACTIVATIONS, shaped like them: the gradient with respect to them.
UPDATE
    TENSORS, client to server, index the number of rows trained on: the parameters of MODEL after training.
METRIC
    JSON, application controller to global training, index the round: ``{"round": 3, "validation_mae": 12.3}``, mmHg.
VALIDATE
    TENSORS, server to client: as MODEL, for a turn that learns nothing.
PREDICTIONS
    TENSOR, server to client: float32 (rows, outputs), the model's outputs for ACTIVATIONS.
ERRORS
    JSON, client to server and, from global training, to the application controller:
    ``{"rows": 15, "clients": 1, "error_sum": 190.5}``, the sum of absolute errors in mmHg.

One turn of the bottom routine: MODEL, then ACTIVATIONS, LABELS, GRADIENT for each batch (middle split), or
ACTIVATIONS, LABELS once (bottom split), or nothing (top split), then UPDATE. One turn of the top routine: UPDATE,
then MODEL. In validation, bottom: VALIDATE, ACTIVATIONS and PREDICTIONS (but for top split, or without rows), ERRORS;
top: ERRORS.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from torch import Tensor

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.api import Channel
from net4ai.functions.learning.errors import PeerError
from net4ai.functions.learning.tensors import Shape, to_tensor

MAXIMUM_ROWS = 1 << 24
"""Rows one client may claim: keeps sums of rows times float32 exact in float64."""

MAXIMUM_JSON = 1 << 16


class Tag(IntEnum):
    """Tags of the messages."""

    MODEL = 1
    ACTIVATIONS = 2
    LABELS = 3
    GRADIENT = 4
    UPDATE = 5
    METRIC = 6
    VALIDATE = 7
    PREDICTIONS = 8
    ERRORS = 9


@dataclass(frozen=True, slots=True)
class Errors:
    """What a validation found."""

    rows: int
    clients: int
    """Terminals."""
    error_sum: float
    """Sum of absolute errors, mmHg."""


async def receive(channel: Channel, *expected: Tag) -> Message:
    """The next message, if it has one of these tags. Raises `PeerError`, `ChannelClosed`."""
    message = await channel.receive()
    if message.tag not in expected:
        received = Tag(message.tag).name if message.tag in Tag._value2member_map_ else f"tag {message.tag}"
        raise PeerError("message", " or ".join(tag.name for tag in expected), received)
    return message


def matrix(message: Message, columns: int, rows: range | None = None) -> Tensor:
    """The float32 matrix of `message`, with this many columns and one of these numbers of rows. Raises `PeerError`."""
    what = Tag(message.tag).name
    shape: Shape = tuple(message.dimensions)
    if len(shape) != 2 or shape[1] != columns or shape[0] not in (rows or range(1, MAXIMUM_ROWS + 1)):
        allowed = "any number of" if rows is None else str(rows[0]) if len(rows) == 1 else f"{rows[0]} to {rows[-1]}"
        raise PeerError(what, f"a matrix of {allowed} rows and {columns} columns", shape)
    return to_tensor(message, what, element_type=ElementType.FLOAT32)


def row_count(message: Message) -> int:
    """The rows an UPDATE stands for. Raises `PeerError`."""
    if not 1 <= message.index <= MAXIMUM_ROWS:
        raise PeerError("UPDATE.index", f"1 to {MAXIMUM_ROWS} rows", message.index)
    return message.index


def from_metric(round: int, validation_mae: float) -> Message:
    text = json.dumps({"round": round, "validation_mae": validation_mae})
    return Message(Tag.METRIC, Content.JSON, text.encode(), round)


def to_metric(message: Message, round: int) -> float:
    """The validation metric of this round. Raises `PeerError`."""
    values = _mapping(message, "METRIC")
    if values.get("round") != round:
        raise PeerError("METRIC.round", str(round), values)
    return _number(values, "METRIC", "validation_mae")


def from_errors(errors: Errors) -> Message:
    return Message(Tag.ERRORS, Content.JSON, json.dumps(asdict(errors)).encode())


def to_errors(message: Message) -> Errors:
    """Raises `PeerError`."""
    values = _mapping(message, "ERRORS")
    counts = []
    for name in ("rows", "clients"):
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAXIMUM_ROWS:
            raise PeerError(f"ERRORS.{name}", f"an integer from 0 to {MAXIMUM_ROWS}", value)
        counts.append(value)
    error_sum = _number(values, "ERRORS", "error_sum")
    if error_sum < 0:
        raise PeerError("ERRORS.error_sum", "at least 0", error_sum)
    return Errors(counts[0], counts[1], error_sum)


def _mapping(message: Message, what: str) -> dict[str, Any]:
    size = len(message.data)
    if message.content != Content.JSON or size > MAXIMUM_JSON:
        raise PeerError(what, f"JSON of up to {MAXIMUM_JSON} bytes", f"{message.content!r}, {size} bytes")
    try:
        values = json.loads(bytes(message.data))
    except (ValueError, RecursionError) as error:
        raise PeerError(what, "JSON", error) from error
    if not isinstance(values, dict):
        raise PeerError(what, "a JSON object", type(values).__name__)
    return values


def _number(values: dict[str, Any], what: str, key: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PeerError(f"{what}.{key}", "a finite number", value)
    return float(value)
