"""An MQTT 5 broker as a child process: mosquitto when it is installed, else the embedded iotcore (rumqttd).

It listens on loopback unless told another address, on a free port, with a user name and a password made for this run,
and one for each provider of services. With mosquitto the network's user may reach `net4ai/v1/#` and nothing else, that
of a provider the topics of its own application controllers, and the service manager's to write (R41); iotcore knows no
such rules: there only the signature keeps providers apart, and each can read what passes. Run as a module, this file is
the iotcore child.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import os
import secrets
import shutil
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import aiomqtt

from net4ai.codecs.envelope import MAXIMUM_MESSAGE, controller_name
from net4ai.stack.io.bus_mqtt import TOPIC_ROOT
from net4ai.stack.io.child_process import ChildProcess, OnLine, python_module, tied, watch_parent

Kind = Literal["mosquitto", "iotcore"]

ADDRESS = "127.0.0.1"
USERNAME = "net4ai"
SERVICE_MANAGER = "service-manager"
"""Whom application controllers talk to."""
MAXIMUM_PACKET = MAXIMUM_MESSAGE + 4096
"""Bytes of one MQTT packet: a message, its topic and properties."""
MAXIMUM_CONNECTIONS = 256
MAXIMUM_QUEUED = 10_000
"""Messages the broker keeps for one client that is slow or away."""
START_BOUND = 10.0
"""Seconds a broker may take to accept connections."""

_START_ATTEMPTS = 3
_POLL = 0.02
_ANSWER_BOUND = 1.0
_LAST_LINES = 20
_PASSWORD_ITERATIONS = 101
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/local/opt/mosquitto/sbin")

QUALITY_OF_SERVICE: dict[Kind, int] = {"mosquitto": 1, "iotcore": 0}
"""rumqttd delays QoS 1 by 40 ms (Nagle's algorithm, no switch found); requests are repeated by their callers anyway."""

log = logging.getLogger(__name__)


class BrokerError(RuntimeError):
    """The broker cannot be started; the text carries its own last words."""


def find_mosquitto() -> str | None:
    """The path of mosquitto, or None."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))


class Login(NamedTuple):
    """A user of the broker."""

    username: str
    password: str


class Broker:
    """A running broker; `async with Broker.start(folder) as broker`."""

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        port: int,
        on_line: OnLine | None,
        address: str = ADDRESS,
        providers: Sequence[str] = (),
    ) -> None:
        self.kind: Kind = kind
        self.address = address
        self.port = port
        self.username = USERNAME
        self.password = secrets.token_urlsafe(24)
        self.providers = {
            provider: Login(controller_name(provider), secrets.token_urlsafe(24)) for provider in providers
        }
        """How the application controllers of each provider log in."""
        self.quality_of_service = QUALITY_OF_SERVICE[kind]
        self._folder = folder.absolute()
        self._on_line = on_line
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._child: ChildProcess | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        folder: Path,
        kind: Kind | Literal["auto"] = "auto",
        *,
        port: int = 0,
        on_line: OnLine | None = None,
        address: str = ADDRESS,
        providers: Sequence[str] = (),
    ) -> AsyncIterator[Broker]:
        """Starts a broker whose files lie in `folder`, and ends it at the end of the block.

        `port` 0 takes a free one of `address`, where it listens. `on_line` gets its log lines. Raises `BrokerError`
        when it does not start.
        """
        if kind == "auto":
            kind = "mosquitto" if find_mosquitto() else "iotcore"
        broker = cls(folder, kind, port, on_line, address, providers)
        await broker.launch()
        try:
            yield broker
        finally:
            await broker.stop()

    async def launch(self) -> None:
        """Starts the process (again, on the same port, after `stop`)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        chosen = self.port
        # Between the choice of a free port and its use somebody else may take it.
        for attempt in range(_START_ATTEMPTS):
            self.port = chosen or _free_port(self.address)
            try:
                await self._launch_once()
                return
            except BrokerError:
                await self.stop()
                if chosen or attempt == _START_ATTEMPTS - 1:
                    raise

    async def wait(self) -> int:
        """Waits until the process has ended, whoever ended it; gives its code."""
        if self._child is None:
            raise RuntimeError("the broker was not launched")
        return await self._child.wait()

    async def stop(self, *, kill: bool = False) -> None:
        """Ends the process; `kill` without a word, as a crash would."""
        child, self._child = self._child, None
        if child is not None:
            if kill:
                child.kill()
            await child.terminate()

    async def _launch_once(self) -> None:
        self._last_lines.clear()
        command = _COMMANDS[self.kind](self)
        child = self._child = await ChildProcess.start(f"{self.kind} broker", command, self._take_line)
        try:
            async with asyncio.timeout(START_BOUND):
                while not await self._accepts():
                    if child.returncode is not None:
                        await child.wait()
                        raise self._error(f"ended with code {child.returncode}")
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise self._error(f"did not accept connections within {START_BOUND:g} s") from None

    async def _accepts(self) -> bool:
        """It is our broker that answers there: it knows the password of this run."""
        client = aiomqtt.Client(
            self.address,
            self.port,
            username=self.username,
            password=self.password,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=_ANSWER_BOUND,
        )
        try:
            async with client:
                return True
        except aiomqtt.MqttError:
            return False

    def _error(self, what: str) -> BrokerError:
        lines = "\n  ".join(self._last_lines) or "(it said nothing)"
        return BrokerError(f"{self.kind} at {self.address}:{self.port} {what}. Its last lines:\n  {lines}")

    def _take_line(self, line: str) -> None:
        self._last_lines.append(line)
        log.debug("%s", line)
        if self._on_line is not None:
            self._on_line(line)

    def _logins(self) -> list[Login]:
        return [Login(self.username, self.password), *self.providers.values()]

    def _mosquitto_command(self) -> list[str]:
        program = find_mosquitto()
        if program is None:
            raise BrokerError("mosquitto is not installed (looked on PATH and in " + ", ".join(_PLACES) + ")")
        password_file, acl_file, configuration = (
            self._folder / name for name in ("mosquitto.password", "mosquitto.acl", "mosquitto.conf")
        )
        passwords = [f"{login.username}:{_hashed(login.password)}\n" for login in self._logins()]
        _write_private(password_file, "".join(passwords))
        rules = [f"user {self.username}\ntopic readwrite {TOPIC_ROOT}/#\n"]
        for provider, login in self.providers.items():
            own, manager = f"{TOPIC_ROOT}/controller/{provider}/#", f"{TOPIC_ROOT}/nf/{SERVICE_MANAGER}"
            rules.append(f"user {login.username}\ntopic readwrite {own}\ntopic write {manager}\n")
        _write_private(acl_file, "\n".join(rules))
        lines = [
            f"listener {self.port} {self.address}",
            "allow_anonymous false",
            f"password_file {password_file}",
            f"acl_file {acl_file}",
            f"max_packet_size {MAXIMUM_PACKET}",
            f"max_connections {MAXIMUM_CONNECTIONS}",
            f"max_queued_messages {MAXIMUM_QUEUED}",
            "set_tcp_nodelay true",
            # A restarted broker knows nobody: every process registers again, so presence tells the truth.
            "persistence false",
            "sys_interval 0",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
        ]
        if os.geteuid() == 0:
            # Else it becomes the user "mosquitto", which may not read the files of this folder.
            lines.append("user root")
        _write_private(configuration, "\n".join(lines) + "\n")
        return tied([program, "-c", str(configuration)])

    def _iotcore_command(self) -> list[str]:
        configuration = self._folder / "iotcore.toml"
        # JSON strings are valid TOML strings.
        lines = [
            "id = 0",
            "[router]",
            "id = 0",
            f"max_connections = {MAXIMUM_CONNECTIONS}",
            "max_outgoing_packet_count = 200",
            f"max_segment_size = {16 * 1024 * 1024}",
            "max_segment_count = 4",
            "[v5.1]",
            'name = "net4ai"',
            f"listen = {json.dumps(f'{self.address}:{self.port}')}",
            "next_connection_delay_ms = 1",
            "[v5.1.connections]",
            "connection_timeout_ms = 5000",
            f"max_payload_size = {MAXIMUM_PACKET}",
            "max_inflight_count = 100",
            "[v5.1.connections.auth]",
            *(f"{login.username} = {json.dumps(login.password)}" for login in self._logins()),
        ]
        _write_private(configuration, "\n".join(lines) + "\n")
        return python_module("net4ai.stack.io.broker", str(configuration))


_COMMANDS = {"mosquitto": Broker._mosquitto_command, "iotcore": Broker._iotcore_command}


def _free_port(address: str = ADDRESS) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _hashed(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PASSWORD_ITERATIONS)
    return f"$7${_PASSWORD_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def main() -> None:
    """The iotcore child: runs the broker of the configuration file named on the command line."""
    from iotcore import IotCoreBroker

    watch_parent()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # rumqttd wraps each message in an error span: its log shows every packet as an error.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    broker = IotCoreBroker(config_path=sys.argv[1])
    broker.check_ports()
    broker.run_forever()


if __name__ == "__main__":
    main()
