from __future__ import annotations

from typing import Any

import pytest
import torch

from net4ai.functions.learning.aggregation import Update, weighted_average
from net4ai.functions.learning.errors import FunctionError, SettingsError
from net4ai.functions.learning.reference import verdict
from net4ai.functions.learning.settings import Training
from net4ai.functions.learning.split_model import Split, SplitModel, initial_state, model_profile

TRAINING = Training(seed=1)
PROFILE = model_profile()


def test_profile() -> None:
    """By hand: 42-64-32-16-1 has 2752 + 2080 + 528 + 17 parameters."""
    assert (PROFILE["layers"], PROFILE["links"]) == (5, ["full"] * 4)
    assert [cut["split"] for cut in PROFILE["cuts"]] == ["bottom", "middle", "middle", "middle", "top"]
    assert [cut["client_bytes"] for cut in PROFILE["cuts"]] == [0, 11_008, 19_328, 21_440, 21_508]
    assert [cut["activation_bytes"] for cut in PROFILE["cuts"]] == [168, 256, 128, 64, 0]
    assert [cut["client_flops"] for cut in PROFILE["cuts"]] == [0, 5376, 9472, 10_496, 10_528]
    for cut in PROFILE["cuts"]:
        assert cut["client_flops"] + cut["server_flops"] == 10_528
        assert cut["client_bytes"] + cut["server_bytes"] == 21_508


def test_profile_sizes_are_those_of_the_parameters() -> None:
    model, state = SplitModel(PROFILE), initial_state(PROFILE, 1)
    for cut in PROFILE["cuts"]:
        part = model.select(state, 0, cut["cut"])
        assert sum(value.numel() * value.element_size() for value in part.values()) == cut["client_bytes"]


@pytest.mark.parametrize(
    "change",
    [
        {"neurons": None},
        {"neurons": [42]},
        {"neurons": [42, "x", 3, 4, 1]},
        {"neurons": [42, 10**9, 3, 4, 1]},
        {"layers": 4},
        {"links": ["full"] * 3},
        {"links": ["full", "full", "full", "sparse"]},
        {"links": ["full", "full", "full", ["full"]]},
    ],
)
def test_profiles_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"model.{next(iter(change))}"):
        SplitModel(PROFILE | change)


def test_splits() -> None:
    assert [Split.of(cut, 3) for cut in range(4)] == [Split.BOTTOM, Split.MIDDLE, Split.MIDDLE, Split.TOP]
    for cut in (-1, 4):
        with pytest.raises(FunctionError, match="outside the model; allowed: 0 to 3"):
            Split.of(cut, 3)


def test_the_first_model_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = initial_state(PROFILE, 5)
    torch.manual_seed(2)
    assert verdict(one, initial_state(PROFILE, 5)).identical
    assert not verdict(one, initial_state(PROFILE, 6)).identical


def test_parts_make_up_the_model() -> None:
    model, state = SplitModel(PROFILE), initial_state(PROFILE, 1)
    inputs = torch.randn(7, 42, generator=torch.Generator().manual_seed(1))
    whole = model.predict(state, inputs)
    for cut in range(model.blocks + 1):
        assert list(model.shapes(0, cut)) + list(model.shapes(cut, 4)) == list(state)
        client, server = model.part(0, cut, state, TRAINING), model.part(cut, 4, state, TRAINING)
        assert torch.equal(server.forward(client.forward(inputs)), whole)


def test_training_a_part_leaves_the_state_it_came_from_alone() -> None:
    model, state = SplitModel(PROFILE), initial_state(PROFILE, 1)
    before = {name: value.clone() for name, value in state.items()}
    part = model.part(0, 4, state, TRAINING)
    part.learn(torch.ones(3, 42), torch.ones(3, 1))
    assert verdict(before, state).identical
    assert not verdict(before, part.state()).identical


def test_backward_needs_forward() -> None:
    with pytest.raises(FunctionError):
        SplitModel(PROFILE).part(0, 1, initial_state(PROFILE, 1), TRAINING).backward(torch.zeros(1, 64))


def test_batches_visit_every_row_once_an_epoch() -> None:
    training = Training(seed=1, batch_size=10, epochs=2)
    batches = list(training.batches(round=0, seat=3, rows=25))
    assert [len(batch) for batch in batches] == [10, 10, 5] * 2
    epochs = torch.cat(batches[:3]), torch.cat(batches[3:])
    assert all(sorted(epoch.tolist()) == list(range(25)) for epoch in epochs)
    assert not torch.equal(*epochs)
    for other in (training.batches(1, 3, 25), training.batches(0, 4, 25)):
        assert not torch.equal(torch.cat(list(other)[:3]), epochs[0])


def test_weighted_average() -> None:
    updates = [Update({"a": torch.tensor([1.0, -2.0])}, 1), Update({"a": torch.tensor([5.0, 2.0])}, 3)]
    assert weighted_average(updates)["a"].tolist() == [4.0, 1.0]


def test_an_average_of_one_changes_no_bit() -> None:
    state = initial_state(PROFILE, 3)
    for rows in (1, 3, 157, 2**24 - 1):
        assert verdict(state, weighted_average([Update(state, rows)])).identical


def test_verdicts() -> None:
    state = {"a": torch.tensor([1.0, 0.0])}
    assert str(verdict(state, {"a": torch.tensor([1.0, 0.0])})) == "identical"
    assert str(verdict(state, {"a": torch.tensor([1.25, 0.0])})) == "different (by up to 0.25)"
    assert verdict(state, {"a": torch.tensor([1.0, -0.0])}) == verdict(state, {"a": torch.tensor([1.0, -0.0])})
    assert not verdict(state, {"a": torch.tensor([1.0, -0.0])}).identical
    for other in ({}, {"b": state["a"]}, {"a": torch.zeros(3)}, {"a": state["a"].double()}):
        assert str(verdict(state, other)) == "different (by up to inf)"
    assert verdict(state, {"a": torch.tensor([float("nan"), 0.0])}).largest_difference == float("inf")
