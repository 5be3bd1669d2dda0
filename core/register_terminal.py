"""Registration of a terminal (TS 24.501 5.5.1; R57, R58)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager, Terminal

VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)


def register_terminal(manager: AccessManager, terminal: Terminal, request: nas.RegistrationRequest) -> bool:
    """Accept or reject; a repeated request gets the same answer. True: registered anew."""
    version = VERSIONS.common(request.versions)
    if version is None:
        return _reject(terminal, Cause.VERSION_NOT_SUPPORTED)
    if request.identity not in manager.subscribers:
        return _reject(terminal, Cause.NOT_ALLOWED)
    anew = not terminal.subscriber
    if anew:
        _replace(manager, request.identity)
        terminal.subscriber = request.identity
        terminal.temporary_identity = manager.random_identity()
        manager.registered[request.identity] = terminal
        manager.trace("registered", ue=request.identity, node=terminal.association.node)
    elif terminal.subscriber != request.identity:
        return _reject(terminal, Cause.NOT_ALLOWED)
    terminal.send(nas.RegistrationAccept(version=version, temporary_identity=terminal.temporary_identity))
    return anew


def _reject(terminal: Terminal, cause: Cause) -> bool:
    terminal.send(nas.RegistrationReject(cause=cause, versions=VERSIONS))
    return False


def _replace(manager: AccessManager, subscriber: str) -> None:
    """A subscriber that registers again from elsewhere leaves its old context behind."""
    old = manager.registered.get(subscriber)
    if old is not None:
        manager.terminal_lost(old.association, old.context)
