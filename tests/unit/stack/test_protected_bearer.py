"""SRB1 with security: activation in the middle of traffic, over bad links, against forged, damaged and old PDUs."""

from __future__ import annotations

import pytest
from bearer_bench import MS, bearer, check_all_quiet, fields_of, header
from hypothesis import given, settings
from hypothesis import strategies as st
from security_bench import (
    COMMAND,
    COMPLETE,
    SecuredLink,
    answer,
    keys,
    secured,
    start,
    state,
    ue_bearer,
)

from net4ai.codecs.l2 import StatusReport
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer, BearerError, BearerFailed
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import MAC_SIZE, Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star

LAST_COUNT = 2**32 - 1


def taken(end: AcknowledgedBearer) -> list[tuple[bytes, bool]]:
    return [(sdu, end.verified) for sdu in iter(end.next_sdu, None)]


def one_pdu(end: AcknowledgedBearer, sdu: bytes) -> bytes:
    end.send(sdu, 0)
    (pdu,) = end.datagrams_to_send(0)
    return pdu


def protection(pdu: bytes) -> tuple[bool, bool]:
    fields = fields_of(pdu)
    return bool(fields.has_mac), bool(fields.ciphered)


# ---------------------------------------------------------------------------------------------------------------------
# Activation


@pytest.mark.parametrize("ciphering", [0, 2])
def test_what_is_protected_how(ciphering: int) -> None:
    """TS 38.331 5.3.4: the command and the answer with a MAC-I and in clear, all behind them enciphered."""
    ue, node = ue_bearer(), bearer()
    on = bool(ciphering)
    assert protection(one_pdu(node, b"before")) == (False, False)
    node.start_security(keys(Direction.DOWNLINK, ciphering=ciphering))
    command = one_pdu(node, COMMAND)
    assert protection(command) == (True, False)
    assert command[8:-4] == COMMAND
    node.start_ciphering()
    behind = one_pdu(node, b"behind")
    assert protection(behind) == (True, on)
    assert (behind[8:-4] == b"behind") is not on

    assert protection(one_pdu(ue, b"before")) == (False, False)
    ue.receive(header(count=0) + b"before", 0)
    ue.receive(command, 0)
    assert ue.unverified_sdu() is None, "older ones first"
    assert taken(ue) == [(b"before", False)]
    answer(ue, 0, ciphering)
    _status, complete = ue.datagrams_to_send(0)
    assert protection(complete) == (True, False)
    assert complete[8:-4] == COMPLETE
    assert protection(one_pdu(ue, b"behind")) == (True, on)
    ue.receive(behind, 0)
    assert taken(ue) == [(b"behind", True)]
    node.receive(header(count=0) + b"before", 0)
    node.receive(complete, 0)
    assert taken(node) == [(b"before", False), (COMPLETE, True)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    maximum_pdu=st.integers(64, 1400),
    loss=st.floats(0, 0.3),
    duplicate=st.floats(0, 1),
    delay=st.integers(0, 100 * MS),
    jitter=st.integers(0, 200 * MS),
    ciphering=st.sampled_from((0, 2)),
    first=st.integers(0, 2**31),
    sizes=st.lists(st.one_of(st.integers(1, 60), st.integers(1, 4000)), min_size=3, max_size=15),
    moment=st.integers(0, 14),
)
def test_activation_in_the_middle_of_traffic(
    seed: int,
    maximum_pdu: int,
    loss: float,
    duplicate: float,
    delay: int,
    jitter: int,
    ciphering: int,
    first: int,
    sizes: list[int],
    moment: int,
) -> None:
    link = SecuredLink(
        ue_bearer(first, maximum_pdu=maximum_pdu),
        bearer(first, maximum_pdu),
        seed=seed,
        loss=loss,
        duplicate=duplicate,
        delay=delay,
        jitter=jitter,
        ciphering=ciphering,
    )
    moment = min(moment, len(sizes) - 1)
    up = [b"%3d" % number + link.random.randbytes(size) for number, size in enumerate(sizes)]
    down = [sdu[::-1] for sdu in up]
    for number, (one, other) in enumerate(zip(up, down, strict=True)):
        if number == moment:
            start(link.far, link.now, ciphering=ciphering)
        link.near.send(one, link.now)
        link.far.send(other, link.now)
        for _ in range(link.random.randrange(6)):
            link.step()
    link.run()
    # Down: what was sent behind the command is protected.
    assert link.taken_by_near == [(sdu, number >= moment) for number, sdu in enumerate(down)]
    # Up: all in order, the answer between those before and those behind it, and protected from there on.
    answered = link.taken_by_far.index((COMPLETE, True))
    expected = [(sdu, number >= answered) for number, sdu in enumerate(up)]
    assert link.taken_by_far == [*expected[:answered], (COMPLETE, True), *expected[answered:]]
    assert link.longest <= maximum_pdu
    link.near.send(b"last", link.now)
    link.far.send(b"last", link.now)
    link.run()
    assert link.taken_by_near[-1] == link.taken_by_far[-1] == (b"last", True)
    check_all_quiet(link)


def test_null_integrity_changes_nothing_on_the_wire() -> None:
    ue, node = ue_bearer(), bearer()
    node.start_security(keys(Direction.DOWNLINK, integrity=0, ciphering=0))
    pdu = one_pdu(node, COMMAND)
    node.start_ciphering()
    assert protection(pdu) == (False, False)
    ue.receive(pdu, 0)
    assert ue.unverified_sdu() is None
    assert taken(ue) == [(COMMAND, False)]
    ue.start_security(keys(Direction.UPLINK, integrity=0, ciphering=0))
    ue.receive(one_pdu(node, b"next"), 0)
    assert taken(ue) == [(b"next", True)]
    with_mac = header(count=2, has_mac=1) + b"data" + bytes(MAC_SIZE)
    ue.receive(with_mac, 0)
    assert ue.drops[Drop.INTEGRITY_NOT_CONFIGURED] == 1


# ---------------------------------------------------------------------------------------------------------------------
# Before there are keys


def unverified(count: int = 0, payload: bytes = COMMAND, **fields: int) -> bytes:
    return header(count=count, has_mac=1, **fields) + payload + bytes(MAC_SIZE)


def test_only_who_waits_for_keys_takes_a_mac_without() -> None:
    end = bearer()
    before = state(end)
    end.receive(unverified(), 0)
    assert end.drops.counts == {Drop.INTEGRITY_NOT_CONFIGURED: 1}
    assert state(end) == before


@pytest.mark.parametrize(
    "pdu",
    [
        unverified(count=1),
        unverified(ciphered=1),
        unverified(segmentation=1),
        unverified(segmentation=2),
        unverified(is_data=0),
        unverified(count=2**32 - 200),
        unverified(payload=b""),
    ],
    ids=["not next", "enciphered", "first segment", "last segment", "status report", "far behind", "empty"],
)
def test_what_cannot_be_the_command_is_left_to_be_repeated(pdu: bytes) -> None:
    end = ue_bearer()
    end.receive(pdu, 0)
    assert end.drops.counts == {Drop.INTEGRITY_NOT_CONFIGURED: 1}
    assert end.unverified_sdu() is None
    end.receive(header(count=0) + b"in clear", 0)
    assert taken(end) == [(b"in clear", False)]


def test_a_command_ahead_of_a_lost_pdu_is_told_as_missing_with_it() -> None:
    """The RAN node repeats what it hears is missing, and of itself only its newest PDU: the command."""
    end = ue_bearer()
    end.receive(unverified(count=2, poll=1), 0)
    (report,) = end.datagrams_to_send(0)
    missing = StatusReport.from_bytes(report[8:]).missing_ranges()
    assert [(gap.first, gap.length) for gap in missing] == [(0, 3)]


def test_nothing_behind_the_command_is_taken_before_it() -> None:
    end = ue_bearer()
    end.receive(header(count=1) + b"held", 0)
    end.receive(unverified(), 0)
    assert end.unverified_sdu() == COMMAND
    end.receive(header(count=2) + b"held too", 0)
    assert end.next_sdu() is None
    end.receive(unverified(count=1), 0)
    end.receive(unverified(count=0), 0)
    assert end.drops.counts == {Drop.INTEGRITY_NOT_CONFIGURED: 1, Drop.DUPLICATE: 1}
    assert not end.idle
    end.refuse_unverified()
    assert end.unverified_sdu() is None
    assert taken(end) == [(b"held", False), (b"held too", False)]


def test_a_command_of_another_key_starts_nothing() -> None:
    """The UE answers in clear, the RAN node stops, both go on without security."""
    ue, node = ue_bearer(), bearer()
    node.start_security(keys(Direction.DOWNLINK, bytes(32)))
    ue.receive(one_pdu(node, COMMAND), 0)
    node.start_ciphering()
    assert not ue.accept_unverified(keys(Direction.UPLINK))
    assert ue.drops.counts == {Drop.INTEGRITY_FAILURE: 1}
    ue.send(b"failure", 0)
    status, failure = ue.datagrams_to_send(0)
    assert protection(status) == protection(failure) == (False, False)
    for pdu in (status, failure):
        node.receive(pdu, 0)
    assert taken(node) == [(b"failure", False)]
    node.stop_security()
    node.send(b"release", 0)
    for pdu in node.datagrams_to_send(0):
        assert protection(pdu) == (False, False)
        ue.receive(pdu, 0)
    assert taken(ue) == [(b"release", False)]
    (status,) = ue.datagrams_to_send(0)
    node.receive(status, 0)
    assert ue.idle
    assert node.idle


def test_null_keys_verify_no_command() -> None:
    ue = ue_bearer()
    ue.receive(unverified(), 0)
    assert not ue.accept_unverified(keys(Direction.UPLINK, integrity=0, ciphering=0))


def test_without_an_unverified_one_there_is_nothing_to_answer() -> None:
    end = ue_bearer()
    with pytest.raises(BearerError):
        end.refuse_unverified()
    with pytest.raises(BearerError):
        end.accept_unverified(keys(Direction.UPLINK))


# ---------------------------------------------------------------------------------------------------------------------
# Forged, damaged, old


@pytest.mark.parametrize("ciphering", [0, 2])
@pytest.mark.parametrize("kind", ["whole", "segment", "status report"])
def test_any_flipped_bit_is_dropped_and_moves_nothing(kind: str, ciphering: int) -> None:
    ue, node = secured(64, ciphering)
    if kind == "status report":
        ue.send(b"something to tell about", 0)
        for datagram in ue.datagrams_to_send(0):
            node.receive(datagram, 0)
        ((pdu,), receiver) = (node.datagrams_to_send(0), ue)
    else:
        node.send(b"payload" if kind == "whole" else bytes(100), 0)
        (pdu, receiver) = (node.datagrams_to_send(0)[-1], ue)
    before = state(receiver)
    for bit in range(len(pdu) * 8):
        damaged = bytearray(pdu)
        damaged[bit // 8] ^= 1 << bit % 8
        total = receiver.drops.total
        receiver.receive(damaged, 0)
        assert receiver.drops.total == total + 1
        assert state(receiver) == before, f"bit {bit}"
    for length in range(len(pdu)):
        receiver.receive(pdu[:length], 0)
        assert state(receiver) == before
    receiver.receive(pdu, 0)
    assert state(receiver) != before


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    jitter=st.integers(0, 200 * MS),
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=12),
)
def test_nothing_an_attacker_puts_on_the_link_is_delivered(
    seed: int, loss: float, jitter: int, sizes: list[int]
) -> None:
    """Who sees every PDU and has no key sends damaged ones, old ones and ones of its own, and loses the real ones."""
    ue, node = secured(200)
    link = SecuredLink(ue, node, seed=seed, loss=loss, duplicate=0.2, delay=5 * MS, jitter=jitter)
    chance = link.random
    seen: dict[AcknowledgedBearer, list[bytes]] = {ue: [], node: []}

    def attack(end: AcknowledgedBearer) -> None:
        damaged = bytearray(chance.choice(seen[end]))
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        count, flags = chance.randrange(40), chance.choice([{}, {"has_mac": 1}, {"has_mac": 1, "ciphered": 1}])
        own = header(count=count, is_data=chance.randrange(2), poll=1, **flags) + chance.randbytes(20)
        end.receive(chance.choice([bytes(damaged), own, chance.choice(seen[end])]), link.now)

    def listen(end: AcknowledgedBearer) -> None:
        receive = end.receive

        def receive_and_keep(pdu: bytes, now: int) -> None:
            seen[end].append(pdu)
            receive(pdu, now)

        end.receive = receive_and_keep  # type: ignore[method-assign, assignment]

    for end in (ue, node):
        listen(end)
    sdus = [link.random.randbytes(size) for size in sizes]
    for sdu in sdus:
        ue.send(sdu, link.now)
        node.send(sdu[::-1], link.now)
    while link.step():
        for end in (ue, node):
            if seen[end] and chance.random() < 0.5:
                attack(end)
    assert link.taken_by_far == [(sdu, True) for sdu in sdus]
    assert link.taken_by_near == [(sdu[::-1], True) for sdu in sdus]
    assert ue.idle
    assert node.idle


@pytest.mark.parametrize(
    ("fields", "ciphering", "reason"),
    [
        ({}, 2, Drop.NOT_PROTECTED),
        ({"is_data": 0}, 2, Drop.NOT_PROTECTED),
        ({"ciphered": 1}, 2, Drop.NOT_PROTECTED),
        ({"has_mac": 1}, 2, Drop.INTEGRITY_FAILURE),
        ({"has_mac": 1}, 0, Drop.INTEGRITY_FAILURE),
        ({"has_mac": 1, "ciphered": 1}, 2, Drop.INTEGRITY_FAILURE),
        ({"has_mac": 1, "is_data": 0}, 2, Drop.INTEGRITY_FAILURE),
    ],
)
def test_forged_pdus_are_dropped_by_name(fields: dict[str, int], ciphering: int, reason: str) -> None:
    for receiver in secured(ciphering=ciphering):
        before, drops = state(receiver), dict(receiver.drops.counts)
        body = StatusReport(next_count=1, missing=b"").to_bytes() if fields.get("is_data") == 0 else b"forged"
        receiver.receive(header(count=1, **fields) + body + bytes(MAC_SIZE if fields.get("has_mac") else 0), 0)
        assert receiver.drops.counts == {**drops, reason: 1}
        assert state(receiver) == before


def test_a_mac_and_nothing_else_is_empty() -> None:
    ue, _ = secured()
    ue.receive(header(count=1, has_mac=1, ciphered=1) + bytes(MAC_SIZE), 0)
    assert ue.drops[Drop.PDU_EMPTY] == 1


def test_in_clear_where_ciphering_is_on_though_authentic() -> None:
    """A peer with the keys that does not encipher."""
    ue, _ = secured()
    head = header(count=1, has_mac=1)
    ue.receive(keys(Direction.DOWNLINK).protect(head, b"in clear", 1, 1, ciphered=False), 0)
    assert ue.drops[Drop.NOT_CIPHERED] == 1
    assert taken(ue) == []


def test_the_first_protected_pdu_is_answered_again() -> None:
    """Its acknowledgement was lost: it is repeated as it was, in clear though all behind it is enciphered."""
    ue, node = secured()
    repeated = keys(Direction.DOWNLINK).protect(header(count=0, has_mac=1, poll=1), COMMAND, 0, 1, ciphered=False)
    ue.receive(repeated, 0)
    assert ue.drops.counts == {Drop.DUPLICATE: 1}
    (report,) = ue.datagrams_to_send(0)
    node.receive(report, 0)
    assert node.drops.total == 0


def test_forged_pdus_that_waited_for_the_activation_do_not_survive_it() -> None:
    """In clear, ahead of the command and of the answer: the real PDUs of their COUNT must still be taken."""
    ue, node = ue_bearer(), bearer()
    for end in (ue, node):
        for count in (1, 2, 5):
            end.receive(header(count=count) + b"forged", 0)
    start(node, 0)
    node.send(b"real", 0)
    status, command, real = node.datagrams_to_send(0)
    ue.receive(command, 0)
    answer(ue, 0)
    ue.send(b"real", 0)
    status, complete, repeated = ue.datagrams_to_send(0)
    assert fields_of(status).poll is False
    assert ue.drops.counts == {Drop.NOT_PROTECTED: 3}
    for pdu in (complete, repeated, status):
        node.receive(pdu, 0)
    ue.receive(real, 0)
    assert taken(node) == [(COMPLETE, True), (b"real", True)]
    assert taken(ue) == [(b"real", True)]
    assert node.drops.counts == {Drop.NOT_PROTECTED: 3}


def test_a_pdu_from_before_the_activation_is_answered_again() -> None:
    """Its acknowledgement was lost: it is repeated as it was, in clear. From the activation on that is forged."""
    ue, node = ue_bearer(), bearer()
    old = one_pdu(ue, b"old")
    node.receive(old, 0)
    start(node, 0)
    _lost, command = node.datagrams_to_send(0)
    ue.receive(command, 0)
    answer(ue, 0)
    for pdu in ue.datagrams_to_send(0):
        node.receive(pdu, 0)
    (first,) = node.datagrams_to_send(0)
    ue._sent[0].wanted = True
    (repeated,) = ue.datagrams_to_send(0)
    assert repeated == old
    node.receive(repeated, 0)
    (report,) = node.datagrams_to_send(0)
    ue.receive(report, 0)
    assert ue.idle
    node.receive(header(count=1, poll=1) + b"forged", 0)
    assert node.drops.counts == {Drop.DUPLICATE: 1, Drop.NOT_PROTECTED: 1}
    assert node.datagrams_to_send(0) == []
    assert first != report


def test_a_status_report_is_taken_once_and_not_behind_a_newer_one() -> None:
    ue, node = secured()
    reports = []
    for number in range(2):
        ue.send(b"%d" % number, 0)
        for pdu in ue.datagrams_to_send(0):
            node.receive(pdu, 0)
        reports += node.datagrams_to_send(0)
    ue.receive(reports[1], 0)
    after = state(ue)
    for report in reports:
        ue.receive(report, 0)
    assert ue.drops[Drop.REPLAY] == 2
    assert state(ue) == after
    assert ue.idle


def test_a_status_report_is_never_enciphered() -> None:
    ue, node = secured()
    ue.send(b"data", 0)
    for pdu in ue.datagrams_to_send(0):
        node.receive(pdu, 0)
    (report,) = node.datagrams_to_send(0)
    assert protection(report) == (True, False)
    assert StatusReport.from_bytes(report[8:-4]).next_count == 2


def test_repetitions_differ_in_the_poll_bit_and_the_mac_only() -> None:
    ue, node = secured()
    node.send(b"first", 0)
    node.send(b"second", 0)
    first, second = node.datagrams_to_send(0)
    ue.receive(second, 0)
    for pdu in ue.datagrams_to_send(0):
        node.receive(pdu, 0)
    (repeated,) = node.datagrams_to_send(1000 * MS)
    assert (fields_of(first).poll, fields_of(repeated).poll) == (False, True)
    assert repeated[1:-4] == first[1:-4]
    assert repeated[-4:] != first[-4:]
    ue.receive(repeated, 0)
    assert taken(ue) == [(b"first", True), (b"second", True)]


def test_every_pdu_with_its_mac_fits(maximum: int = 64) -> None:
    ue, node = secured(maximum)
    node.send(bytes(1000), 0)
    pdus = node.datagrams_to_send(0)
    assert max(len(pdu) for pdu in pdus) == maximum
    for pdu in pdus:
        ue.receive(pdu, 0)
    assert taken(ue) == [(bytes(1000), True)]


# ---------------------------------------------------------------------------------------------------------------------
# The end of COUNT


def test_no_count_is_used_twice_with_one_key() -> None:
    ue, node = ue_bearer(LAST_COUNT - 1), bearer(LAST_COUNT - 1)
    start(node, 0)
    (command,) = node.datagrams_to_send(0)
    ue.receive(command, 0)
    answer(ue, 0)
    for pdu in ue.datagrams_to_send(0):
        node.receive(pdu, 0)
    node.send(b"last", 0)
    _status, last = node.datagrams_to_send(0)
    assert fields_of(last).count == LAST_COUNT
    ue.receive(last, 0)
    assert taken(ue) == [(b"last", True)]
    node.send(b"one too many", 0)
    assert node.datagrams_to_send(0) == []
    assert node.failed
    assert node.failure is Drop.COUNT_EXHAUSTED
    with pytest.raises(BearerFailed, match="COUNT exhausted"):
        node.send(b"more", 0)
    # The receiver takes nothing with an earlier COUNT as if it were a later one.
    before = state(ue)
    replayed = keys(Direction.DOWNLINK).protect(header(count=0, has_mac=1, ciphered=1), b"old", 0, 1, ciphered=True)
    ue.receive(replayed, 0)
    assert ue.drops[Drop.REPLAY] == 1
    assert state(ue) == before


def test_a_replay_from_before_the_end_of_count_is_none_from_behind_it() -> None:
    ue, _ = ue_bearer(LAST_COUNT - 3), None
    ue.start_security(keys(Direction.UPLINK), required=True)
    replayed = keys(Direction.DOWNLINK).protect(header(count=0, has_mac=1), b"old", 0, 1, ciphered=False)
    ue.receive(replayed, 0)
    assert ue.drops.counts == {Drop.REPLAY: 1}


def test_the_count_of_status_reports_ends_too() -> None:
    ue, node = secured()
    node._status_count = LAST_COUNT
    for number in range(2):
        ue.send(b"%d" % number, 0)
        for pdu in ue.datagrams_to_send(0):
            node.receive(pdu, 0)
        reports = node.datagrams_to_send(0)
        for report in reports:
            ue.receive(report, 0)
        assert (len(reports), node.failed) == ((1, False) if number == 0 else (0, True))
    assert node.failure is Drop.COUNT_EXHAUSTED


def test_without_a_key_count_wraps() -> None:
    link = SecuredLink(ue_bearer(LAST_COUNT), bearer(LAST_COUNT))
    for number in range(3):
        link.near.send(b"%d" % number, 0)
    link.run()
    assert [sdu for sdu, _ in link.taken_by_far] == [b"0", b"1", b"2"]


# ---------------------------------------------------------------------------------------------------------------------
# Re-establishment


def test_a_fresh_bearer_is_protected_from_its_first_pdu() -> None:
    """TS 38.331 5.3.7.5: Re-establishment in clear, with the next key; the answer and all behind it enciphered."""
    next_key = k_ng_ran_star(bytes(range(32)), 1)
    ue, node = ue_bearer(), bearer()
    node.start_security(keys(Direction.DOWNLINK, next_key), required=True)
    message = one_pdu(node, b"re-establishment")
    node.start_ciphering()
    assert protection(message) == (True, False)
    node.receive(header(count=0) + b"forged", 0)
    assert node.drops.counts == {Drop.NOT_PROTECTED: 1}
    ue.receive(message, 0)
    assert ue.accept_unverified(keys(Direction.UPLINK, next_key))
    ue.start_ciphering()
    ue.send(b"complete", 0)
    _status, complete = ue.datagrams_to_send(0)
    assert protection(complete) == (True, True)
    node.receive(complete, 0)
    assert taken(node) == [(b"complete", True)]


def test_a_ue_that_has_the_next_key_already_takes_nothing_else() -> None:
    next_key = k_ng_ran_star(bytes(range(32)), 1)
    ue, node = ue_bearer(), bearer()
    ue.start_security(keys(Direction.UPLINK, next_key), required=True)
    node.start_security(keys(Direction.DOWNLINK, next_key), required=True)
    ue.receive(header(count=0) + b"forged", 0)
    ue.receive(one_pdu(node, b"re-establishment"), 0)
    assert ue.unverified_sdu() is None
    assert taken(ue) == [(b"re-establishment", True)]
    assert ue.drops.counts == {Drop.NOT_PROTECTED: 1}
