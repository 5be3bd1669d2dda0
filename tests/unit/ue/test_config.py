"""What a UE process is told is checked where it is read, with errors that name the place."""

from __future__ import annotations

import msgspec
import pytest
from radio_bench import KEY

from net4ai.ue.config import TerminalConfig


@pytest.mark.parametrize("key", ["", "00" * 31, "00" * 33, "GG" * 32, "AB" * 32])
def test_a_key_is_32_octets_in_hex(key: str) -> None:
    good = {"name": "ue/1", "identity": "imsi-1", "key": KEY}
    assert msgspec.convert(good, TerminalConfig).key == KEY
    with pytest.raises(msgspec.ValidationError, match=r"\$.key"):
        msgspec.convert(good | {"key": key}, TerminalConfig)
