"""Jobs on offer: consent is voluntary; with it the terminal reports its status and asks for a session (R57-R61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause, cause_of
from net4ai.stack.procedure import ProcedureRejected, ProcedureTimeout

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

TRANSACTIONS = 256
"""Procedure transaction identities of a terminal."""


def answer_offers(terminal: Terminal, message: nas.JobList) -> None:
    """Answer each job once, as the owner has decided."""
    for offer in message.jobs:
        if offer.job in terminal.decided:
            continue
        terminal.decided.add(offer.job)
        given = agrees(terminal, offer)
        terminal.send_nas(consent(terminal, offer.job, given))
        if given:
            terminal.consented.add(offer.job)
            _start(terminal, offer.job)


def ask_again(terminal: Terminal) -> None:
    """The terminal is connected again: its sessions ended with the connection before, its consents did not."""
    for job in sorted(terminal.consented):
        _start(terminal, job)


def _start(terminal: Terminal, job: int) -> None:
    terminal.process.procedures.start("computing request", request_computing(terminal, job), ue=terminal.name, job=job)


def agrees(terminal: Terminal, offer: nas.JobOffer) -> bool:
    """The owner's will: consent as such, and never among fewer than the owner demands (R59, R82)."""
    config = terminal.process.config
    return config.consent and offer.k >= config.privacy_k


def consent(terminal: Terminal, job: int, given: bool) -> nas.Consent:
    """The answer to an offer, with status and privacy requirement (R60)."""
    config = terminal.process.config
    return nas.Consent(
        job=job,
        given=given,
        status=nas.UeStatus(compute=config.compute_mflops, memory=config.memory_mib, battery=config.battery_percent),
        privacy=nas.PrivacyRequirement(raw_data=config.raw_data, k=config.privacy_k),
    )


async def request_computing(terminal: Terminal, job: int) -> None:
    """Ask for a DEP session to the job's functions. Raises `ProcedureRejected`, `ProcedureTimeout`."""
    process = terminal.process
    transaction = _transaction(terminal, job)
    for _ in range(process.timers.attempts("T3580")):
        terminal.send_nas(nas.ComputingRequest(transaction=transaction, job=job))
        try:
            answer = await terminal.replies.expect(("computing", transaction), process.timers["T3580"])
        except ProcedureTimeout:
            continue
        if isinstance(answer, nas.ComputingReject):
            if answer.cause == Cause.UNKNOWN_JOB:
                terminal.consented.discard(job)
            raise ProcedureRejected(cause_of(answer.cause), f"job {job}")
        return
    raise ProcedureTimeout(f"T3580: no answer to the computing request for job {job}")


def _transaction(terminal: Terminal, job: int) -> int:
    """A procedure transaction identity that no request of the terminal has: the job's number, or one close by.

    Raises `ProcedureRejected` where all are under way.
    """
    for further in range(TRANSACTIONS):
        transaction = (job + further) % TRANSACTIONS
        if ("computing", transaction) not in terminal.replies:
            return transaction
    raise ProcedureRejected(Cause.BUSY, f"job {job}: all transactions are under way")
