"""Rows in a database: SQLite in a file, or a PostgreSQL server, through the same code.

A table is a msgspec struct of int, str, bytes, bool and finite float; its fields are the columns, `TABLE` names it and
`KEY` its primary key. Each call is one transaction. What has returned is in the database: with SQLite it survives the
death of the process at any moment (kill -9), for the kernel has it; only when the whole machine loses power may the
last transactions be missing, never half of one (write-ahead log, synchronous=NORMAL: no wait for the disk in the event
loop). PostgreSQL has its own say (synchronous_commit).

Calls block, so all waits are bounded: for a lock `LOCK_BOUND`, for the server `SERVER_BOUND`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec
import sqlalchemy
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Engine, LargeBinary, Table, Text, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

LOCK_BOUND = 1.0
"""Seconds a transaction waits for a lock that another connection holds."""
SERVER_BOUND = 2.0
"""Seconds a PostgreSQL server may take to accept a connection or to answer."""

VERSION_TABLE = "schema_version"

Migrations = Mapping[int, Sequence[str]]
"""SQL statements, by the version that they turn into the next one. The same for both kinds of database."""


class RowType(Protocol):
    """A table's struct."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]

    @property
    def key(self) -> tuple[Any, ...]: ...


R = TypeVar("R", bound=RowType)

_COLUMNS: Mapping[Any, Any] = {int: BigInteger, str: Text, bytes: LargeBinary, bool: Boolean, float: Double}
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+pg8000"}
_INSERT: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ARGUMENTS: Mapping[str, dict[str, Any]] = {"sqlite": {}, "postgresql": {"timeout": SERVER_BOUND}}
_FIRST: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        f"PRAGMA busy_timeout = {LOCK_BOUND * 1000:.0f}",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
    ),
    "postgresql": (
        f"SET lock_timeout = {LOCK_BOUND * 1000:.0f}",
        f"SET statement_timeout = {SERVER_BOUND * 1000 * 0.75:.0f}",
    ),
}
"""What a new connection is told first."""


class SqlStore:
    """The database at `url`; opening it makes the tables, or brings those of an older version up to date.

    Every failure is raised as `error`, made of a line of text; then nothing was changed. A database of a newer version,
    and one that holds other people's tables, is refused.
    """

    def __init__(
        self,
        url: str,
        tables: Sequence[type[Any]],
        *,
        version: int,
        error: Callable[[str], Exception],
        migrations: Migrations | None = None,
    ) -> None:
        """`url`: "sqlite:////absolute/path" or "postgresql://user:password@host:port/database".

        `version` is that of `tables`.
        """
        self._error = error
        self._file = ""
        self._identity: tuple[int, int] | None = None
        """Device and inode of SQLite's file."""
        self._engine = self._make_engine(url)
        metadata = sqlalchemy.MetaData()
        self._tables = {table: _table(table, metadata) for table in tables}
        insert = _INSERT[self._engine.dialect.name]
        self._put = {table: _upsert(insert(self._tables[table]), table.KEY) for table in tables}
        self._version = Table(VERSION_TABLE, metadata, Column("version", BigInteger, nullable=False))
        with self._transaction() as connection:
            self._bring_up_to_date(connection, metadata, version, migrations or {})
        self._identity = self._look()

    def put(self, *rows: Any) -> None:
        """Insert rows, each in place of one with the same key; all or none."""
        with self._transaction() as connection:
            for table, group in groupby(rows, type):
                connection.execute(self._put[table], [_values(row) for row in group])

    def delete(self, *rows: Any) -> None:
        """Delete the rows with these keys, as far as they are there; all or none."""
        with self._transaction() as connection:
            for row in rows:
                table = self._tables[type(row)]
                same = (table.c[name] == value for name, value in zip(row.KEY, row.key, strict=True))
                connection.execute(table.delete().where(*same))

    def all(self, table: type[R]) -> Iterable[R]:
        """The rows of a table, in order of their keys as Python compares them."""
        with self._transaction() as connection:
            found = connection.execute(self._tables[table].select()).mappings().all()
        return sorted((table(**row) for row in found), key=lambda row: row.key)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _make_engine(self, url: str) -> Engine:
        try:
            parsed = sqlalchemy.make_url(url)
            kind = parsed.get_backend_name()
            if kind not in _DRIVERS:
                raise self._error(f"{kind!r} is not allowed; allowed: {', '.join(map(repr, _DRIVERS))}")
            if kind == "sqlite" and not parsed.database:
                raise self._error("sqlite needs a file: 'sqlite:////path'")
            self._file = str(parsed.database) if kind == "sqlite" else ""
            parsed = parsed.set(drivername=_DRIVERS[kind])
            # One connection; before each use it is asked whether it still lives, and made anew if not.
            engine = sqlalchemy.create_engine(
                parsed, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=dict(_ARGUMENTS[kind])
            )
        except ArgumentError:
            raise self._error("no database URL; allowed: 'sqlite:////path', 'postgresql://…'") from None
        except ModuleNotFoundError as error:
            extra = "the postgresql extra brings it: pip install 'net4ai[postgresql]'"
            raise self._error(f"{error.name} is not installed; {extra}") from None
        event.listen(engine, "connect", _tell_first(kind))
        event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction; whatever fails in it undoes it as a whole."""
        if self._identity is not None and self._identity != self._look():
            raise self._error(f"{self._file} is gone")  # SQLite would go on writing into the file without a name
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            # What a connection does next that has failed once, nobody knows.
            self._engine.dispose()
            raise self._error(_text(error)) from error

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._file) if self._file else None
        except OSError:
            return 0, 0
        return (found.st_dev, found.st_ino) if found else None

    def _bring_up_to_date(
        self, connection: Connection, metadata: sqlalchemy.MetaData, version: int, migrations: Migrations
    ) -> None:
        there = set(sqlalchemy.inspect(connection).get_table_names())
        if VERSION_TABLE not in there:
            if foreign := sorted(there):
                raise self._error(f"the database is of somebody else: it has tables, as {foreign[0]!r}, but no version")
            metadata.create_all(connection)
            connection.execute(self._version.insert().values(version=version))
            return
        found: int | None = connection.execute(sqlalchemy.select(self._version.c.version)).scalar()
        if found is None or found > version:
            raise self._error(f"the database has schema version {found}; allowed: up to {version}. Use a newer net4ai")
        for step in range(found, version):
            if step not in migrations:
                raise self._error(f"the database has schema version {found}; there is no way from {step} to {step + 1}")
            for statement in migrations[step]:
                connection.exec_driver_sql(statement)
        connection.execute(self._version.update().values(version=version))


def _table(row: type[Any], metadata: sqlalchemy.MetaData) -> Table:
    columns = (
        Column(field.name, _COLUMNS[field.type], primary_key=field.name in row.KEY, nullable=False, autoincrement=False)
        for field in msgspec.structs.fields(row)
    )
    return Table(row.TABLE, metadata, *columns)


def _upsert(insert: Any, key: tuple[str, ...]) -> Any:
    others = {column.name: column for column in insert.excluded if column.name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=others) if others else insert.on_conflict_do_nothing()


def _values(row: Any) -> dict[str, Any]:
    """Columns of a row. PostgreSQL's text cannot hold NUL: it becomes the replacement character."""
    values: dict[str, Any] = msgspec.structs.asdict(row)
    return {
        name: v.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(v, str) else v for name, v in values.items()
    }


def _tell_first(kind: str) -> Callable[[Any, object], None]:
    def on_connect(connection: Any, record: object) -> None:
        if kind == "sqlite":
            connection.isolation_level = None  # Python's own idea of transactions leaves some statements outside
        cursor = connection.cursor()
        for statement in _FIRST[kind]:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    return on_connect


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def _text(error: BaseException) -> str:
    """What the database said, in one line."""
    said: Any = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if said.args and isinstance(said.args[0], dict):  # PostgreSQL's own fields: M is the message
        return str(said.args[0].get("M", said))
    return " ".join(str(said).split()) or type(said).__name__
