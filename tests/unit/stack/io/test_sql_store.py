"""One contract for all stores: in memory, SQLite, a real PostgreSQL server; then what only a database can do wrong.

R6, R54, R55, R74-R77, R80: what these rows of the paper make the core remember is what is kept.
"""

from __future__ import annotations

import itertools
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from postgresql_server import PostgresqlServer, postgresql

from net4ai.core.store import (
    MIGRATIONS,
    SCHEMA_VERSION,
    TABLES,
    ConsentRow,
    JobRow,
    MemoryStore,
    NumberRow,
    Numbers,
    ProgressRow,
    ReservationRow,
    Row,
    SeatingRow,
    ServiceRow,
    Store,
    StoreError,
)
from net4ai.stack.io import sql_store
from net4ai.stack.io.sql_store import SqlStore

__all__ = ["postgresql"]

_databases = itertools.count(1)


def opened(url: str, **options: Any) -> SqlStore:
    return SqlStore(url, TABLES, error=StoreError, **{"version": SCHEMA_VERSION, "migrations": MIGRATIONS} | options)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'core.sqlite'}"


def fresh_database(server: PostgresqlServer) -> str:
    """The URL of a new, empty database of the server."""
    import pg8000.native

    name = f"test{next(_databases)}"
    connection = pg8000.native.Connection("net4ai", host="127.0.0.1", port=server.port, database="postgres")
    connection.run(f"CREATE DATABASE {name}")
    connection.close()
    return server.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return fresh_database(request.getfixturevalue("postgresql"))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    found = opened(
        sqlite_url(tmp_path) if request.param == "sqlite" else fresh_database(request.getfixturevalue("postgresql"))
    )
    yield found
    found.close()


# The contract

_names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_keys = st.integers(0, 3)
_numbers = st.integers(-(1 << 63), (1 << 63) - 1)
ROWS: st.SearchStrategy[Row] = st.one_of(
    st.builds(ServiceRow, service=_keys, provider=_names, registration=st.binary(), instantiated=st.binary()),
    st.builds(JobRow, job=_keys, service=_numbers, name=_names, k=_numbers, cut=_numbers, state=_names, detail=_names),
    st.builds(ProgressRow, job=_keys, task=st.sampled_from("ab"), finished=st.booleans(), round=_numbers),
    st.builds(ConsentRow, subscriber=_names, job=_keys, given=st.booleans(), consent=st.binary()),
    st.builds(SeatingRow, execution=_keys, instance=_keys, job=_numbers, subscribers=st.binary()),
    st.builds(ReservationRow, instance=_keys, service=_keys, function=_names, node=_names, application_server=_names),
    st.builds(NumberRow, kind=st.sampled_from("ab"), number=_numbers),
)


def content(store: Store) -> list[list[Row]]:
    return [list(store.all(table)) for table in TABLES]


@given(steps=st.lists(st.tuples(st.sampled_from(["put", "delete"]), st.lists(ROWS, max_size=4)), max_size=8))
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_store_does_what_a_dictionary_does(store: Store, steps: list[tuple[str, list[Row]]]) -> None:
    """Put, delete, all: rows come back as they were, in order of their keys (the store is used on and on)."""
    for table in TABLES:
        store.delete(*store.all(table))
    model: dict[type[Row], dict[tuple[Any, ...], Row]] = {table: {} for table in TABLES}
    for what, rows in steps:
        getattr(store, what)(*rows)
        for row in rows:
            if what == "put":
                model[type(row)][row.key] = row
            else:
                model[type(row)].pop(row.key, None)
        assert content(store) == [[rows[key] for key in sorted(rows)] for rows in model.values()]


def test_rows_given_and_kept_are_not_the_same_objects(store: Store) -> None:
    """A manager that changes its row has not changed the store."""
    row = ProgressRow(job=1, task="a")
    store.put(row)
    row.round = 7
    assert list(store.all(ProgressRow)) == [ProgressRow(job=1, task="a")]


def test_numbers_go_on_where_they_were(store: Store) -> None:
    first = Numbers(store, "job")
    assert [first.next(), first.next(), Numbers(store, "execution").next()] == [1, 2, 1]
    assert Numbers(store, "job").next() == 3


# Databases: again, and older or newer


def test_another_store_of_the_same_database_finds_the_rows(url: str) -> None:
    rows = [JobRow(job=1, service=2, name="train", k=3, cut=4, state="running"), NumberRow("job", 1)]
    first = opened(url)
    first.put(*rows)
    first.close()
    second = opened(url)
    assert content(second) == [[], [rows[0]], [], [], [], [], [rows[1]]]
    second.close()


def test_a_text_with_nul_is_kept_without(url: str) -> None:
    """What a function says when it fails may hold anything."""
    store = opened(url)
    store.put(JobRow(job=1, service=1, name="a", k=1, cut=0, state="ended", detail="a\0b"))
    assert [row.detail for row in store.all(JobRow)] == ["a�b"]
    store.close()


class OldRow(Row):
    """A number as a version 1 might have kept it."""

    TABLE: ClassVar[str] = "numbers"
    KEY: ClassVar[tuple[str, ...]] = ("kind",)
    kind: str


class NewRow(Row):
    """As version 3 keeps it."""

    TABLE: ClassVar[str] = "numbers"
    KEY: ClassVar[tuple[str, ...]] = ("kind",)
    kind: str
    number: int
    doc: str


MIGRATION = {
    1: ("ALTER TABLE numbers ADD COLUMN number BIGINT DEFAULT 7 NOT NULL",),
    2: ("ALTER TABLE numbers ADD COLUMN doc TEXT DEFAULT '' NOT NULL", "UPDATE numbers SET doc = 'of ' || kind"),
}


def test_a_database_of_an_older_version_is_brought_up_to_date(url: str) -> None:
    old = SqlStore(url, [OldRow], version=1, error=StoreError)
    old.put(OldRow("job"))
    old.close()
    for _ in range(2):  # the second time nothing is left to do
        new = SqlStore(url, [NewRow], version=3, error=StoreError, migrations=MIGRATION)
        assert list(new.all(NewRow)) == [NewRow("job", 7, "of job")]
        new.close()
    with pytest.raises(StoreError, match=r"schema version 3; allowed: up to 1\. Use a newer net4ai"):
        SqlStore(url, [OldRow], version=1, error=StoreError)


def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    old = SqlStore(url, [OldRow], version=1, error=StoreError)
    old.put(OldRow("job"))
    old.close()
    broken = MIGRATION | {
        2: ("ALTER TABLE numbers ADD COLUMN doc TEXT DEFAULT '' NOT NULL", "UPDATE nowhere SET a = 1")
    }
    with pytest.raises(StoreError, match="nowhere"):
        SqlStore(url, [NewRow], version=3, error=StoreError, migrations=broken)
    with pytest.raises(StoreError, match="no way from 2 to 3"):
        SqlStore(url, [NewRow], version=3, error=StoreError, migrations={1: MIGRATION[1]})
    again = SqlStore(url, [OldRow], version=1, error=StoreError)
    assert list(again.all(OldRow)) == [OldRow("job")]
    again.close()


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "core.sqlite") as other:
        other.execute("CREATE TABLE precious (a)")
    with pytest.raises(StoreError, match="the database is of somebody else: it has tables, as 'precious'"):
        opened(sqlite_url(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("", "no database URL; allowed: 'sqlite:////path', 'postgresql://…'"),
        ("core.sqlite", "no database URL"),
        ("sqlite://", "sqlite needs a file"),
        ("mysql://host/database", "'mysql' is not allowed; allowed: 'sqlite', 'postgresql'"),
        ("sqlite:////nowhere/core.sqlite", "unable to open database file"),
        ("postgresql://net4ai@127.0.0.1:1/database", "Can't create a connection to host 127.0.0.1 and port 1"),
    ],
)
def test_what_cannot_be_opened_is_named(wrong: str, complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint):
        opened(wrong)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "core.sqlite").write_bytes(b"somebody's letter" * 1000)
    with pytest.raises(StoreError, match="file is not a database"):
        opened(sqlite_url(tmp_path))
    assert (tmp_path / "core.sqlite").read_bytes().startswith(b"somebody's letter")


# What goes wrong: a clear error, nothing changed, and it goes on when the cause has gone

BEFORE = [NumberRow("a", 1), NumberRow("b", 2)]


def refused(store: SqlStore, complaint: str) -> None:
    for change in (
        lambda: store.put(NumberRow("a", 9), NumberRow("c", 9)),
        lambda: store.delete(*BEFORE),
    ):
        with pytest.raises(StoreError, match=complaint):
            change()


def goes_on(store: SqlStore) -> None:
    assert list(store.all(NumberRow)) == BEFORE
    store.put(NumberRow("c", 3))
    assert list(store.all(NumberRow)) == [*BEFORE, NumberRow("c", 3)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for locks are short: what is first told to a connection is made with the bound's value."""
    short = {kind: tuple(text.replace("= 1000", "= 50") for text in first) for kind, first in sql_store._FIRST.items()}
    monkeypatch.setattr(sql_store, "_FIRST", short)


def test_locked_sqlite(quick: None, tmp_path: Path) -> None:
    store = opened(sqlite_url(tmp_path))
    store.put(*BEFORE)
    other = sqlite3.connect(tmp_path / "core.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(store, "NO_RESOURCES: store: database is locked")
    assert list(store.all(NumberRow)) == BEFORE, "reading is not locked out"
    other.execute("ROLLBACK")
    goes_on(store)
    other.close()
    store.close()


def test_locked_postgresql(quick: None, postgresql: PostgresqlServer) -> None:
    import pg8000.native

    url = fresh_database(postgresql)
    store = opened(url)
    store.put(*BEFORE)
    other = pg8000.native.Connection("net4ai", host="127.0.0.1", port=postgresql.port, database=url.split("/")[-1])
    other.run("BEGIN")
    other.run("LOCK TABLE numbers")
    refused(store, "canceling statement due to lock timeout")
    other.run("ROLLBACK")
    other.close()
    goes_on(store)
    store.close()


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Files may not grow beyond so many octets: the kernel refuses the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_full_disk(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    store = opened(sqlite_url(tmp_path))
    store.put(*BEFORE)
    full_disk(1024)
    try:
        refused(store, "disk I/O error|database or disk is full")
    finally:
        full_disk(resource.RLIM_INFINITY)
    goes_on(store)
    store.close()


def test_sqlite_file_that_has_gone(tmp_path: Path) -> None:
    """SQLite itself would write on, into a file without a name."""
    store = opened(sqlite_url(tmp_path))
    store.put(*BEFORE)
    (tmp_path / "core.sqlite").rename(tmp_path / "elsewhere")
    refused(store, "core.sqlite is gone")
    (tmp_path / "elsewhere").rename(tmp_path / "core.sqlite")
    goes_on(store)
    store.close()


def test_a_postgresql_server_that_is_started_again(postgresql: PostgresqlServer) -> None:
    store = opened(fresh_database(postgresql))
    store.put(*BEFORE)
    postgresql.stop()
    try:
        refused(store, "NO_RESOURCES: store: ")
    finally:
        postgresql.start()
    goes_on(store)
    store.close()


WRITER = """
import sys
from net4ai.core.store import *
from net4ai.stack.io.sql_store import SqlStore
store = SqlStore(sys.argv[1], TABLES, version=SCHEMA_VERSION, error=StoreError)
number = 0
while True:
    number += 1
    store.put(NumberRow("a", number), NumberRow("b", number))
    print(number, flush=True)
"""


def test_what_has_returned_survives_kill_9(url: str, seed: int) -> None:
    """And never half a transaction."""
    chance = random.Random(seed)
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-P", "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        last = 0
        for _ in range(chance.randrange(1, 200)):
            last = int(child.stdout.readline())
        child.kill()
        last = int(([str(last), *child.stdout.read().split()])[-1])
        child.wait()
        store = opened(url)
        a, b = store.all(NumberRow)
        assert a.number == b.number and a.number in (last, last + 1)
        store.close()


def test_the_bounds_are_told_to_every_connection() -> None:
    """No call may stop the core for longer."""
    assert "PRAGMA busy_timeout = 1000" in sql_store._FIRST["sqlite"]
    assert "SET lock_timeout = 1000" in sql_store._FIRST["postgresql"]
    assert sql_store.LOCK_BOUND == 1.0 and sql_store.SERVER_BOUND == 2.0
