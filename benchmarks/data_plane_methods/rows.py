"""The rows of the table. Sizes are those of the figures that were asked for; MB are 10^6 octets."""

from __future__ import annotations

from data_plane_methods.transfer import Row

ALL = ("tcp", "dep", "asyncio", "uvloop", "zmq", "grpc-unary", "grpc-stream", "aioquic")
LARGE = 4 << 20

ROWS = (
    Row("4 MB", "messages of 4 MB in segments of 1,400 octets", ALL, LARGE, 64 * LARGE),
    Row("1 % loss", "the same, one packet in a hundred thrown away", ("tcp", "dep"), LARGE, 64 * LARGE, loss=0.01),
    Row("sealed", "the same, sealed", ("tcp", "dep"), LARGE, 64 * LARGE, sealed=True),
    Row(
        "one FPF",
        "the same, through a forwarding function",
        ("tcp", "dep", "dep-direct"),
        LARGE,
        64 * LARGE,
        through=True,
    ),
    Row(
        "8.9 KB segments",
        "messages of 4 MB in segments of 8,900 octets",
        ("tcp", "dep"),
        LARGE,
        64 * LARGE,
        segment=8900,
    ),
    Row("64 KB", "messages of 64 KB", ALL[:-1], 64 << 10, 64 << 20),
    Row("10 KB", "messages of 10 KB", ALL[:-1], 10_000, 20_000_000),
    Row("64 B", "requests of 64 octets, each when the one before is answered", ("echo",), 64, 64 * 2000, beside=0),
    Row("64 B beside bulk", "the same beside 4 MB messages of another session", ("echo",), 64, 64 * 2000, beside=LARGE),
    Row(
        "junk",
        "messages of 256 KB while 20,000 junk datagrams a second come from a stranger",
        ("junk",),
        256 << 10,
        12 * (256 << 10),
    ),
)
