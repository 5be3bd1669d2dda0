"""What a scenario is made of: the types of its document. Reading and checking it: `scenario.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from net4ai.codecs.rrc import MAXIMUM_CELL, MAXIMUM_CQI
from net4ai.codecs.service import Name, ServiceDescription, SettingValue
from net4ai.stack.message_hooks import HookRule
from net4ai.stack.radio.conditions import MAXIMUM_STEPS

MAX_UES_PER_RAN_NODE = 65_519
"""C-RNTI values 1 to 0xFFEF (3GPP TS 38.321, table 7.1-1)."""
MAX_NODES = 64
"""RAN nodes, and UE groups: each is a process."""
MAX_DELAY_MS = 10_000
MAX_SECONDS = 86_400

MODULE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,7}$"

Probability: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_DELAY_MS)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
Host: TypeAlias = Annotated[str, Meta(max_length=64, extra={"allowed": "an IP address"})]
PrivacyK: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_UES_PER_RAN_NODE)]


class EdgeCapacity(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a node has for service functions and links; what services reserve never exceeds it (R38, R52)."""

    cpu: Annotated[float, Meta(ge=0, le=4096, description="Processor cores.")] = 4.0
    memory_mib: Annotated[int, Meta(ge=0, le=1 << 24, description="Memory in MiB.")] = 16_384
    storage_mib: Annotated[int, Meta(ge=0, le=1 << 30, description="Storage in MiB.")] = 65_536
    accelerators: Annotated[int, Meta(ge=0, le=1024, description="Accelerators, as GPUs.")] = 0
    transport_kbps: Annotated[
        int, Meta(ge=0, le=10**9, description="Kilobit per second between it and other nodes.")
    ] = 10_000_000


class RanNodeCapacity(EdgeCapacity, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a RAN node has: as an edge, and the radio."""

    radio_kbps: Annotated[int, Meta(ge=0, le=10**9, description="Kilobit per second on the radio of its cell.")] = (
        1_000_000
    )


class RanNode(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A RAN node: a cell with computing (one process, plus its application server)."""

    name: Annotated[Name, Meta(description="Name of the node.")]
    cell: Annotated[
        int, Meta(ge=0, le=MAXIMUM_CELL, description="Physical cell identity; 0: the node's place in the list, from 1.")
    ] = 0
    inactivity_ms: Annotated[
        int, Meta(ge=0, le=3_600_000, description="Silence after which a UE's connection is released; 0: never.")
    ] = 0
    measurement_interval_ms: Annotated[
        int, Meta(ge=0, le=65_535, description="Time between measurement reports of a UE, at least 40; 0: none.")
    ] = 0
    acknowledged_bearers: Annotated[
        bool, Meta(description="Its computing radio bearers are in acknowledged mode (R102).")
    ] = False
    host: Annotated[Host, Meta(description="IP address of the machine it runs on; empty: `addresses.host`.")] = ""
    capacity: Annotated[RanNodeCapacity, Meta(description="What it has for service functions and links.")] = (
        RanNodeCapacity()
    )


class Security(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Algorithms that protect RRC and NAS (TS 33.501 5.11)."""

    integrity: Annotated[Literal["NIA2", "NIA0"], Meta(description="Integrity protection; NIA0: none.")] = "NIA2"
    ciphering: Annotated[
        Literal["NEA2", "NEA0"], Meta(description="Ciphering; NEA0: none. Nothing is enciphered without integrity.")
    ] = "NEA2"


class Edge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The edge: a forwarding plane function of its own (one process, plus its application server)."""

    name: Annotated[Name, Meta(description="Name of the node.")] = "edge"
    host: Annotated[Host, Meta(description="IP address of the machine it runs on; empty: `addresses.host`.")] = ""
    capacity: Annotated[EdgeCapacity, Meta(description="What it has for service functions and links.")] = EdgeCapacity()


class Core(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The core: the control plane (one process), with the broker of the control bus beside it."""

    host: Annotated[Host, Meta(description="IP address of the machine it runs on; empty: `addresses.host`.")] = ""


class Cut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A time in which a link carries nothing."""

    at_s: Annotated[float, Meta(ge=0, le=MAX_SECONDS, description="Start, in seconds after the run began.")]
    for_s: Annotated[float, Meta(gt=0, le=MAX_SECONDS, description="Length in seconds.")]


class Handover(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One terminal goes on at another RAN node (R107)."""

    ue: Annotated[str, Meta(max_length=64, description="The terminal: its group and its number there, `ue-1/3`.")]
    at_s: Annotated[float, Meta(ge=0, le=MAX_SECONDS, description="Seconds after all nodes were started.")]
    to: Annotated[Name, Meta(description="The RAN node.")]


class CqiStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A channel quality indicator, and from when on it holds."""

    at_s: Annotated[float, Meta(ge=0, le=MAX_SECONDS, description="Seconds after the run began; 0 for the first step.")]
    cqi: Annotated[
        int,
        Meta(ge=0, le=MAXIMUM_CQI, description="CQI of TS 38.214, table 5.2.2.1-2; 0: out of range, nothing passes."),
    ]


class Bursts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Loss in bursts, the Gilbert-Elliott model: the channel is good or bad, and changes before each datagram."""

    p: Annotated[float, Meta(ge=0, le=1, description="Probability that a good channel becomes bad.")]
    r: Annotated[
        float,
        Meta(gt=0, le=1, description="Probability that a bad channel becomes good: 1 / `r` datagrams stay bad."),
    ]
    loss_in_good: Annotated[Probability, Meta(description="Part that is lost while it is good.")] = 0.0
    loss_in_bad: Annotated[Probability, Meta(description="Part that is lost while it is bad.")] = 1.0


class RadioDirection(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The radio of each terminal in one direction. Random choices follow from `seed`, for each terminal its own."""

    rate_kbps: Annotated[int, Meta(ge=0, le=10**9, description="Kilobit per second; 0: not limited.")] = 0
    cqi: Annotated[
        tuple[CqiStep, ...],
        Meta(
            max_length=MAXIMUM_STEPS,
            description="The rate by channel quality: a CQI that always holds, steps over time, or the name of a CSV "
            "file in the scenario's folder with a line `at_s,cqi` for each step.",
        ),
    ] = ()
    cqi_repeat_s: Annotated[
        float,
        Meta(ge=0, le=MAX_SECONDS, description="Seconds after which the steps begin anew; 0: the last one stays."),
    ] = 0.0
    delay_ms: Annotated[Milliseconds, Meta(description="Delay of every datagram.")] = 0.0
    jitter_ms: Annotated[Milliseconds, Meta(description="Largest random delay on top.")] = 0.0
    loss: Annotated[Probability, Meta(description="Part of the datagrams that is lost, each by itself.")] = 0.0
    bursts: Annotated[Bursts | None, Meta(description="Loss in bursts, instead of `loss`.")] = None
    cuts: Annotated[tuple[Cut, ...], Meta(max_length=1000, description="Times when nothing passes.")] = ()


class UeRadio(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The radio of terminals. What they hear of their cell is reported, and told to functions that run there."""

    rsrp_dbm: Annotated[float, Meta(ge=-157, le=-30, description="Received power in dBm.")] = -80.0
    rsrq_db: Annotated[float, Meta(ge=-43.5, le=20, description="Received quality in dB.")] = -10.5
    sinr_db: Annotated[float, Meta(ge=-23.5, le=40, description="Signal to noise and interference in dB.")] = 20.0
    spread_db: Annotated[
        float,
        Meta(ge=0, le=100, description="A terminal hears up to so much more or less, of all three; drawn from `seed`."),
    ] = 0.0
    bandwidth_mhz: Annotated[float, Meta(ge=0.1, le=2000, description="Bandwidth in MHz: what a CQI is worth.")] = 20.0
    uplink: Annotated[RadioDirection, Meta(description="How each terminal's radio is towards the RAN node.")] = (
        RadioDirection()
    )
    downlink: Annotated[RadioDirection, Meta(description="How it is from the RAN node.")] = RadioDirection()
    cqi_spread_s: Annotated[
        float,
        Meta(
            ge=0,
            le=MAX_SECONDS,
            description="A terminal is up to so many seconds ahead in its steps; drawn from `seed`.",
        ),
    ] = 0.0


class UeGroup(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Terminals of one kind in one cell: one UE process."""

    name: Annotated[Name, Meta(description="Name of the group and of its process.")]
    ran_node: Annotated[Name, Meta(description="The RAN node they attach to.")]
    host: Annotated[Host, Meta(description="IP address of the machine it runs on; empty: `addresses.host`.")] = ""
    count: Annotated[int, Meta(ge=1, le=MAX_UES_PER_RAN_NODE, description="Number of UEs.")] = 1
    ue_class: Annotated[Name, Meta(description="Their class, one of `ue_classes`.")] = msgspec.field(
        default="phone", name="class"
    )
    consent: Annotated[bool, Meta(description="They agree to take part when the job is announced (R58).")] = True
    raw_data: Annotated[bool, Meta(description="They are willing to give raw data (R61).")] = False
    functions: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Functions that their owners allow to run here, by entry point; empty: all that are installed "
            "or in `function_modules`, of whatever service they consent to.",
        ),
    ] = ()
    privacy_k: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_UES_PER_RAN_NODE,
            description="The k-anonymity they ask for in their privacy requirement (R60); 0: none.",
        ),
    ] = 0
    maximum_kbps: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF_FFFF,
            description="UE AMBR of their subscriptions: most that each may send and receive in all flows without a "
            "guaranteed bit rate, in kilobit per second; 0: none.",
        ),
    ] = 0
    radio: Annotated[UeRadio, Meta(description="Their radio.")] = UeRadio()


class UeClass(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a kind of terminal can do; reported as its status (R60)."""

    compute_mflops: Annotated[float, Meta(gt=0, le=1e9, description="Compute rate in MFLOP/s.")] = 2000.0
    memory_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="Memory in MiB.")] = 512
    battery_percent: Annotated[int, Meta(ge=0, le=100, description="Charge of the battery.")] = 100


class Impairment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a link behaves, in each direction. Random choices follow from `seed`."""

    delay_ms: Annotated[Milliseconds, Meta(description="Delay of every datagram.")] = 0.0
    jitter_ms: Annotated[Milliseconds, Meta(description="Largest random delay on top.")] = 0.0
    loss: Annotated[Probability, Meta(description="Part of the datagrams that is lost.")] = 0.0
    duplicate: Annotated[Probability, Meta(description="Part that arrives twice.")] = 0.0
    reorder: Annotated[Probability, Meta(description="Part that is overtaken by later ones.")] = 0.0
    corrupt: Annotated[
        Probability, Meta(description="Part that fails its transport-block check and is dropped by the receiver.")
    ] = 0.0
    cuts: Annotated[tuple[Cut, ...], Meta(max_length=1000, description="Times when the link carries nothing.")] = ()


class Links(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The links whose behaviour is emulated."""

    radio: Annotated[Impairment, Meta(description="UE to RAN node.")] = Impairment()
    t4: Annotated[Impairment, Meta(description="Forwarding plane function to application server.")] = msgspec.field(
        default=Impairment(), name="T4"
    )
    t8: Annotated[Impairment, Meta(description="Forwarding plane function to forwarding plane function.")] = (
        msgspec.field(default=Impairment(), name="T8")
    )
    n3: Annotated[Impairment, Meta(description="RAN node to user plane function, for PDU sessions.")] = msgspec.field(
        default=Impairment(), name="N3"
    )


class Privacy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The network's own privacy rule."""

    k: Annotated[
        PrivacyK,
        Meta(description="Least clients of a routine server (R84); the larger of this and the service's holds."),
    ] = 1


class Bus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The control bus."""

    backend: Annotated[
        Literal["auto", "mosquitto", "iotcore"],
        Meta(description="The MQTT broker; `auto`: mosquitto where it is installed, else the embedded iotcore."),
    ] = "auto"


class Addresses(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the nodes listen."""

    host: Annotated[
        str,
        Meta(
            max_length=64,
            description="`localhost`, or the IP address of this machine that all nodes use which name no other.",
        ),
    ] = "127.0.0.1"
    n2_port: Annotated[Port, Meta(description="TCP port of the core for N2; 0: any free one.")] = 0
    bus_port: Annotated[Port, Meta(description="TCP port of the MQTT broker; 0: any free one.")] = 0


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scenario: nodes, terminals, links, and the job they run."""

    name: Annotated[Name, Meta(description="Name of the scenario, in reports.")]
    description: Annotated[str, Meta(max_length=1000, description="What it shows.")] = ""
    seed: Annotated[
        int, Meta(ge=0, le=2**32 - 1, description="Seed of every random choice of learning, selection and links.")
    ] = 1
    service: Annotated[
        ServiceDescription,
        Meta(
            description="The service: a file in the scenario's folder, or the description itself.",
            extra={"allowed": "the name of a YAML file in the scenario's folder"},
        ),
    ]
    providers: Annotated[
        tuple[Name, ...],
        Meta(
            max_length=100,
            description="Providers that may register services beside that of `service` (R41); their keys are made anew "
            "in every run.",
        ),
    ] = ()
    job: Annotated[
        str, Meta(max_length=32, description="The job to run; may be left out where the service has just one.")
    ] = ""
    ran_nodes: Annotated[tuple[RanNode, ...], Meta(min_length=1, max_length=MAX_NODES, description="The RAN nodes.")]
    edge: Annotated[Edge, Meta(description="The edge.")] = Edge()
    core: Annotated[Core, Meta(description="The core.")] = Core()
    ue_groups: Annotated[tuple[UeGroup, ...], Meta(min_length=1, max_length=MAX_NODES, description="The terminals.")]
    ue_classes: Annotated[dict[Name, UeClass], Meta(description="Classes of terminals, by name.")] = msgspec.field(
        default_factory=lambda: {"phone": UeClass()}
    )
    links: Annotated[Links, Meta(description="Behaviour of the links.")] = Links()
    privacy: Annotated[Privacy, Meta(description="The network's own privacy rule.")] = Privacy()
    settings: Annotated[
        dict[str, SettingValue], Meta(description="Other values for settings that the service declares.")
    ] = {}
    function_modules: Annotated[
        tuple[Annotated[str, Meta(pattern=MODULE_PATTERN, extra={"allowed": "the name of a Python module"})], ...],
        Meta(
            max_length=100,
            description="Modules, and packages with all in them, whose classes the service may name as `module:Class`.",
        ),
    ] = ()
    compare_paths: Annotated[
        str,
        Meta(
            max_length=32,
            description="A function that terminals talk to: `net4ai run` runs the job three times, with it at "
            "the RAN node, at the edge over T8, and at the edge over PDU sessions, and compares. Empty: once.",
        ),
    ] = ""
    function_path: Annotated[
        str,
        Meta(max_length=4096, description="The folder those modules are in; default: the scenario's folder."),
    ] = ""
    bus: Annotated[Bus, Meta(description="The control bus.")] = Bus()
    security: Annotated[Security, Meta(description="Algorithms that protect RRC and NAS.")] = Security()
    addresses: Annotated[Addresses, Meta(description="Where the nodes listen.")] = Addresses()
    timers: Annotated[
        dict[str, Annotated[int, Meta(ge=1, le=3_600_000)]],
        Meta(description="Other values for protocol timers, by name, in milliseconds."),
    ] = {}
    key_log: Annotated[
        bool, Meta(description="Write keys down, and capture protected RRC and NAS in clear too. For laboratories.")
    ] = False
    handovers: Annotated[
        tuple[Handover, ...], Meta(max_length=1000, description="Terminals that go on at another RAN node.")
    ] = ()
    hooks: Annotated[
        tuple[HookRule, ...],
        Meta(max_length=100, description="Messages to drop, change, delay, repeat or add, at whatever node."),
    ] = ()

    @property
    def k(self) -> int:
        """The k-anonymity that holds: the larger of the network's and the service's (R82)."""
        return max(self.privacy.k, self.service.privacy.k)

    @property
    def ue_count(self) -> int:
        """Number of UEs in all groups."""
        return sum(group.count for group in self.ue_groups)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One UE of a scenario."""

    number: int
    """Counts over all groups, from 0."""
    group: UeGroup
    index: int
    """Counts within the group, from 0."""
