"""UEs and a RAN node with security on between them; the core only vouches for every UE, NAS is octets."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import CAPABILITIES, K_GNB, RAN_ADDRESS, Air, Faults, Ran, Ue

from net4ai.codecs import n2, rrc
from net4ai.ran_node.start_security import start_security
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.hop import Hop
from net4ai.stack.timers import Timers
from net4ai.ue import core_dialogue
from net4ai.ue.states import RrcState
from net4ai.ue.terminal import Terminal

TIMERS = Timers({"T3510": 10**8, "T3517": 10**8})
"""Nobody answers NAS here."""


class Routes:
    """A forwarding function without routes, that is told which hops are gone."""

    def __init__(self) -> None:
        self.gone: list[Hop] = []
        self.switch = self

    def remap(self, *route: Any) -> None: ...

    def release_hop(self, hop: Hop) -> None:
        self.gone.append(hop)

    def forward(self, *dep: Any) -> None: ...

    def pump(self, now: int) -> None: ...

    def next_deadline(self) -> None: ...


class Secured:
    """One RAN node and one UE process."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        count: int = 1,
        seed: int = 0,
        faults: Faults | None = None,
        ue: dict[str, Any] | None = None,
        **ran: Any,
    ) -> None:
        self.air = Air(seed, faults)
        self.ran = Ran(self.air, **ran)
        self.ran.node.cpf = self.routes = Routes()  # type: ignore[assignment]
        self.ran.on_n2 = self._on_n2
        self.ue = Ue(self.air, count, **ue or {})
        self.ue.process.timers = TIMERS
        self.down: list[bytes] = []
        """NAS that reached a terminal."""
        self.up: list[bytes] = []
        self.failures: list[Exception] = []
        monkeypatch.setattr(core_dialogue, "receive", lambda terminal, data: self.down.append(data))

    def _on_n2(self, message: n2.N2) -> None:
        if isinstance(message, n2.UplinkNasTransport):
            self.up.append(message.nas)
        elif isinstance(message, n2.InitialUeMessage):
            context = self.node.by_number[message.ran_ue]
            terminal = self.terminal_of(context)
            if terminal is not None:
                terminal.k_gnb = K_GNB
                self.node.procedures.start("vouch", self._vouch(context), traced=False)

    async def _vouch(self, context: UeContext) -> None:
        try:
            await start_security(self.node, context, K_GNB, CAPABILITIES)
        except Exception as error:
            self.failures.append(error)

    def terminal_of(self, context: UeContext) -> Terminal | None:
        return self.ue.process.bound.get((RAN_ADDRESS, context.c_rnti))

    @property
    def node(self) -> Any:
        return self.ran.node

    @property
    def terminal(self) -> Terminal:
        return self.ue.terminal

    @property
    def context(self) -> UeContext:
        (context,) = self.node.contexts.values()
        assert isinstance(context, UeContext)
        return context

    @property
    def secured(self) -> bool:
        return all(terminal.rrc_state is RrcState.SECURED for terminal in self.ue.terminals) and all(
            context.state is State.SECURED for context in self.node.contexts.values()
        )

    def start(self, seconds: float = 10) -> None:
        """Until security is on everywhere."""
        self.ue.start()
        self.air.run(seconds, until=lambda: bool(self.node.contexts) and self.secured)
        assert self.secured
        self.air.run(0.01)

    def say_up(self, nas: bytes, terminal: Terminal | None = None) -> None:
        (terminal or self.terminal).send_rrc(rrc.UplinkInformationTransfer(nas=nas))

    def say_down(self, nas: bytes) -> None:
        self.node.send_rrc(self.context, rrc.DownlinkInformationTransfer(nas=nas))

    def go(self, seconds: float) -> None:
        """Let what was said go out, and time pass."""
        self.ue.process.pump(self.air.now)
        self.node.pump(self.air.now)
        self.air.run(seconds)

    def assert_alive(self) -> None:
        """Both directions work."""
        self.up.clear()
        self.down.clear()
        self.say_up(b"up")
        self.say_down(b"down")
        self.go(3)
        assert (self.up, self.down) == ([b"up"], [b"down"])

    def assert_nothing_left(self) -> None:
        """One context for each terminal, no procedure of the radio under way at the RAN node."""
        assert set(self.node.contexts) == {c_rnti for _, c_rnti in self.ue.process.bound}
        assert set(self.node.by_number.values()) == set(self.node.contexts.values())
        assert not (self.node.half_open or self.ue.process.asking or self.node.procedures.open)
        assert all(context.attempt is None and not context.held for context in self.node.contexts.values())
        assert not any(terminal.held for terminal in self.ue.terminals)
