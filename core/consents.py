"""What subscribers have answered to job offers (R58): kept in the store, and whether or not they are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from net4ai.codecs import nas
from net4ai.core.store import ENDED, ConsentRow, JobRow, Store, StoreError


class Consents:
    """Answers by job and subscriber."""

    def __init__(self, store: Store, not_stored: Callable[[StoreError], None]) -> None:
        """`not_stored` is told when something that has ended could not be deleted in the store."""
        self._store = store
        self._not_stored = not_stored
        self._answers: dict[int, dict[str, nas.Consent]] = {}

    def answer(self, subscriber: str, consent: nas.Consent) -> None:
        """A subscriber has answered. Consent counts once it is stored, a refusal or withdrawal at once. Raises
        `StoreError`."""
        answers = self._answers.setdefault(consent.job, {})
        if not consent.given:
            answers[subscriber] = consent
        row = ConsentRow(subscriber=subscriber, job=consent.job, given=consent.given, consent=consent.encode())
        self._store.put(row)
        answers[subscriber] = consent

    def of(self, subscriber: str, job: int) -> nas.Consent | None:
        """The consent in force, if there is one."""
        answer = self._answers.get(job, {}).get(subscriber)
        return answer if answer is not None and answer.given else None

    def answered(self, subscriber: str, job: int) -> bool:
        """Whether the subscriber has answered the offer, either way."""
        return subscriber in self._answers.get(job, {})

    def consenting(self, job: int) -> Iterator[str]:
        """Subscribers whose consent to a job is in force."""
        return (subscriber for subscriber, answer in self._answers.get(job, {}).items() if answer.given)

    def jobs_of(self, subscriber: str) -> list[int]:
        """Jobs that a subscriber consents to."""
        return [job for job in self._answers if self.of(subscriber, job) is not None]

    def end_job(self, job: int) -> None:
        """The job is over."""
        answers = self._answers.pop(job, {})
        self._delete([(subscriber, job) for subscriber in answers])

    def end_subscriber(self, subscriber: str) -> None:
        """The subscriber has deregistered: it is asked anew when it comes again."""
        jobs = [job for job, answers in self._answers.items() if answers.pop(subscriber, None) is not None]
        self._delete([(subscriber, job) for job in jobs])

    def _delete(self, keys: Iterable[tuple[str, int]]) -> None:
        rows = [ConsentRow(subscriber=subscriber, job=job, given=False, consent=b"") for subscriber, job in keys]
        try:
            if rows:
                self._store.delete(*rows)
        except StoreError as error:
            self._not_stored(error)

    def recover(self) -> None:
        """Take what the store has kept; what was of jobs that are over goes. Raises `StoreError`."""
        jobs = unfinished_jobs(self._store)
        for row in list(self._store.all(ConsentRow)):
            if row.job not in jobs:
                self._store.delete(row)
                continue
            consent = nas.Nas.FAMILY.decode(row.consent)
            if isinstance(consent, nas.Consent):
                self._answers.setdefault(row.job, {})[row.subscriber] = consent


def unfinished_jobs(store: Store) -> frozenset[int]:
    """Jobs that are armed or run. Raises `StoreError`."""
    return frozenset(row.job for row in store.all(JobRow) if row.state != ENDED)
