"""One formula for every seeded choice: learning, selection of clients, seat numbers.

It depends on no library's random generator, so a run can be replayed on any machine and the choices can be checked by
hand or from another language.
"""

from __future__ import annotations

import hashlib
import json


def derive(seed: int, purpose: str, *parts: int | str) -> int:
    """A number in 0 … 2^63 - 1 that depends on all arguments: independent for each purpose and parts.

    It is the first eight bytes, big endian, of SHA-256 over the JSON array ``[seed,"purpose",parts…]`` (ASCII, no
    spaces), without the top bit. Raises `TypeError` for parts other than integers and strings.

    >>> derive(1, "seat", 4, 17)
    8314326766396279750
    """
    for part in (seed, *parts):
        if isinstance(part, bool) or not isinstance(part, int | str):
            raise TypeError(f"derive: {part!r} is neither an integer nor a string")
    text = json.dumps([seed, purpose, *parts], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:8], "big") >> 1
