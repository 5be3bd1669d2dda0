"""What terminals say of jobs and routines: consent, answers to invitations, ends of turns (R57-R61, R67, R72-R74)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.core.release_session import start_release
from net4ai.core.store import StoreError
from net4ai.stack.drops import Drop

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


def consented(manager: AccessManager, terminal: Terminal, message: nas.Consent) -> None:
    """Consent, or its refusal or withdrawal. Consent that could not be stored is refused by NAS Status."""
    job, subscriber = message.job, terminal.subscriber
    if job not in manager.offers:
        manager.drop(terminal, Drop.CONSENT_TO_UNKNOWN_JOB)
        return
    before = manager.consents.of(subscriber, job)
    try:
        manager.consents.answer(subscriber, message)
    except StoreError as error:
        manager.not_stored(error)
        if message.given:
            manager.drop(terminal, Drop.NOT_CARRIED_OUT)
            manager.send(terminal, nas.Status(cause=error.cause, message_type=message.CODE))
            return
    manager.trace("consent", ue=subscriber, job=job, given=int(message.given))
    if before is not None and not message.given:
        withdraw(manager, terminal, job)
    if (before is not None) != message.given:
        manager.counts.changed(job)


def withdraw(manager: AccessManager, terminal: Terminal, job: int) -> None:
    """A consent is withdrawn: the terminal's seats in the job's executions are empty at once, its session ends (R67).

    What the job's servers have committed of it before stays.
    """
    manager.trace("consent withdrawn", ue=terminal.subscriber, job=job)
    manager.seats.leave(terminal, Cause.NO_CONSENT, job)
    start_release(manager, terminal, job, Cause.NO_CONSENT)


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
    manager.seats.turn_ended(message.execution, place, message.cause)
