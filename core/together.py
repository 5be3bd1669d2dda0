"""Several procedures side by side, as one."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from typing import Any

from net4ai.stack.procedure import Procedures, ProcedureTimeout, Promise, outcome_of


async def together(procedures: Procedures, coroutines: Sequence[Coroutine[Promise[Any], None, Any]]) -> list[Any]:
    """Run all to their ends; their results in order. The first that fails ends the others, and its error is raised."""
    over: Promise[None] = procedures.promise("all parts")
    left = len(coroutines)

    async def part(coroutine: Coroutine[Promise[Any], None, Any]) -> Any:
        nonlocal left
        try:
            result = await coroutine
        except Exception as error:
            over.fail(error)
            raise
        left -= 1
        if not left:
            over.resolve(None)
        return result

    started = [procedures.start("part", part(coroutine), traced=False) for coroutine in coroutines]
    try:
        if started:
            await over
    finally:
        for procedure in started:
            procedure.cancel("another part has failed")
    return [await procedure for procedure in started]


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
