"""An asyncio event loop under virtual time: it never sleeps, it jumps to the next timer.

For runs of all nodes in one process and for tests. A minute of protocol timers passes in milliseconds, every run with
the same inputs takes the same steps, and a run that waits for nothing ends with an error instead of hanging.

What to know:

- Time stands still while callbacks run, and while a job of `run_in_executor` is under way (computing takes no virtual
  time; model it with `asyncio.sleep`). A timer never fires while such a job runs.
- Readiness of sockets and pipes is looked at before each jump, but a jump does not wait for them: across real I/O,
  timeouts fire at once. Use in-memory links, or wrap the wait in `outside_work`.
- `call_soon_threadsafe` works from any thread. The loop cannot know that a thread it did not start will call:
  `outside_work` tells it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from net4ai.stack.io.clock import NANOSECONDS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_NAMED_TASKS = 8


class VirtualTimeDeadlockError(RuntimeError):
    """Everything waits and nothing is scheduled: in real time this would hang for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that hands each wait to the loop instead of sleeping through it."""

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[float | None], bool] = lambda timeout: True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        return super().select(None) if self.on_idle(timeout) else ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Time starts at 0 and is kept in whole nanoseconds, so `LoopClock` is exact (for 100 days)."""

    def __init__(self) -> None:
        self._nanoseconds = 0
        self._outside = 0
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.on_idle = self._idle
        self._clock_resolution = 1 / NANOSECONDS

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._nanoseconds / NANOSECONDS

    def _idle(self, timeout: float | None) -> bool:
        """Called with nothing ready. True: really wait, something outside will wake us. False: time has jumped."""
        if self._outside:
            return True
        if timeout is None:
            waiting = sorted(repr(task) for task in asyncio.all_tasks(self))
            shown = "\n  ".join(waiting[:_NAMED_TASKS])
            raise VirtualTimeDeadlockError(
                f"nothing is scheduled and {len(waiting)} task(s) wait at {self.time():.9f} s:\n  {shown}"
            )
        # At least one nanosecond forward, and a resolution no finer than a float of seconds here: after some weeks of
        # virtual time those are coarser than nanoseconds, and a timer just missed would be looked at for ever.
        self._nanoseconds = max(self._nanoseconds + 1, round((self.time() + timeout) * NANOSECONDS))
        self._clock_resolution = max(1 / NANOSECONDS, math.ulp(self.time()))
        return False

    @contextlib.contextmanager
    def outside_work(self) -> Iterator[None]:
        """While this is open the loop really waits, in frozen virtual time, for threads or sockets to wake it."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's; virtual time stands still until the job is done."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._executor_done)
        return future

    def _executor_done(self, future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """As asyncio's, without virtual time limit."""
        with self.outside_work():
            await super().shutdown_default_executor()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` under virtual time. Raises `VirtualTimeDeadlockError` when everything waits for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
