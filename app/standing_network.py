"""A network that stays: started without a job, found by its files, used by application controllers and operators.

On one machine `stand` does it all. On several, `write_files` writes what each node is told; the folder is copied to
every host, and each node is started there by its own command.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import msgspec

from net4ai.app.local_network import LocalNetwork, NetworkFolder, make_run_config, nodes_of
from net4ai.app.network_file import (
    ControllerFile,
    NetworkFile,
    OperatorFile,
    logins,
    remove_network,
    write_network,
    write_private,
)
from net4ai.app.node_process import NodeFileError, decode_file, write_node_file
from net4ai.app.plan import FreePorts, Plan, hosts_of, make_plan
from net4ai.app.scenario import CORE, Scenario, shipped_scenarios
from net4ai.codecs.envelope import controller_name
from net4ai.stack.io.broker import QUALITY_OF_SERVICE, USERNAME, Broker, BrokerError, Kind, Login, find_mosquitto
from net4ai.stack.io.capture_reader import merge_captures
from net4ai.stack.io.child_process import watch_parent
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import BusConfig, RunConfig

BROKER_FILE = "broker.json"


class NetworkFailed(Exception):
    """The network cannot be started, or cannot go on."""


class BrokerFile(msgspec.Struct, forbid_unknown_fields=True):
    """What the broker is started with on a host of its own."""

    kind: Kind
    address: str
    port: int
    password: str
    providers: dict[str, Login]


async def stand(scenario: Scenario, folder: Path, *, keep: bool = False, capture: Path | None = None) -> None:
    """Start the network of `scenario` and keep it running until cancelled. Raises `NetworkFailed`, OSError.

    `keep`: services and jobs that the folder has kept go on.
    """
    files = NetworkFolder(folder)
    files.make(capture=capture is not None, keep=keep)
    remove_network(folder)
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ended(reason: str) -> None:
        if not failed.done():
            failed.set_exception(NetworkFailed(reason))

    network = LocalNetwork(scenario, files, _say, capture=capture is not None)
    network.on_ended = on_ended
    try:
        async with network:
            own = logins(network.run_key, network.plan.core.controllers, network.broker)
            write_network(folder, network_file(scenario, network.plan, network.config), *own)
            try:
                for line in what_next(scenario, folder):
                    _say(line)
                await failed
            finally:
                remove_network(folder)
    except BrokerError as error:
        raise NetworkFailed(str(error)) from None
    finally:
        if capture is not None:
            _say(
                f"capture: {merge_captures(sorted(files.capture_parts.glob('*.pcapng')), capture)} packets in {capture}"
            )


def what_next(scenario: Scenario, folder: Path) -> list[str]:
    """What a person may type in another terminal."""
    own = f"{scenario.name}        (or the YAML file of a service)" if scenario.name in shipped_scenarios() else "FILE"
    modules = "".join(f" --module {module}" for module in scenario.function_modules)
    return [
        f"{scenario.name} is up in {folder}; Ctrl-C ends it. In another terminal:",
        "  net4ai status",
        f"  net4ai service register {own}{modules}",
        f"  net4ai job start {scenario.service.name} {scenario.job} --watch",
    ]


def network_file(scenario: Scenario, plan: Plan, config: RunConfig) -> NetworkFile:
    """What everybody may know of the network."""
    assert config.bus is not None
    nodes = {"core": "core", plan.edge.name: "edge"} | {node.name: "ran-node" for node in plan.ran_nodes}
    nodes |= {f"{name}-app-server": "app-server" for name, kind in list(nodes.items()) if kind != "core"}
    return NetworkFile(
        name=scenario.name,
        host=scenario.addresses.host,
        bus=msgspec.structs.replace(config.bus, username=None, password=None),
        edge=plan.edge.name,
        edge_t4=plan.edge_t4,
        nodes=nodes | {group.name: "ue" for group in plan.ues},
        subscribers=scenario.ue_count,
        seed=scenario.seed,
        unscheduled=config.unscheduled,
        t4=plan.links["T4"],
    )


# ---------------------------------------------------------------------------------------------------------------------
# Several hosts


async def write_files(scenario: Scenario, folder: Path) -> list[str]:
    """Write all files of the network into `folder`; gives the commands that start it, each with its host. Raises
    OSError."""
    files = NetworkFolder(folder)
    files.make()
    hosts, run_key = hosts_of(scenario), secrets.token_hex(32)
    free = FreePorts(scenario.addresses.host)
    plan = make_plan(scenario, free.udp, scenario.addresses.n2_port or free.tcp(), run_key)
    broker = _broker_file(scenario, hosts[CORE], scenario.addresses.bus_port or free.tcp(), list(plan.core.controllers))
    free.release()
    plan.core.store = f"sqlite:///../{files.database.name}"
    bus = BusConfig(broker.address, broker.port, USERNAME, broker.password, QUALITY_OF_SERVICE[broker.kind])
    config = await make_run_config(scenario, plan, files, SystemNetwork(), run_key, bus=bus)
    config.utc_offset = config.started = None  # each host has its own clock
    config.trace_folder, config.state_folder = f"../{files.trace.name}", f"../{files.state.name}"
    write_private(files.nodes / BROKER_FILE, broker)
    commands = [f"{broker.address}: net4ai broker {files.nodes / BROKER_FILE}"]
    for node in nodes_of(plan):
        path = files.nodes / f"{node.name}.json"
        host = hosts[node.name]
        write_node_file(path, node.kind, node.name, msgspec.structs.replace(config, host=host), node.config)
        commands.append(f"{host}: net4ai {node.kind} {path}")
    controllers = [
        ControllerFile(provider, key, *broker.providers[provider]) for provider, key in plan.core.controllers.items()
    ]
    operator = OperatorFile(run_key, USERNAME, broker.password)
    write_network(folder, network_file(scenario, plan, config), operator, controllers)
    return commands


def _broker_file(scenario: Scenario, address: str, port: int, providers: list[str]) -> BrokerFile:
    wanted = scenario.bus.backend
    found: Kind = "mosquitto" if find_mosquitto() else "iotcore"
    own = {provider: Login(controller_name(provider), secrets.token_urlsafe(24)) for provider in providers}
    return BrokerFile(found if wanted == "auto" else wanted, address, port, secrets.token_urlsafe(24), own)


def _read_broker_file(path: Path) -> BrokerFile:
    try:
        return decode_file(path.read_bytes(), BrokerFile, str(path))
    except OSError as error:
        raise NetworkFailed(f"{path}: {error.strerror}") from None
    except NodeFileError as error:
        raise NetworkFailed(str(error)) from None


async def run_broker(path: Path) -> None:
    """Run the broker of a file until cancelled. Raises `NetworkFailed`."""
    watch_parent()
    file = _read_broker_file(path)
    broker = Broker(path.parent, file.kind, file.port, _say, file.address)
    broker.password, broker.providers = file.password, file.providers
    try:
        await broker.launch()
        _say(f"broker {broker.kind} at {broker.address}:{broker.port}")
        code = await broker.wait()
    except BrokerError as error:
        raise NetworkFailed(str(error)) from None
    finally:
        await broker.stop()
    raise NetworkFailed(f"the broker has ended with code {code}")


def _say(line: str) -> None:
    print(line, flush=True)
