"""What goes wrong around a run: nodes by hand in another order, Ctrl-C, processes that are killed, too few clients."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from run_process import RunProcess, kill, settings

from net4ai.app import runner
from net4ai.app.local_network import controller_config, make_run_config
from net4ai.app.node_process import ProcessHost, write_node_file
from net4ai.app.plan import FreePorts, make_plan
from net4ai.app.progress import Display
from net4ai.app.results import Results
from net4ai.app.runner import Options, Run
from net4ai.app.scenario import load_scenario
from net4ai.codecs.envelope import controller_name
from net4ai.stack.io.broker import Broker
from net4ai.stack.io.child_process import RESTARTS
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import BusConfig

PROVIDER = "health-research"
SMALL = {
    "ue_groups.ue-1.count": 2,
    "ue_groups.ue-2.count": 2,
    "privacy.k": 2,
    "settings.batch_size": 256,
}


@contextlib.contextmanager
def small_run(folder: Path, *options: str, **values: object) -> Iterator[RunProcess]:
    with RunProcess("run", "blood-pressure", *settings(SMALL | values), "--report", folder, *options) as run:
        yield run


# Orders


def test_nodes_started_by_hand_in_the_worst_order(tmp_path: Path) -> None:
    """UE, RAN node, edge, core: each names whom it misses and where, tries on, and then the job runs."""
    asyncio.run(by_hand(tmp_path))


async def by_hand(folder: Path) -> None:
    scenario = load_scenario(
        "blood-pressure", [f"{key}={value}" for key, value in SMALL.items()] + ["settings.rounds=1"]
    )
    clock = SystemClock()
    display = Display()
    run = Run(scenario, Options(folder), display, Results(scenario, display))
    run.ended = asyncio.get_running_loop().create_future()
    run.folder.make()
    ports = FreePorts("127.0.0.1")
    plan = make_plan(scenario, ports.udp, ports.tcp(), run.run_key)
    ports.release()
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker.start(folder / "broker", providers=[PROVIDER]))
        bus = BusConfig(broker.address, broker.port, broker.username, broker.password, broker.quality_of_service)
        config = await make_run_config(
            scenario,
            plan,
            run.folder,
            SystemNetwork(),
            run.run_key,
            bus=bus,
            started=clock.now(),
            utc_offset=clock.utc_offset,
        )
        nodes: dict[str, RunProcess] = {}

        def start(kind: str, name: str, node: object) -> None:
            path = run.folder.nodes / f"{name}.json"
            write_node_file(path, kind, name, config, node)
            nodes[name] = stack.enter_context(RunProcess(kind, path))

        async def wait_for(name: str, pattern: str) -> None:
            await asyncio.to_thread(nodes[name].wait_for, pattern)

        host, n2_port = plan.core.n2
        for group in plan.ues:
            start("ue", group.name, group)
        for group, node in zip(plan.ues, plan.ran_nodes, strict=True):
            where = f"{host}:{node.uu_ports[0]}"
            await wait_for(group.name, rf"no answer from RAN node {node.name} at {where}: its cell is not heard")
            start("ran-node", node.name, node)
        for node in plan.ran_nodes:
            await wait_for(node.name, rf"{node.name}: no answer on T8 from {host}:{plan.edge.t8_ports[0]}, trying")
            await wait_for(node.name, rf"no answer from core at {host}:{n2_port}, retrying")
        start("edge", "edge", plan.edge)
        start("core", "core", plan.core)
        name = controller_name(PROVIDER)
        key, login = plan.core.controllers[PROVIDER], broker.providers[PROVIDER]
        controller = ProcessHost(controller_config(config, key, login), run.folder.nodes, display.line)
        await runner.control(run, await controller.platform(name), plan)
        await controller.close()
        assert [path.name for path in run.results.save(folder)] == ["model.safetensors"]
        codes = await asyncio.gather(*(asyncio.to_thread(process.interrupt) for process in nodes.values()))
        assert codes == [0] * len(nodes)
        assert [process.processes() for process in nodes.values()] == [{}] * len(nodes)


def test_a_node_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with small_run(tmp_path, **{"addresses.n2_port": port}) as run:
            assert run.wait() == 1
            assert f"core has ended {RESTARTS + 1} times within 60 s; its lines are in " in run.lines[-1]
            assert any("core | core: " in line and f"{port}" in line for line in run.lines), run.output
            assert run.processes() == {}


# The end


def test_control_c_ends_everything(tmp_path: Path) -> None:
    """What was captured until then is kept."""
    with small_run(tmp_path, "--rounds", "100", "--capture", str(tmp_path / "run.pcapng")) as run:
        run.wait_for(r"round  1 of 100")
        assert run.interrupt() == 130
        assert run.lines[-1] == "interrupted; all nodes were ended"
        assert any(re.search(r"capture: [1-9]\d* packets in .*run\.pcapng", line) for line in run.lines), run.output
        assert "Traceback" not in run.output
        assert run.processes() == {}


def test_control_c_at_the_start(tmp_path: Path) -> None:
    with small_run(tmp_path) as run:
        run.wait_for("broker ")
        assert run.interrupt() == 130
        assert "Traceback" not in run.output
        assert run.processes() == {}


def test_too_few_consent_so_it_waits_and_says_so_and_its_death_leaves_no_process(tmp_path: Path) -> None:
    with small_run(tmp_path, **{"ue_groups.ue-1.consent": "false"}) as run:
        run.wait_for(r"waiting for clients: 0 of 2 at ran-1, 2 at ran-2")
        left = run.processes()
        workers = [command for command in left.values() if "net4ai.application_server.worker" in command]
        assert (len(left), len(workers)) == (16, 5), left
        kill(run.pid)
        run.wait_gone(left)
        assert run.processes() == {}
