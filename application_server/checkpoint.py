"""What an instance has committed, as a file that outlives its process.

The file is replaced as a whole: whoever reads it finds the last commit or the one before it, never half of one. It
outlives processes, however they end. No turn waits for a disk so that it would outlive a power cut, too; after that the
digest tells. It is a header (magic, version, length and digest of the rest) and MessagePack. No objects come out of it
but those declared here; the function's own octets stay octets.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from pathlib import Path

import msgspec

from net4ai.codecs.compute import Ended

MAXIMUM_CHECKPOINT = 1 << 30
"""Octets of one checkpoint of a function."""
MAXIMUM_FILE = 2 * MAXIMUM_CHECKPOINT + (1 << 20)
"""Octets of the file: now and before, and what the host adds."""

_HEADER = struct.Struct(">4sHHQ16s")
_MAGIC = b"N4CK"
_VERSION = 1
_DIGEST_OCTETS = 16


class CheckpointError(Exception):
    """A checkpoint is damaged, of another version or function, or too large."""


class Committed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far an instance has come in an execution."""

    execution: int
    as_server: bool
    next_turn: int = 0
    """Number after the highest turn that was committed."""
    before: bytes | None = None
    """At a client: its state before the turn the server may not have committed, to do it again from."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was committed at an instance."""

    function: str
    state: bytes
    """What the function gave."""
    executions: list[Committed]
    """Newest last."""
    ended: list[Ended]
    """Answers of the server, newest last."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)


class CheckpointFile:
    """The file of one instance."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the file by `checkpoint`. Raises OSError; what was there before stays then."""
        body = _encoder.encode(checkpoint)
        header = _HEADER.pack(_MAGIC, _VERSION, 0, len(body), _digest(body))
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(header)
                file.write(body)
            os.replace(temporary, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def read(self) -> Checkpoint | None:
        """What was written last; None: nothing. Raises `CheckpointError`, OSError."""
        if not self.path.exists():
            return None
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not _HEADER.size <= size <= _HEADER.size + MAXIMUM_FILE:
                raise CheckpointError(f"checkpoint {self.path.name}: {size} octets")
            magic, version, _, length, digest = _HEADER.unpack(file.read(_HEADER.size))
            if (magic, version) != (_MAGIC, _VERSION):
                raise CheckpointError(f"checkpoint {self.path.name}: not one of version {_VERSION}")
            if length != size - _HEADER.size:
                raise CheckpointError(f"checkpoint {self.path.name}: {size - _HEADER.size} octets, {length} announced")
            body = file.read(length)
        if _digest(body) != digest:
            raise CheckpointError(f"checkpoint {self.path.name}: damaged")
        try:
            return _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CheckpointError(f"checkpoint {self.path.name}: {error}") from None

    def remove(self) -> None:
        """The instance is not to come back. Raises OSError."""
        self.path.unlink(missing_ok=True)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_OCTETS).digest()
