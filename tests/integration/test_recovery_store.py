"""The core's database is locked, full or gone: a clear refusal, nothing lost, and it goes on (R6, R50, R54, R76, R80).

Whole networks under virtual time, the core's rows in SQLite on the disk.
"""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from network_run import CONTROLLER, Network, play

from net4ai.codecs.causes import Cause
from net4ai.core.store import MIGRATIONS, SCHEMA_VERSION, TABLES, JobRow, ReservationRow, Row, ServiceRow, StoreError
from net4ai.stack.io import sql_store
from net4ai.stack.io.sql_store import SqlStore

SMALL = ("ue_groups.ue-1.count=2", "ue_groups.ue-2.count=2", "privacy.k=2", "links.radio.loss=0")
ROUNDS = 3


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program is writing and does not come to an end."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full(database: Path) -> Iterator[None]:
    """No file of this process may grow: the kernel refuses the write, as on a full disk. Traces have to wait, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def gone(database: Path) -> Iterator[None]:
    """Somebody has moved the file away, and brings it back."""
    elsewhere = database.with_name("elsewhere")
    database.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(database)


TROUBLE = {"locked": locked, "full": full, "gone": gone}
COMPLAINT = {"locked": "database is locked", "full": "disk I/O error|disk is full", "gone": "core.sqlite is gone"}
Trouble = Callable[[Path], "contextmanager[None]"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for a lock take real time also under virtual time: short ones."""
    first = {kind: tuple(text.replace("= 1000", "= 10") for text in texts) for kind, texts in sql_store._FIRST.items()}
    monkeypatch.setattr(sql_store, "_FIRST", first)


def database_of(network: Network) -> Path:
    path = network.folder / "core.sqlite"
    network.plan.core.store = f"sqlite:///{path}"
    return path


def kept(database: Path, *tables: type[Row]) -> list[list[Row]]:
    """What is in the database."""
    store = SqlStore(f"sqlite:///{database}", TABLES, version=SCHEMA_VERSION, error=StoreError, migrations=MIGRATIONS)
    found = [list(store.all(table)) for table in tables]
    store.close()
    return found


async def until(happens: Callable[[], bool]) -> None:
    while not happens():  # noqa: ASYNC110 (virtual time)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_registration_is_refused_and_leaves_nothing(trouble: str, tmp_path: Path) -> None:
    """The controller is told why, nothing is reserved; later the same registration succeeds."""

    async def story(network: Network) -> None:
        database = database_of(network)
        await network.start(*(name for name in network.names if name != CONTROLLER))
        await asyncio.sleep(10)
        with TROUBLE[trouble](database):
            await network.start(CONTROLLER)
            error = await network.end()
        assert error is not None and error.cause == Cause.NO_RESOURCES
        assert re.search(COMPLAINT[trouble], str(error)), error
        assert kept(database, ServiceRow, JobRow, ReservationRow) == [[], [], []]
        network.run_job()
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, f"settings.rounds={ROUNDS}", toys=True)
    assert len(network.results) == 2 * ROUNDS


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_running_job_waits_and_goes_on(trouble: str, tmp_path: Path) -> None:
    """For a minute nothing can be written. Every turn is committed once, every result comes once."""

    async def story(network: Network) -> None:
        database = database_of(network)
        await network.start()
        await until(lambda: len(network.results) == 2)
        with TROUBLE[trouble](database):
            await asyncio.sleep(60)
            assert len(network.results) < 2 * ROUNDS
        assert await network.end() is None
        (jobs,) = kept(database, JobRow)
        assert [(job.state, job.cause) for job in jobs if isinstance(job, JobRow)] == [("ended", Cause.NORMAL)]

    network = play(tmp_path, story, *SMALL, f"settings.rounds={ROUNDS}", toys=True)
    assert len(network.results) == 2 * ROUNDS
    assert any(re.search(f"waiting: .*({COMPLAINT[trouble]})", line) for line in network.progress), network.progress


@pytest.mark.parametrize("turn", [1, 3, 5, 8])
def test_a_core_started_anew_goes_on_with_the_job(turn: int, tmp_path: Path) -> None:
    """It ends as soon as so many turns are committed, and finds in the database where it was."""

    async def story(network: Network) -> None:
        database_of(network)
        await network.start()
        core = network.run.nodes[0]
        await until(lambda: committed(network) >= turn)
        await network.run.end(core)
        await asyncio.sleep(3)
        await network.start("core")
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, f"settings.rounds={ROUNDS}", toys=True)
    rounds = network.record().rounds
    assert not network.record().undefined and len(rounds) == ROUNDS
    assert [sorted(len(turns) for turns in servers.values()) for servers in rounds] == [[2, 2]] * ROUNDS


def committed(network: Network) -> int:
    """Turns that were said to be committed."""
    return sum(b'"TurnsDone"' in message for message in network.run.bus)
