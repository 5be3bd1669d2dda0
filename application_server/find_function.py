"""Which functions a host finds: those installed here, and classes of modules the run allows (R1)."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence

from net4ai.functions.api import ServiceFunction

ENTRY_POINTS = "net4ai.functions"
"""Group of entry points under which functions are installed."""

Find = Callable[[str], type[ServiceFunction]]
"""The function of a name. Raises `LookupError`, `TypeError`, and whatever its module raises."""


def installed_function(name: str) -> type[ServiceFunction]:
    """The function installed under `name`. Raises `LookupError`, and whatever its module raises."""
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    found = {point.value: point for point in points if point.name == name}
    if len(found) != 1:
        fault = f"is installed more than once: {', '.join(sorted(found))}" if found else "is not installed"
        raise LookupError(f"function {name!r} {fault}; installed: {', '.join(sorted(points.names))}")
    (point,) = found.values()
    return _checked(name, point.load())


def finder(modules: Sequence[str]) -> Find:
    """Finds installed functions, and "module:Class" where `modules` names the module or a package it lies in."""

    def find(name: str) -> type[ServiceFunction]:
        module, colon, attribute = name.partition(":")
        if not colon:
            return installed_function(name)
        if not any(module == allowed or module.startswith(f"{allowed}.") for allowed in modules):
            allowed = ", ".join(modules) or "none; functions have to be installed"
            raise LookupError(f"function {name!r}: its module may not be used; allowed (function_modules): {allowed}")
        return _checked(name, getattr(importlib.import_module(module), attribute))

    return find


def _checked(name: str, found: object) -> type[ServiceFunction]:
    if not (isinstance(found, type) and issubclass(found, ServiceFunction)):
        raise TypeError(f"function {name!r} is {found!r}; allowed: a subclass of ServiceFunction")
    return found
