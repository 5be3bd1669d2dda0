"""NAS of a terminal: what the access manager says, and who takes it (TS 24.501)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.errors import DecodeError
from net4ai.stack.drops import Drop
from net4ai.ue import consent_to_job, take_part
from net4ai.ue.states import is_legal_nas

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def receive(terminal: Terminal, data: bytes) -> None:
    """A NAS message has come."""
    process = terminal.process
    try:
        message = nas.Nas.FAMILY.decode(data)
    except DecodeError as error:
        process.drops.count(error.reason, len(data))
        return
    terminal.trace_nas(message, "in", len(data))
    if is_legal_nas(message, terminal.nas_state):
        _HANDLERS[type(message)](terminal, message)
    else:
        process.drops.count(Drop.UNEXPECTED_MESSAGE)


def _registration_answer(terminal: Terminal, message: nas.RegistrationAccept | nas.RegistrationReject) -> None:
    terminal.reply("registration", message)


def _computing_answer(terminal: Terminal, message: nas.ComputingAccept | nas.ComputingReject) -> None:
    terminal.reply(("computing", message.transaction), message)


_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationAccept: _registration_answer,
    nas.RegistrationReject: _registration_answer,
    nas.JobList: consent_to_job.answer_offers,
    nas.ComputingAccept: _computing_answer,
    nas.ComputingReject: _computing_answer,
    nas.RoutineInvite: take_part.invited,
    nas.RoutineStart: take_part.started,
    nas.RoutineComplete: take_part.completed,
}
