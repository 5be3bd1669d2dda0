"""What makes training repeatable to the last bit: one thread, deterministic algorithms, derived seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from net4ai.codecs.derivation import derive

__all__ = ["derive", "prepare_torch", "seeded"]


def prepare_torch() -> None:
    """One torch thread in this process, deterministic algorithms only. Idempotent.

    More threads split sums differently and so change the last bits of a result.
    """
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads any


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator for one compute call, and put it back afterwards.

    There must be no `await` inside: other functions of the process draw from the same generator.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
