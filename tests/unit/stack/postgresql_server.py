"""A PostgreSQL server of the test's own, in a temporary folder, on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

PATIENCE = 60
USER = "net4ai"


def find_binaries() -> Path | None:
    """The folder of `postgres` and `initdb`: Debian keeps them outside a user's PATH."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@dataclass
class PostgresqlServer:
    """A running server. PostgreSQL refuses to run as root: then it runs as the user `postgres` or `nobody`."""

    folder: Path
    binaries: Path
    port: int
    process: subprocess.Popen[str] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(self._unprivileged(command), stdout=log, stderr=log, text=True)
        deadline = monotonic() + PATIENCE
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:  # it listens before it is ready
            assert self.process.poll() is None and monotonic() < deadline, (self.folder / "log").read_text()
            sleep(0.05)

    def stop(self) -> None:
        """As fast as it can, and for sure."""
        assert self.process is not None
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        self.process.wait(PATIENCE)
        self.process = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        if os.geteuid() == 0:
            user = self._user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        command = [str(self.binaries / "initdb"), "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8"]
        subprocess.run(self._unprivileged([*command, "--no-sync"]), check=True, capture_output=True, cwd=self.folder)

    def _user(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")

    def _unprivileged(self, command: list[str]) -> list[str]:
        return ["runuser", "-u", self._user().pw_name, "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """The server. A skip for a user who has none, a failure in CI."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("postgresql is missing")
    folder = Path(tempfile.mkdtemp(prefix="net4ai-postgresql-"))  # pytest's own folders are closed to other users
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = PostgresqlServer(folder, binaries, port)
    try:
        server.make()
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
