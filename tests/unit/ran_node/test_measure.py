"""Measurements, both ends: configured, reported as long as wanted, kept and traced."""

from __future__ import annotations

import pytest
from radio_bench import CELL, Air, FakeRanNode, Ue
from secured_bench import Secured

from net4ai.codecs import compute, rrc
from net4ai.codecs.causes import Cause
from net4ai.ue.config import TerminalConfig
from net4ai.ue.measure import heard, indices


def test_what_is_configured_is_reported_kept_and_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    ue = {"radio": {"rsrp_dbm": -100.0, "rsrq_db": -15.0, "sinr_db": 3.5}}
    world = Secured(monkeypatch, ue=ue, measurement_interval_ms=500, measurement_amount=4, cell=11)
    world.start()
    world.go(10)
    assert len(world.air.states("measured")) == 4
    assert world.context.measured == rrc.MeasurementReport(
        measurement=1, cells=(rrc.MeasuredCell(cell=11, rsrp=57, rsrq=57, sinr=54),)
    )
    world.assert_nothing_left()


def test_without_configuration_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch)
    world.start()
    world.go(10)
    assert world.context.measured is None


def test_reports_go_on_after_a_radio_link_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch, measurement_interval_ms=1000)
    world.start()
    world.go(3)
    world.terminal.radio_link_failed()
    world.go(1)
    before = len(world.air.states("measured"))
    world.go(5)
    assert len(world.air.states("measured")) == before + 5


# --- The UE by itself


class AtUe:
    def __init__(self) -> None:
        self.air = Air()
        self.ran, self.ue = FakeRanNode(self.air), Ue(self.air)
        self.ue.start()
        self.air.run(0.05)
        self.ran.set_up()
        self.ran.register()

    def configure(self, *wanted: tuple[int, int, int], released: bytes = b"") -> rrc.Rrc:
        message = rrc.Reconfiguration(
            transaction=0,
            bearers=(),
            sessions=(),
            released_sessions=(),
            measurements=tuple(
                rrc.MeasurementConfiguration(measurement=measurement, interval=interval, amount=amount)
                for measurement, interval, amount in wanted
            ),
            released_measurements=released,
            synchronisation=(),
        )
        self.ran.say(message)
        return self.ran.rrc[-1]

    def reports(self) -> list[int]:
        return [message.measurement for message in self.ran.rrc if isinstance(message, rrc.MeasurementReport)]


def test_each_measurement_has_its_own_interval_and_amount() -> None:
    world = AtUe()
    world.configure((1, 1000, 0), (64, 400, 3))
    world.air.run(4)
    assert world.reports().count(1) == 4
    assert world.reports().count(64) == 3
    report = world.ran.rrc[-1]
    assert isinstance(report, rrc.MeasurementReport)
    assert [cell.cell for cell in report.cells] == [CELL]


def test_a_measurement_is_released_and_another_changed() -> None:
    world = AtUe()
    world.configure((1, 1000, 0), (2, 1000, 0))
    world.air.run(1.5)
    assert world.reports() == [1, 2]
    assert isinstance(world.configure((2, 300, 2), released=b"\x01"), rrc.ReconfigurationComplete)
    world.air.run(5)
    assert world.reports() == [1, 2, 2, 2]


def test_to_release_what_is_not_there_is_no_fault() -> None:
    assert isinstance(AtUe().configure(released=b"\x05"), rrc.ReconfigurationComplete)


def test_a_configuration_that_is_refused_measures_nothing() -> None:
    world = AtUe()
    assert isinstance(world.configure((1, 100, 0), (1, 200, 0)), rrc.ReconfigurationFailure)
    world.air.run(2)
    assert not world.reports()


def test_with_the_connection_all_measurements_end() -> None:
    world = AtUe()
    world.configure((1, 100, 0), (2, 100, 0))
    world.ue.terminal.release(Cause.NORMAL)
    assert not world.ue.terminal.measurements
    world.ue.process.procedures.run()
    assert not [each for each in world.ue.process.procedures.open if each.name == "measure"]
    world.air.run(1)
    assert not world.reports()


def config(**values: float) -> TerminalConfig:
    return TerminalConfig(name="t", identity="i", key="00" * 32, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rsrp", "index"),
    [(-200, 0), (-156.1, 0), (-156, 1), (-155.1, 1), (-155, 2), (-32, 125), (-31, 126), (-30, 126), (0, 126)],
)
def test_rsrp_of_ts_38_133_10_1_6(rsrp: float, index: int) -> None:
    assert indices(config(rsrp_dbm=rsrp))[0] == index


@pytest.mark.parametrize(
    ("rsrq", "index"), [(-60, 0), (-43.1, 0), (-43, 1), (-42.6, 1), (-42.5, 2), (19.9, 126), (20, 127), (99, 127)]
)
def test_rsrq_of_ts_38_133_10_1_11(rsrq: float, index: int) -> None:
    assert indices(config(rsrq_db=rsrq))[1] == index


@pytest.mark.parametrize(
    ("sinr", "index"), [(-60, 0), (-23.1, 0), (-23, 1), (-22.6, 1), (-22.5, 2), (39.9, 126), (40, 127), (99, 127)]
)
def test_sinr_of_ts_38_133_10_1_16(sinr: float, index: int) -> None:
    assert indices(config(sinr_db=sinr))[2] == index


@pytest.mark.parametrize(
    ("radio", "rsrp", "rsrq", "sinr"),
    [
        ({}, -80.0, -10.5, 20.0),
        ({"rsrp_dbm": -99.3, "rsrq_db": -12.2, "sinr_db": 3.7}, -100.0, -12.5, 3.5),
        ({"rsrp_dbm": -400.0, "rsrq_db": 90.0, "sinr_db": 90.0}, -157.0, 20.0, 40.0),
    ],
)
def test_functions_hear_what_is_reported(radio: dict[str, float], rsrp: float, rsrq: float, sinr: float) -> None:
    """In the units of a person, in the steps of a report: TS 38.133 gives the lower end of each."""
    ue = Ue(Air(), radio=radio)
    ue.process.cell.identity = CELL
    assert heard(ue.terminal) == compute.Radio(cell=CELL, rsrp_dbm=rsrp, rsrq_db=rsrq, sinr_db=sinr)
