"""The base of all bodies on the control bus."""

from __future__ import annotations

import msgspec


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all bodies."""


class Done(Body):
    """The request is carried out; there is nothing to tell."""
