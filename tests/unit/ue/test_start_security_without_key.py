"""Before NAS has led to a key nobody can start integrity protection, whatever key the MAC-I is made with."""

from __future__ import annotations

import pytest
from radio_bench import Air, FakeRanNode, Ue

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.ue.start_security import NO_KEY
from net4ai.ue.states import RrcState


@pytest.mark.parametrize("ciphering", [0, 2])
def test_security_with_a_key_that_everybody_knows_is_refused(ciphering: int) -> None:
    air = Air()
    ran, ue = FakeRanNode(air), Ue(air)
    ue.start()
    air.run(1, until=lambda: bool(ran.srb0))
    ran.set_up()
    ran.rrc.clear()
    assert ran.hop is not None
    ran.hop.signalling.start_security(SrbSecurity(NO_KEY, 2, ciphering, Direction.DOWNLINK))
    ran.say(rrc.SecurityModeCommand(transaction=1, integrity=2, ciphering=ciphering))
    assert ran.rrc == [rrc.SecurityModeFailure(transaction=1, cause=Cause.SECURITY_CAPABILITIES_MISMATCH)]
    assert ue.terminal.rrc_state is RrcState.CONNECTED
    assert ue.terminal.security is None
