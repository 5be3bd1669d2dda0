"""A service as it is registered on the control bus (R1-R15, R42)."""

from __future__ import annotations

from typing import Literal

import msgspec


class Function(msgspec.Struct):
    """A service function (R1)."""

    kind: Literal["abstract", "concrete"]
    entry_point: str
    place: Literal["ran-node", "edge"] | None = None


class Routine(msgspec.Struct):
    """Two adjacent functions that communicate (R8)."""

    client: str
    server: str
    sequential: bool = False
    split: bool = False


class Task(msgspec.Struct):
    """A chain of routines (R8)."""

    chain: tuple[str, ...]
    repeat: Literal["once", "until-stop"] = "once"
    depends_on: tuple[str, ...] = ()


class Job(msgspec.Struct):
    """Tasks with one computing goal (R3)."""

    tasks: tuple[str, ...]
    trigger: Literal["request"] = "request"


class Privacy(msgspec.Struct, frozen=True):
    """What the service promises."""

    k: int = 1
    raw_data_allowed: bool = False


class ServiceDescription(msgspec.Struct):
    """Functions, routines, tasks and jobs, by name."""

    name: str
    provider: str
    purpose: str
    functions: dict[str, Function]
    routines: dict[str, Routine]
    tasks: dict[str, Task]
    jobs: dict[str, Job]
    privacy: Privacy = Privacy()
