"""From a scenario to the configuration of every node: names, addresses, subscriptions."""

from __future__ import annotations

import errno
import hmac
import random
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from net4ai.app.scenario import CORE, Impairment, Scenario, Subscriber, cell_of, ue_subscribers
from net4ai.app.scenario_schema import EdgeCapacity, UeGroup
from net4ai.app.ue_radio import conditions, cqi_ahead
from net4ai.codecs.bus import Capacity
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm
from net4ai.codecs.derivation import derive
from net4ai.codecs.service import qualities
from net4ai.core.config import CoreConfig
from net4ai.edge.config import EdgeConfig
from net4ai.ran_node.config import RanNodeConfig
from net4ai.stack.hop import Address
from net4ai.stack.io.platform import LinkConfig
from net4ai.ue.config import NeighbourConfig, TerminalConfig, UeConfig

PORTS = range(10_240, 32_768)
"""Below the ports that systems give out by themselves: until a node has bound its own, nobody else is given it."""
MAXIMUM_TRIES = 100
LINKS_OF_SCENARIO = {"Uu": "radio", "T4": "t4", "T8": "t8", "N3": "n3"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Configurations of all nodes of a run."""

    core: CoreConfig
    edge: EdgeConfig
    ran_nodes: tuple[RanNodeConfig, ...]
    ues: tuple[UeConfig, ...]
    links: dict[str, LinkConfig]
    hosts: dict[str, str]
    """IP address of the machine that each node runs on, by the node's name."""

    @property
    def edge_t4(self) -> Address:
        """Where the application controller attaches."""
        return self.hosts[self.edge.name], self.edge.t4_ports[0]

    @property
    def sessions_at_a_socket(self) -> int:
        """DEP sessions that a bulk socket of this run may have to hold at a time."""
        at_node: Counter[str] = Counter()
        for group in self.ues:
            at_node[group.ran_node] += len(group.terminals)
        return max(at_node.values()) + 2 * len(self.ran_nodes) + 1


def identity(subscriber: Subscriber) -> str:
    """The subscription of a scenario's UE, in the test network 001/01."""
    return f"imsi-00101{subscriber.number:010d}"


def terminal_name(subscriber: Subscriber) -> str:
    """The name of a scenario's UE in traces and captures."""
    return f"{subscriber.group.name}/{subscriber.index + 1}"


def subscriber_key(run_key: str, subscription: str) -> str:
    """K_AMF that a terminal and the core share in the run of `run_key`, both in hex: a test key."""
    return hmac.digest(bytes.fromhex(run_key), b"K_AMF " + subscription.encode(), "sha256").hex()


def provider_key(run_key: str, provider: str) -> str:
    """The key of a provider in the run of `run_key`, both in hex (R41)."""
    return hmac.digest(bytes.fromhex(run_key), b"provider " + provider.encode(), "sha256").hex()


def providers_of(scenario: Scenario) -> list[str]:
    """Who may register services: first the provider of the scenario's own."""
    return list(dict.fromkeys((scenario.service.provider, *scenario.providers)))


def hosts_of(scenario: Scenario) -> dict[str, str]:
    """IP address of the machine that each node runs on, by the node's name."""
    places = {CORE: scenario.core.host, scenario.edge.name: scenario.edge.host}
    places |= {node.name: node.host for node in scenario.ran_nodes}
    places |= {group.name: group.host for group in scenario.ue_groups}
    default = scenario.addresses.host
    return {name: "127.0.0.1" if host == "localhost" else host or default for name, host in places.items()}


def make_plan(scenario: Scenario, udp_port: Callable[[], int], n2_port: int, run_key: str) -> Plan:
    """The configurations of `scenario`'s nodes; `udp_port` gives a free port at each call.

    `run_key` (32 octets in hex) is what the subscribers' keys are derived from.
    """
    hosts = hosts_of(scenario)
    timers = dict(scenario.timers)

    def ports() -> tuple[int, int]:
        return udp_port(), udp_port()

    n2 = hosts[CORE], n2_port
    integrity = IntegrityAlgorithm[scenario.security.integrity]
    ciphering = CipheringAlgorithm[scenario.security.ciphering]
    subscribers = ue_subscribers(scenario)
    five_qis = sorted({quality.five_qi for quality in qualities(scenario.service)})
    capacity = capacity_of(scenario.edge.capacity)
    edge = EdgeConfig(name=scenario.edge.name, t4_ports=ports(), t8_ports=ports(), capacity=capacity, timers=timers)
    ran_nodes = tuple(
        RanNodeConfig(
            name=node.name,
            core=n2,
            edge=edge.name,
            edge_address=(hosts[edge.name], edge.t8_ports[0]),
            uu_ports=ports(),
            t4_ports=ports(),
            t8_ports=ports(),
            cell=cell_of(scenario, index),
            integrity=integrity,
            ciphering=ciphering,
            inactivity_ms=node.inactivity_ms,
            measurement_interval_ms=node.measurement_interval_ms,
            acknowledged=five_qis if node.acknowledged_bearers else [],
            capacity=capacity_of(node.capacity),
            timers=timers,
        )
        for index, node in enumerate(scenario.ran_nodes)
    )
    nodes = {node.name: "ran-node" for node in ran_nodes} | {edge.name: "edge"}
    core = CoreConfig(
        n2=n2,
        nodes=nodes,
        subscribers={(who := identity(subscriber)): subscriber_key(run_key, who) for subscriber in subscribers},
        ue_kbps={identity(who): who.group.maximum_kbps for who in subscribers if who.group.maximum_kbps},
        integrity=integrity,
        ciphering=ciphering,
        k=scenario.privacy.k,
        seed=scenario.seed,
        controllers={provider: provider_key(run_key, provider) for provider in providers_of(scenario)},
        timers=timers,
    )
    cells = [
        NeighbourConfig(ran_node=node.name, cell=node.cell, address=(hosts[node.name], node.uu_ports[0]))
        for node in ran_nodes
    ]
    ues = tuple(_ue_config(scenario, subscribers, group, cells, run_key) for group in scenario.ue_groups)
    links = {link: link_config(getattr(scenario.links, name)) for link, name in LINKS_OF_SCENARIO.items()}
    return Plan(core, edge, ran_nodes, ues, links, hosts)


def _ue_config(
    scenario: Scenario, subscribers: Sequence[Subscriber], group: object, cells: list[NeighbourConfig], run_key: str
) -> UeConfig:
    own = [subscriber for subscriber in subscribers if subscriber.group is group]
    first = own[0].group
    ue_class = scenario.ue_classes[first.ue_class]
    return UeConfig(
        name=first.name,
        ran_node=first.ran_node,
        address=next(cell.address for cell in cells if cell.ran_node == first.ran_node),
        neighbours=cells,
        terminals=[_terminal_config(scenario, subscriber, len(subscribers), run_key) for subscriber in own],
        uplink=conditions(first.radio.uplink, first.radio.bandwidth_mhz),
        downlink=conditions(first.radio.downlink, first.radio.bandwidth_mhz),
        functions=list(first.functions),
        preload=functions_of_terminals(scenario, first),
        consent=first.consent,
        raw_data=first.raw_data,
        privacy_k=first.privacy_k,
        compute_mflops=round(ue_class.compute_mflops),
        memory_mib=ue_class.memory_mib,
        battery_percent=ue_class.battery_percent,
        timers=dict(scenario.timers),
    )


def _terminal_config(scenario: Scenario, subscriber: Subscriber, subscribers: int, run_key: str) -> TerminalConfig:
    heard = heard_by(scenario, subscriber)
    return TerminalConfig(
        name=terminal_name(subscriber),
        identity=identity(subscriber),
        key=subscriber_key(run_key, identity(subscriber)),
        private={"subscriber": subscriber.number, "subscribers": subscribers},
        rsrp_dbm=heard["rsrp_dbm"],
        rsrq_db=heard["rsrq_db"],
        sinr_db=heard["sinr_db"],
        cqi_ahead=cqi_ahead(scenario, subscriber.group, subscriber.number),
    )


def functions_of_terminals(scenario: Scenario, group: UeGroup) -> list[str]:
    """Entry points of the service's functions that run at terminals and that the group's owners allow."""
    found = [function.entry_point for function in scenario.service.functions.values() if function.kind == "abstract"]
    return [name for name in found if not group.functions or name in group.functions]


def heard_by(scenario: Scenario, subscriber: Subscriber) -> dict[str, float]:
    """What a terminal hears of its cell: the values of its group, all shifted by one number that the seed gives it."""
    radio = subscriber.group.radio
    shift = radio.spread_db * (derive(scenario.seed, "radio", subscriber.number) / 2**62 - 1)
    return {name: getattr(radio, name) + shift for name in ("rsrp_dbm", "rsrq_db", "sinr_db")}


def capacity_of(capacity: EdgeCapacity) -> Capacity:
    """A scenario's capacity of a node, as it stands on the bus."""
    return Capacity(**{"radio_kbps": 0} | msgspec.structs.asdict(capacity))


def link_config(impairment: Impairment) -> LinkConfig:
    """A scenario's milliseconds in the platform's seconds."""
    return LinkConfig(
        delay=impairment.delay_ms / 1000,
        jitter=impairment.jitter_ms / 1000,
        loss=impairment.loss,
        duplicate=impairment.duplicate,
        reorder=impairment.reorder,
        corrupt=impairment.corrupt,
        cuts=[(cut.at_s, cut.for_s) for cut in impairment.cuts],
    )


class FreePorts:
    """Ports of a host that are free now. Held until `release`, so that none is given twice."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._held: list[socket.socket] = []

    def udp(self) -> int:
        """A free UDP port. Raises OSError."""
        return self._take(socket.SOCK_DGRAM)

    def tcp(self) -> int:
        """A free TCP port. Raises OSError."""
        return self._take(socket.SOCK_STREAM)

    def release(self) -> None:
        """The nodes may take them now."""
        for held in self._held:
            held.close()
        self._held.clear()

    def _take(self, kind: int) -> int:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        for port in random.sample(PORTS, MAXIMUM_TRIES):
            held = socket.socket(family, kind)
            try:
                held.bind((self._host, port))
            except OSError as error:
                held.close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            self._held.append(held)
            return port
        raise OSError(errno.EADDRINUSE, f"{MAXIMUM_TRIES} ports of {self._host} are taken")
