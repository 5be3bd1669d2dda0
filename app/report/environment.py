"""What a run ran on: versions and the machine, without names of users, hosts or folders."""

from __future__ import annotations

import os
import platform
from importlib import metadata

PACKAGES = ("net4ai", "torch", "numpy", "msgspec")


def versions() -> dict[str, str]:
    """Versions of Python and the packages that matter; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def memory_bytes() -> int | None:
    """Bytes of main memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
