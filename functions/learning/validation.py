"""Validation: the trained model runs forward on rows that terminals held out of training (R15).

It is a task of its own, behind the training. Up to the cut the model runs at the terminal, the rest at local training;
the predictions go back, and the terminal tells the number of its rows and the sum of their errors. Labels stay where
they are, and above local training there are sums over its terminals only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, Execution
from net4ai.functions.learning.errors import PeerError
from net4ai.functions.learning.messages import Errors, Tag, from_errors, matrix, receive, to_errors
from net4ai.functions.learning.settings import Training
from net4ai.functions.learning.split_model import SplitModel
from net4ai.functions.learning.tensors import State, from_state, from_tensor, to_state

BOTTOM_ROUTINE, TOP_ROUTINE = "bottom-validation", "top-validation"
"""Routines in which the learning functions validate; in all others they train."""


def is_validation(execution: Execution) -> bool:
    return execution.routine in (BOTTOM_ROUTINE, TOP_ROUTINE)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows of one terminal that it does not train on."""

    inputs: Tensor
    """(rows, inputs), normalised."""
    pressure: Tensor
    """(rows,) float64, mmHg."""


def total(errors: Iterable[Errors]) -> Errors:
    """The sum, in the order given."""
    rows, clients, error_sum = 0, 0, 0.0
    for each in errors:
        rows, clients, error_sum = rows + each.rows, clients + each.clients, error_sum + each.error_sum
    return Errors(rows, clients, error_sum)


@torch.no_grad()
def forward(model: SplitModel, start: int, stop: int, state: State, inputs: Tensor, training: Training) -> Tensor:
    """Blocks `start` to `stop` on `inputs`; nothing is learned."""
    return model.part(start, stop, state, training).forward(inputs)


async def serve(channel: Channel, cut: int, model: SplitModel, state: State, training: Training) -> Errors:
    """One terminal's turn, at local training. Raises `PeerError`."""
    await channel.send(from_state(Tag.VALIDATE, model.select(state, 0, cut)))
    message = await receive(channel, Tag.ACTIVATIONS, Tag.ERRORS)
    seen: int | None = None
    if message.tag == Tag.ACTIVATIONS:
        if cut == model.blocks:
            raise PeerError("message", "ERRORS", "ACTIVATIONS")
        activations = matrix(message, model.neurons[cut])
        predictions = forward(model, cut, model.blocks, state, activations, training)
        await channel.send(from_tensor(Tag.PREDICTIONS, predictions))
        seen, message = len(activations), await receive(channel, Tag.ERRORS)
    errors = to_errors(message)
    if errors.clients != 1 or (seen is not None and errors.rows != seen):
        raise PeerError("ERRORS", f"1 client and {seen} rows", errors)
    return errors


async def take_part(
    server: Channel,
    message: Message,
    cut: int,
    model: SplitModel,
    rows: HeldOut,
    training: Training,
    to_pressure: Callable[[Tensor], Tensor],
) -> None:
    """One turn, at the terminal; `message` is the server's first, `to_pressure` takes outputs to mmHg.

    Raises `PeerError`.
    """
    start = to_state(message, model.shapes(0, cut), "VALIDATE")
    if not len(rows.inputs):
        await server.send(from_errors(Errors(0, 1, 0.0)))
        return
    outputs = forward(model, 0, cut, start, rows.inputs, training)
    if cut < model.blocks:
        await server.send(from_tensor(Tag.ACTIVATIONS, outputs))
        count = len(rows.inputs)
        outputs = matrix(await receive(server, Tag.PREDICTIONS), model.neurons[-1], range(count, count + 1))
    error_sum = float((to_pressure(outputs) - rows.pressure).abs().sum())
    await server.send(from_errors(Errors(len(rows.inputs), 1, error_sum)))
