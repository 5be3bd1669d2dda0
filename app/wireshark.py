"""The Wireshark plugin and profile: install them, and check captures with them.

`net4ai wireshark install` copies the Lua plugin and the profile "net4ai" where Wireshark looks for them. With a target
folder nothing of the user's own is touched: `WIRESHARK_CONFIG_DIR=FOLDER wireshark -C net4ai` then uses it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

PROFILE = "net4ai"
CONFIGURATION_VARIABLE = "WIRESHARK_CONFIG_DIR"
"""Wireshark's own: a configuration folder other than the usual."""

TIMEOUT = 600
"""Seconds tshark may take for a capture."""
MAXIMUM_PROBLEMS = 20
"""Problems of a capture that are named."""

OTHER_PLACES = "/usr/sbin:/usr/local/bin:/opt/homebrew/bin:/Applications/Wireshark.app/Contents/MacOS"
"""Where programs may be beside PATH."""


class WiresharkError(RuntimeError):
    """Something outside is missing or fails; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Wireshark looks for a user's own files."""

    plugins: Path
    configuration: Path
    separate: bool = False
    """Not the usual configuration folder: Wireshark has to be told."""


# ---------------------------------------------------------------------------------------------------------------------
# Install


def install(target: Path | None = None) -> list[Path]:
    """Copies plugin and profile, over an older copy of them, and gives the files written.

    `target`: a configuration folder of its own; None: that of the user. Raises `WiresharkError` where a file cannot be
    written.
    """
    folders = find_folders(target)
    source = resources.files("net4ai.pcaps") / "wireshark"
    wanted = [(file, folders.plugins / file.name) for file in _files(source) if file.name.endswith(".lua")]
    profile = folders.configuration / "profiles" / PROFILE
    wanted += [(file, profile / file.name) for file in _files(source / "profile")]
    for file, path in wanted:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read_bytes())
        except OSError as error:
            raise WiresharkError(
                f"cannot write {path}: {error.strerror}; choose another folder with --target DIR"
            ) from error
    return [path for _, path in wanted]


def how_to_use(written: list[Path], target: Path | None = None) -> str:
    """What to tell a user after `install`."""
    folders = find_folders(target)
    prefix = f"{CONFIGURATION_VARIABLE}={folders.configuration} " if folders.separate else ""
    lines = [f"wrote {path}" for path in written]
    lines += [
        "",
        f"Open a capture:   {prefix}wireshark -C {PROFILE} -r demo.pcapng",
        f"In a terminal:    {prefix}tshark -C {PROFILE} -2 -r demo.pcapng -Y dep",
        f"In Wireshark, Edit > Configuration Profiles > {PROFILE} gives the columns, colours and filter buttons.",
    ]
    return "\n".join(lines)


def find_folders(target: Path | None = None, environment: Mapping[str, str] = os.environ) -> Folders:
    """Where to install: `target`, else WIRESHARK_CONFIG_DIR, else what tshark says, else what is usual on Unix."""
    other = target or environment.get(CONFIGURATION_VARIABLE)
    if other:
        folder = Path(other).expanduser().absolute()
        return Folders(folder / "plugins", folder, separate=target is not None)
    home = Path.home()
    said = _folders_of_tshark()
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "wireshark"
    return Folders(
        said.get("Personal Lua Plugins", home / ".local" / "lib" / "wireshark" / "plugins"),
        said.get("Personal configuration", configuration),
    )


def _folders_of_tshark() -> dict[str, Path]:
    """What `tshark -G folders` prints; nothing where there is no tshark."""
    program = find_tshark()
    if program is None:
        return {}
    try:
        done = subprocess.run([program, "-G", "folders"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {name.strip(): Path(folder.strip()) for name, _, folder in lines if folder.strip()}


def _files(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.is_file()), key=lambda file: file.name)


def find_tshark() -> str | None:
    """The tshark program, also inside the macOS application."""
    return shutil.which("tshark") or shutil.which("tshark", path=OTHER_PLACES)


# ---------------------------------------------------------------------------------------------------------------------
# Check a capture

_RECOGNISED = frozenset(
    {"net4ai", "dep", "net4ai_rrc", "net4ai_nas", "net4ai_n2", "net4ai_link", "net4ai_message", "json"}
)
_FAULTS = {
    "_ws.malformed": "malformed",
    "_ws.lua.error": "error in the plugin",
    "net4ai.expert.unknown": "of an unknown type",
    "net4ai.expert.reserved": "with reserved bits set",
    "net4ai.expert.differs": "with other content for the same octets of a message",
}


def check_capture(path: Path) -> list[str]:
    """What is wrong with a capture of a run; nothing: every packet is recognised and well formed.

    Raises `WiresharkError` where tshark is missing or cannot read the file.
    """
    program = find_tshark()
    if program is None:
        raise WiresharkError("tshark is not installed; install Wireshark's package tshark")
    wanted = ("frame.number", "frame.interface_name", "frame.protocols", *_FAULTS)
    with resources.as_file(resources.files("net4ai.pcaps") / "wireshark") as folder:
        command = [program, "-n", "-r", str(path), "-X", f"lua_script:{folder / 'net4ai.lua'}", "-T", "fields"]
        command += [part for name in wanted for part in ("-e", name)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
    if done.returncode:
        raise WiresharkError(f"tshark cannot read {path}: {done.stderr.strip()}")
    problems = [f"tshark: {line}" for line in done.stderr.splitlines() if "lua" in line.lower()]
    lines = done.stdout.splitlines()
    if not lines:
        problems.append(f"{path} holds no packets")
    for line in lines:
        problems += _problems_of_packet(line.split("\t"))
    if len(problems) > MAXIMUM_PROBLEMS:
        problems[MAXIMUM_PROBLEMS:] = [f"and {len(problems) - MAXIMUM_PROBLEMS} more"]
    return problems


def _problems_of_packet(values: list[str]) -> list[str]:
    number, interface, protocols, *faults = values
    where = f"frame {number} on {interface or 'no interface'}"
    found = [f"{where}: {text}" for text, value in zip(_FAULTS.values(), faults, strict=True) if value]
    if not _RECOGNISED.intersection(protocols.split(":")):
        found.append(f"{where}: not recognised ({protocols})")
    return found


def assert_capture_clean(path: Path) -> None:
    """For tests: raises AssertionError naming the first problems of `check_capture`."""
    problems = check_capture(path)
    assert not problems, "\n".join(problems)
