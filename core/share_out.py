"""Terminals are shared out among servers, of which each needs a smallest number (R83, R84)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")

Shares = dict[S, dict[T, None]]
"""Who is given to each server."""


def share_out(options: Mapping[T, Set[S]], servers: Sequence[S], least: int) -> dict[S, list[T]]:
    """Give each terminal to one of the servers it can have (`options`): to the one with the fewest so far.

    Terminals with few options come first, so that the others even it out. The order of `options` is kept at each
    server. If every server can have `least` terminals, every server has them.
    """
    shares: Shares[S, T] = {server: {} for server in servers}
    for terminal in sorted(options, key=lambda terminal: len(options[terminal])):
        possible = [server for server in servers if server in options[terminal]]
        if possible:
            shares[min(possible, key=lambda server: len(shares[server]))][terminal] = None
    for server in servers:
        while len(shares[server]) < least and _bring_one(options, shares, server, least):
            pass
    return {server: [terminal for terminal in options if terminal in shares[server]] for server in servers}


def _bring_one(options: Mapping[T, Set[S]], shares: Shares[S, T], poor: S, least: int) -> bool:
    """Give a server one terminal more, by way of others if need be, of one that can spare it. False: nobody can."""
    gifts: dict[S, tuple[S, T]] = {}
    """By server that gives: to which one, and whom."""
    takers = deque([poor])
    while takers:
        taker = takers.popleft()
        for giver, own in shares.items():
            if giver == poor or giver in gifts:
                continue
            terminal = next((terminal for terminal in own if taker in options[terminal]), None)
            if terminal is None:
                continue
            gifts[giver] = taker, terminal
            if len(own) > least:
                _carry_out(gifts, shares, giver, poor)
                return True
            takers.append(giver)
    return False


def _carry_out(gifts: Mapping[S, tuple[S, T]], shares: Shares[S, T], giver: S, poor: S) -> None:
    while giver != poor:
        taker, terminal = gifts[giver]
        del shares[giver][terminal]
        shares[taker][terminal] = None
        giver = taker
