"""A load on the network's control: many terminals attach, consent and get a session, and leave again.

`net4ai load` starts a network of its own, has its terminals come at a rate or as fast as they can, and measures what
each procedure took, what failed and why, and what a terminal costs in memory and processor time in each process.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil

from net4ai.app.bus_client import BusClient, NetworkError
from net4ai.app.local_network import LocalNetwork, NetworkFolder
from net4ai.app.plan import Plan
from net4ai.app.scenario import Scenario, parse_scenario
from net4ai.codecs.bus import CommandDone, CommandNode, RegisterService, ServiceRegistered
from net4ai.codecs.service import Function, Job, Privacy, Routine, ServiceDescription, Task, TerminalsTrigger
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.io.platform import Platform, RunConfig
from net4ai.stack.io.trace_file import FLUSH_INTERVAL
from net4ai.stack.timers import Timers

STEPS = ("attach", "session", "release")
"""What terminals can be asked to do, in this order."""
CONTROLLER = "application-controller"
LOOK_INTERVAL = 0.2
"""Seconds between two looks at the traces."""
STALL_LIMIT = 60.0
"""Seconds without news after which a load that is not through is given up."""
UES_OF_A_PROCESS = 65_519
PERCENTILES = (50, 95, 99)
NEVER = 65_519
"""Consenting terminals in one cell that there never are: the job is on offer and does not start."""


class LoadFailed(Exception):
    """The network did not come up, or the terminals did not get through."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What is asked for."""

    ues: int
    folder: Path
    steps: tuple[str, ...] = STEPS[:2]
    rate: float = 0.0
    """Terminals each second over all processes; 0: as fast as `parallel` lets them."""
    parallel: int = 50
    """Terminals of one process at most that are under way at a time."""
    ran_nodes: int = 1
    """RAN nodes, with one process of terminals each."""
    trace: str = "procedures"
    """"procedures", or "all": every message too."""


@dataclass(slots=True)
class ProcedureFigures:
    """What one procedure took at one kind of node."""

    node: str
    procedure: str
    done: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    """By cause."""
    milliseconds: dict[str, float] = field(default_factory=dict)
    """By percentile."""


@dataclass(slots=True)
class ProcessFigures:
    """What one terminal costs in one process."""

    process: str
    cpu_ms: float
    memory_kb: float


@dataclass(slots=True)
class LoadFigures:
    """What came out."""

    ues: int
    steps: tuple[str, ...]
    through: int
    """Terminals that did all steps."""
    seconds: float
    """From the first terminal's first message to the last one's last."""
    per_second: float
    procedures: list[ProcedureFigures]
    processes: list[ProcessFigures]

    @property
    def memory_kb(self) -> float:
        """Of a terminal, over all processes."""
        return sum(process.memory_kb for process in self.processes)

    @property
    def cpu_ms(self) -> float:
        """Of a terminal, over all processes."""
        return sum(process.cpu_ms for process in self.processes)

    @property
    def failures(self) -> Counter[str]:
        """By procedure and cause."""
        return Counter(
            {f"{each.procedure}: {cause}": count for each in self.procedures for cause, count in each.failed.items()}
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"memory_kb": self.memory_kb, "cpu_ms": self.cpu_ms}


LAST_PROCEDURE = {"attach": "registration", "session": "computing request", "release": "deregistration"}
"""The procedure at a terminal that ends a step."""


def service() -> ServiceDescription:
    """A service whose job is on offer and never starts: terminals consent to it and get their sessions."""
    return ServiceDescription(
        name="control-load",
        provider="net4ai",
        purpose="Measures the network's control. Nothing is computed.",
        functions={
            "terminal": Function(kind="abstract", entry_point="echo"),
            "server": Function(kind="concrete", entry_point="echo", place="edge"),
        },
        routines={"echo": Routine(client="terminal", server="server")},
        tasks={"echo": Task(chain=("echo",))},
        jobs={"echo": Job(tasks=("echo",), trigger=TerminalsTrigger(at_least=NEVER))},
        privacy=Privacy(raw_data_allowed=True),
    )


def scenario(options: LoadOptions) -> Scenario:
    """The network: RAN nodes with a process of terminals each, no impairment."""
    share, more = divmod(options.ues, options.ran_nodes)
    counts = [share + (number < more) for number in range(options.ran_nodes)]
    text = {
        "name": "control-load",
        "service": msgspec.to_builtins(service()),
        "ran_nodes": [{"name": f"ran-{number}"} for number in range(1, options.ran_nodes + 1)],
        "ue_groups": [
            {"name": f"ue-{number}", "ran_node": f"ran-{number}", "count": count}
            for number, count in enumerate(counts, 1)
        ],
    }
    return parse_scenario(json.dumps(text), "control-load.yaml", Path())


async def run_load(options: LoadOptions, say: Callable[[str], None]) -> LoadFigures:
    """Start the network, have the terminals come, measure. Raises `LoadFailed`, OSError."""
    folder = NetworkFolder(options.folder)
    folder.make()

    def adjust(plan: Plan, config: RunConfig) -> None:
        config.trace_kinds = [] if options.trace == "all" else ["procedure"]
        for group in plan.ues:
            group.switched_on = False

    async with LocalNetwork(scenario(options), folder, say, adjust=adjust) as network:
        load = _Load(options, network, say)
        network.on_ended = load.fail
        return await load.run(await network.platform(CONTROLLER))


class _Load:
    """One load under way."""

    def __init__(self, options: LoadOptions, network: LocalNetwork, say: Callable[[str], None]) -> None:
        self.options = options
        self.network = network
        self.say = say
        self.traces = [
            TraceTail(network.folder.trace / f"{name}.ndjson", node.kind)
            for name, node in network.nodes.items()
            if node.kind in ("ue", "ran-node", "core")
        ]
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, reason: str) -> None:
        if not self._failure.done():
            self._failure.set_exception(LoadFailed(reason))

    async def run(self, platform: Platform) -> LoadFigures:
        client = BusClient(platform, Timers())
        entity = platform.control_entity(CONTROLLER, client.procedures, client.timers, client.driver)
        try:
            await self._unless_failed(self._prepare(client, entity))
            before = self._costs()
            await self._unless_failed(self._arrive(client, entity))
            await self._unless_failed(self._all_through())
            after = self._costs()
            await asyncio.sleep(2 * FLUSH_INTERVAL)  # what other processes have still to write
            for trace in self.traces:
                trace.look()
        except NetworkError as error:
            raise LoadFailed(str(error)) from None
        finally:
            client.driver.close()
        return self._figures(before, after)

    async def _unless_failed(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; the end of the network ends it. Raises `LoadFailed`, `NetworkError`."""
        task = asyncio.ensure_future(work)
        await asyncio.wait([task, self._failure], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            self._failure.result()
        task.result()

    async def _prepare(self, client: BusClient, entity: ControlEntity) -> None:
        """The network is up, and has a job on offer where terminals are to get sessions."""
        if "session" in self.options.steps:
            registration = RegisterService(description=service(), settings={}, controller=CONTROLLER)
            request = entity.call("service-manager", registration, ServiceRegistered, timer="register-service")
            await client.do(request)

    async def _arrive(self, client: BusClient, entity: ControlEntity) -> None:
        groups = [name for name, node in self.network.nodes.items() if node.kind == "ue"]
        arguments = {
            "rate": str(round(self.options.rate * 1000 / len(groups))),
            "parallel": str(self.options.parallel),
            "sessions": str(int("session" in self.options.steps)),
            "leave": str(int("release" in self.options.steps)),
        }
        for name in groups:
            command = CommandNode(command="arrive", arguments=arguments)
            await client.do(entity.call(f"node/{name}", command, CommandDone))

    async def _all_through(self) -> None:
        """Look at the traces until all terminals have done all steps. Raises `LoadFailed`."""
        news, quiet = 0, 0.0
        while self._through() < self.options.ues:
            await asyncio.sleep(LOOK_INTERVAL)
            seen = sum(trace.look() for trace in self.traces)
            quiet = quiet + LOOK_INTERVAL if seen == news else 0.0
            news = seen
            if quiet > STALL_LIMIT:
                raise LoadFailed(f"{self._through()} of {self.options.ues} terminals got through; then, nothing")

    def _through(self) -> int:
        last = LAST_PROCEDURE[self.options.steps[-1]]
        return sum(len(trace.ends[last]) for trace in self.traces if trace.kind == "ue")

    def _costs(self) -> dict[str, tuple[float, int]]:
        """Processor seconds and octets of memory of each process."""
        costs = {}
        for name, node in self.network.nodes.items():
            if node.process is not None:
                process = psutil.Process(node.process.pid)
                times = process.cpu_times()
                costs[name] = times.user + times.system, process.memory_info().rss
        return costs

    def _figures(self, before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]]) -> LoadFigures:
        ues = self.options.ues
        begins = [begin for trace in self.traces if trace.kind == "ue" for begin in trace.begins["RRC set-up"]]
        last = LAST_PROCEDURE[self.options.steps[-1]]
        ends = [end for trace in self.traces if trace.kind == "ue" for end in trace.ends[last]]
        seconds = (max(ends) - min(begins)) / 1e9 if begins and ends else 0.0
        return LoadFigures(
            ues=ues,
            steps=self.options.steps,
            through=len(ends),
            seconds=seconds,
            per_second=len(ends) / seconds if seconds else 0.0,
            procedures=list(procedure_figures(self.traces)),
            processes=[
                ProcessFigures(
                    name,
                    (after[name][0] - before[name][0]) * 1000 / ues,
                    (after[name][1] - before[name][1]) / 1024 / ues,
                )
                for name in after
                if name in before
            ],
        )


class TraceTail:
    """The procedures of one process, from its trace, as it is written."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.kind = kind
        self.begins: dict[str, list[int]] = _Lists()
        self.ends: dict[str, list[int]] = _Lists()
        """Of those that went well, by name."""
        self.durations: dict[str, list[int]] = _Lists()
        self.failures: dict[str, Counter[str]] = {}
        self._offset = 0
        self._seen = 0

    def look(self) -> int:
        """Read what is new; gives the number of procedures seen so far."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return self._seen
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            if b'"kind":"procedure"' in line:
                self._take(json.loads(line))
        return self._seen

    def _take(self, event: dict[str, Any]) -> None:
        name, duration = event["procedure"], event.get("duration", 0)
        self._seen += 1
        if event["outcome"] == "done":
            self.begins[name].append(event["utc"] - duration)
            self.ends[name].append(event["utc"])
            self.durations[name].append(duration)
        else:
            self.failures.setdefault(name, Counter())[event["outcome"]] += 1


class _Lists(dict[str, list[int]]):
    def __missing__(self, key: str) -> list[int]:
        self[key] = []
        return self[key]


def procedure_figures(traces: Sequence[TraceTail]) -> Iterator[ProcedureFigures]:
    """Figures of each procedure at each kind of node."""
    kinds = {trace.kind: None for trace in traces}
    for kind in kinds:
        of_kind = [trace for trace in traces if trace.kind == kind]
        names = sorted({name for trace in of_kind for name in (*trace.durations, *trace.failures)})
        for name in names:
            durations = sorted(duration for trace in of_kind for duration in trace.durations.get(name, ()))
            failed: Counter[str] = Counter()
            for trace in of_kind:
                failed.update(trace.failures.get(name, {}))
            yield ProcedureFigures(
                kind,
                name,
                len(durations),
                dict(failed),
                {f"p{percent}": percentile(durations, percent) / 1e6 for percent in PERCENTILES if durations},
            )


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that so many per cent of the values do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table(figures: LoadFigures) -> str:
    """The figures for a person."""
    lines = [
        f"{figures.through} of {figures.ues} terminals: {', '.join(figures.steps)} in {figures.seconds:.2f} s, "
        f"{figures.per_second:.0f} a second",
        "",
        f"{'node':10}{'procedure':28}{'done':>8}{'failed':>8}" + "".join(f"{f'p{p} ms':>10}" for p in PERCENTILES),
    ]
    for each in figures.procedures:
        values = "".join(f"{each.milliseconds.get(f'p{percent}', 0.0):10.1f}" for percent in PERCENTILES)
        lines.append(f"{each.node:10}{each.procedure:28}{each.done:8}{sum(each.failed.values()):8}{values}")
    lines += ["", f"{'process':20}{'CPU ms a UE':>14}{'memory KB a UE':>18}"]
    lines += [f"{each.process:20}{each.cpu_ms:14.2f}{each.memory_kb:18.1f}" for each in figures.processes]
    lines.append(f"{'all':20}{figures.cpu_ms:14.2f}{figures.memory_kb:18.1f}")
    if figures.failures:
        lines += ["", "failures: " + ", ".join(f"{name} {count}" for name, count in figures.failures.items())]
    return "\n".join(lines)
