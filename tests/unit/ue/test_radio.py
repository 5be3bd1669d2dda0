"""The emulated radio of each terminal: its own delay, loss, cuts and rate, and what the RAN node hears of it."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import KEY
from secured_bench import Secured

from net4ai.codecs import rrc
from net4ai.codecs.l2 import L2_HEADER
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Hop
from net4ai.stack.radio.conditions import PERFECT, RadioConditions
from net4ai.stack.radio.gilbert_elliott import GilbertElliott
from net4ai.stack.units import MILLISECOND, SECOND
from net4ai.ue.config import TerminalConfig
from net4ai.ue.radio import no_chance
from net4ai.ue.states import RrcState
from net4ai.ue.terminal import Terminal

AIR_DELAY = MILLISECOND
MHZ = 1e6


def terminals(*radios: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a UE process whose terminals have these radios."""
    configs = [
        TerminalConfig(name=f"ue/{number}", identity=f"imsi-{number}", key=KEY, **radio)
        for number, radio in enumerate(radios, 1)
    ]
    return {"terminals": configs}


def context_of(world: Secured, terminal: Terminal) -> UeContext:
    assert terminal.hop is not None
    context = world.node.contexts[terminal.hop.identity]
    assert isinstance(context, UeContext)
    return context


class Rates:
    """What hops were told of their rate: at the terminals, and at the RAN node."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[tuple[str, int | None, int]] = []
        monkeypatch.setattr(
            Hop, "set_rate", lambda hop, rate, now: self.all.append((hop.name.node, rate, now)), raising=False
        )

    def of(self, node: str) -> list[int | None]:
        return [rate for name, rate, _ in self.all if name == node]


def reports(world: Secured) -> list[str]:
    """Who has reported its channel quality, in order."""
    name = rrc.ChannelQualityReport.NAME
    return [event.node for event in world.air.trace if event.message == name and event.direction == "out"]


# ---------------------------------------------------------------------------------------------------------------------
# Delay, loss, cuts


def arrival(world: Secured, terminal: Terminal) -> int:
    """Nanoseconds until the RAN node has what a terminal says."""
    world.up.clear()
    begun = world.air.now
    world.say_up(b"hello", terminal)
    world.go(0)
    world.air.run(5, until=lambda: bool(world.up))
    assert world.up == [b"hello"]
    return world.air.now - begun


def answer(world: Secured, terminal: Terminal) -> int:
    """Nanoseconds until a terminal has what the RAN node says."""
    world.down.clear()
    begun = world.air.now
    world.node.send_rrc(context_of(world, terminal), rrc.DownlinkInformationTransfer(nas=b"hello"))
    world.go(0)
    world.air.run(5, until=lambda: bool(world.down))
    assert world.down == [b"hello"]
    return world.air.now - begun


def test_each_terminal_has_delays_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"uplink": RadioConditions(delay=0.030), "downlink": RadioConditions(delay=0.008)}
    fast = {"uplink": RadioConditions(delay=0.002)}
    world = Secured(monkeypatch, ue=terminals(slow, fast, {}))
    world.start()
    assert [arrival(world, each) - AIR_DELAY for each in world.ue.terminals] == [30_000_000, 2_000_000, 0]
    assert [answer(world, each) - AIR_DELAY for each in world.ue.terminals] == [8_000_000, 0, 0]


def test_a_terminal_without_radio_of_its_own_has_that_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    group = {"uplink": RadioConditions(delay=0.010)}
    world = Secured(monkeypatch, ue=terminals({}, {"uplink": PERFECT}) | group)
    world.start()
    assert [arrival(world, each) - AIR_DELAY for each in world.ue.terminals] == [10_000_000, 0]


def test_the_cut_of_one_terminal_does_not_touch_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = RadioConditions(cuts=((2.0, 60.0),))
    world = Secured(monkeypatch, ue=terminals({"uplink": cut, "downlink": cut}, {}))
    world.start()
    first, second = world.ue.terminals
    world.air.run(3 - world.air.now / SECOND)
    world.say_up(b"nobody hears this", first)
    for _ in range(5):
        assert arrival(world, second) == answer(world, second) == AIR_DELAY
        world.air.run(10)
    lost = context_of(world, second)
    assert lost.state is State.SECURED
    assert first.rrc_state is not RrcState.SECURED
    assert first.radio.lost[0] > 0
    assert second.radio.lost == (0, 0)
    world.air.run(60)
    assert first.rrc_state is RrcState.SECURED, "it has come back, or begun anew"
    arrival(world, first)


def test_who_is_cut_off_from_the_start_does_not_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    for direction in ("uplink", "downlink"):
        world = Secured(monkeypatch, ue=terminals({direction: RadioConditions(cuts=((0.0, 1000.0),))}, {}))
        world.ue.start()
        world.air.run(20)
        assert [terminal.rrc_state for terminal in world.ue.terminals] == [RrcState.IDLE, RrcState.SECURED]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bursts_are_survived_and_counted(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    print(f"seed {seed}")
    bursts = RadioConditions(bursts=GilbertElliott.of(0.3, 3))
    world = Secured(monkeypatch, seed=seed, ue=terminals({"uplink": bursts, "downlink": bursts}))
    world.start(60)
    for number in range(30):
        world.say_up(bytes([number]))
        world.say_down(bytes([number]))
        world.go(0.05)
    world.go(20)
    assert world.up == world.down == [bytes([number]) for number in range(30)]
    drops = [event for event in world.air.trace if event.kind == "drop" and event.drop == Drop.LOST]
    by_direction = tuple(sum(event.direction == direction for event in drops) for direction in ("out", "in"))
    assert by_direction == world.terminal.radio.lost
    assert min(by_direction) > 0
    assert {(event.node, event.link, event.peer) for event in drops} == {("ue/1", "Uu", "ran")}


def test_the_same_seed_loses_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> list[tuple[int, str]]:
        lossy = RadioConditions(loss=0.3)
        world = Secured(monkeypatch, ue=terminals({"uplink": lossy, "downlink": lossy}))
        world.start(60)
        world.say_up(b"x")
        world.go(10)
        return [(event.time, event.direction) for event in world.air.trace if event.kind == "drop"]

    assert lost() == lost() != []


def test_what_comes_too_late_for_its_connection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch, ue=terminals({"downlink": RadioConditions(delay=0.5)}))
    world.start()
    world.say_down(b"late")
    world.go(0.1)
    terminal = world.terminal
    terminal.hop = None
    world.air.run(0.5)
    assert world.ue.drops[Drop.NO_CONNECTION] >= 1
    assert world.down == []


def test_a_forged_datagram_does_not_reach_the_radio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else anybody could shift the fates of what is sent after it."""
    world = Secured(monkeypatch, ue={"downlink": RadioConditions(jitter=0.001)})
    world.start()
    downlink, hop = world.terminal.radio.downlink, world.terminal.hop
    assert downlink is not None
    assert hop is not None
    carried: list[int] = []
    monkeypatch.setattr(downlink, "carry", lambda data, *more: carried.append(len(data)))
    version, data, whole, poll, mac, ciphered, srb, bearer, count = 0, 1, 0, 0, 0, 0, 0, 1, 9
    pdu = L2_HEADER.pack(version, data, whole, poll, mac, ciphered, srb, bearer, hop.identity, count) + b"x"
    world.ue.process.receive(pdu, len(pdu), ("elsewhere", 1), False, world.air.now)
    assert (carried, world.ue.drops) == ([], {Drop.SOURCE_NOT_BOUND: 1})
    world.ue.process.receive(pdu, len(pdu), hop.signalling_address, False, world.air.now)
    assert carried == [9]


def test_paging_reaches_only_who_is_in_range(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"downlink": RadioConditions(cqi=((0.0, 15), (2.0, 0)))}
    world = Secured(monkeypatch, ue=terminals(gone, {}))
    world.start()
    paged: list[Terminal] = []
    monkeypatch.setattr(Terminal, "paged", lambda terminal: paged.append(terminal))
    for number, terminal in enumerate(world.ue.terminals):
        terminal.temporary_identity = number
    message = rrc.Paging(records=tuple(rrc.PagingRecord(temporary_identity=number) for number in (0, 1)))
    world.ue.process.cell.paged(message)
    assert paged == world.ue.terminals
    world.air.run(3)
    paged.clear()
    world.ue.process.cell.paged(message)
    assert paged == world.ue.terminals[1:]


def test_chance_that_was_not_given_is_not_made_up() -> None:
    with pytest.raises(ValueError, match="no random numbers were given for radio"):
        no_chance("radio", "ue/1")()


# ---------------------------------------------------------------------------------------------------------------------
# Rate

TRACE = ((0.0, 15), (3.0, 7), (5.0, 0), (6.0, 4))
KBPS = (111_093, 29_531, 0, 12_031)
"""Of 20 MHz, by TS 38.214 table 5.2.2.1-2."""


def test_the_downlink_rate_is_reported_once_security_is_on_and_on_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    world = Secured(monkeypatch, ue=terminals({"downlink": RadioConditions(cqi=TRACE)}, {}))
    world.start()
    context = context_of(world, world.ue.terminals[0])
    seen = []
    for second in (2, 4, 7):
        world.air.run(second - world.air.now / SECOND)
        seen.append(context.channel_quality)
    assert seen == [
        rrc.ChannelQualityReport(cqi=cqi, rate=rate) for cqi, rate in ((15, KBPS[0]), (7, KBPS[1]), (4, KBPS[3]))
    ]
    assert rates.of("ran") == [KBPS[0] * 1000, KBPS[1] * 1000, 0, KBPS[3] * 1000]
    assert reports(world) == ["ue/1"] * 4
    states = [event.ids for event in world.air.states("channel quality")]
    assert [(ids["cqi"], ids["rate_kbps"]) for ids in states] == list(zip((15, 7, 0, 4), KBPS, strict=True))
    assert rates.of("ue/1") == [], "its uplink has no limit"


def test_a_constant_rate_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    world = Secured(monkeypatch, ue={"downlink": RadioConditions(rate=2_000_000)})
    world.start()
    world.air.run(30)
    assert world.context.channel_quality == rrc.ChannelQualityReport(cqi=15, rate=2000)
    assert rates.of("ran") == [2_000_000]
    assert reports(world) == ["ue/1"]


def test_who_has_no_limit_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    delayed = RadioConditions(delay=0.01, loss=0.01)
    world = Secured(monkeypatch, ue={"downlink": delayed, "uplink": delayed})
    world.start()
    world.air.run(30)
    assert reports(world) == []
    assert rates.of("ran") == []
    assert rates.of("ue/1") == []


def test_the_uplink_rate_is_the_hop_s_from_the_start_and_changes_with_the_cqi(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    narrow = RadioConditions(cqi=TRACE, bandwidth=MHZ)
    world = Secured(monkeypatch, ue=terminals({"uplink": narrow}, {"uplink": RadioConditions(rate=64_000)}))
    world.start()
    world.air.run(10)
    assert rates.of("ue/1") == [5_554_688, 1_476_562, 0, 601_562]
    assert [now for name, _, now in rates.all if name == "ue/1"][1:] == [3 * SECOND, 5 * SECOND, 6 * SECOND]
    assert rates.of("ue/2") == [64_000]
    assert reports(world) == [], "the RAN node need not know it"


def test_after_re_establishment_it_is_reported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Rates(monkeypatch)
    world = Secured(monkeypatch, ue={"downlink": RadioConditions(rate=2_000_000)})
    world.start()
    world.terminal.radio_link_failed()
    world.go(5)
    assert world.secured
    assert reports(world) == ["ue/1", "ue/1"]


def test_after_a_new_connection_too_and_changes_of_an_old_one_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    trace = RadioConditions(cqi=((0.0, 3), (100.0, 4)))
    world = Secured(monkeypatch, ue={"downlink": trace, "uplink": trace})
    world.start()
    world.terminal.release(rrc.Cause.RADIO_LINK_FAILURE)
    assert world.ue.process.radio.next_deadline() is None
    world.go(30)
    assert world.secured
    assert reports(world) == ["ue/1", "ue/1"]
    assert len(rates.of("ue/1")) == 2


def test_quick_changes_while_a_terminal_is_lost_are_not_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is how the channel is now."""
    Rates(monkeypatch)
    steps = tuple((number / 10, number % 15 + 1) for number in range(400))
    cut = ((3.0, 30.0),)
    radio = {"downlink": RadioConditions(cqi=steps, cuts=cut), "uplink": RadioConditions(cuts=cut)}
    world = Secured(monkeypatch, ue=terminals(radio))
    world.start()
    world.air.run(32 - world.air.now / SECOND)
    assert world.terminal.rrc_state is not RrcState.SECURED
    assert not world.terminal.held
    world.air.run(30)
    quality = context_of(world, world.terminal).channel_quality
    assert quality is not None
    assert quality.cqi == steps[-1][1]
