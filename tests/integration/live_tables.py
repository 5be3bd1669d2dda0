"""What lives in this process: instances of our classes, and entries of the tables they have.

The garbage collector knows it all: no table can be forgotten here, not even one that is yet to be written.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sized
from typing import Any

from net4ai.app.application_controller import ENDED_JOBS
from net4ai.application_server.instance import MAXIMUM_EXECUTIONS, REMEMBERED_ENDS
from net4ai.core.jobs import REMEMBERED_JOBS
from net4ai.stack.control_entity import REMEMBERED_REQUESTS
from net4ai.stack.dep.constants import REMEMBERED_MESSAGES
from net4ai.stack.drops import MAXIMUM_REASONS
from net4ai.stack.forwarding.executions import MAXIMUM_ENDED
from net4ai.stack.operation import MAXIMUM_SERIES

REMEMBERED = {
    "ActivityCount.counts": MAXIMUM_SERIES,
    "ApplicationController.ended": ENDED_JOBS,
    "ControlEntity._answered": REMEMBERED_REQUESTS,
    "DropCounter._counts": MAXIMUM_REASONS,
    "Executions._ended": MAXIMUM_ENDED,
    "FinishedMessages._causes": REMEMBERED_MESSAGES,
    "FinishedMessages._ids": REMEMBERED_MESSAGES,
    "Instance.ended": REMEMBERED_ENDS,
    "Instance.executions": MAXIMUM_EXECUTIONS,
    "Jobs._telling": REMEMBERED_JOBS,
    "Jobs.rows": REMEMBERED_JOBS,
    "Telling": REMEMBERED_JOBS,
    "VirtualLoop._scheduled": 100,  # asyncio keeps timers that were cancelled until there are so many
}
"""What is remembered of the past on purpose, and the bound of each."""


def attributes(found: object) -> Iterator[tuple[str, Any]]:
    """Attributes of an instance, whether in `__dict__` or in slots."""
    yield from getattr(found, "__dict__", {}).items()
    for kind in type(found).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            if hasattr(found, name):
                yield name, getattr(found, name)


def tables() -> Counter[str]:
    """What lives in this process: instances of our classes, and entries of the tables they have, by attribute."""
    gc.collect()
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        if not str(kind.__module__).startswith("net4ai.") or issubclass(kind, type):
            continue
        found[kind.__qualname__] += 1
        for name, value in attributes(each):
            if isinstance(value, Sized) and not isinstance(value, str | bytes | bytearray | memoryview):
                found[f"{kind.__qualname__}.{name}"] += len(value)
    return found


def grown(before: Counter[str], after: Counter[str]) -> dict[str, tuple[int, int]]:
    """What has become more, apart from what is remembered."""
    return {
        name: (before[name], count)
        for name, count in sorted(after.items())
        if count > before[name] and name not in REMEMBERED
    }
