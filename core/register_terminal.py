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
    """Accept or reject; a repeated request gets the same answer. True: registered anew.

    A terminal that is rejected, or that has come back from elsewhere, leaves no context behind at its RAN node.
    """
    version = VERSIONS.common(request.versions)
    if version is None:
        return _reject(manager, terminal, Cause.VERSION_NOT_SUPPORTED)
    if request.identity not in manager.subscribers or terminal.subscriber not in ("", request.identity):
        return _reject(manager, terminal, Cause.NOT_ALLOWED)
    anew = not terminal.subscriber
    if anew:
        if (old := manager.registered.get(request.identity)) is not None:
            manager.release(old, Cause.PEER_LOST)
        terminal.subscriber = request.identity
        terminal.temporary_identity = manager.random_identity()
        manager.registered[request.identity] = terminal
        manager.trace("terminal registered", ue=request.identity, node=terminal.association.node)
    terminal.send(nas.RegistrationAccept(version=version, temporary_identity=terminal.temporary_identity))
    return anew


def _reject(manager: AccessManager, terminal: Terminal, cause: Cause) -> bool:
    terminal.send(nas.RegistrationReject(cause=cause, versions=VERSIONS))
    manager.release(terminal, cause)
    return False
