"""The core's end of NAS: protection, what is legal, and who takes it (TS 24.501 4.4).

A terminal is unsecured until it has completed NAS security mode, or a service request of it was verified: then only
the messages that may come before security are taken, and unprotected. From there on everything is protected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.core import (
    authenticate_terminal,
    deregister_terminal,
    names,
    register_terminal,
    secure_terminal,
    service_request,
    set_up_session,
    take_part,
)
from net4ai.core.terminal import Terminal
from net4ai.stack.drops import Drop
from net4ai.stack.security.errors import CountExhausted, ProtectionError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation

Protect = Callable[[nas.Nas], nas.Nas]
"""What becomes of a message on its way to a terminal. Raises `CountExhausted`."""

NO_MESSAGE_TYPE = 0
"""In NAS Status: none could be read."""

_AUTHENTICATION: frozenset[type[Message]] = frozenset({nas.AuthenticationResponse, nas.AuthenticationFailure})

LEGAL: Mapping[tuple[bool, bool], frozenset[type[Message]]] = {
    (False, False): _AUTHENTICATION | {nas.RegistrationRequest, nas.SecurityModeReject},
    (False, True): _AUTHENTICATION
    | {nas.SecurityModeComplete, nas.RegistrationComplete, nas.DeregistrationRequest, nas.Status},
    (True, False): frozenset(),
    (True, True): _AUTHENTICATION
    | {
        nas.RegistrationRequest,
        nas.RegistrationComplete,
        nas.DeregistrationRequest,
        nas.NetworkDeregistrationAccept,
        nas.ServiceRequest,
        nas.Status,
        nas.Consent,
        nas.ComputingRequest,
        nas.RoutineAccept,
        nas.RoutineReject,
        nas.RoutineDone,
    },
}
"""Messages taken from a terminal, by whether it is registered and whether the message was protected. A registered
terminal that is connected is always secured: nothing unprotected can be of it."""


def receive(manager: AccessManager, association: RanAssociation, context: int, data: bytes) -> None:
    """A NAS message of a context that is known here; else see `receive_first`."""
    terminal = manager.terminal_at(association, context)
    assert terminal is not None  # see `RanAssociation`
    outer = _decoded(manager, terminal, data)
    if outer is None:
        return
    if not isinstance(outer, nas.Protected):
        if terminal.secured or not _may_be_plain(outer):
            association.drop(Drop.NOT_SECURED)
            return
        _take(manager, terminal, outer, False, len(data))
        return
    inner = _unprotected(terminal, outer, association)
    if inner is not None and (message := _decoded(manager, terminal, inner)) is not None:
        if not terminal.secured:
            # Only Security Mode Complete can be the first: all else needs an enciphered context that both know.
            if not isinstance(message, nas.SecurityModeComplete):
                association.drop(Drop.UNEXPECTED_MESSAGE)
                return
            secure_terminal.secured(terminal, outer.count)
        _take(manager, terminal, message, True, len(data))


def receive_first(manager: AccessManager, association: RanAssociation, context: int, data: bytes) -> None:
    """The first NAS message of a context: a registration, or a service request. Anything else leaves no context."""
    try:
        message = outer = nas.Nas.FAMILY.decode(data)
        if isinstance(outer, nas.Protected) and outer.security_header == SecurityHeaderType.INTEGRITY:
            message = nas.Nas.FAMILY.decode(outer.message)
    except DecodeError as error:
        association.drop(error.reason)
        association.release(context, Cause.MALFORMED_MESSAGE)
        return
    trace(manager, message, "in", f"context {context}", context, len(data), association)
    manager.entity.procedures.pass_on(
        "NAS",
        "in",
        f"context {context}",
        message,
        lambda going: _take_first(manager, association, context, going, outer),
        node=names.ACCESS_MANAGER,
    )


def _take_first(
    manager: AccessManager,
    association: RanAssociation,
    context: int,
    message: Message | UnknownMessage,
    outer: Message | UnknownMessage,
) -> None:
    # An integrity-protected registration is taken as what it says: whether it is authentic is found out anyway.
    if isinstance(message, nas.RegistrationRequest):
        register_terminal.registration_begun(manager, association, context, message)
    elif isinstance(message, nas.ServiceRequest) and isinstance(outer, nas.Protected):
        service_request.service_requested(manager, association, context, message, outer)
    else:
        association.drop(Drop.NO_FIRST_MESSAGE)
        association.release(context, Cause.UNEXPECTED_MESSAGE)


def send(
    manager: AccessManager,
    terminal: Terminal,
    message: nas.Nas,
    transmit: Callable[[bytes], None] | None = None,
    protect: Protect | None = None,
) -> None:
    """Send a NAS message to a connected terminal; by `transmit`, unless that is NAS transport as usual."""
    manager.entity.procedures.pass_on(
        "NAS",
        "out",
        terminal.subscriber,
        message,
        lambda going: _send(manager, terminal, going, transmit, protect or _usual_protection(terminal)),
        node=names.ACCESS_MANAGER,
    )


def _send(
    manager: AccessManager,
    terminal: Terminal,
    message: nas.Nas,
    transmit: Callable[[bytes], None] | None,
    protect: Protect,
) -> None:
    association = terminal.association
    if association is None:  # a hook has held the message back
        manager.drop(terminal, Drop.TERMINAL_LOST)
        return
    try:
        data = protect(message).encode()
    except CountExhausted:
        manager.release(terminal, Cause.NO_RESOURCES)
        return
    trace(manager, message, "out", terminal.subscriber, terminal.context, len(data), association)
    if transmit is None:
        association.send_nas(terminal.context, data)
    else:
        transmit(data)


def _usual_protection(terminal: Terminal) -> Protect:
    security = terminal.security
    if security is None or not terminal.secured:
        return lambda message: message
    return lambda message: security.protect(message, SecurityHeaderType.INTEGRITY_AND_CIPHERING)


def refuse(manager: AccessManager, terminal: Terminal, cause: Cause, message_type: int) -> None:
    """Tell a terminal that a message of it could not be taken; before security there is no way to."""
    if terminal.secured and manager.status_rate.take(manager.entity.procedures.now):
        send(manager, terminal, nas.Status(cause=cause, message_type=message_type))


def _decoded(manager: AccessManager, terminal: Terminal, data: bytes) -> Message | UnknownMessage | None:
    try:
        return nas.Nas.FAMILY.decode(data)
    except DecodeError as error:
        manager.drop(terminal, error.reason)
        refuse(manager, terminal, Cause.MALFORMED_MESSAGE, data[0] if data else NO_MESSAGE_TYPE)
        return None


def _may_be_plain(message: Message | UnknownMessage) -> bool:
    return isinstance(message, Message) and message.BEFORE_SECURITY


def _unprotected(terminal: Terminal, outer: nas.Protected, association: RanAssociation) -> bytes | None:
    if terminal.security is None:
        association.drop(Drop.NO_SECURITY_CONTEXT)
        return None
    try:
        return terminal.security.unprotect(outer)
    except ProtectionError as error:
        association.drop(error.reason)
        return None


def _take(
    manager: AccessManager, terminal: Terminal, message: Message | UnknownMessage, secured: bool, size: int
) -> None:
    trace(manager, message, "in", terminal.subscriber, terminal.context, size, terminal.association)
    manager.entity.procedures.pass_on(
        "NAS",
        "in",
        terminal.subscriber,
        message,
        lambda going: _handle(manager, terminal, going, secured),
        node=names.ACCESS_MANAGER,
    )


def _handle(manager: AccessManager, terminal: Terminal, message: Message | UnknownMessage, secured: bool) -> None:
    if not isinstance(message, nas.Nas):
        manager.drop(terminal, Drop.UNKNOWN_TYPE)
        refuse(manager, terminal, Cause.UNKNOWN_MESSAGE, getattr(message, "code", NO_MESSAGE_TYPE))
    elif type(message) not in LEGAL[terminal.registered, secured]:
        manager.drop(terminal, Drop.UNEXPECTED_MESSAGE)
        if not isinstance(message, nas.Status):
            refuse(manager, terminal, Cause.UNEXPECTED_MESSAGE, message.CODE)
    else:
        _HANDLERS[type(message)](manager, terminal, message)


def _status(manager: AccessManager, terminal: Terminal, message: nas.Status) -> None:
    """The terminal could not take something: never answered."""
    manager.drop(terminal, Drop.STATUS_OF_PEER)


def trace(
    manager: AccessManager,
    message: Message | UnknownMessage,
    direction: str,
    peer: str,
    context: int,
    size: int,
    association: RanAssociation | None,
) -> None:
    """A line of trace for a NAS message; a protected one by its own name."""
    ids: dict[str, int | str] = {"ran_node": association.node if association else "", "ran_ue": context}
    manager.trace_message("NAS", names.ACCESS_MANAGER, message, direction, peer, size, ids)


_HANDLERS: dict[type, Callable[..., None]] = {
    nas.RegistrationRequest: register_terminal.registration_repeated,
    nas.RegistrationComplete: register_terminal.registration_completed,
    nas.AuthenticationResponse: authenticate_terminal.authentication_answered,
    nas.AuthenticationFailure: authenticate_terminal.authentication_answered,
    nas.SecurityModeComplete: secure_terminal.security_mode_answered,
    nas.SecurityModeReject: secure_terminal.security_mode_answered,
    nas.DeregistrationRequest: deregister_terminal.deregistration_requested,
    nas.NetworkDeregistrationAccept: deregister_terminal.deregistration_accepted,
    nas.ServiceRequest: service_request.service_requested_again,
    nas.Status: _status,
    nas.Consent: take_part.consented,
    nas.ComputingRequest: set_up_session.computing_requested,
    nas.RoutineAccept: take_part.invitation_answered,
    nas.RoutineReject: take_part.invitation_answered,
    nas.RoutineDone: take_part.turn_done,
}
"""Who takes an uplink message that is legal."""
