"""What must outlive the core: rows of a few tables, kept by whoever runs it.

A table is a msgspec struct; its fields are columns, `KEY` names the primary key. The core's managers put, delete and,
when the core starts, read rows; where they go (memory, SQLite, PostgreSQL) is the owner's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from net4ai.codecs.causes import Cause
from net4ai.stack.procedure import ProcedureError


class Row(msgspec.Struct):
    """Base of all rows. Columns are int, str, bytes, bool or float."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]

    @property
    def key(self) -> tuple[Any, ...]:
        """Its primary key."""
        return tuple(getattr(self, name) for name in self.KEY)


class ServiceRow(Row):
    """A registered service."""

    TABLE: ClassVar[str] = "services"
    KEY: ClassVar[tuple[str, ...]] = ("service",)
    service: int
    provider: str
    registration: bytes
    """`RegisterService`, JSON."""
    instantiated: bytes
    """`ServiceInstantiated`, JSON."""
    request: str = ""
    """The request that registered it: one that comes again, after the core was started anew, is answered as before."""


ARMED, RUNNING, ENDED = "armed", "running", "ended"
"""States of jobs, as in `net4ai.codecs.bus.JobStatus`."""


class JobRow(Row):
    """A job that is armed, runs, or has ended lately."""

    TABLE: ClassVar[str] = "jobs"
    KEY: ClassVar[tuple[str, ...]] = ("job",)
    job: int
    service: int
    name: str
    k: int
    cut: int
    state: str
    """`ARMED` (its trigger is waited for), `RUNNING` or `ENDED`."""
    cause: int = 0
    detail: str = ""
    request: str = ""
    """The request that started it, as in `ServiceRow`; empty: a trigger did."""
    controller: str = ""
    """Application controller that started it."""
    due: int = 0
    """UTC, in ns, at which its time trigger fires next; 0: never."""
    again: bool = False
    """Its trigger has fired while it was running."""


class ProgressRow(Row):
    """How far a task of a running job has come."""

    TABLE: ClassVar[str] = "progress"
    KEY: ClassVar[tuple[str, ...]] = ("job", "task")
    job: int
    task: str
    finished: bool = False
    round: int = 0
    position: int = 0
    """In the task's chain."""
    stop: bool = False
    """A server of this round has said stop."""
    execution: int = 0
    """Execution under way at that position; 0: none."""


class ConsentRow(Row):
    """What a subscriber has answered to a job's offer (R58)."""

    TABLE: ClassVar[str] = "consents"
    KEY: ClassVar[tuple[str, ...]] = ("subscriber", "job")
    subscriber: str
    job: int
    given: bool
    consent: bytes
    """The NAS message."""


class SeatingRow(Row):
    """Who sits where at a server in an execution that may be resumed."""

    TABLE: ClassVar[str] = "seatings"
    KEY: ClassVar[tuple[str, ...]] = ("execution", "instance")
    execution: int
    instance: int
    job: int
    subscribers: bytes
    """Their subscriptions by seat, a JSON list."""


class ReservationRow(Row):
    """What an instance has reserved, and where it runs."""

    TABLE: ClassVar[str] = "reservations"
    KEY: ClassVar[tuple[str, ...]] = ("instance",)
    instance: int
    service: int
    function: str
    node: str
    application_server: str
    servers: bytes = b"{}"
    """Its servers by routine, JSON (R69)."""
    amounts: bytes = b"{}"
    """What is reserved for it by node and resource, JSON."""


class NumberRow(Row):
    """The highest number of a kind given out."""

    TABLE: ClassVar[str] = "numbers"
    KEY: ClassVar[tuple[str, ...]] = ("kind",)
    kind: str
    number: int


TABLES: tuple[type[Row], ...] = (
    ServiceRow,
    JobRow,
    ProgressRow,
    ConsentRow,
    SeatingRow,
    ReservationRow,
    NumberRow,
)

SCHEMA_VERSION = 1
"""Of `TABLES`. Whoever changes a table counts it up and adds to `MIGRATIONS`."""
MIGRATIONS: Mapping[int, Sequence[str]] = {}
"""SQL statements that turn a database of this version into one of the next, the same for SQLite and PostgreSQL."""

R = TypeVar("R", bound=Row)


class StoreError(ProcedureError):
    """What was to be kept could not be: the disk is full, the database is locked or gone. Nothing was changed."""

    def __init__(self, detail: str) -> None:
        super().__init__(Cause.NO_RESOURCES, f"store: {detail}")


class Store(Protocol):
    """Keeps rows. What has returned is kept, even if the process dies at once."""

    def put(self, *rows: Row) -> None:
        """Insert rows, each in place of one with the same key; all or none. Raises `StoreError`."""
        ...

    def delete(self, *rows: Row) -> None:
        """Delete the rows with these keys, as far as they are there; all or none. Raises `StoreError`."""
        ...

    def all(self, table: type[R]) -> Iterable[R]:
        """The rows of a table, in order of their keys. Raises `StoreError`."""
        ...


class MemoryStore:
    """A store for cores that need not outlive themselves."""

    def __init__(self) -> None:
        self._tables: dict[type[Row], dict[tuple[Any, ...], Row]] = {table: {} for table in TABLES}

    def put(self, *rows: Row) -> None:
        for row in rows:
            self._tables[type(row)][row.key] = msgspec.structs.replace(row)

    def delete(self, *rows: Row) -> None:
        for row in rows:
            self._tables[type(row)].pop(row.key, None)

    def all(self, table: type[R]) -> Iterable[R]:
        rows: dict[tuple[Any, ...], Any] = self._tables[table]
        return [msgspec.structs.replace(rows[key]) for key in sorted(rows)]


class Numbers:
    """Numbers of one kind, from 1, never given twice as long as the store lasts."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._number = next((row.number for row in store.all(NumberRow) if row.kind == kind), 0)

    def next(self) -> int:
        """A fresh number. Raises `StoreError`."""
        self._store.put(NumberRow(kind=self._kind, number=self._number + 1))
        self._number += 1
        return self._number
