"""Several procedures side by side, as one."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from net4ai.stack.procedure import Procedures, Promise


async def together(procedures: Procedures, coroutines: Sequence[Coroutine[Promise[Any], None, None]]) -> None:
    """Run all to their ends. The first that fails ends the others at once, and its error is raised."""
    over: Promise[None] = procedures.promise("all parts")
    left = len(coroutines)

    async def part(coroutine: Coroutine[Promise[Any], None, None]) -> None:
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
