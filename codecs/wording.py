"""How refusals put values and what is allowed into words: the same in documents, in Python and on the control bus."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable
from typing import Any

__all__ = ["MAXIMUM_SHOWN", "nearest", "numbers", "printable", "shown"]

MAXIMUM_SHOWN = 60
"""Characters of a refused value or key that are printed."""


def shown(value: Any) -> str:
    """`value` as it is printed in errors: JSON on one line, cut when long."""
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def printable(text: str, most: int = MAXIMUM_SHOWN) -> str:
    """`text`, cut to `most` characters; what does not print is escaped."""
    clipped = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in clipped)


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean …?` for a misspelt `word`, or nothing."""
    close = difflib.get_close_matches(word[:MAXIMUM_SHOWN], list(allowed), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def numbers(noun: str, at_least: float | None, above: float | None, at_most: float | None) -> str:
    """The numbers within bounds, in words: `an integer from 1 to 5`."""
    if at_least is not None and at_most is not None:
        return f"{noun} from {_short(at_least)} to {_short(at_most)}"
    bounds = (("at least", at_least), ("above", above), ("at most", at_most))
    return " ".join(
        [noun, " and ".join(f"{word} {_short(bound)}" for word, bound in bounds if bound is not None)]
    ).strip()


def _short(bound: float) -> str:
    return str(int(bound)) if math.isfinite(bound) and bound == int(bound) else str(bound)
