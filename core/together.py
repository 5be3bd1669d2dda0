"""Several procedures side by side, as one."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from net4ai.stack.procedure import ProcedureError, Procedures, ProcedureTimeout, Promise, outcome_of

K = TypeVar("K")
T = TypeVar("T")


async def together(procedures: Procedures, coroutines: Sequence[Coroutine[Promise[Any], None, Any]]) -> None:
    """Run all to their ends. The first that fails ends the others at once, and its error is raised."""
    over: Promise[None] = procedures.promise("all parts")
    left = len(coroutines)

    async def part(coroutine: Coroutine[Promise[Any], None, Any]) -> None:
        nonlocal left
        try:
            await coroutine
        except Exception as error:
            over.fail(error)
            raise
        left -= 1
        if not left:
            over.resolve(None)

    started = [procedures.start("part", part(coroutine), traced=False) for coroutine in coroutines]
    try:
        if started:
            await over
    finally:
        for procedure in started:
            procedure.cancel("another part has failed")


async def outcomes(
    procedures: Procedures, coroutines: Mapping[K, Coroutine[Promise[Any], None, T]]
) -> dict[K, T | ProcedureError]:
    """Run all to their ends, well or not; the result or the error of each."""
    started = {key: procedures.start("part", coroutine, traced=False) for key, coroutine in coroutines.items()}
    ends: dict[K, T | ProcedureError] = {}
    try:
        for key, procedure in started.items():
            try:
                ends[key] = await procedure
            except ProcedureError as error:
                if not procedure.done:
                    raise  # the whole was cancelled, not this part
                ends[key] = error
    finally:
        for procedure in started.values():
            procedure.cancel("the whole is over")
    return ends


async def guarded(
    procedures: Procedures, work: Coroutine[Promise[Any], None, T], guards: Iterable[Coroutine[Promise[Any], None, Any]]
) -> T:
    """Run `work` to its end, which `guards` need not have come to. One that fails ends it, and its error is raised."""
    over: Promise[T] = procedures.promise("work or a failing guard")

    async def guard(coroutine: Coroutine[Promise[Any], None, Any]) -> None:
        try:
            await coroutine
        except Exception as error:
            over.fail(error)
            raise

    async def main() -> None:
        try:
            over.resolve(await work)
        except Exception as error:
            over.fail(error)
            raise

    started = [procedures.start("guard", guard(each), traced=False) for each in guards]
    started.append(procedures.start("work", main(), traced=False))
    try:
        return await over
    finally:
        for procedure in started:
            procedure.cancel("over")


async def all_ended(procedures: Procedures, waited_for: Iterable[Awaitable[Any]], duration: int) -> bool:
    """Wait until all have ended, well or not, for at most `duration` nanoseconds; they go on if they have not."""
    over: Promise[None] = procedures.promise("all ended", timeout=duration)

    async def watch() -> None:
        for each in waited_for:
            await outcome_of(each)
        over.resolve(None)

    watching = procedures.start("watch", watch(), traced=False)
    try:
        await over
    except ProcedureTimeout:
        return False
    finally:
        watching.cancel("not waited for any more")
    return True
