"""Outside programs: a test that needs one is skipped where it is missing, and fails where CI is set.

Seeds: hypothesis prints the blob that replays a failure; tests with random inputs of their own take the `seed` fixture.
`NET4AI_TEST_SEED=n pytest ...` replays a run.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

PROGRAMS = ("tshark", "mosquitto")
"""Markers that name a program."""

SEED_VARIABLE = "NET4AI_TEST_SEED"
SEED = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(1 << 32))

settings.register_profile("net4ai", print_blob=True, deadline=None)
settings.load_profile("net4ai")


def pytest_report_header() -> str:
    return f"net4ai: seed {SEED} ({SEED_VARIABLE}={SEED} replays it)"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for program in PROGRAMS:
        if item.get_closest_marker(program) is None or find_program(program):
            continue
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing: CI has to install it", pytrace=False)
        pytest.skip(f"{program} is missing")


def find_program(name: str) -> str | None:
    """Where the program is, also in the places for servers that a user's PATH leaves out."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Iterator[int]:
    """The seed of this run, printed with a failing test."""
    print(f"{SEED_VARIABLE}={SEED} replays {request.node.nodeid}")
    yield SEED
