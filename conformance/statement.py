"""The implementation conformance statement: which options an implementation claims, and what a tester must know of it.

As PICS and IXIT of ISO/IEC 9646-7, in one YAML file. Cases whose options are not claimed are not selected.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from net4ai.stack.timers import TIMERS

OPTIONS: dict[str, str] = {
    "acknowledged-crb": "Computing radio bearers in acknowledged mode.",
    "re-establishment": "RRC re-establishment after radio link failure.",
    "service-request": "A released UE stays registered and comes back by service request.",
    "handover-preparation": "Handover preparation on N2.",
    "measurements": "Measurement reports.",
    "overload": "Overload control on N2.",
    "error-indication": "Error Indication on N2.",
    "path": "DEP PATH after a change of bearers or of the radio link.",
    "capsule": "DEP CAPSULE.",
    "several-flows": "Sessions with more than one QoS flow, on as many bearers.",
    "several-ues": "The target is a process with more than one UE.",
    "echo": "The function named in `function` sends back what it gets.",
    "short-timers": "Timers of minutes or half minutes are shortened to the seconds that `timers` says.",
}
"""Options an implementation can claim, and what they mean. What is not here every implementation must do."""


def _described(text: str, **bounds: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **bounds)


class TestSubscriber(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A subscriber that target and tester both know."""

    __test__ = False  # for pytest, which takes the name for that of a test

    identity: Annotated[str, _described("Subscription identity.", max_length=64)]
    key: Annotated[str, _described("Test key K_AMF, 32 octets in hex.", pattern="^[0-9a-f]{64}$")] = "00" * 32


class Times(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Seconds the tester waits for a target."""

    appear: Annotated[float, _described("Until the target is first heard.", gt=0, le=600)] = 10.0
    come_back: Annotated[float, _described("Until a released UE asks for a connection again.", gt=0, le=600)] = 15.0
    give_up: Annotated[
        float, _described("Until a target whose peer is silent has given it up and begins anew.", gt=0, le=600)
    ] = 60.0


class Statement(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is claimed for an implementation, and what the tester must know."""

    implementation: Annotated[str, _described("Name and version, for the report.", max_length=200)] = "unnamed"
    options: Annotated[list[str], _described("Options that are claimed.")] = []
    subscribers: Annotated[
        list[TestSubscriber], _described("Subscribers the tester plays, or that the UE under test has.", min_length=1)
    ] = msgspec.field(default_factory=lambda: [TestSubscriber("imsi-001010000000001")])
    function: Annotated[str, _described("Service function that the target can run.", max_length=64)] = "echo"
    k: Annotated[int, _described("Clients per server the UE under test demands at least.", ge=0, le=65535)] = 0
    times: Annotated[Times, _described("How long to wait.")] = Times()
    acknowledged: Annotated[
        list[int], _described("5QIs whose bearers the RAN node under test has in acknowledged mode.")
    ] = []
    timers: Annotated[
        dict[str, int], _described("Milliseconds of the target's timers that are not as in the specification.")
    ] = {}
    patience: Annotated[float, _described("Factor on every time a case waits, for slow targets.", ge=1, le=100)] = 1.0

    def lacks(self, options: tuple[str, ...]) -> list[str]:
        """Those of `options` that are not claimed."""
        return [option for option in options if option not in self.options]


def unknown_timers(statement: Statement) -> list[str]:
    """Timers that do not exist."""
    return [name for name in statement.timers if name not in TIMERS]


def unknown_options(statement: Statement) -> list[tuple[int, str]]:
    """Claimed options that do not exist, with their place in the list."""
    return [(place, option) for place, option in enumerate(statement.options) if option not in OPTIONS]
