"""Jobs on offer: announced to terminals, which consent or not, until they are over (R57-R61, R67)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.bus import Done, OfferJob, WithdrawJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.core.release_session import start_release
from net4ai.core.set_up_session import COMPUTING_QOS
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal

OFFERS_PER_MESSAGE = 32
"""A Job List holds no more."""
MAXIMUM_OFFERS = 256
"""Jobs on offer at a time. A terminal remembers its decisions on several times as many."""
MAXIMUM_QUALITIES = 8
"""QoS flows of a session, as many as N2 can ask for."""


class JobOffers:
    """The jobs on offer."""

    def __init__(self, manager: AccessManager) -> None:
        self._manager = manager
        self.offers: dict[int, OfferJob] = {}
        """By number of the job."""
        manager.entity.handle(OfferJob, self.offer)
        manager.entity.handle(WithdrawJob, self.withdraw)

    def __contains__(self, job: int) -> bool:
        return job in self.offers

    def offer(self, request: OfferJob) -> Done:
        """Announce the job to everyone who is there (R59); others hear of it when they register.

        Raises `ProcedureError`: more jobs than can be offered, or more QoS flows than a session can have.
        """
        if request.job not in self.offers and len(self.offers) >= MAXIMUM_OFFERS:
            raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_OFFERS} jobs are on offer")
        if len(request.qualities) > MAXIMUM_QUALITIES:
            detail = f"{len(request.qualities)} QoS flows; allowed: at most {MAXIMUM_QUALITIES}"
            raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, detail)
        self.offers[request.job] = request
        for terminal in list(self._manager.registered.values()):
            self.announce(terminal)
        return Done()

    def announce(self, terminal: Terminal) -> None:
        """All jobs on offer, to a terminal."""
        offers = [
            nas.JobOffer(
                job=o.job, service=_clipped(o.service, 64), purpose=_clipped(o.purpose, 200), k=o.k, raw_data=o.raw_data
            )
            for o in self.offers.values()
        ]
        for start in range(0, len(offers), OFFERS_PER_MESSAGE):
            self._manager.send(terminal, nas.JobList(jobs=tuple(offers[start : start + OFFERS_PER_MESSAGE])))

    def qos(self, job: int) -> tuple[QosProfile, ...]:
        """Quality of service of a terminal's session for a job: one profile for each QoS flow, in their order."""
        profiles = (
            QosProfile(
                five_qi=quality.five_qi,
                priority=quality.priority,
                prioritised_bit_rate=quality.bit_rate,
                bucket_size=quality.bucket_ms,
                guaranteed_bit_rate=quality.guaranteed_kbps,
                maximum_bit_rate=quality.maximum_kbps,
            )
            for quality in (quality.of_class for quality in self.offers[job].qualities)
        )
        return tuple(profiles) or (COMPUTING_QOS,)

    def session_kbps(self, job: int) -> int:
        """Session AMBR of a job's sessions; 0: none, or the job is over."""
        return self.offers[job].session_kbps if job in self.offers else 0

    def edge(self, job: int) -> str:
        """Edge to which the PDU sessions for a job lead; empty: terminals have DEP sessions on computing bearers."""
        return self.offers[job].edge

    def withdraw(self, request: WithdrawJob) -> Done:
        """The job is over: seats that nobody has taken back end, consents to it, and its sessions."""
        job = request.job
        self.offers.pop(job, None)
        self._manager.counts.end_job(job)
        self._manager.seats.end_job(job)
        self._manager.consents.end_job(job)
        for terminal in list(self._manager.registered.values()):
            start_release(self._manager, terminal, job, Cause.NORMAL)
        return Done()


def _clipped(text: str, octets: int) -> str:
    """As much of `text` as fits."""
    return text.encode()[:octets].decode(errors="ignore")
