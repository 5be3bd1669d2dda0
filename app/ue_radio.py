"""The radio of a scenario's terminals: its CQI traces, which may be files beside it, and what does not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath
from pathlib import PurePosixPath

from net4ai.app.scenario_schema import RadioDirection, Scenario, UeGroup
from net4ai.app.yaml_document import ConfigurationError, Document, Node, Origin, Path, Problem, refusal, shown
from net4ai.codecs.derivation import derive
from net4ai.codecs.rrc import MAXIMUM_CQI
from net4ai.stack.radio.conditions import MAXIMUM_STEPS, RadioConditions
from net4ai.stack.radio.errors import ConditionsError
from net4ai.stack.radio.gilbert_elliott import GilbertElliott

DIRECTIONS = ("uplink", "downlink")
CSV_HEADER = "at_s,cqi"
"""First line of a file with a CQI trace; may be left out."""
MAXIMUM_LINE = 100
"""Characters of a line in such a file."""

ALLOWED = "a CQI from 0 to 15, a list of steps with at_s and cqi, or the name of a CSV file in the scenario's folder"

_LINE = re.compile(r"(?P<time>\d{1,9}(\.\d{0,9})?)\s*,\s*(?P<cqi>\d{1,2})", re.ASCII)
_STEP_TIME = re.compile(r"cqi\[(\d+)\]\[0\]")
_KEYS = {"cqi_repeat": "cqi_repeat_s", "rate": "rate_kbps"}


# Traces


def include_traces(document: Document, folder: Traversable) -> None:
    """Put the steps of each CQI trace in place of its file's name, or of the one CQI that always holds.

    Raises `ConfigurationError`.
    """
    groups = document.find(("ue_groups",))
    number = len(groups.value) if groups is not None and isinstance(groups.value, list) else 0
    for path in [
        ("ue_groups", str(index), "radio", direction, "cqi") for index in range(number) for direction in DIRECTIONS
    ]:
        node = document.find(path)
        if node is None or isinstance(node.value, list | dict):
            continue  # missing, or written in the scenario itself: the schema's business
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            steps = [_step(Node(0.0, node.origin), node)]
        elif isinstance(node.value, str):
            steps = _read(document, path, node.value, folder)
        else:
            raise ConfigurationError(document.problem(path, allowed=ALLOWED))
        node.value = list(steps)


def _step(time: Node, cqi: Node) -> Node:
    node = Node({"at_s": time, "cqi": Node(cqi.value, cqi.origin)}, cqi.origin)
    node.keys = {"at_s": time.origin, "cqi": cqi.origin}
    return node


def _read(document: Document, path: Path, name: str, folder: Traversable) -> list[Node]:
    parts = PurePosixPath(name).parts
    if not name.endswith(".csv") or name.startswith("/") or ".." in parts or "\\" in name:
        raise ConfigurationError(document.problem(path, allowed=ALLOWED))
    try:
        file = folder.joinpath(*parts)
        inside = not isinstance(file, FilePath) or file.resolve().is_relative_to(FilePath(str(folder)).resolve())
        data = file.read_bytes() if inside and file.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a circle of links
        data = None
    if data is None:
        raise ConfigurationError(document.problem(path, f"no file {shown(name)} in the scenario's folder", ALLOWED))
    shown_name = str(PurePosixPath(document.name).parent / name)
    return list(_steps(shown_name, data, len(path)))


def _steps(name: str, data: bytes, depth: int) -> Iterator[Node]:
    """A node for each line "time,CQI"; empty lines and the header are passed over."""
    if len(data) > MAXIMUM_STEPS * MAXIMUM_LINE:
        raise refusal(name, 0, 0, f"longer than {MAXIMUM_STEPS * MAXIMUM_LINE} octets")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise refusal(name, 0, 0, "not UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or (number == 1 and text.replace(" ", "") == CSV_HEADER):
            continue
        found = _LINE.fullmatch(text)
        if found is None or int(found["cqi"]) > MAXIMUM_CQI:
            allowed = f"seconds, a comma, and a CQI from 0 to {MAXIMUM_CQI}"
            raise refusal(name, number, 0, f"{shown(text)} is not allowed", allowed)
        origin = Origin(name, number, 1, depth)
        yield _step(Node(float(found["time"]), origin), Node(int(found["cqi"]), origin))


# Conditions


def conditions(direction: RadioDirection, bandwidth_mhz: float) -> RadioConditions:
    """One direction as a terminal is told. Raises `ConditionsError`: the values do not fit together."""
    bursts = direction.bursts
    return RadioConditions(
        rate=direction.rate_kbps * 1000,
        cqi=tuple((step.at_s, step.cqi) for step in direction.cqi),
        cqi_repeat=direction.cqi_repeat_s,
        bandwidth=bandwidth_mhz * 1e6,
        delay=direction.delay_ms / 1000,
        jitter=direction.jitter_ms / 1000,
        loss=direction.loss,
        bursts=None
        if bursts is None
        else GilbertElliott(p=bursts.p, r=bursts.r, loss_in_good=bursts.loss_in_good, loss_in_bad=bursts.loss_in_bad),
        cuts=tuple((cut.at_s, cut.for_s) for cut in direction.cuts),
    )


def check_ue_radio(document: Document, scenario: Scenario) -> Iterator[Problem]:
    """What fits no radio: a rate and a CQI trace at once, times of a trace that do not grow."""
    for index, group in enumerate(scenario.ue_groups):
        for name in DIRECTIONS:
            here: Path = ("ue_groups", str(index), "radio", name)
            try:
                conditions(getattr(group.radio, name), group.radio.bandwidth_mhz)
            except ConditionsError as error:
                yield document.problem((*here, *_key(error.field)), allowed=error.allowed)


def _key(field: str) -> Path:
    """Where a field of `RadioConditions` stands in the scenario."""
    if (step := _STEP_TIME.fullmatch(field)) is not None:
        return "cqi", step[1], "at_s"
    return tuple(_KEYS.get(field, field).split("."))


def cqi_ahead(scenario: Scenario, group: UeGroup, number: int) -> float:
    """Seconds by which a subscriber of this number is ahead in its CQI traces."""
    return group.radio.cqi_spread_s * derive(scenario.seed, "CQI trace", number) / 2**63
