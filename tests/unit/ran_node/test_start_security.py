"""RRC security mode, both ends: what is protected when, what is refused, and that nothing has changed then."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import (
    CAPABILITIES,
    K_GNB,
    UE_ADDRESS,
    Air,
    FakeRanNode,
    FakeUe,
    Faults,
    Ran,
    Ue,
)
from secured_bench import Secured

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.ran_node.start_security import start_security
from net4ai.ran_node.ue_context import State
from net4ai.stack.drops import Drop
from net4ai.stack.message_hooks import HookRule, MessageHooks, rule_hook
from net4ai.stack.procedure import Procedure, ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.timers import Timers
from net4ai.stack.units import MILLISECOND
from net4ai.ue.states import RrcState

ALGORITHMS = [(0, 0), (2, 0), (2, 2)]
STATUS_BEFORE_KEYS = Drop.INTEGRITY_NOT_CONFIGURED
"""A status report that goes out beside the command has a MAC-I, too; whoever has no keys yet asks for another."""


# --- Both ends


def srb1_flags(air: Air) -> set[tuple[bool, bool, bool]]:
    """(is data, has a MAC-I, is enciphered) of all PDUs on SRB1 since the last call."""
    headers = [L2Header.read(pdu)[0] for pdu in air.seen]
    air.seen.clear()
    return {
        (header.is_data, header.has_mac, header.ciphered)
        for header in headers
        if header.bearer_type == BearerType.SRB and header.c_rnti
    }


@pytest.mark.parametrize(("integrity", "ciphering"), ALGORITHMS)
def test_security_starts_and_all_that_follows_is_protected(
    monkeypatch: pytest.MonkeyPatch, integrity: int, ciphering: int
) -> None:
    world = Secured(monkeypatch, integrity=integrity, ciphering=ciphering)
    world.start()
    assert not world.failures
    security = world.context.security
    assert security is not None and world.terminal.security is not None
    assert (security.integrity, security.ciphering) == (integrity, ciphering)
    assert security.k_rrc_int == world.terminal.security.k_rrc_int
    srb1_flags(world.air)
    world.assert_alive()
    protected = bool(integrity)
    assert srb1_flags(world.air) == {(True, protected, ciphering == 2), (False, protected, False)}
    assert not (set(world.ue.drops) - {STATUS_BEFORE_KEYS} or world.ran.drops)
    world.assert_nothing_left()


def test_a_command_that_a_hook_holds_back_is_taken_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch)
    procedures = world.node.procedures
    late = rule_hook(HookRule(message="Security Mode Command", action="delay", delay_ms=300))
    procedures.pass_on = MessageHooks("ran-1", procedures, [late]).pass_on
    world.start()
    assert world.secured and not world.failures
    world.assert_alive()


def test_what_is_said_cannot_be_read_on_the_radio(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch)
    world.start()
    world.say_up(b"the secret of the terminal")
    world.say_down(b"the secret of the network")
    world.go(1)
    assert (world.up, world.down) == ([b"the secret of the terminal"], [b"the secret of the network"])
    assert not any(b"secret" in pdu for pdu in world.air.seen)


@pytest.mark.parametrize("number", range(4))
def test_over_a_bad_radio(monkeypatch: pytest.MonkeyPatch, seed: int, number: int) -> None:
    faults = Faults(loss=0.3, duplicate=0.2, jitter=20 * MILLISECOND)
    print(f"seed {seed + number}")
    world = Secured(monkeypatch, count=5, seed=seed + number, faults=faults)
    world.start(60)
    messages = [bytes([number]) for number in range(50)]
    for message in messages:
        world.say_up(message)
    world.go(30)
    assert world.up == messages
    forged = {Drop.INTEGRITY_FAILURE, Drop.NOT_PROTECTED, Drop.NOT_CIPHERED}
    assert not forged & (set(world.ue.drops) | set(world.ran.drops))


# --- The RAN node


class AtRanNode:
    """A connected UE that a test speaks for."""

    def __init__(self, **config: Any) -> None:
        self.air = Air()
        self.ran = Ran(self.air, **config)
        self.ue = FakeUe(self.air)
        self.context = self.ran.node.contexts[self.ue.connect()]
        assert self.ue.hop is not None
        self.ue.hop.signalling.takes_unverified = True

    def start(self, key: bytes = K_GNB, capabilities: SecurityCapabilities = CAPABILITIES) -> Procedure[None]:
        node = self.ran.node
        procedure = node.procedures.start("test", start_security(node, self.context, key, capabilities))
        node.pump(self.air.now)
        self.air.run(0.05)
        return procedure

    def is_as_before(self) -> bool:
        """In clear, and NAS passes."""
        self.ue.say(rrc.UplinkInformationTransfer(nas=b"as before"))
        self.ran.core(n2.DownlinkNasTransport(ran_ue=self.context.number, nas=b"down"))
        return (
            self.context.state is State.CONNECTED
            and self.context.security is None
            and self.ran.of(n2.UplinkNasTransport)[-1].nas == b"as before"
            and self.ue.srb1[-1] == rrc.DownlinkInformationTransfer(nas=b"down")
        )


@pytest.mark.parametrize("capabilities", [(0x80, 0xA0), (0xA0, 0x80), (0, 0)])
def test_algorithms_the_ue_has_not_got(capabilities: tuple[int, int]) -> None:
    world = AtRanNode()
    procedure = world.start(capabilities=SecurityCapabilities(integrity=capabilities[0], ciphering=capabilities[1]))
    with pytest.raises(ProcedureError) as caught:
        procedure.result()
    assert caught.value.cause == Cause.SECURITY_CAPABILITIES_MISMATCH
    assert world.is_as_before()


@pytest.mark.parametrize("octets", [0, 31, 33])
def test_a_key_of_the_wrong_length(octets: int) -> None:
    world = AtRanNode()
    with pytest.raises(ProcedureError, match=f"K_gNB of {octets} octets; allowed: 32"):
        world.start(bytes(octets)).result()
    assert world.is_as_before()


def test_a_ue_that_refuses() -> None:
    world = AtRanNode()
    procedure = world.start()
    assert world.ue.hop is not None
    world.ue.hop.signalling.refuse_unverified()
    world.ue.say(rrc.SecurityModeFailure(transaction=0, cause=Cause.INTEGRITY_FAILURE))
    with pytest.raises(ProcedureRejected) as caught:
        procedure.result()
    assert caught.value.cause == Cause.INTEGRITY_FAILURE
    assert world.is_as_before()


def test_a_ue_that_does_not_answer() -> None:
    world = AtRanNode()
    procedure = world.start()
    world.air.run(4.9)
    assert not procedure.done
    world.air.run(0.1)
    with pytest.raises(ProcedureTimeout):
        procedure.result()
    assert world.context.state is State.CONNECTED


def test_completion_counts_only_where_it_is_authentic() -> None:
    world = AtRanNode()
    procedure = world.start()
    world.ue.say(rrc.SecurityModeComplete(transaction=0))
    assert not procedure.done
    assert world.ran.drops == {Drop.NOT_PROTECTED: 1}


def test_with_other_keys_it_is_not_complete() -> None:
    world = AtRanNode()
    procedure = world.start()
    assert world.ue.hop is not None
    bearer = world.ue.hop.signalling
    bearer.refuse_unverified()
    bearer.start_security(SrbSecurity(bytes(32), 2, 2, Direction.UPLINK))
    world.ue.say(rrc.SecurityModeComplete(transaction=0))
    assert not procedure.done
    assert set(world.ran.drops) == {Drop.INTEGRITY_FAILURE}


def test_a_second_answer_answers_nothing() -> None:
    world = AtRanNode()
    world.ue.start_security(world.ran)
    assert world.context.state is State.SECURED
    world.ue.say(rrc.SecurityModeComplete(transaction=0))
    assert world.ran.drops == {Drop.UNEXPECTED_MESSAGE: 1}


def test_security_starts_once() -> None:
    world = AtRanNode()
    world.ue.start_security(world.ran)
    with pytest.raises(ProcedureError) as caught:
        world.start().result()
    assert caught.value.cause == Cause.UNEXPECTED_MESSAGE


def test_a_ue_that_goes_meanwhile_ends_it() -> None:
    world = AtRanNode()
    procedure = world.start()
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.context.number, cause=Cause.NORMAL))
    with pytest.raises(ProcedureError) as caught:
        procedure.result()
    assert caught.value.cause == Cause.PEER_LOST


@pytest.mark.parametrize(("integrity", "ciphering"), [(0, 2), (1, 0), (2, 1), (2, 9)])
def test_algorithms_that_are_not_there(integrity: int, ciphering: int) -> None:
    with pytest.raises(ValueError):
        Ran(Air(), integrity=integrity, ciphering=ciphering)


# --- The UE


class AtUe:
    """A connected terminal, whose RAN node a test speaks for."""

    def __init__(self, k_gnb: bytes | None = K_GNB) -> None:
        self.air = Air()
        self.ran, self.ue = FakeRanNode(self.air), Ue(self.air)
        self.ue.process.timers = Timers({"T3510": 10**8})
        self.ue.start()
        self.air.run(0.05)
        self.ran.set_up()
        self.ue.terminal.k_gnb = k_gnb

    def command(self, integrity: int = 2, ciphering: int = 2, key: bytes | None = K_GNB) -> rrc.Rrc:
        """Give the command, protected with `key` where there is one; the answer."""
        assert self.ran.hop is not None
        if key is not None:
            self.ran.hop.signalling.start_security(SrbSecurity(key, 2, 2, Direction.DOWNLINK))
        self.ran.say(rrc.SecurityModeCommand(transaction=3, integrity=integrity, ciphering=ciphering))
        return self.ran.rrc[-1]

    def refusal(self, cause: Cause) -> rrc.SecurityModeFailure:
        assert self.ue.terminal.rrc_state is RrcState.CONNECTED
        assert self.ue.terminal.security is None
        return rrc.SecurityModeFailure(transaction=3, cause=cause)


def test_the_ue_takes_an_authentic_command() -> None:
    world = AtUe()
    assert world.command() == rrc.SecurityModeComplete(transaction=3)
    assert world.ue.terminal.rrc_state is RrcState.SECURED
    assert not (world.ue.drops or world.ran.drops.total)


def test_the_ue_refuses_a_forged_command_and_goes_on() -> None:
    world = AtUe()
    assert world.command(key=bytes(32)) == world.refusal(Cause.INTEGRITY_FAILURE)
    assert world.ue.drops == {Drop.INTEGRITY_FAILURE: 1, STATUS_BEFORE_KEYS: 1}
    assert world.ran.hop is not None
    world.ran.hop.signalling.stop_security()
    assert world.command() == rrc.SecurityModeComplete(transaction=3)


def test_the_ue_refuses_a_command_in_clear() -> None:
    world = AtUe()
    assert world.command(key=None) == world.refusal(Cause.INTEGRITY_FAILURE)


@pytest.mark.parametrize(("integrity", "ciphering"), [(1, 0), (2, 1), (0, 2), (0, 0), (9, 2)])
def test_the_ue_refuses_algorithms_that_do_not_fit(integrity: int, ciphering: int) -> None:
    """Authentic as it may be: what it has not got, and null algorithms in a protected command."""
    world = AtUe()
    assert world.command(integrity, ciphering) == world.refusal(Cause.SECURITY_CAPABILITIES_MISMATCH)


def test_null_algorithms_only_where_nas_has_none_either() -> None:
    world = AtUe()
    world.ue.terminal.nas_security = NasSecurity(bytes(32), 2, 2, Direction.UPLINK)
    refused = world.command(integrity=0, ciphering=0, key=None)
    assert refused == world.refusal(Cause.SECURITY_CAPABILITIES_MISMATCH)
    world.ue.terminal.nas_security = NasSecurity(bytes(32), 0, 0, Direction.UPLINK)
    assert world.command(integrity=0, ciphering=0, key=None) == rrc.SecurityModeComplete(transaction=3)


def test_what_else_comes_protected_before_there_are_keys_is_dropped() -> None:
    world = AtUe()
    assert world.ran.hop is not None
    world.ran.hop.signalling.start_security(SrbSecurity(K_GNB, 2, 2, Direction.DOWNLINK))
    world.ran.say(rrc.Release(transaction=0, cause=Cause.NORMAL))
    assert world.ue.drops == {Drop.UNEXPECTED_MESSAGE: 1}
    world.ran.hop.signalling.send(b"\x05", world.air.now)
    world.air.run(0.05)
    assert world.ue.drops == {Drop.UNEXPECTED_MESSAGE: 1, Drop.TRUNCATED: 1}
    assert world.command() == rrc.SecurityModeComplete(transaction=3)


def test_nothing_in_clear_is_taken_any_more() -> None:
    world = AtUe()
    world.command()
    forged = bytearray(
        L2Header(
            is_data=True,
            segmentation=0,
            poll=False,
            has_mac=False,
            ciphered=False,
            bearer_type=BearerType.SRB,
            bearer=1,
            c_rnti=7,
            count=1,
        ).to_bytes()
        + rrc.Release(transaction=0, cause=1).encode()
    )
    world.ran._sockets.send_signalling(forged, len(forged), UE_ADDRESS)
    world.air.run(0.05)
    assert world.ue.drops == {Drop.NOT_PROTECTED: 1}
    assert world.ue.terminal.rrc_state is RrcState.SECURED
