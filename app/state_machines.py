"""The state machines of the nodes as the specification shows them: a diagram, and a table of messages by state.

States and legal messages are those of the nodes' own tables. The ways between states are in the nodes' code, so they
are told here; that each of them begins with what its state takes is a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from net4ai.codecs import n2, nas, rrc
from net4ai.codecs.declaration import Family, Message
from net4ai.core import nas_dialogue, ran_association
from net4ai.core.ran_association import AssociationState
from net4ai.ran_node import core_association, ue_context
from net4ai.ran_node.ue_context import State
from net4ai.stack import radio_link_monitor
from net4ai.stack.radio_link_monitor import LinkState
from net4ai.ue import states
from net4ai.ue.states import NasState, RrcState

Legal = Mapping[str, frozenset[type[Message]]]

START = "[*]"


def name_of(state: object) -> str:
    """What a state is called in the document."""
    return str(state.value) if isinstance(state, Enum) else str(state)


@dataclass(frozen=True, slots=True)
class Way:
    """From one state to another, and what leads there: a message, or something else in words."""

    source: Enum | str
    trigger: type[Message] | str
    target: Enum | str
    then: str = ""
    """What is done."""

    @property
    def label(self) -> str:
        what = self.trigger if isinstance(self.trigger, str) else self.trigger.NAME
        return f"{what} / {self.then}" if self.then else what


@dataclass(frozen=True, slots=True)
class Machine:
    """One state machine. `legal`: messages taken by state; `direction`: the one messages come in."""

    ways: tuple[Way, ...]
    legal: Legal = field(default_factory=dict)
    family: Family | None = None
    direction: str = ""


def _by_name(legal: Mapping[object, frozenset[type[Message]]]) -> dict[str, frozenset[type[Message]]]:
    return {name_of(state): messages for state, messages in legal.items()}


def _radio_link() -> Machine:
    """The one machine whose ways are a table in the code."""
    ways = [Way(START, "the process starts", LinkState.SEARCHING)]
    for (source, indication), transition in radio_link_monitor.TRANSITIONS.items():
        times = f"{transition.needed} x " if transition.needed > 1 else ""
        ways.append(Way(source, f"{times}{indication.value}", transition.to))
    return Machine(tuple(ways))


_RRC_OF_A_TERMINAL = Machine(
    ways=(
        Way(START, "the terminal starts", RrcState.IDLE),
        Way(RrcState.IDLE, rrc.Setup, RrcState.CONNECTED, "Setup Complete"),
        Way(RrcState.IDLE, rrc.Reject, RrcState.IDLE, "wait"),
        Way(RrcState.CONNECTED, rrc.SecurityModeCommand, RrcState.SECURED, "Security Mode Complete"),
        Way(RrcState.CONNECTED, rrc.Release, RrcState.IDLE),
        Way(RrcState.CONNECTED, "radio link failed", RrcState.IDLE),
        Way(RrcState.SECURED, rrc.Release, RrcState.IDLE),
        Way(RrcState.SECURED, "radio link failed", RrcState.REESTABLISHING, "T311"),
        Way(RrcState.SECURED, "Reconfiguration with sync / Complete", RrcState.HANDING_OVER, "T304"),
        Way(RrcState.HANDING_OVER, "Complete acknowledged, or any message", RrcState.SECURED),
        Way(RrcState.HANDING_OVER, "T304 ended, SRB1 failed", RrcState.REESTABLISHING, "T311"),
        Way(RrcState.REESTABLISHING, rrc.Reestablishment, RrcState.SECURED, "Complete"),
        Way(RrcState.REESTABLISHING, rrc.Setup, RrcState.CONNECTED, "context forgotten"),
        Way(RrcState.REESTABLISHING, rrc.Reject, RrcState.IDLE),
        Way(RrcState.REESTABLISHING, "T311 or T301 ended", RrcState.IDLE),
    ),
    legal={
        state: messages | states.CELL_WIDE
        for state, messages in _by_name(states.RRC_LEGAL).items()  # type: ignore[arg-type]
    },
    family=rrc.Rrc.FAMILY,
    direction="down",
)

_NAS_OF_A_TERMINAL = Machine(
    ways=(
        Way(START, "the terminal starts", NasState.DEREGISTERED),
        Way(NasState.DEREGISTERED, nas.SecurityModeCommand, NasState.DEREGISTERED, "Security Mode Complete"),
        Way(NasState.DEREGISTERED, nas.RegistrationAccept, NasState.REGISTERED, "Registration Complete"),
        Way(NasState.DEREGISTERED, nas.RegistrationReject, NasState.DEREGISTERED, "T302"),
        Way(NasState.REGISTERED, nas.NetworkDeregistrationRequest, NasState.DEREGISTERED, "Accept"),
        Way(NasState.REGISTERED, nas.ServiceReject, NasState.DEREGISTERED),
        Way(NasState.REGISTERED, "connection lost, or released but for USER_INACTIVITY", NasState.DEREGISTERED),
        Way(NasState.REGISTERED, "the terminal leaves / Deregistration Request", NasState.DEREGISTERING),
        Way(NasState.DEREGISTERING, nas.DeregistrationAccept, NasState.DEREGISTERED),
        Way(NasState.DEREGISTERING, "T3521 ended, connection lost", NasState.DEREGISTERED),
    ),
    legal=_by_name(states.NAS_LEGAL),  # type: ignore[arg-type]
    family=nas.Nas.FAMILY,
    direction="down",
)

_CONTEXT_AT_THE_RAN_NODE = Machine(
    ways=(
        Way(START, "Setup Request / Setup", State.SETTING_UP),
        Way(State.SETTING_UP, rrc.SetupComplete, State.CONNECTED, "Initial UE Message"),
        Way(State.SETTING_UP, "setup-complete ended", START),
        Way(State.CONNECTED, rrc.SecurityModeComplete, State.SECURED, "Initial Context Setup Response"),
        Way(State.CONNECTED, rrc.SecurityModeFailure, State.CONNECTED, "Initial Context Setup Failure"),
        Way(State.CONNECTED, "SRB1 failed / UE Context Release Request", START),
        Way(State.CONNECTED, "UE Context Release Command / Release", State.RELEASING),
        Way(State.SECURED, "SRB1 failed", State.LOST, "context-kept"),
        Way(State.SECURED, "Re-establishment Request / Re-establishment", State.SECURED),
        Way(State.SECURED, "UE Context Release Command / Release", State.RELEASING),
        Way(State.LOST, "Re-establishment Request / Re-establishment", State.SECURED),
        Way(State.LOST, "context-kept ended / UE Context Release Request", START),
        Way(START, "Handover Request / Acknowledge", State.PREPARED),
        Way(State.PREPARED, rrc.ReconfigurationComplete, State.SECURED, "Handover Notify"),
        Way(State.PREPARED, "handover-prepared ended, UE Context Release Command", START),
        Way(State.SECURED, "Handover Command / Reconfiguration with sync", State.HANDING_OVER, "handover-execution"),
        Way(State.HANDING_OVER, rrc.ReconfigurationFailure, State.SECURED, "Handover Cancel"),
        Way(State.HANDING_OVER, "Re-establishment / Handover Cancel", State.SECURED),
        Way(State.HANDING_OVER, "UE Context Release Command", START),
        Way(State.HANDING_OVER, "handover-execution ended / UE Context Release Request", START),
        Way(State.RELEASING, "Release acknowledged, SRB1 failed", START),
    ),
    legal=_by_name(ue_context.LEGAL),  # type: ignore[arg-type]
    family=rrc.Rrc.FAMILY,
    direction="up",
)

_TERMINAL_AT_THE_CORE = Machine(
    ways=(
        Way(START, "Registration Request", "registering"),
        Way("registering", nas.SecurityModeComplete, "secured", "Registration Accept"),
        Way("registering", "refused, no answer", START, "Registration Reject"),
        Way("secured", nas.RegistrationComplete, "registered, connected"),
        Way("secured", nas.DeregistrationRequest, START),
        Way("registered, connected", nas.DeregistrationRequest, START, "Accept"),
        Way("registered, connected", "connection lost", START),
        Way("registered, connected", "USER_INACTIVITY", "registered, idle"),
        Way("registered, idle", "Service Request / Service Accept", "registered, connected"),
        Way("registered, idle", "mobile-reachable ended", START),
    ),
    legal={
        "registering": nas_dialogue.LEGAL[False, False] | {nas.SecurityModeComplete},
        "secured": nas_dialogue.LEGAL[False, True],
        "registered, connected": nas_dialogue.LEGAL[True, True],
    },
    family=nas.Nas.FAMILY,
    direction="up",
)

_N2_ASSOCIATION = Machine(
    ways=(
        Way(START, "connection accepted", AssociationState.NEW),
        Way(AssociationState.NEW, n2.SetupRequest, AssociationState.READY, "Setup Response"),
        Way(AssociationState.READY, n2.SetupRequest, AssociationState.READY, "all contexts void"),
        Way(AssociationState.NEW, "connection ended", START),
        Way(AssociationState.READY, "connection ended, another set-up of the same name", START),
    ),
    legal=_by_name(ran_association.LEGAL),  # type: ignore[arg-type]
    family=n2.N2.FAMILY,
    direction="up",
)

_N2_OF_A_RAN_NODE = Machine(
    ways=(
        Way(START, "connected / N2 Setup Request", core_association.AssociationState.NEW),
        Way(
            core_association.AssociationState.NEW,
            n2.SetupResponse,
            core_association.AssociationState.READY,
            "the cell is open",
        ),
        Way(core_association.AssociationState.NEW, n2.SetupFailure, START, "connection closed"),
        Way(core_association.AssociationState.NEW, "n2-setup ended / connection closed", START),
        Way(core_association.AssociationState.READY, "connection ended / all UEs released", START),
    ),
    legal=_by_name(core_association.LEGAL),  # type: ignore[arg-type]
    family=n2.N2.FAMILY,
    direction="down",
)

_DEP_SESSION = Machine(
    ways=(
        Way(START, "added", "open"),
        Way("open", "path changed / PATH", "changing path"),
        Way("changing path", "PATH answered", "open"),
        Way("changing path", "no answer, PEER_LOST", "closed"),
        Way("open", "closed by its owner / CLOSE", "closing"),
        Way("open", "CLOSE / CLOSE_ACK", "closed"),
        Way("open", "ERROR UNKNOWN_SESSION, VERSION_NOT_SUPPORTED", "closed"),
        Way("closing", "CLOSE_ACK, CLOSE, no answer", "closed"),
        Way("closed", "CLOSE / CLOSE_ACK", "closed"),
        Way("closed", "released", START),
        Way("open", "released", START),
    )
)

_ACKNOWLEDGED_BEARER = Machine(
    ways=(
        Way(START, "added", "idle"),
        Way("idle", "something to send / PDUs, the last with poll", "waiting"),
        Way("waiting", "status report / repetitions, poll timer anew", "waiting"),
        Way("waiting", "status report, all acknowledged", "idle"),
        Way("waiting", "poll timer ended / newest PDU again with poll", "waiting"),
        Way("waiting", "25 x poll timer ended", "failed"),
        Way("waiting", "a PDU wanted for the 26th time", "failed"),
        Way("idle", "COUNT of the key used up", "failed"),
    )
)

_PROTECTION_OF_SRB1 = Machine(
    ways=(
        Way(START, "RRC Setup", "in clear"),
        Way("in clear", "at the RAN node, Security Mode Command sent", "verifying"),
        Way("verifying", "first PDU that verifies / from its COUNT on all must", "protected"),
        Way("verifying", "Security Mode Failure, security-mode ended", "in clear"),
        Way("in clear", "at the UE, PDU with MAC-I next in order / delivery stops", "command waits"),
        Way("command waits", "verified / Security Mode Complete", "protected"),
        Way("command waits", "refused / Security Mode Failure", "in clear"),
        Way(START, "re-establishment / next key, COUNT 0", "protected"),
        Way("protected", "COUNT used up, connection ended", START),
    )
)

_ATTACHMENT = Machine(
    ways=(
        Way(START, "the node starts", "attaching"),
        Way("attaching", "attach ended / Attach Request again", "attaching"),
        Way("attaching", "Attach Accept", "attached"),
        Way("attaching", "Attach Reject", "refused"),
        Way("attached", "bearer 0 failed", "attaching", "a new COUNT"),
    )
)

MACHINES: Mapping[str, Machine] = {
    "radio link": _radio_link(),
    "RRC of a terminal": _RRC_OF_A_TERMINAL,
    "NAS of a terminal": _NAS_OF_A_TERMINAL,
    "UE context at the RAN node": _CONTEXT_AT_THE_RAN_NODE,
    "terminal at the core": _TERMINAL_AT_THE_CORE,
    "N2 association": _N2_ASSOCIATION,
    "N2 of a RAN node": _N2_OF_A_RAN_NODE,
    "DEP session": _DEP_SESSION,
    "acknowledged bearer": _ACKNOWLEDGED_BEARER,
    "protection of SRB1": _PROTECTION_OF_SRB1,
    "attachment": _ATTACHMENT,
}
"""By the name they have in the document."""


def render_machine(machine: Machine) -> str:
    """The diagram in Mermaid, and the table of messages by state where the machine has one."""
    ends = (name_of(end) for way in machine.ways for end in (way.source, way.target))
    names = list(dict.fromkeys(name for name in ends if name != START))
    aliases = {name: f"s{number}" for number, name in enumerate(names)} | {START: START}
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{name}" as {aliases[name]}' for name in names]
    lines += [
        f"    {aliases[name_of(way.source)]} --> {aliases[name_of(way.target)]}: {way.label}" for way in machine.ways
    ]
    lines.append("```")
    if machine.family is not None:
        lines += ["", *_table(machine, machine.family)]
    return "\n".join(lines)


def _table(machine: Machine, family: Family) -> list[str]:
    columns = list(machine.legal)
    rows = [f"| message | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for message in family.messages.values():
        if message.DIRECTION in (machine.direction, "both"):
            cells = ("taken" if message in machine.legal[state] else "–" for state in columns)
            rows.append(f"| {message.NAME} | {' | '.join(cells)} |")
    return rows
