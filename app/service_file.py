"""What `net4ai service register` remembers of a service in the network's folder: its description and settings.

The network keeps these too, but does not tell them: who watches a job later makes the provider's code from this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from net4ai.app.network_file import NetworkFileError
from net4ai.app.scenario import load_scenario, shipped_scenarios
from net4ai.app.service_description import load_service_description
from net4ai.codecs.service import ServiceDescription, SettingValue

SERVICES = "services"


class ServiceFile(msgspec.Struct, forbid_unknown_fields=True):
    """A service as it was registered."""

    description: ServiceDescription
    settings: dict[str, SettingValue]
    """Other values than the defaults."""
    modules: list[str] = []
    """Modules whose classes the description may name."""
    path: str = ""
    """Folder they are in."""


def describe(name: str, modules: Sequence[str]) -> tuple[ServiceDescription, dict[str, SettingValue], str]:
    """A service by its file, or by the name of a shipped scenario: description, settings, folder of its code.

    Raises `ConfigurationError`.
    """
    if name in shipped_scenarios():
        scenario = load_scenario(name)
        return scenario.service, dict(scenario.settings), ""
    return load_service_description(name, modules), {}, str(Path(name).parent.resolve()) if modules else ""


def write_service(folder: Path, number: int, service: ServiceFile) -> None:
    """Raises OSError."""
    (folder / SERVICES).mkdir(exist_ok=True)
    (folder / SERVICES / f"{number}.json").write_bytes(msgspec.json.format(msgspec.json.encode(service), indent=2))


def read_service(folder: Path, number: int) -> ServiceFile | None:
    """None: it was registered otherwise. Raises `NetworkFileError`."""
    path = folder / SERVICES / f"{number}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServiceFile)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NetworkFileError(f"{path}: {error}") from None
