"""Finds a provider's code: the subclass of `Provider` that a service description names (R5, R111)."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

from net4ai.codecs.service import PROVIDER_GROUP
from net4ai.functions.provider import Provider, ProviderContext, ProviderError

LEARNING_EXTRA = ("torch", "safetensors")


def make_provider(context: ProviderContext, modules: Sequence[str] = (), path: str = "") -> Provider:
    """The provider of the service described in `context`.

    `modules`: modules, and packages with all in them, whose classes may be named as `module:Class`; `path`: the folder
    they are in. Raises `ProviderError`, for settings and results that do not fit as for code that cannot be had.
    """
    name = context.description.provider_code
    if not name:
        return Provider(context)
    found = _imported(name, modules, path) if ":" in name else _installed(name)
    if not (isinstance(found, type) and issubclass(found, Provider)):
        raise ProviderError(f"provider_code {name!r} is {found!r}; allowed: a subclass of Provider")
    return found(context)


def allowed_module(module: str, modules: Sequence[str]) -> bool:
    """Whether `module` is one of `modules` or in one of them."""
    return any(module == each or module.startswith(f"{each}.") for each in modules)


def _installed(name: str) -> object:
    points = importlib.metadata.entry_points(group=PROVIDER_GROUP)
    point = next((point for point in points if point.name == name), None)
    if point is None:
        raise ProviderError(f"provider_code {name!r} is not installed; installed: {', '.join(sorted(points.names))}")
    try:
        return point.load()
    except ModuleNotFoundError as error:
        hint = "; the learning extra brings it: pip install 'net4ai[learning]'" if error.name in LEARNING_EXTRA else ""
        raise ProviderError(f"provider_code {name!r} needs {error.name}, which is not installed{hint}") from None


def _imported(name: str, modules: Sequence[str], path: str) -> object:
    module, _, attribute = name.partition(":")
    if not allowed_module(module, modules):
        allowed = ", ".join(modules) or "none; a scenario lists them in function_modules"
        raise ProviderError(f"provider_code {name!r}: modules allowed here: {allowed}")
    if path and path not in sys.path:
        sys.path.append(path)
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # it is somebody's code
        raise ProviderError(f"provider_code {name!r} cannot be imported: {type(error).__name__}: {error}") from None
