"""Every timer and bound of DEP and of the label switch, with its reason. Times are nanoseconds, sizes octets."""

from __future__ import annotations

from net4ai.stack.units import MILLISECOND, SECOND

# --- Round trip and loss (RFC 6298, RFC 9002) ---

INITIAL_ROUND_TRIP = 100 * MILLISECOND
"""Assumed before the first sample. RFC 9002 6.2.2 says 333 ms for the Internet; a cell is nearer."""
GRANULARITY = 1 * MILLISECOND
"""Timers are not finer than this. RFC 9002 6.1.2."""
REORDERING_PACKETS = 64
"""A segment is lost once a packet number this much higher is acknowledged: one burst. RFC 9002 6.1.1 (there 3)."""
LOSS_DELAY_NUMERATOR, LOSS_DELAY_DENOMINATOR = 9, 8
"""Or once it is this many round trips old and a later one is acknowledged. RFC 9002 6.1.2."""
PROBE_TIMEOUT_MAXIMUM = 1 * SECOND
"""Back-off of the probe timeout doubles up to here. RFC 6298 5.5."""
MAXIMUM_PROBES = 40
"""Probes without any answer before a flow's messages fail with PEER_LOST (R94; as maxRetxThreshold, TS 38.331)."""
PROBE_SEGMENTS = 2
"""Segments repeated by one probe. RFC 9002 6.2.4."""
BUSY_DELAY = 250 * MILLISECOND
"""What BUSY adds to the sender's timer: credit is announced by GRANT, probes only guard against its loss."""

HELD_UP = 1 * MILLISECOND
"""A probe this late was held up by its own process, as was the answer, maybe: what has come is read before it goes."""

# --- Congestion (RFC 8257) ---

CONGESTION_GAIN = 1 / 16
"""Weight of the last round trip in the average share of marked segments. RFC 8257 4.2."""
CONGESTION_MINIMUM = 2
"""Segments a flow may always have in flight. RFC 8257 3.3."""
CONGESTION_MEMORY = 10 * SECOND
"""Without a mark for this long a flow is bounded by credit alone again."""

# --- Acknowledgement (RFC 9000 13.2) ---

ACK_DELAY = 5 * MILLISECOND
"""An arrival is acknowledged no later than this. RFC 9000 13.2.1 (max_ack_delay)."""
REORDERING_DELAY = 1 * MILLISECOND
"""A gap is reported after this time, so that plain reordering is not."""
ACK_OCTETS = 512 * 1024
"""An ACK for at least every so many octets. Fewer ACKs cost goodput nothing; more of them do."""
ACK_MAP_SEGMENTS = 8192
"""Segments the map of an ACK describes: 1 KiB, well within a datagram."""
NACK_RANGES = 64
"""Ranges in one NACK: the bound of its declaration."""

# --- Receiver ---

SILENCE = 50 * MILLISECOND
"""An incomplete message is silent for this long: GRANT is repeated, gaps are asked for by NACK. Doubles each time."""
SILENCE_MAXIMUM = 1 * SECOND
REASSEMBLY_TIMEOUT = 60 * SECOND
"""A message without any arrival for this long is dropped, ERROR 49. Longer than the sender's probes last."""
UNRELIABLE_LIFETIME = 1 * SECOND
"""The same on flows that do not repeat (R103): without progress for this long both ends let go of the message."""
REMEMBERED_MESSAGES = 1024
"""Finished message ids an end remembers per flow and kind, to acknowledge repetitions; older ones are stale."""
GROWTH = 1024
"""Room is made for so many times what an incoming message was permitted before: a large one is moved once."""
ALIGNMENT = 64
"""Messages lie aligned in memory: other alignments change the bits of some tensor kernels."""

# --- Sender ---

QUEUED_MESSAGES = 256
"""Messages `send` takes per session beyond those under way."""
MESSAGE_WINDOW = 512
"""Messages between a flow's oldest unfinished and its newest. Half of what the receiver remembers."""
BURST_SEGMENTS = 192
"""Segments of one burst."""
BURST_OCTETS = 4 * 64000
"""Octets of one burst: about four of what a kernel with UDP segmentation offload takes at once, for what it costs to
build one and to take it through the stack is the same for short ones."""

# --- Session ---

CLOSE_REPEAT = 100 * MILLISECOND
"""CLOSE is repeated after this time, doubling."""
CLOSE_REPETITIONS = 5
"""Then the session counts as closed."""
ERROR_BURST = 10
"""ERROR PDUs a session may send at once; then one every ERROR_INTERVAL. As RFC 4443 2.4 (f)."""
ERROR_INTERVAL = 100 * MILLISECOND
CONTROL_QUEUE = 1024
"""Control PDUs waiting to be taken; more are not produced: every one of them is repeated on demand."""
PREFIXES = 16
"""First octets of DATA a session knows by heart: two kinds, asked or not, marked or not, of most flows there are."""
ANSWER_WAIT = 100 * MILLISECOND
"""PATH and CAPSULE are repeated after this time, doubling."""
ANSWER_WAIT_MAXIMUM = 1 * SECOND
UNANSWERED_REPETITIONS = MAXIMUM_PROBES
"""Then the session closes with PEER_LOST."""
CAPSULES_WAITING = 8
"""Capsules on their way, and as many received ones that wait for the application."""
MAXIMUM_CAPSULE = 1024
"""Octets of a key capsule: the bound of its declaration."""
MAXIMUM_EPOCH = 0xFFFFFFFF

# --- Sealed records (R86) ---

RECORD_SIZE = 128 * 1024
"""Plaintext of a sealed record: what it arrives with is still in the processor's cache when it is opened."""
RECORD_SIZE_MINIMUM = 64 * 1024
RECORD_SIZE_MAXIMUM = 1024 * 1024
"""No call of the cipher takes longer than a tenth of a millisecond or so."""
RECORDS_PER_KEY = 1 << 32
"""Records sealed under one key: invocations NIST SP 800-38D 8.3 permits, and what `sequence` can number."""
OCTETS_PER_KEY = 1 << 36
"""Octets sealed under one key, 2^32 blocks: an observer's advantage stays below 2^-64 (RFC 8446 5.5)."""
KEY_WAIT = 1 * SECOND
"""A record waits so long for the key of its epoch, which may be on its way; then it counts as damaged."""
RECORD_FAILURES = 8
"""Records of a message that may fail and are asked for again; at one more the message fails."""

# --- Credit (R94; as a gNB schedules its uplink, TS 38.321 5.4) ---

OVERCOMMITTED = 4
"""Messages that share the free credit at a time: the shortest, and the one that has waited longest."""
OLDEST_TURN = 4
"""Every so many grants the message that has waited longest goes first: nobody starves."""
GREED = 8
"""A message may have so many times the octets outstanding that are left free: alone it has 8/9 of them."""
GRANT_SHARE = 8
"""A GRANT below this fraction of what is not promised is no PDU worth, unless it is all there is left to grant."""
PROMISE_SHARE = 4
"""This fraction of a budget is kept for unscheduled octets of sessions, those to come included."""
SCHEDULED_MINIMUM = 65536
"""Octets of a budget that are never promised as unscheduled: the largest segment always finds room."""

# --- Label switch ---

RELAYED_MESSAGES = 512
"""Messages under credit per route and direction; the one idle longest makes room."""
RELAY_IDLE = 120 * SECOND
"""A relay forgets the credit of a message that nothing passed for, longer than either end would wait."""

# --- Sessions ---

SEGMENT_SIZE = 1400
"""Payload octets of a DATA segment: with all headers it fits an Ethernet frame."""
DEFAULT_UNSCHEDULED = 48 * SEGMENT_SIZE
"""Octets a session may send unasked, where few share a socket: a message of 64 KiB then costs no GRANT."""
MAXIMUM_MESSAGE = 64 << 20
MAXIMUM_OPEN = 32
"""Messages of a session under way at a time, per direction. They take memory by credit, not by number; of short ones
eight would wait for one another's ACK."""
