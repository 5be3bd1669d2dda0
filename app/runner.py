"""Runs a scenario: all nodes, the service, the job; then the verdict and the report.

In processes or in one loop, the steps are the same: plan, start nodes, run the job as its application controller,
end the nodes, join traces and captures, compute the reference, report.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from net4ai.app.application_controller import ApplicationController, words_of
from net4ai.app.handovers import OPERATOR, start_handovers
from net4ai.app.in_process import InProcessRun
from net4ai.app.local_network import LocalNetwork, NetworkFolder, make_run_config
from net4ai.app.plan import Plan, make_plan
from net4ai.app.progress import POLL_INTERVAL, Display, LiveTrace, octets_text
from net4ai.app.results import Results, ResultsError
from net4ai.app.scenario import Scenario
from net4ai.app.write_report import write_run_report
from net4ai.codecs.bus import JobEnded
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.envelope import controller_name
from net4ai.codecs.message import Message
from net4ai.codecs.service import TimeTrigger
from net4ai.core import main as core
from net4ai.edge import main as edge
from net4ai.ran_node import main as ran_node
from net4ai.stack.hop import Address
from net4ai.stack.io.broker import BrokerError
from net4ai.stack.io.capture_reader import merge_captures
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.platform import Platform
from net4ai.stack.io.virtual_loop import VirtualTimeDeadlockError, run_virtual
from net4ai.stack.message_hooks import Hook
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.timers import Timers
from net4ai.ue import main as ue

log = logging.getLogger(__name__)

IDLE_LIMIT = 3600.0
"""Seconds of virtual time without progress until a run in one process is given up: nobody will come and change that,
unless a job waits for a time, which counts beside."""
FIRST_MEMORY_PORT = 46400
"""In memory ports are free: they count up from here."""


class RunFailed(Exception):
    """The job did not end well, or a node could not be started."""


@dataclass(slots=True)
class Options:
    """What the user asked for beside the scenario."""

    folder: Path
    capture: Path | None = None
    in_process: bool = False
    hooks: Sequence[Hook] = ()
    """Message hooks of the program, for every node; of runs in one process."""


@dataclass(slots=True)
class Run:
    """One run under way."""

    scenario: Scenario
    options: Options
    display: Display
    results: Results
    run_key: str = field(default_factory=lambda: secrets.token_hex(32))
    """What all keys of the run are derived from."""
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    ended: asyncio.Future[None] = field(init=False)
    """The job has ended, or cannot end well any more."""

    @property
    def folder(self) -> NetworkFolder:
        """Where its files are."""
        return NetworkFolder(self.options.folder)

    def end(self, error: Exception | None = None) -> None:
        """The job has ended, or cannot end well any more because of `error`. What comes first counts."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


def run_scenario(scenario: Scenario, options: Options, display: Display) -> Path:
    """Run `scenario` to its end and write the report; gives the folder. Raises `RunFailed`, OSError."""
    _make_folders(options)
    display.plain(f"net4ai {version('net4ai')}: scenario {scenario.name}, seed {scenario.seed}")
    try:
        results = Results(scenario, display)
    except ResultsError as error:
        raise RunFailed(str(error)) from None
    run = Run(scenario, options, display, results)
    try:
        if options.in_process:
            run_virtual(_run(run, _in_process(run)))
        else:
            asyncio.run(_run(run, _in_processes(run)))
    except ProcedureError as error:
        raise RunFailed(f"the job ended with {error}") from None
    except (BrokerError, VirtualTimeDeadlockError) as error:
        raise RunFailed(str(error)) from None
    finally:
        _collect_captures(run)
    write_run_report(scenario, results, options.folder, options.capture, run.started_at, options.in_process, display)
    return options.folder


def _make_folders(options: Options) -> None:
    """Make the folders of a run; what an earlier run left in them goes. What cannot be written is found out now."""
    NetworkFolder(options.folder).make(capture=options.capture is not None)
    if options.capture:
        options.capture.parent.mkdir(parents=True, exist_ok=True)
        options.capture.write_bytes(b"")


async def _run(run: Run, opened: contextlib.AbstractAsyncContextManager[tuple[Platform, Plan]]) -> None:
    """Run the job as its application controller, while the nodes live."""
    run.ended = asyncio.get_running_loop().create_future()
    async with opened as (platform, plan):
        follower = asyncio.ensure_future(_follow(run))
        try:
            await control(run, platform, plan)
        finally:
            follower.cancel()


async def control(run: Run, platform: Platform, plan: Plan) -> None:
    """Run the job as its application controller, from `platform`. Raises `ProcedureError`, `RunFailed`."""
    scenario = run.scenario
    driver = Driver(platform.name, platform.clock)
    procedures = platform.procedures(driver)
    timers = Timers(scenario.timers)

    def receive(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        controller.receive(data, stride, source, bulk, now)

    t4 = await platform.open_link("T4", (0, 0), driver, receive)
    controller = ApplicationController(
        platform.control_entity(platform.name, procedures, timers, driver),
        await platform.network.resolve(*plan.edge_t4),
        t4.sockets,
        procedures,
        timers,
        t4.budget,
        lambda: platform.random_number(32),
        platform.trace,
        lambda service, function, message: _take(run, function, message),
        lambda event: None if isinstance(event, JobEnded) else run.results.progress(*words_of(event)),
        run.display.line,
    )
    driver.machine = controller

    async def job() -> None:
        try:
            await controller.run_job(
                scenario.service,
                run.results.settings,
                scenario.job,
                k=scenario.k,
                cut=int(scenario.settings.get("cut", 0)),
            )
            run.end()
        except Exception as error:
            run.end(error)

    driver.feed(procedures.advance)
    driver.feed(lambda now: procedures.start("job", job()))
    try:
        await run.ended
    finally:
        driver.close()


def _take(run: Run, function: str, message: Message) -> Message | None:
    try:
        return run.results.take(message, function)
    except ResultsError as error:
        run.end(RunFailed(str(error)))
        return None


async def _follow(run: Run) -> None:
    """Show who is there and what goes over the links."""
    live = LiveTrace(run.folder.trace)
    run.results.octets = live.octets
    everyone = run.scenario.ue_count
    triggers = [job.trigger for job in run.scenario.service.jobs.values()]
    limit = IDLE_LIMIT + max((each.after_s for each in triggers if isinstance(each, TimeTrigger)), default=0.0)
    news, idle = 0, 0.0
    while True:
        await asyncio.sleep(POLL_INTERVAL)
        live.look()
        run.results.registered(len(live.registered), everyone)
        total = octets_text(sum(live.octets.values()))
        run.display.passing(
            f"          {len(live.nodes)} nodes, {len(live.registered)} of {everyone} UEs, "
            f"{run.results.doing}, {total} sent"
        )
        idle = idle + POLL_INTERVAL if news == run.results.news else 0.0
        news = run.results.news
        if run.options.in_process and idle > limit:
            run.end(RunFailed(f"nothing has happened for {limit:g} s of virtual time"))


@contextlib.asynccontextmanager
async def _in_process(run: Run) -> AsyncIterator[tuple[Platform, Plan]]:
    """All nodes in this loop."""
    ports = iter(range(FIRST_MEMORY_PORT, 65536))
    plan = make_plan(run.scenario, lambda: next(ports), next(ports), run.run_key)
    network = MemoryNetwork(asyncio.get_running_loop())
    capture = run.options.capture is not None
    config = await make_run_config(
        run.scenario, plan, run.folder, network, run.run_key, capture=capture, utc_offset=time.time_ns()
    )
    host = InProcessRun(config, network, run.display.line, run.options.hooks)
    host.hosts = plan.hosts
    try:
        host.nodes.append(await core.start(plan.core, await host.platform("core")))
        host.nodes.append(await edge.start(plan.edge, await host.platform(plan.edge.name)))
        for node in plan.ran_nodes:
            host.nodes.append(await ran_node.start(node, await host.platform(node.name)))
        for group in plan.ues:
            host.nodes.append(await ue.start(group, await host.platform(group.name)))
        if run.scenario.handovers:
            start_handovers(run.scenario, await host.platform(OPERATOR), run.display.line)
        yield await host.platform(*_controller(run, plan)), plan
    finally:
        host.close()


@contextlib.asynccontextmanager
async def _in_processes(run: Run) -> AsyncIterator[tuple[Platform, Plan]]:
    """A broker and a process for each node."""
    capture = run.options.capture is not None
    network = LocalNetwork(run.scenario, run.folder, run.display.line, capture=capture, run_key=run.run_key)
    network.on_ended = lambda reason: run.end(RunFailed(reason))
    async with network:
        if run.scenario.handovers:
            start_handovers(run.scenario, await network.platform(OPERATOR), run.display.line)
        yield await network.platform(*_controller(run, network.plan)), network.plan


def _controller(run: Run, plan: Plan) -> tuple[str, str]:
    """Name and key of the application controller of the run's provider."""
    provider = run.scenario.service.provider
    return controller_name(provider), plan.core.controllers[provider]


def _collect_captures(run: Run) -> None:
    """One capture of what the nodes have captured, also where the run has failed."""
    if run.options.capture is None:
        return
    parts = sorted(run.folder.capture_parts.glob("*.pcapng"))
    packets = merge_captures(parts, run.options.capture)
    for part in parts:
        part.unlink()
    run.folder.capture_parts.rmdir()
    run.display.line(f"capture: {packets} packets in {run.options.capture}")
