"""Terminals are shared out so that every server has enough wherever that can be (R83, R84)."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from net4ai.core.share_out import share_out

SERVERS = ("a", "b", "c", "d")

options_of_terminals = st.lists(st.sets(st.sampled_from(SERVERS)), max_size=12).map(
    lambda options: {f"t{number}": possible for number, possible in enumerate(options)}
)


def can_have(options: dict[str, set[str]], servers: tuple[str, ...], least: int) -> bool:
    """Hall's theorem: any servers together must have enough terminals among whose options is one of them."""
    return all(
        sum(bool(possible & set(some)) for possible in options.values()) >= least * len(some)
        for size in range(1, len(servers) + 1)
        for some in itertools.combinations(servers, size)
    )


@given(options_of_terminals, st.integers(1, len(SERVERS)), st.integers(0, 4))
def test_every_server_has_enough_if_it_can_be(options: dict[str, set[str]], count: int, least: int) -> None:
    servers = SERVERS[:count]
    shares = share_out(options, servers, least)
    assert all(len(own) >= least for own in shares.values()) == can_have(options, servers, least)


@given(options_of_terminals, st.integers(1, len(SERVERS)), st.integers(0, 4))
def test_each_terminal_is_at_one_server_it_can_have(options: dict[str, set[str]], count: int, least: int) -> None:
    servers = SERVERS[:count]
    shares = share_out(options, servers, least)
    assert list(shares) == list(servers)
    given_out = [terminal for own in shares.values() for terminal in own]
    assert sorted(given_out) == sorted(t for t, possible in options.items() if possible & set(servers))
    order = list(options)
    for server, own in shares.items():
        assert all(server in options[terminal] for terminal in own)
        assert own == sorted(own, key=order.index)


@given(st.integers(0, 30), st.integers(1, 4), st.integers(0, 5))
def test_servers_with_the_same_terminals_take_turns(terminals: int, count: int, least: int) -> None:
    """As before there were servers with different terminals: every n-th to the same server."""
    servers = SERVERS[:count]
    drawn = [f"t{number}" for number in range(terminals)]
    shares = share_out({name: set(servers) for name in drawn}, servers, least)
    assert list(shares.values()) == [drawn[index::count] for index in range(count)]


def test_one_gives_way_to_another() -> None:
    """Only `x` can go to c; who takes its place at b comes from a."""
    options = {"x": {"b", "c"}, "y": {"a", "b"}, "z": {"a", "b"}}
    assert share_out(options, ("a", "b", "c"), 0) == {"a": ["y", "z"], "b": ["x"], "c": []}
    assert share_out(options, ("a", "b", "c"), 1) == {"a": ["z"], "b": ["y"], "c": ["x"]}
