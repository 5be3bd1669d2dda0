"""What the core is told is checked where it is read, with errors that name the place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from core_bench import core_config

from net4ai.core.config import CoreConfig

GOOD: dict[str, Any] = msgspec.to_builtins(core_config(["imsi-1"]))


def test_a_good_one() -> None:
    assert msgspec.convert(GOOD, CoreConfig) == core_config(["imsi-1"])


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"subscribers": {"imsi-1": "00" * 31}}, r"subscribers\[...\]"),
        ({"subscribers": {"imsi-1": "GG" * 32}}, r"subscribers\[...\]"),
        ({"subscribers": {"": "00" * 32}}, "subscribers"),
        ({"subscribers": {"x" * 65: "00" * 32}}, "subscribers"),
        ({"subscribers": ["imsi-1"]}, "subscribers"),
        ({"integrity": 1}, "integrity"),
        ({"ciphering": 7}, "ciphering"),
        ({"overload": 0}, "overload"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_faulty_one_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=where):
        msgspec.convert(GOOD | changes, CoreConfig)
