"""RRC of a terminal: what goes out and comes in on SRB1 (TS 38.331 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import cause_of
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Hop
from net4ai.ue import core_dialogue
from net4ai.ue.connect import RRC_ANSWER
from net4ai.ue.hand_over import hand_over
from net4ai.ue.reconfigure import reconfigure
from net4ai.ue.start_security import start_security, take_unverified
from net4ai.ue.states import is_legal_rrc

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def take_messages(terminal: Terminal, now: int) -> None:
    """Decode and handle what SRB1 has delivered."""
    process = terminal.process
    while terminal.hop is not None:
        if (sdu := terminal.hop.next_sdu()) is not None:
            _take(terminal, terminal.hop, sdu, now)
        elif (sdu := terminal.hop.signalling.unverified_sdu()) is not None:
            take_unverified(terminal, sdu)
        else:
            return
        # The next message may be legal only in the state this one leads to.
        process.procedures.run()


def _take(terminal: Terminal, hop: Hop, sdu: bytes, now: int) -> None:
    try:
        message = rrc.Rrc.FAMILY.decode(sdu)
    except DecodeError as error:
        terminal.process.drops.count(error.reason, len(sdu))
        return
    hop.trace_message(message, "in", len(sdu), now)
    process = terminal.process
    process.procedures.pass_on(
        "Uu", "in", terminal.camped.ran_node, message, lambda going: _handle(terminal, going), node=terminal.name
    )


def _handle(terminal: Terminal, message: Message | UnknownMessage) -> None:
    terminal.arrived()
    if is_legal_rrc(message, terminal.rrc_state, "SRB1"):
        _HANDLERS[type(message)](terminal, message)
    else:
        terminal.process.drops.count(Drop.UNEXPECTED_MESSAGE)


def _transfer(terminal: Terminal, message: rrc.DownlinkInformationTransfer) -> None:
    core_dialogue.receive(terminal, message.nas)


def _release(terminal: Terminal, message: rrc.Release) -> None:
    if terminal.hop is not None:
        # The RAN node keeps repeating the message until it is acknowledged.
        terminal.hop.pump(terminal.process.procedures.now)
    terminal.release(cause_of(message.cause))


def _reconfiguration(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    (hand_over if message.synchronisation else reconfigure)(terminal, message)


def _reestablishment(terminal: Terminal, message: rrc.Reestablishment) -> None:
    terminal.reply(RRC_ANSWER, message)


_HANDLERS: dict[type, Callable[..., None]] = {
    rrc.Reconfiguration: _reconfiguration,
    rrc.DownlinkInformationTransfer: _transfer,
    rrc.Release: _release,
    rrc.SecurityModeCommand: start_security,
    rrc.Reestablishment: _reestablishment,
}
