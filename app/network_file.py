"""The files by which a running network is found: `net4ai up` leaves them in its folder, and removes them at its end.

- `network.json`: where broker and forwarding function are. No secret.
- `controllers/PROVIDER.json`: what an application controller of this provider needs, its key among it. For its owner.
- `operator.json`: what is needed to ask nodes for their state, and to command them: the run's key. For its owner.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from net4ai.stack.hop import Address
from net4ai.stack.io.broker import Broker, Login
from net4ai.stack.io.platform import BusConfig, LinkConfig, RunConfig

NETWORK, OPERATOR, CONTROLLERS = "network.json", "operator.json", "controllers"
RUNS = Path("runs")
"""Where networks are looked for when none is named."""

Key = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
T = TypeVar("T")


class NetworkFileError(Exception):
    """A file of a network is missing or cannot be used; the text names it, and what to do."""


class NetworkFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A running network, as everybody may know it."""

    name: str
    """Of its scenario."""
    host: str
    """Address that processes of this machine bind to, unless told otherwise."""
    bus: BusConfig
    """The broker, without user and password."""
    edge: str
    """Name of the forwarding function where application controllers attach."""
    edge_t4: tuple[str, int]
    """Signalling address of its T4."""
    nodes: dict[str, str]
    """Kind of each node, by name; application servers too."""
    subscribers: int = 0
    seed: int = 0
    unscheduled: int
    """As in `RunConfig`."""
    t4: LinkConfig
    """How T4 behaves."""


class ControllerFile(msgspec.Struct, forbid_unknown_fields=True):
    """What an application controller is told by the network's operator."""

    provider: str
    key: Key
    username: str
    password: str


class OperatorFile(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator needs."""

    key: Key
    """The run's key."""
    username: str
    password: str


def write_network(
    folder: Path, network: NetworkFile, operator: OperatorFile, controllers: list[ControllerFile]
) -> None:
    """Write the files of a network, `network.json` last: who finds it finds the others. Raises OSError."""
    (folder / CONTROLLERS).mkdir(parents=True, exist_ok=True)
    for controller in controllers:
        write_private(folder / CONTROLLERS / f"{controller.provider}.json", controller)
    write_private(folder / OPERATOR, operator)
    _write(folder / NETWORK, network, 0o644)


def remove_network(folder: Path) -> None:
    """The network is down: its keys are of no use any more."""
    for path in (folder / NETWORK, folder / OPERATOR, *(folder / CONTROLLERS).glob("*.json")):
        path.unlink(missing_ok=True)


def logins(run_key: str, controllers: dict[str, str], broker: Broker) -> tuple[OperatorFile, list[ControllerFile]]:
    """What the operator and each provider need; `controllers`: key of each provider."""
    operator = OperatorFile(run_key, broker.username, broker.password)
    return operator, [
        ControllerFile(provider, key, *broker.providers[provider]) for provider, key in controllers.items()
    ]


def find_network(folder: Path | None) -> Path:
    """The folder of a network: this one, or the newest that runs below `runs`. Raises `NetworkFileError`."""
    if folder is not None:
        if not (folder / NETWORK).is_file():
            raise NetworkFileError(f"{folder / NETWORK}: not there; `net4ai up SCENARIO --folder {folder}` starts it")
        return folder
    found = sorted(RUNS.glob(f"*/{NETWORK}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise NetworkFileError(f"no {RUNS}/*/{NETWORK}: `net4ai up SCENARIO` starts a network, --network names another")
    return found[-1].parent


def read_network(folder: Path) -> NetworkFile:
    """Raises `NetworkFileError`."""
    return _read(folder / NETWORK, NetworkFile)


def read_operator(folder: Path) -> OperatorFile:
    """Raises `NetworkFileError`."""
    return _read(folder / OPERATOR, OperatorFile)


def read_controller(folder: Path, provider: str = "") -> ControllerFile:
    """A provider's file; without a name the only one there is. Raises `NetworkFileError`."""
    there = sorted(path.stem for path in (folder / CONTROLLERS).glob("*.json"))
    if not provider:
        if len(there) != 1:
            raise NetworkFileError(
                f"{folder / CONTROLLERS}: --provider is needed; allowed: {', '.join(there) or 'none'}"
            )
        (provider,) = there
    if provider not in there:
        raise NetworkFileError(f"provider {provider!r} has no key here; allowed: {', '.join(there) or 'none'}")
    return _read(folder / CONTROLLERS / f"{provider}.json", ControllerFile)


def client_config(network: NetworkFile, key: str, login: Login, *, host: str = "", trace_folder: str = "") -> RunConfig:
    """What a process is told that joins from outside, with its key and its user at the broker."""
    bus = msgspec.structs.replace(network.bus, username=login.username, password=login.password)
    return RunConfig(
        run_key=key,
        seed=network.seed,
        host=host or network.host,
        bus=bus,
        links={"T4": network.t4},
        unscheduled=network.unscheduled,
        trace_folder=trace_folder,
    )


def edge_address(network: NetworkFile) -> Address:
    """Where application controllers attach."""
    return network.edge_t4[0], network.edge_t4[1]


def write_private(path: Path, value: Any) -> None:
    """Write a struct as JSON that only the owner may read. Raises OSError."""
    _write(path, value, 0o600)


def _write(path: Path, value: Any, mode: int) -> None:
    """Written whole or not at all; secrets are never readable for others."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    new.replace(path)


def _read(path: Path, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except OSError as error:
        raise NetworkFileError(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NetworkFileError(f"{path}: {error}") from None
