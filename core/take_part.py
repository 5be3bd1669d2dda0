"""What terminals say of jobs and routines: consent, answers to invitations, the end of turns (R57-R61, R72-R74)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.stack.drops import Drop

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


def consented(manager: AccessManager, terminal: Terminal, message: nas.Consent) -> None:
    """Consent, or its refusal or withdrawal."""
    if message.job not in manager.offers:
        manager.drop(terminal, Drop.CONSENT_TO_UNKNOWN_JOB)
        return
    terminal.answered.add(message.job)
    if message.given:
        terminal.consents[message.job] = message
    else:
        terminal.consents.pop(message.job, None)
    manager.trace("consent", ue=terminal.subscriber, job=message.job, given=int(message.given))


def invitation_answered(
    manager: AccessManager, terminal: Terminal, message: nas.RoutineAccept | nas.RoutineReject
) -> None:
    """To whoever invited it."""
    if not terminal.replies.give(("invite", message.execution), message):
        manager.drop(terminal, Drop.NO_INVITATION)


def turn_done(manager: AccessManager, terminal: Terminal, message: nas.RoutineDone) -> None:
    """Its own turn has ended; nobody ends another's."""
    place = terminal.places.get(message.execution)
    if place is None or place.turn != message.turn:
        manager.drop(terminal, Drop.UNKNOWN_TURN)
        return
    manager.turn_ended(message.execution, place, message.cause)
