"""HTML and SVG as text. Strings are escaped on their way in, so nothing a scenario or a peer says becomes markup."""

from __future__ import annotations

import re
from html import escape

VOID = frozenset({"meta", "br", "hr", "link"})
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters no XML 1.0 document may contain."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """`value` as escaped text; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(escape(NOT_XML.sub("\ufffd", str(value))))


def join(*parts: object) -> Markup:
    """Parts one after another."""
    return Markup("".join(text(part) for part in parts))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. Of attributes' names a trailing _ goes (class_), others become - (text_anchor); None is left out."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{pairs}/>")
    return Markup(f"<{name}{pairs}>{join(*children)}</{name}>")


def _short(value: object) -> object:
    """Coordinates with two digits: small files that do not change with the last bit."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
