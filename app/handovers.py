"""Handovers that a scenario wants: at their times the RAN nodes are told, as by `net4ai control` (R107)."""

from __future__ import annotations

from collections.abc import Callable

from net4ai.app.bus_client import BusClient
from net4ai.app.scenario import Handover, Scenario
from net4ai.codecs.bus import CommandDone, CommandNode, NodeStatus, ReportStatus
from net4ai.codecs.causes import Cause
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.io.platform import Platform
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.timers import Timers
from net4ai.stack.units import SECOND

OPERATOR = "operator"
"""Name on the control bus of who tells the RAN nodes."""


def start_handovers(scenario: Scenario, platform: Platform, say: Callable[[str], None]) -> None:
    """Have them carried out from now on; what becomes of each is said. `platform`: an operator's, of the run's key."""
    client = BusClient(platform, Timers(scenario.timers))
    procedures = client.procedures
    entity = platform.control_entity(platform.name, procedures, client.timers, client.driver)

    async def hand_over(handover: Handover) -> None:
        await procedures.sleep(round(handover.at_s * SECOND))
        try:
            say(f"{handover.ue}: {await _command(entity, handover)}")
        except ProcedureError as error:
            say(f"{handover.ue}: handover to {handover.to}: {error}")

    def start(now: int) -> None:
        procedures.advance(now)
        for handover in scenario.handovers:
            procedures.start("handover", hand_over(handover), traced=False)

    client.driver.feed(start)


async def _command(entity: ControlEntity, handover: Handover) -> str:
    """Ask the terminal's process where it is, and tell that RAN node. Raises `ProcedureError`."""
    group = handover.ue.rpartition("/")[0]
    status = await entity.call(f"node/{group}", ReportStatus(), NodeStatus, timer="report-status")
    row = next((row for row in status.tables["terminals"] if row["ue"] == handover.ue), None)
    if row is None or not row["c_rnti"]:
        raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"{handover.ue} has no connection")
    arguments = {"c_rnti": str(row["c_rnti"]), "to": handover.to}
    command = CommandNode(command="hand-over", arguments=arguments)
    return (await entity.call(f"node/{row['ran_node']}", command, CommandDone, timer="report-status")).detail
