"""Measurements, the UE's side: periodical reports of what is heard of the cell (TS 38.331 5.5).

The radio is emulated, so what is heard stands in the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import compute, rrc
from net4ai.stack.units import MILLISECOND

if TYPE_CHECKING:
    from net4ai.ue.config import TerminalConfig
    from net4ai.ue.terminal import Terminal

MAXIMA = (126, 127, 127)
"""Highest indices of RSRP (127 stands for infinity), RSRQ and SINR (TS 38.133 10.1.6, 10.1.11, 10.1.16)."""


def apply_measurements(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Take the measurement part of a configuration: what is released ends, what is there begins anew (5.5.2)."""
    for measurement in (*message.released_measurements, *(wanted.measurement for wanted in message.measurements)):
        _stop(terminal, measurement)
    for wanted in message.measurements:
        terminal.measurements[wanted.measurement] = terminal.process.procedures.start(
            "measure", _report(terminal, wanted), traced=False
        )


def stop_measuring(terminal: Terminal) -> None:
    """All measurements end."""
    for measurement in list(terminal.measurements):
        _stop(terminal, measurement)


def _stop(terminal: Terminal, measurement: int) -> None:
    if (procedure := terminal.measurements.pop(measurement, None)) is not None:
        procedure.cancel("measurement released")


async def _report(terminal: Terminal, wanted: rrc.MeasurementConfiguration) -> None:
    process = terminal.process
    sent = 0
    while not wanted.amount or sent < wanted.amount:
        await process.procedures.sleep(wanted.interval * MILLISECOND)
        terminal.send_rrc(rrc.MeasurementReport(measurement=wanted.measurement, cells=(measured(terminal),)))
        sent += 1


def measured(terminal: Terminal) -> rrc.MeasuredCell:
    """What the terminal hears of its cell."""
    rsrp, rsrq, sinr = indices(terminal.config)
    return rrc.MeasuredCell(cell=terminal.camped.identity, rsrp=rsrp, rsrq=rsrq, sinr=sinr)


def heard(terminal: Terminal) -> compute.Radio:
    """The same for functions that run here: the lower end of each step, in dBm and dB."""
    cell = measured(terminal)
    return compute.Radio(
        cell=cell.cell, rsrp_dbm=cell.rsrp - 157.0, rsrq_db=cell.rsrq / 2 - 43.5, sinr_db=cell.sinr / 2 - 23.5
    )


def indices(config: TerminalConfig) -> tuple[int, ...]:
    """RSRP in steps of 1 dB from -157 dBm, RSRQ and SINR in steps of 0.5 dB from -43.5 and -23.5 dB."""
    exact = (config.rsrp_dbm + 157, 2 * (config.rsrq_db + 43.5), 2 * (config.sinr_db + 23.5))
    return tuple(min(max(int(value // 1), 0), maximum) for value, maximum in zip(exact, MAXIMA, strict=True))
