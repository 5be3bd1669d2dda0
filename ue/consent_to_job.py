"""Jobs on offer: consent is voluntary; with it the terminal reports its status and asks for a session (R57-R61).

The owner may withdraw it at any time, and give it again (R67).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause, cause_of
from net4ai.stack.procedure import ProcedureCancelled, ProcedureRejected, ProcedureTimeout
from net4ai.ue import pdu_session, take_part
from net4ai.ue.states import NasState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

TRANSACTIONS = 256
"""Procedure transaction identities of a terminal."""
MAXIMUM_DECISIONS = 1024
"""Jobs a terminal remembers its owner's decision on: several times as many as the network offers at a time."""


@dataclass(slots=True)
class Decision:
    """What the owner has decided about a job."""

    given: bool
    told: bool = False
    """The network has been told, in this registration."""


def answer_offers(terminal: Terminal, message: nas.JobList) -> None:
    """Answer each job once, as the owner has decided. The oldest decisions are forgotten, when there are too many."""
    for offer in message.jobs:
        decision = terminal.decisions.pop(offer.job, None) or Decision(agrees(terminal, offer))
        terminal.decisions[offer.job] = decision
        if not decision.told:
            _tell(terminal, offer.job, decision)
    while len(terminal.decisions) > MAXIMUM_DECISIONS:
        forget(terminal, next(iter(terminal.decisions)))


def ask_again(terminal: Terminal) -> None:
    """The terminal is connected again: what it could not say is said. Sessions ended with the connection before,
    consents did not."""
    for job, decision in sorted(terminal.decisions.items()):
        if not decision.told:
            _tell(terminal, job, decision)
        elif decision.given:
            _start(terminal, job)


def withdraw(terminal: Terminal, job: int) -> bool:
    """The owner withdraws the consent: nothing of the terminal is sent for the job any more, and the network is told
    at once, or when the terminal is connected (R67). False: there is no consent."""
    decision = terminal.decisions.get(job)
    if decision is None or not decision.given:
        return False
    decision.given = False
    terminal.trace_state("consent withdrawn", job=job)
    _leave(terminal, job)
    _tell_or_connect(terminal, job, decision)
    return True


def give(terminal: Terminal, job: int) -> bool:
    """The owner consents after all. False: the job was not offered, or there is consent already."""
    decision = terminal.decisions.get(job)
    if decision is None or decision.given:
        return False
    decision.given = True
    _tell_or_connect(terminal, job, decision)
    return True


def session_released(terminal: Terminal, session: int, cause: Cause) -> None:
    """The network ends a session, and with it the part there; with NORMAL the job is over."""
    take_part.leave_session(terminal, session)
    terminal.process.functions.unload_all(terminal, terminal.user_of(session))
    job = terminal.jobs.pop(session, None)
    if job is not None and cause is Cause.NORMAL:
        terminal.decisions.pop(job, None)


def deregistered(terminal: Terminal) -> None:
    """The network need not know the terminal any more: it is told anew, and nothing runs here meanwhile."""
    for decision in terminal.decisions.values():
        decision.told = False
    terminal.process.functions.unload_all(terminal)


def forget(terminal: Terminal, job: int) -> None:
    """The job is over, as far as the terminal can know."""
    terminal.decisions.pop(job, None)
    _leave(terminal, job)


def _leave(terminal: Terminal, job: int) -> None:
    """What runs for the job ends, and what its functions have not sent yet is never sent."""
    process = terminal.process
    for session in [session for session, its_job in terminal.jobs.items() if its_job == job]:
        if take_part.leave_session(terminal, session) and session in terminal.sessions:
            process.endpoint.close(terminal.sessions[session], Cause.NO_CONSENT, process.procedures.now)
    process.functions.unload_all(terminal, f"job {job}")


def _tell_or_connect(terminal: Terminal, job: int, decision: Decision) -> None:
    if terminal.nas_state is NasState.REGISTERED and terminal.nas_secured:
        _tell(terminal, job, decision)
    else:
        decision.told = False
        terminal.want_connection(nas.ServiceType.SIGNALLING)


def _tell(terminal: Terminal, job: int, decision: Decision) -> None:
    decision.told = True
    terminal.send_nas(consent(terminal, job, decision.given))
    if decision.given:
        _start(terminal, job)


def _start(terminal: Terminal, job: int) -> None:
    terminal.process.procedures.start("computing request", request_computing(terminal, job), ue=terminal.name, job=job)


def agrees(terminal: Terminal, offer: nas.JobOffer) -> bool:
    """The owner's will: consent as such, and never among fewer than the owner demands (R59, R82)."""
    config = terminal.process.config
    return config.consent and offer.k >= config.privacy_k


def consents(terminal: Terminal, job: int) -> bool:
    """Whether the owner's consent to a job is in force."""
    decision = terminal.decisions.get(job)
    return decision is not None and decision.given


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
        if not consents(terminal, job):
            raise ProcedureCancelled(f"consent to job {job} withdrawn")
        terminal.send_nas(nas.ComputingRequest(transaction=transaction, job=job))
        try:
            answer = await terminal.replies.expect(("computing", transaction), process.timers["T3580"])
        except ProcedureTimeout:
            continue
        if isinstance(answer, nas.ComputingReject):
            if answer.cause == Cause.UNKNOWN_JOB:
                forget(terminal, job)
            raise ProcedureRejected(cause_of(answer.cause), f"job {job}")
        if answer.session in terminal.sessions or answer.session in terminal.pdu_sessions:
            terminal.jobs[answer.session] = job
        if isinstance(answer, nas.PduSessionAccept):
            pdu_session.accepted(terminal, answer)
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
