"""`net4ai service ...` and `net4ai job ...`: an application controller on the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from net4ai.app.commands.common import count, network_argument, network_command
from net4ai.app.yaml_document import parse

if TYPE_CHECKING:
    from net4ai.app.controller import Controller, Job
    from net4ai.codecs.bus import ServiceStatus
    from net4ai.codecs.service import SettingValue
    from net4ai.functions.provider import Provider


LINGER = 1.0
"""Seconds that the results of a job may still be on their way when its end is known: they take another way."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this group."""
    service = commands.add_parser("service", help="services of a running network").add_subparsers(
        required=True, metavar="COMMAND"
    )
    register = service.add_parser("register", help="register a service; its concrete functions run then")
    register.add_argument("description", metavar="FILE", help="its description, or the name of a shipped scenario")
    register.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another value for a setting")
    register.add_argument("--k", type=count, default=0, help="least clients per server, of jobs that no request starts")
    register.add_argument(
        "--module", action="append", default=[], metavar="NAME", help="a module whose classes the description may name"
    )
    _finish(register, _register)
    _finish(service.add_parser("list", help="the provider's services"), _list_services)
    remove = service.add_parser("remove", help="remove a service: its jobs end, then its instances")
    remove.add_argument("service", metavar="SERVICE", help="number or name")
    _finish(remove, _remove)

    job = commands.add_parser("job", help="jobs of a running network").add_subparsers(required=True, metavar="COMMAND")
    start = job.add_parser("start", help="start a job")
    start.add_argument("service", metavar="SERVICE", help="number or name of the service")
    start.add_argument("job", metavar="JOB", help="name of the job")
    start.add_argument("--k", type=count, default=0, help="least clients per server; the network's own is the least")
    start.add_argument("--cut", type=int, metavar="N", help="where the model is split; default: the service's setting")
    start.add_argument("--watch", action="store_true", help="stay, take its results and show what happens")
    start.add_argument("--out", type=Path, metavar="DIR", help="with --watch: save the results at the end")
    _finish(start, _start)
    _finish(job.add_parser("list", help="jobs that are armed, run, or have ended lately"), _list_jobs)
    for name, run, doc in (
        ("watch", _watch, "take the results of a job and show what happens, until it ends"),
        ("result", _watch, "wait for the end of a job and save its results"),
        ("stop", _stop, "stop a job"),
    ):
        command = job.add_parser(name, help=doc)
        command.add_argument("number", metavar="JOB", type=count, help="number of the job")
        if run is _watch:
            command.add_argument("--out", type=Path, metavar="DIR", required=name == "result", help="where to save")
        _finish(command, run)
    event = job.add_parser("event", help="raise an event: the jobs that wait for it start")
    event.add_argument("service", metavar="SERVICE", help="number or name of the service")
    event.add_argument("event", metavar="EVENT", help="name of the event")
    _finish(event, _event)


def _finish(command: argparse.ArgumentParser, run: Any) -> None:
    command.add_argument("--provider", default="", metavar="NAME", help="whose; default: the only one that has a key")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    network_argument(command)
    command.set_defaults(command=network_command(run))


# Services


async def _register(options: argparse.Namespace) -> int:
    from net4ai.app.controller import connect
    from net4ai.app.network_file import find_network
    from net4ai.app.service_file import ServiceFile, describe, write_service

    description, settings, path = describe(options.description, options.module)
    settings |= read_settings(options.set)
    folder = find_network(options.network)
    provider = options.provider or description.provider
    async with connect(folder, provider, say=_to_stderr) as controller:
        service = await controller.register(description, settings, k=options.k, modules=options.module, path=path)
        write_service(folder, service.number, ServiceFile(description, settings, list(options.module), path))
        (status,) = [s for s in await controller.list_services() if s.service == service.number]
    if options.json:
        print(_json(status))
    else:
        print(f"service {service.number}: {service.name} of {provider}")
        for instance in status.instances:
            print(f"  {instance.function} runs at {instance.node} (instance {instance.instance})")
        print(f"  jobs: {', '.join(status.jobs)}")
    return 0


async def _list_services(options: argparse.Namespace) -> int:
    async with _guest(options) as controller:
        services = await controller.list_services()
    rows = [
        {
            "service": service.service,
            "name": service.name,
            "provider": service.provider,
            "jobs": ", ".join(service.jobs),
            "instances": ", ".join(f"{i.function} at {i.node}" for i in service.instances),
        }
        for service in services
    ]
    _show(options, services, rows, "no services")
    return 0


async def _remove(options: argparse.Namespace) -> int:
    async with _guest(options) as controller:
        service = await controller.service(options.service)
        await service.remove()
    print(_json({"removed": service.number}) if options.json else f"service {service.number}, {service.name}: removed")
    return 0


# Jobs


async def _start(options: argparse.Namespace) -> int:
    from net4ai.app.controller import connect

    code = _provider_code(options)
    async with connect(options.network, options.provider, results=options.watch, say=_to_stderr) as controller:
        service = await controller.service(options.service, lambda status: code(controller, status))
        job = await service.start(options.job, k=options.k, cut=options.cut)
        if options.watch:
            return await _follow(options, job)
    if options.json:
        print(_json({"job": job.number}))
    else:
        print(f"job {job.number}: {job.name} of service {service.number} runs")
        print(f"  net4ai job watch {job.number}    shows how it goes, and takes its results")
    return 0


async def _list_jobs(options: argparse.Namespace) -> int:
    from net4ai.codecs.causes import cause_of

    async with _guest(options) as controller:
        jobs = await controller.list_jobs()
    rows = [
        {
            "job": job.job,
            "service": job.service,
            "name": job.name,
            "state": job.state,
            "cause": cause_of(job.cause).name if job.state == "ended" else "",
            "progress": job.detail or job.progress,
        }
        for job in jobs
    ]
    _show(options, jobs, rows, "no jobs")
    return 0


async def _watch(options: argparse.Namespace) -> int:
    from net4ai.app.controller import connect

    code = _provider_code(options)
    async with connect(options.network, options.provider, say=_to_stderr) as controller:
        job = await controller.watch(options.number, lambda status: code(controller, status))
        return await _follow(options, job)


async def _stop(options: argparse.Namespace) -> int:
    async with _guest(options) as controller:
        await controller.stop(options.number)
    print(_json({"stopped": options.number}) if options.json else f"job {options.number} is stopped")
    return 0


async def _event(options: argparse.Namespace) -> int:
    async with _guest(options) as controller:
        service = await controller.service(options.service)
        await service.raise_event(options.event)
    print(_json({"event": options.event}) if options.json else f"{service.name}: event {options.event} is raised")
    return 0


async def _follow(options: argparse.Namespace, job: Job) -> int:
    """Show what happens to a job until it has ended; save what came of it."""
    from net4ai.app.application_controller import words_of
    from net4ai.codecs.bus import JobEnded
    from net4ai.codecs.causes import Cause

    said = 0
    if not options.json:
        print(f"job {job.number}: {job.name} of service {job.service.number}", flush=True)
    async for event in job.events():
        what, values = words_of(event)
        if options.json:
            print(_json({"event": what, **values}), flush=True)
        elif what != "function":
            print(", ".join([what, *(f"{key} {value}" for key, value in values.items())]), flush=True)
        if isinstance(event, JobEnded):
            await asyncio.sleep(LINGER)
        line = job.service.provider.line() if job.service.provider is not None else ""
        if len(job.results) > said and line and not options.json:
            said = len(job.results)
            print(line, flush=True)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        saved = job.service.save(options.out)
        for path in saved:
            print(_json({"saved": str(path)}) if options.json else f"saved {path}")
        if not saved:
            print("nothing to save: results come while the job runs, to who watches it", file=sys.stderr)
    if job.fault is not None:
        print(job.fault, file=sys.stderr)
    return 0 if job.fault is None and job.ended is not None and job.ended.cause == Cause.NORMAL else 1


# What they share


def _guest(options: argparse.Namespace) -> Any:
    from net4ai.app.controller import connect

    return connect(options.network, options.provider, results=False, say=_to_stderr)


def _provider_code(options: argparse.Namespace) -> Any:
    """Makes the provider's code of a service that was registered by `net4ai service register`."""
    from net4ai.app.network_file import find_network
    from net4ai.app.service_file import read_service

    folder = find_network(options.network)

    def code(controller: Controller, status: ServiceStatus) -> Provider | None:
        file = read_service(folder, status.service)
        if file is None or file.description.name != status.name:
            return None
        return controller.provider_of(file.description, file.settings, file.modules, file.path)

    return code


def read_settings(texts: Sequence[str]) -> dict[str, SettingValue]:
    """Settings given as KEY=VALUE, values in YAML. Raises `ProviderError`."""
    from net4ai.functions.provider import ProviderError

    found: dict[str, SettingValue] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ProviderError(f"--set {text!r} is not allowed; allowed: KEY=VALUE")
        scalar = parse(value, "--set").root.value
        if not isinstance(scalar, (bool, int, float, str)):
            raise ProviderError(f"setting {key}: {value!r} is not allowed; allowed: true, false, a number or a text")
        found[key] = scalar
    return found


def _show(options: argparse.Namespace, found: Sequence[Any], rows: Sequence[dict[str, Any]], nothing: str) -> None:
    from net4ai.app.commands.operate import table

    if options.json:
        for each in found:
            print(_json(each))
    else:
        print(table(rows) if rows else nothing)


def _json(value: Any) -> str:
    import msgspec

    return json.dumps(msgspec.to_builtins(value))


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)
