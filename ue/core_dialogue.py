"""NAS of a terminal: protection, what is legal, and who takes what the access manager says (TS 24.501 4.4).

Until the secure exchange of a connection begins, only the messages that may come before security are taken
unprotected; from there on everything is protected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.stack.drops import Drop
from net4ai.stack.security.errors import ProtectionError
from net4ai.ue import consent_to_job, deregister, nas_security_mode, register, take_part
from net4ai.ue.states import is_legal_nas

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

NO_MESSAGE_TYPE = 0
"""In NAS Status: none could be read."""

_HEADERS = {
    nas.SecurityModeComplete: SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT,
    nas.ServiceRequest: SecurityHeaderType.INTEGRITY,
}
"""Security header types; all other messages have INTEGRITY_AND_CIPHERING."""


def encode(terminal: Terminal, message: nas.Nas) -> bytes:
    """A message as it goes to the access manager: protected as soon as there are keys. Raises `CountExhausted`."""
    data = message.encode()
    security = terminal.nas_security
    if security is not None and (terminal.nas_secured or type(message) in _HEADERS):
        header = _HEADERS.get(type(message), SecurityHeaderType.INTEGRITY_AND_CIPHERING)
        protected = security.protect(message, header)
        if type(message) in _HEADERS:
            # By its COUNT the keys of this connection are made, here and at the core.
            terminal.k_gnb = terminal.next_hop = security.k_gnb(protected.count)
            terminal.next_hop_chaining_count = 0
        data = protected.encode()
    terminal.trace_nas(message, "out", len(data))
    return data


def receive(terminal: Terminal, data: bytes) -> None:
    """A NAS message has come."""
    outer = _decoded(terminal, data)
    if isinstance(outer, nas.Protected):
        if outer.security_header == SecurityHeaderType.INTEGRITY_NEW_CONTEXT:
            nas_security_mode.receive_command(terminal, outer)
            return
        message = _unprotected(terminal, outer)
    elif outer is not None and (terminal.nas_secured or not getattr(outer, "BEFORE_SECURITY", False)):
        terminal.process.drops.count(Drop.NOT_SECURED, len(data))
        return
    else:
        message = outer
    if message is not None:
        take(terminal, message, len(data))


def take(terminal: Terminal, message: Message | UnknownMessage, size: int) -> None:
    """A message that was verified, or may come without protection."""
    terminal.trace_nas(message, "in", size)
    terminal.process.procedures.pass_on(
        "NAS", "in", "access-manager", message, lambda going: _handle(terminal, going), node=terminal.name
    )


def refuse(terminal: Terminal, cause: Cause, message_type: int) -> None:
    """Tell the access manager that a message could not be taken; before security there is no way to."""
    process = terminal.process
    if terminal.nas_secured and process.status_rate.take(process.procedures.now):
        terminal.send_nas(nas.Status(cause=cause, message_type=message_type))


def _decoded(terminal: Terminal, data: bytes) -> Message | UnknownMessage | None:
    try:
        return nas.Nas.FAMILY.decode(data)
    except DecodeError as error:
        terminal.process.drops.count(error.reason, len(data))
        refuse(terminal, Cause.MALFORMED_MESSAGE, data[0] if data else NO_MESSAGE_TYPE)
        return None


def _unprotected(terminal: Terminal, outer: nas.Protected) -> Message | UnknownMessage | None:
    drops = terminal.process.drops
    if terminal.nas_security is None:
        drops.count(Drop.NO_SECURITY_CONTEXT, len(outer.message))
        return None
    try:
        inner = terminal.nas_security.unprotect(outer)
    except ProtectionError as error:
        drops.count(error.reason, len(outer.message))
        return None
    terminal.nas_secured = True
    return _decoded(terminal, inner)


def _handle(terminal: Terminal, message: Message | UnknownMessage) -> None:
    drops = terminal.process.drops
    if is_legal_nas(message, terminal.nas_state):
        _HANDLERS[type(message)](terminal, message)
    elif isinstance(message, UnknownMessage):
        drops.count(Drop.UNKNOWN_TYPE)
        refuse(terminal, Cause.UNKNOWN_MESSAGE, message.code)
    else:
        drops.count(Drop.UNEXPECTED_MESSAGE)
        if not isinstance(message, nas.Status):
            refuse(terminal, Cause.UNEXPECTED_MESSAGE, message.CODE)


def _computing_answer(
    terminal: Terminal, message: nas.ComputingAccept | nas.PduSessionAccept | nas.ComputingReject
) -> None:
    terminal.reply(("computing", message.transaction), message)


def _service_answer(terminal: Terminal, message: nas.ServiceAccept | nas.ServiceReject) -> None:
    terminal.reply("service", message)


def _status(terminal: Terminal, message: nas.Status) -> None:
    """The access manager could not take something: never answered."""
    terminal.process.drops.count(Drop.STATUS_OF_PEER)


_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationAccept: register.accepted,
    nas.RegistrationReject: register.rejected,
    nas.AuthenticationRequest: nas_security_mode.authentication_requested,
    nas.AuthenticationReject: register.rejected,
    nas.DeregistrationAccept: deregister.accepted,
    nas.NetworkDeregistrationRequest: deregister.requested_by_network,
    nas.ServiceAccept: _service_answer,
    nas.ServiceReject: _service_answer,
    nas.Status: _status,
    nas.JobList: consent_to_job.answer_offers,
    nas.ComputingAccept: _computing_answer,
    nas.PduSessionAccept: _computing_answer,
    nas.ComputingReject: _computing_answer,
    nas.RoutineInvite: take_part.invited,
    nas.RoutineStart: take_part.started,
    nas.RoutineComplete: take_part.completed,
}
"""Who takes a downlink message that is legal. The Security Mode Command makes the keys it is verified with, and so
has a way of its own."""
