"""Measurements, the RAN node's side: what UEs shall report, and what they have reported (TS 38.331 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.ran_node.reconfigure import Change, in_turn, reconfigure
from net4ai.ran_node.ue_context import UeContext

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

MEASUREMENT = 1
"""Identity of the only measurement."""


def configure_measurement(node: RanNode, context: UeContext) -> None:
    """Have a UE report periodically, where the configuration says so."""
    if node.config.measurement_interval_ms:
        node.procedures.start("measurement", _configure(node, context), c_rnti=context.c_rnti)


async def _configure(node: RanNode, context: UeContext) -> None:
    config = node.config
    wanted = rrc.MeasurementConfiguration(
        measurement=MEASUREMENT, interval=config.measurement_interval_ms, amount=config.measurement_amount
    )
    async with in_turn(node, context):
        await reconfigure(node, context, Change(measurements=(wanted,)))


def reported(node: RanNode, context: UeContext, message: rrc.MeasurementReport) -> None:
    """Keep the newest report of the UE."""
    context.measured = message
    for cell in message.cells:
        node.trace_state(
            "measured", c_rnti=context.c_rnti, cell=cell.cell, rsrp=cell.rsrp, rsrq=cell.rsrq, sinr=cell.sinr
        )
