"""The suite is proved by mutants: the table is whole and true; a sample of it is run."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import msgspec
import pytest
from mutant import ROOT, Mutant
from mutation import GROUPS, MUTANTS, TABLE, Findings, Order, in_children, share, table
from test_other_process import conformance, free_port, node_process

from net4ai.conformance.case import ROLES

AT_LEAST = 60
SHARE = 0.9
SAMPLE = 6


@pytest.fixture(scope="module")
def found() -> Findings:
    return msgspec.json.decode(TABLE.with_suffix(".json").read_bytes(), type=Findings)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_every_mutant_is_another_program(mutant: Mutant) -> None:
    before = (ROOT / mutant.file).read_text("utf-8")
    assert ast.dump(ast.parse(mutant.source())) != ast.dump(ast.parse(before))
    assert set(mutant.roles.split()) <= ROLES.keys()


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) == sum(len(group) for group in GROUPS.values()) >= AT_LEAST


@pytest.mark.parametrize("text", ["nowhere", "int"])
def test_text_that_is_not_there_once_is_told(text: str) -> None:
    with pytest.raises(LookupError, match=r"times in codecs/l2\.py; allowed: once"):
        Mutant("m", "codecs/l2.py", "ue", "", text, "").source()


def test_the_tables_are_of_these_mutants(found: Findings) -> None:
    assert [finding.mutant for finding in found.findings] == list(MUTANTS), "run tests/conformance/mutation.py"
    assert TABLE.read_text("utf-8") == table(found)


def test_most_are_found_and_survivors_explained(found: Findings) -> None:
    assert share(found.findings) >= SHARE
    assert all(finding.case or MUTANTS[finding.mutant].note for finding in found.findings)


def test_a_mutant_in_another_process_fails_too(tmp_path: Path) -> None:
    """What is found in memory is found over sockets."""
    port = free_port("ue")
    with node_process("mutant_node.py", "dep-close-again", "ue", "127.0.0.1", str(port), str(tmp_path)):
        arguments = ("--target", f"127.0.0.1:{port}", "--only", "DEP-CLOSE-01", "DEP-PING-01")
        with conformance("ue", tmp_path / "report", *arguments) as process:
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert re.search("FAIL +DEP-CLOSE-01", said) and re.search("PASS +DEP-PING-01", said), said


def test_a_sample_is_found(found: Findings, seed: int) -> None:
    chosen = random.Random(seed).sample([finding for finding in found.findings if finding.case], SAMPLE)
    as_it_is = Order("", only=[finding.case for finding in chosen])
    mutants = [Order(finding.mutant, only=[finding.case]) for finding in chosen]
    passes, *again = in_children([as_it_is, *mutants])
    assert passes == []
    assert [finding.case for (finding,) in again] == [finding.case for finding in chosen]
