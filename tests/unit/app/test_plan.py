"""From a scenario to node configurations: every name, address and subscription once, and the same at both ends."""

from __future__ import annotations

import hmac
import itertools
import re
import socket

import pytest

from net4ai.app.plan import FreePorts, Plan, identity, link_config, make_plan, terminal_name
from net4ai.app.scenario import ConfigurationError, Cut, Impairment, load_scenario, ue_subscribers
from net4ai.codecs.bus import Capacity

RUN_KEY = "5a" * 32


def plan_of(*overrides: str) -> Plan:
    ports = itertools.count(50_000)
    return make_plan(load_scenario("blood-pressure", overrides), lambda: next(ports), 40_000, RUN_KEY)


def test_no_port_is_given_twice() -> None:
    plan = plan_of()
    nodes = [plan.edge.t4_ports, plan.edge.t8_ports]
    nodes += [ports for node in plan.ran_nodes for ports in (node.uu_ports, node.t4_ports, node.t8_ports)]
    ports = [port for pair in nodes for port in pair]
    assert sorted(ports) == list(range(50_000, 50_000 + 2 * (2 + 3 * 2)))


def test_everybody_is_told_where_the_peer_listens() -> None:
    plan = plan_of("addresses.host=127.0.0.2")
    host = "127.0.0.2"
    assert plan.core.n2 == (host, 40_000)
    assert plan.edge_t4 == (host, plan.edge.t4_ports[0])
    for node, group in zip(plan.ran_nodes, plan.ues, strict=True):
        assert (node.core, node.edge, node.edge_address) == (plan.core.n2, "edge", (host, plan.edge.t8_ports[0]))
        assert (group.ran_node, group.address) == (node.name, (host, node.uu_ports[0]))


def test_the_core_knows_nodes_and_subscribers_and_nobody_else() -> None:
    plan = plan_of("ue_groups.ue-1.count=5")
    assert plan.core.nodes == {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"}
    held = [terminal.identity for group in plan.ues for terminal in group.terminals]
    assert list(plan.core.subscribers) == held
    assert len(set(held)) == 17
    assert held[0] == "imsi-001010000000000" and held[-1] == "imsi-001010000000016"


def test_terminal_and_core_share_a_key_that_nobody_else_has() -> None:
    plan = plan_of()
    keys = {terminal.identity: terminal.key for group in plan.ues for terminal in group.terminals}
    assert keys == plan.core.subscribers
    assert len(set(keys.values())) == 24
    identity = "imsi-001010000000003"
    digest = hmac.new(bytes.fromhex(RUN_KEY), f"K_AMF {identity}".encode(), "sha256")
    assert keys[identity] == digest.hexdigest() == plan_of().core.subscribers[identity]


def test_a_terminal_finds_its_own_rows_and_no_other() -> None:
    plan = plan_of("ue_groups.ue-1.count=5")
    private = [terminal.private for group in plan.ues for terminal in group.terminals]
    assert private == [{"subscriber": number, "subscribers": 17} for number in range(17)]
    names = [terminal.name for terminal in plan.ues[1].terminals]
    assert names == [f"ue-2/{number}" for number in range(1, 13)]


def test_terminals_are_named_as_the_scenario_counts_them() -> None:
    plan = plan_of()
    subscribers = ue_subscribers(load_scenario("blood-pressure"))
    terminals = [terminal for group in plan.ues for terminal in group.terminals]
    assert [(terminal.name, terminal.identity) for terminal in terminals] == [
        (terminal_name(subscriber), identity(subscriber)) for subscriber in subscribers
    ]


def test_what_owners_allow_is_told_to_their_process() -> None:
    changes = {"consent": "false", "raw_data": "true", "privacy_k": "7"}
    plan = plan_of(
        *(f"ue_groups.ue-2.{key}={value}" for key, value in changes.items()),
        "ue_classes.phone.battery_percent=12",
        "ue_classes.phone.compute_mflops=99.6",
        "timers.T300=123",
    )
    one, two = plan.ues
    assert (one.consent, one.raw_data, one.privacy_k) == (True, False, 0)
    assert (two.consent, two.raw_data, two.privacy_k) == (False, True, 7)
    assert (two.battery_percent, two.compute_mflops, two.memory_mib) == (12, 100, 512)
    assert (one.functions, one.preload) == ([], ["data-source"]), "of the service only what may run at a terminal"
    for config in (plan.core, plan.edge, *plan.ran_nodes, *plan.ues):
        assert config.timers == {"T300": 123}


def test_owners_may_allow_some_functions_only() -> None:
    one, two = plan_of("ue_groups.ue-1.functions=[data-source, a.b:C]", "ue_groups.ue-2.functions=[echo]").ues
    assert (one.functions, one.preload) == (["data-source", "a.b:C"], ["data-source"])
    assert (two.functions, two.preload) == (["echo"], [])


def test_sessions_at_the_busiest_socket() -> None:
    assert plan_of().sessions_at_a_socket == 12 + 2 * 2 + 1
    assert plan_of("ue_groups.ue-2.count=30").sessions_at_a_socket == 30 + 2 * 2 + 1


def test_links_go_from_milliseconds_to_seconds() -> None:
    config = link_config(
        Impairment(
            delay_ms=20, jitter_ms=5, loss=0.1, duplicate=0.2, reorder=0.3, corrupt=0.4, cuts=(Cut(at_s=3, for_s=2),)
        )
    )
    assert (config.delay, config.jitter) == (0.02, 0.005)
    assert (config.loss, config.duplicate, config.reorder, config.corrupt) == (0.1, 0.2, 0.3, 0.4)
    assert config.cuts == [(3, 2)]
    links = plan_of("links.radio.loss=0.1", "links.T4.loss=0.2", "links.T8.loss=0.3", "links.N3.loss=0.4").links
    assert {link: config.loss for link, config in links.items()} == {"Uu": 0.1, "T4": 0.2, "T8": 0.3, "N3": 0.4}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_free_ports_are_free_and_all_different(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    free = FreePorts(host)
    try:
        udp = [free.udp() for _ in range(20)]
    except OSError:
        if ":" in host:
            pytest.skip("no IPv6 on this machine")
        raise
    tcp = [free.tcp() for _ in range(5)]
    assert len(set(udp)) == 20 and len(set(tcp)) == 5
    free.release()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as taken:
        taken.bind((host, udp[0]))


def test_security_cells_and_bearers_of_a_scenario_reach_the_nodes() -> None:
    overrides = (
        "security={integrity: NIA2, ciphering: NEA0}",
        "ran_nodes=[{name: ran-1, inactivity_ms: 5, acknowledged_bearers: true}, "
        "{name: ran-2, cell: 77, measurement_interval_ms: 40}]",
    )
    plan = plan_of(*overrides)
    assert (plan.core.integrity, plan.core.ciphering) == (2, 0)
    first, second = plan.ran_nodes
    assert (first.integrity, first.ciphering, first.cell, first.inactivity_ms, first.acknowledged) == (
        2,
        0,
        1,
        5,
        [128],
    )
    assert (second.cell, second.measurement_interval_ms, second.acknowledged) == (77, 40, [])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("security={integrity: NIA0}", "NEA2 without integrity protection; allowed: NEA0"),
        ("ran_nodes.0.measurement_interval_ms=39", "allowed: 0, or 40 to 65535"),
        ("ran_nodes.1.cell=1", "ran-2 has cell 1, as ran-1 has; allowed: another"),
    ],
)
def test_what_does_not_go_together_is_refused(override: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        load_scenario("blood-pressure", [override])


def test_what_a_node_has_is_told_to_it() -> None:
    """R38: capacity of each node; an edge has no radio."""
    plan = plan_of("ran_nodes.ran-2.capacity.memory_mib=2048", "edge.capacity.accelerators=2")
    assert [node.capacity for node in plan.ran_nodes] == [Capacity(), Capacity(memory_mib=2048)]
    assert plan.edge.capacity == Capacity(accelerators=2, radio_kbps=0)


def test_a_group_hears_its_cell_each_terminal_a_little_different() -> None:
    settings = ("ue_groups.ue-1.radio.rsrp_dbm=-95", "ue_groups.ue-1.radio.spread_db=6", "ue_groups.ue-1.count=50")
    ue_1, ue_2 = plan_of(*settings).ues
    shifts = [terminal.rsrp_dbm + 95 for terminal in ue_1.terminals]
    assert len(set(shifts)) == 50
    assert -6 <= min(shifts) < -3 and 3 < max(shifts) <= 6
    assert [terminal.sinr_db - 20 for terminal in ue_1.terminals] == pytest.approx(shifts)
    assert [terminal.rsrq_db + 10.5 for terminal in ue_1.terminals] == pytest.approx(shifts)
    assert {(terminal.rsrp_dbm, terminal.rsrq_db, terminal.sinr_db) for terminal in ue_2.terminals} == {
        (-80.0, -10.5, 20.0)
    }
    assert plan_of(*settings).ues == plan_of(*settings).ues != plan_of(*settings, "seed=2").ues


def test_acknowledged_bearers_are_those_of_the_services_qualities() -> None:
    """R102: one bearer for each quality of service."""
    found = plan_of("ran_nodes.ran-1.acknowledged_bearers=true", "service.routines.bottom.quality={five_qi: 130}")
    assert [node.acknowledged for node in found.ran_nodes] == [[128, 130], []]


def test_the_core_knows_what_a_subscription_may_take_altogether() -> None:
    """UE AMBR of the groups that have one."""
    found = plan_of("ue_groups.ue-2.maximum_kbps=5000")
    (group,) = (group for group in found.ues if group.name == "ue-2")
    assert found.core.ue_kbps == {terminal.identity: 5000 for terminal in group.terminals}
    assert not plan_of().core.ue_kbps
