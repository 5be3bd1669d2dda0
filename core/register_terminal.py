"""Registration of a terminal, the core's side (TS 23.502 4.2.2.2, TS 24.501 5.5.1.2; R57, R58)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.core.authenticate_terminal import authenticate_terminal
from net4ai.core.secure_terminal import secure_terminal
from net4ai.core.set_up_context import set_up_context
from net4ai.core.terminal import Terminal
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError, ProcedureTimeout, Replies

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation

VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)

MAXIMUM_TERMINALS = 65536


def registration_begun(
    manager: AccessManager, association: RanAssociation, context: int, request: nas.RegistrationRequest
) -> None:
    """The first message of a new context. What is known of the subscriber stays until the newcomer has its key."""
    if len(manager.terminals) >= MAXIMUM_TERMINALS:
        association.drop(Drop.TOO_MANY_TERMINALS)
        association.release(context, Cause.NO_RESOURCES)
        return
    terminal = Terminal(request, association, context, association.node, Replies(manager.entity.procedures))
    manager.terminals[association, context] = terminal
    _start(manager, terminal)


def registration_repeated(manager: AccessManager, terminal: Terminal, request: nas.RegistrationRequest) -> None:
    """One more request on the same connection: periodic, repeated, or the terminal has begun anew."""
    if request.identity != terminal.subscriber:
        _reject(manager, terminal, Cause.NOT_ALLOWED)
    elif terminal.registered:
        manager.send(terminal, _accept(terminal, request))
    elif request == terminal.request:
        manager.drop(terminal, Drop.REGISTRATION_UNDER_WAY)
    else:
        if terminal.registration is not None:
            terminal.registration.cancel("another registration request")
        terminal.request, terminal.security = request, None
        _start(manager, terminal)


def registration_completed(manager: AccessManager, terminal: Terminal, message: nas.RegistrationComplete) -> None:
    """To the registration under way; one more of them says nothing new."""
    if message.temporary_identity != terminal.temporary_identity:
        manager.drop(terminal, Drop.UNKNOWN_TEMPORARY_IDENTITY)
    elif not terminal.replies.give(nas.RegistrationComplete, message) and not terminal.registered:
        manager.drop(terminal, Drop.ANSWER_TO_NO_REQUEST)


def _start(manager: AccessManager, terminal: Terminal) -> None:
    procedure = manager.entity.procedures.start("registration", _register(manager, terminal), ue=terminal.subscriber)
    if not procedure.done:
        terminal.registration = procedure


async def _register(manager: AccessManager, terminal: Terminal) -> None:
    """Check, authenticate, secure, accept. Who is refused leaves no context behind at its RAN node."""
    with manager.overload.registering():
        try:
            if VERSIONS.common(terminal.request.versions) is None:
                raise ProcedureError(Cause.VERSION_NOT_SUPPORTED)
            k_amf = await authenticate_terminal(manager, terminal)
            await secure_terminal(manager, terminal, k_amf)
            manager.take_identity(terminal)
            await _deliver_accept(manager, terminal)
        except ProcedureCancelled:
            raise
        except ProcedureError as error:
            terminal.registration = None
            _reject(manager, terminal, error.cause)
            raise
    terminal.registration = None
    manager.terminal_registered(terminal)


async def _deliver_accept(manager: AccessManager, terminal: Terminal) -> None:
    """The accept goes with the set-up of the context; without its Complete it is sent again (T3550)."""
    timers = manager.entity.timers
    accept = _accept(terminal, terminal.request)
    await set_up_context(manager, terminal, accept)
    for attempt in range(timers.attempts("T3550")):
        if attempt:
            manager.send(terminal, accept)
        try:
            await terminal.replies.expect(nas.RegistrationComplete, timers["T3550"])
            return
        except ProcedureTimeout:
            continue
    raise ProcedureTimeout("T3550: no Registration Complete")


def _accept(terminal: Terminal, request: nas.RegistrationRequest) -> nas.RegistrationAccept:
    version = VERSIONS.common(request.versions) or VERSIONS.highest
    return nas.RegistrationAccept(version=version, temporary_identity=terminal.temporary_identity)


def _reject(manager: AccessManager, terminal: Terminal, cause: Cause) -> None:
    manager.send(terminal, nas.RegistrationReject(cause=cause, versions=VERSIONS))
    manager.release(terminal, cause)
