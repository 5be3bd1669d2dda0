"""A network that stays, with real processes: the guide as it stands; two providers with a service and a job each at
once, who cannot touch each other's; an operator who looks and commands (R2, R3, R5, R41, R53, R70)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from operate_guide import GUIDE, LEFT_OUT, commands, shape, start, typed
from prometheus_client.parser import text_string_to_metric_families
from run_process import RunProcess

from net4ai.app import controller as library
from net4ai.app.bus_client import BusClient, NoAnswer, Refused, join
from net4ai.app.controller import connect
from net4ai.app.network_file import NetworkFileError, client_config, read_controller, read_network
from net4ai.app.operator import operate
from net4ai.app.service_description import load_service_description
from net4ai.codecs.bus import (
    CommandDone,
    CommandNode,
    JobEnded,
    ListServices,
    NodeStatus,
    ReportStatus,
    ServicesListed,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.envelope import controller_name
from net4ai.codecs.service import ServiceDescription
from net4ai.stack.io.broker import Login
from net4ai.stack.io.trace_file import merge_traces
from net4ai.stack.operation import METRICS, Row

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "radio-map.service.yaml"
ONE, OTHER = "network-planning", "weather"
DEMO = Path("runs/demo")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunProcess]:
    """The network of the guide, in `DEMO` of the working folder."""
    with contextlib.chdir(tmp_path_factory.mktemp("operate")):
        ((up, _),) = commands(re.findall(r"```console\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0])
        with start(up) as running:
            yield running


def of_weather() -> ServiceDescription:
    service = load_service_description(SHIPPED)
    return msgspec.structs.replace(service, provider=OTHER, name="weather-map")


def quiet(line: str) -> None:
    """For the person who watches: nobody."""


# The guide


def test_the_guide_tells_the_truth(network: RunProcess) -> None:
    """Every command but the first, in order: what is printed has the lines that the guide shows."""
    blocks = re.findall(r"```console\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    for command, shown in [pair for block in blocks[1:] for pair in commands(block)]:
        printed = typed(command, Path.cwd())
        there = {shape(line) for line in printed.splitlines()}
        missing = [line for line in shown if line != LEFT_OUT and shape(line) not in there]
        assert not missing, f"$ {command}\n{printed}\n\nmissing: {missing}"


def test_the_guides_python_runs(network: RunProcess, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(GUIDE), "exec"), {"__name__": "guide"})
    out = capsys.readouterr().out
    assert re.search(r"JobEnded\(.*cause=1", out) and "1 results, the first from radio-map" in out


def test_the_guide_names_every_metric() -> None:
    row = r"^\| `net4ai_(\w+?)(?:_total)?` \| (\w+) \| ([\w, ]*) ?\| (.*?) \|$"
    named = set(re.findall(row, GUIDE.read_text(encoding="utf-8"), re.MULTILINE))
    wanted = {(name, metric.kind, ", ".join(metric.labels), metric.doc) for name, metric in METRICS.items()}
    assert {(name, kind, labels.strip(), doc) for name, kind, labels, doc in named} >= wanted


# Providers


def test_two_providers_run_jobs_at_once_and_see_their_own_only(network: RunProcess) -> None:
    async def one_provider(provider: str, service: ServiceDescription) -> tuple[int, int, list[str]]:
        async with connect(DEMO, provider, say=quiet) as controller:
            registered = await controller.register(service, {"rounds": 2})
            job = await registered.start("map")
            both_run.append(job.number)
            events = [event async for event in job.events()]
            await job.wait()
            assert isinstance(events[-1], JobEnded) and events[-1].cause == Cause.NORMAL
            services = await controller.list_services()
            jobs = await controller.list_jobs()
            assert {found.provider for found in services} == {provider}
            assert job.number in {found.job for found in jobs}
            assert {found.service for found in jobs} <= {found.service for found in services}
            await registered.remove()
            assert registered.number not in {found.service for found in await controller.list_services()}
            return registered.number, job.number, [result.function for result in job.results]

    both_run: list[int] = []

    async def main() -> None:
        one, other = await asyncio.gather(
            one_provider(ONE, msgspec.structs.replace(of_weather(), provider=ONE, name="planning-map")),
            one_provider(OTHER, of_weather()),
        )
        assert one[0] != other[0] and one[1] != other[1] and len(both_run) == 2
        assert one[2] == other[2] == ["radio-map"]

    asyncio.run(main())


def test_what_is_anothers_cannot_be_touched(network: RunProcess) -> None:
    async def main() -> None:
        async with connect(DEMO, ONE, say=quiet) as one, connect(DEMO, OTHER, results=False, say=quiet) as other:
            service = await one.register(msgspec.structs.replace(of_weather(), provider=ONE, name="mine"))
            job = await service.start("map")
            machine = other._machine
            for forbidden in (
                machine.start(service.number, "map"),
                machine.stop(job.number),
                machine.remove(service.number),
                machine.raise_event(service.number, "now"),
            ):
                with pytest.raises(Refused, match=r"NOT_ALLOWED|UNKNOWN_JOB"):
                    await other._client.do(forbidden)
            with pytest.raises(Refused, match="no service mine"):
                await other.service("mine")
            with pytest.raises(Refused, match=f"allowed: {OTHER}"):
                await other.register(msgspec.structs.replace(of_weather(), provider=ONE))
            await job.wait()
            await service.remove()

    asyncio.run(main())


def test_a_wrong_key_gets_no_answer_and_is_counted(network: RunProcess) -> None:
    async def main() -> None:
        files, own = read_network(DEMO), read_controller(DEMO, OTHER)
        config = client_config(files, "ab" * 32, Login(own.username, own.password))
        async with operate(DEMO, say=quiet) as operator, join(config, controller_name(OTHER, 7), quiet) as stranger:
            before = await operator.status("core")
            with pytest.raises(NoAnswer):
                await ask(stranger, "service-manager", ListServices(), ServicesListed)
            after = await operator.status("core")
            assert after.counters["drops/bus/bad signature"] > before.counters.get("drops/bus/bad signature", 0)
        with pytest.raises(NetworkFileError, match=r"nobody.*has no key here; allowed: network-planning, weather"):
            read_controller(DEMO, "nobody")

    asyncio.run(main())


async def ask(client: BusClient, to: str, request: Any, reply: Any) -> Any:
    platform = client.platform
    entity = platform.control_entity(platform.name, client.procedures, client.timers, client.driver)
    return await client.do(entity.call(to, request, reply, timer="report-status"))


@pytest.mark.mosquitto
def test_a_controller_neither_looks_nor_commands(network: RunProcess) -> None:
    """With mosquitto it does not even get there; the entity refuses in any case (unit test of ControlEntity)."""

    async def main() -> None:
        files, own = read_network(DEMO), read_controller(DEMO, OTHER)
        config = client_config(files, own.key, Login(own.username, own.password))
        for request, reply in ((ReportStatus(), NodeStatus), (CommandNode(command="page"), CommandDone)):
            async with join(config, controller_name(OTHER, 8), quiet) as client:
                with pytest.raises(NoAnswer):
                    await ask(client, "node/core", request, reply)
        async with join(config, controller_name(OTHER, 9), quiet) as client:
            with pytest.raises(Refused, match="NOT_ALLOWED: ReportStatus from controller-weather"):
                await ask(client, "service-manager", ReportStatus(), NodeStatus)

    asyncio.run(main())


def test_one_controller_of_a_provider_takes_the_results(network: RunProcess) -> None:
    async def main() -> None:
        async with connect(DEMO, ONE, say=quiet):
            with pytest.raises(Refused, match=r"process \d+ is the controller of network-planning that takes"):
                async with connect(DEMO, ONE, say=quiet):
                    pass
        async with connect(DEMO, ONE, say=quiet):
            pass

    asyncio.run(main())


# The operator


def test_status_lists_what_there_is(network: RunProcess) -> None:
    report = json.loads(typed(f"net4ai status --json --network {DEMO}", Path.cwd()))
    assert set(report) == set(read_network(DEMO).nodes)
    for name, status in report.items():
        assert status["kind"] == read_network(DEMO).nodes[name]
        assert status["uptime_s"] > 0 and status["gauges"]["memory_bytes"] > 1 << 20
    core, ran = report["core"], report["ran-2"]
    assert len(core["tables"]["terminals"]) == core["gauges"]["terminals/connected"] + core["gauges"]["terminals/idle"]
    counted = [count for gauge, count in ran["gauges"].items() if gauge.startswith("terminals/")]
    assert len(ran["tables"]["terminals"]) == sum(counted) > 0
    assert {row["peer"] for row in ran["tables"]["peers"]} == {"edge", "ran-2-app-server"}
    silent = typed(f"net4ai status nobody --network {DEMO}", Path.cwd())
    assert silent == "nobody: TIMEOUT: no answer from node/nobody to ReportStatus"


def test_each_command_does_what_it_says(network: RunProcess) -> None:
    async def main() -> None:
        async with operate(DEMO, say=quiet) as operator:

            async def until(node: str, holds: Callable[[NodeStatus], bool]) -> None:
                async with asyncio.timeout(60):
                    while not holds(await operator.status(node)):
                        pass

            rows = (await operator.status("near")).tables["terminals"]
            ue = next(str(row["ue"]) for row in rows if is_at(row, "ran-1"))
            for source, target in (("ran-1", "ran-2"), ("ran-2", "ran-1")):
                row = row_of(await operator.status("near"), ue)
                done = await operator.command(source, "hand-over", c_rnti=str(row["c_rnti"]), to=target)
                assert done == f"C-RNTI {row['c_rnti']} is handed over to {target}"
                await until("near", lambda status, to=target: is_at(row_of(status, ue), to))  # type: ignore[misc]
            rows = (await operator.status("far")).tables["terminals"]
            ue, c_rnti = next((str(row["ue"]), row["c_rnti"]) for row in rows if of_state(row, "registered"))
            await operator.command("ran-2", "release", c_rnti=str(c_rnti))
            # It comes back. What the next command asks of it in between would go to a connection that is no more.
            await until("far", lambda status: is_back(status, ue, c_rnti))
            registered = (await operator.status("core")).tables["terminals"]
            subscriber = next(row["subscriber"] for row in registered if row["ran node"] == "ran-2")
            await operator.command("core", "deregister", subscriber=str(subscriber))
            await until(
                "core", lambda status: subscriber not in {row["subscriber"] for row in status.tables["terminals"]}
            )
            rows = (await operator.status("far")).tables["terminals"]
            last = next(str(row["ue"]) for row in rows if of_state(row, "registered"))
            await operator.command("far", "switch-off", ue=last)
            await until("far", lambda status: of_state(row_of(status, last), "deregistered"))
            await operator.command("ran-2", "pause", link="Uu", seconds="60")
            await until("ran-2", lambda status: status.counters.get("drops/Uu/link cut", 0) > 0)
            assert "carries on" in await operator.command("ran-2", "resume", link="Uu")
            for command, arguments, why in (
                ("page", {"subscriber": "nobody"}, "UNKNOWN_CONTEXT: no terminal of nobody is registered"),
                ("page", {"ue": "1"}, "argument 'ue' is unknown; allowed: subscriber"),
                ("page", {}, "argument 'subscriber' is missing; allowed: subscriber"),
                ("dance", {}, "no command 'dance'; allowed: pause, resume, deregister, page"),
                ("pause", {"link": "Uu", "seconds": "1"}, "no link 'Uu' here; allowed: $"),
                ("pause", {"link": "Uu", "seconds": "-1"}, "'-1' is not allowed; allowed: more than 0, at most 86400"),
            ):
                with pytest.raises(Refused, match=why):
                    await operator.command("core", command, **arguments)

    asyncio.run(main())
    trace = merge_traces(sorted((DEMO / "trace").glob("*.ndjson")))
    told = {event.get("message") for event in trace if event["node"].startswith(("near/", "far/"))}
    assert {"RRC Release", "Deregistration Request (network)"} <= told


def is_back(status: NodeStatus, ue: str, released: object) -> bool:
    """Whether a terminal is registered again, under another C-RNTI than the one that was released."""
    row = row_of(status, ue)
    return of_state(row, "registered") and row["c_rnti"] not in ("", released)


def is_at(row: Row, ran_node: str) -> bool:
    """Whether a terminal has come to a RAN node, and is as it was before."""
    return (row["ran_node"], row["state"]) == (ran_node, "registered, secured")


def of_state(row: Row, state: str) -> bool:
    return str(row["state"]).startswith(state)


def row_of(status: NodeStatus, ue: str) -> Row:
    return next(row for row in status.tables["terminals"] if row["ue"] == ue)


def test_metrics_are_prometheus_text(network: RunProcess) -> None:
    text = typed(f"net4ai metrics --once --network {DEMO}", Path.cwd())
    families = {family.name: family for family in text_string_to_metric_families(text + "\n")}
    assert set(families) == {"net4ai_up", "net4ai_uptime_seconds", *(f"net4ai_{name}" for name in METRICS)}
    assert all(family.documentation for family in families.values())
    up = {sample.labels["node"]: sample.value for sample in families["net4ai_up"].samples}
    assert up == dict.fromkeys(read_network(DEMO).nodes, 1.0)
    assert all("node" in sample.labels for family in families.values() for sample in family.samples)


def test_the_end_leaves_no_keys(network: RunProcess) -> None:
    """Last: it ends the network."""
    assert network.interrupt() == 0
    left = {path.name for path in DEMO.rglob("*") if path.is_file()}
    assert not left & {"network.json", "operator.json", f"{ONE}.json", f"{OTHER}.json"}
    with pytest.raises(NetworkFileError, match="net4ai up SCENARIO --folder"):
        library.find_network(DEMO)
