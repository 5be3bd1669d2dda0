"""The control-bus envelope: who says what to whom, as signed JSON of at most 64 KiB.

On the wire a message is one JSON object that begins with its own signature::

    {"hmac":"<64 hex digits>","process":"core","id":"...","kind":"request",...,"body":{...}}

The HMAC-SHA-256 covers every byte behind its comma. So it is checked over the bytes as they came, before any JSON is
parsed, and a capture still shows plain JSON. The key belongs to the process that signed: HMAC(run key, process name).
An application controller belongs to a provider and never has the run key: what it and the network say to each other is
signed, both ways, under HMAC(provider's key, process name).

A body that does not fit is cut into numbered parts whose bodies are JSON strings holding consecutive slices of its
text; `Reassembler` gives the whole back when the last missing part has come, so a batch takes effect at once or not
at all. Unknown fields are ignored.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from net4ai.codecs.errors import DecodeError, EncodeError

MAXIMUM_MESSAGE = 64 * 1024
"""Bytes of one encoded message."""
MAXIMUM_BODY = 4 * 1024 * 1024
"""Bytes of one body, over all its parts."""
MAXIMUM_DETAIL = 1000
"""Characters of `Failure.detail`: with the names it has to fit beside the body."""
RUN_KEY_SIZE = 32

_BODY_ROOM = 54 * 1024
_WIDEST_CHARACTER = 4
_WIDEST_ASCII = 2
MAXIMUM_PARTS = -(-MAXIMUM_BODY // (_BODY_ROOM // _WIDEST_CHARACTER))

MAXIMUM_BATCHES = 64
"""Half-received bodies a `Reassembler` keeps."""
MAXIMUM_BATCH_BYTES = 4 * MAXIMUM_BODY
"""Bytes a `Reassembler` keeps in all."""
BATCH_LIFETIME = 10_000_000_000
"""Nanoseconds after its first part at which an incomplete body is given up."""

_NAME = r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\Z"
_TYPE = r"\A[A-Za-z0-9][A-Za-z0-9 ._/-]{0,127}\Z"

Name = Annotated[str, msgspec.Meta(pattern=_NAME)]
TypeName = Annotated[str, msgspec.Meta(pattern=_TYPE)]
Identifier = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]

Kind = Literal["request", "reply", "event"]
KeyOf = Callable[[str], bytes | None]
"""Process name -> its key, or None for a process that may not speak."""

_NULL = msgspec.Raw(b"null")


class Failure(msgspec.Struct, frozen=True):
    """Why a request was not done. `cause` is a short name from a table, `detail` is for people."""

    cause: TypeName
    detail: Annotated[str, msgspec.Meta(max_length=MAXIMUM_DETAIL)] = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One control message between two entities.

    A reply carries the `id` of its request. `process` and `sent` are stamped by the bus.
    """

    process: Name = ""
    """The signing process; one process may hold several entities."""
    id: Identifier
    """128 random bits in hex."""
    kind: Kind
    type: TypeName
    """Name of the body's schema."""
    sender: Name
    """Entities, e.g. "access-manager" or "fpf/ran-1"."""
    to: Name
    sent: Nanoseconds = 0
    """UTC nanoseconds at which this copy left: a repeated request differs from a duplicated message by it."""
    deadline: Nanoseconds | None = None
    """UTC nanoseconds after which nobody waits for it any more."""
    error: Failure | None = None
    part: Annotated[int, msgspec.Meta(ge=0, lt=MAXIMUM_PARTS)] = 0
    parts: Annotated[int, msgspec.Meta(ge=1, le=MAXIMUM_PARTS)] = 1
    body: msgspec.Raw = _NULL
    """Any JSON value, not looked into here. In one of several parts: a JSON string with a slice of the text."""


_CONTROLLER = re.compile(r"controller-([A-Za-z][A-Za-z0-9_-]{0,31})(?:\.[0-9]{1,9})?")

_HMAC_START = b'{"hmac":"'
_SIGNED_START = len(_HMAC_START) + 64 + 2
_HEADER = re.compile(rb'\{"hmac":"([0-9a-f]{64})","process":"([A-Za-z0-9][A-Za-z0-9._/-]{0,127})",')
_HEADER_MAXIMUM = 256
_FIELD = re.compile(r"at `\$\.([a-z]+)")
"""How msgspec names the field it refuses."""

_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.json.Decoder(Envelope)
_text_decoder = msgspec.json.Decoder(str)
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)

_JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def node_key(run_key: bytes, process: str) -> bytes:
    """The key with which `process` signs in the run of `run_key` (32 bytes)."""
    if len(run_key) != RUN_KEY_SIZE:
        raise EncodeError("run key", "length", len(run_key), f"{RUN_KEY_SIZE} bytes")
    return hmac.digest(run_key, process.encode(), "sha256")


def controller_name(provider: str, number: int = 0) -> str:
    """What an application controller of `provider` is called, as a process and as its entity; `number`: one more."""
    return f"controller-{provider}.{number}" if number else f"controller-{provider}"


def provider_of(name: str) -> str | None:
    """The provider whose application controller has this name (R41); None: it is not an application controller."""
    found = _CONTROLLER.fullmatch(name)
    return found[1] if found else None


def split(envelope: Envelope) -> list[Envelope]:
    """The envelope itself when its body fits one message, else its numbered parts.

    Raises `EncodeError` when the body is over `MAXIMUM_BODY` or not UTF-8.
    """
    body = bytes(envelope.body)
    if len(body) > MAXIMUM_BODY:
        raise EncodeError("envelope", "body", f"{len(body)} bytes", f"at most {MAXIMUM_BODY} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise EncodeError("envelope", "body", body[:32], "JSON in UTF-8") from None
    if len(body) <= _BODY_ROOM:
        return [envelope]
    width = _WIDEST_ASCII if text.isascii() else _WIDEST_CHARACTER
    step = _BODY_ROOM // width
    slices = [text[start : start + step] for start in range(0, len(text), step)]
    return [
        msgspec.structs.replace(envelope, part=part, parts=len(slices), body=msgspec.Raw(_encoder.encode(piece)))
        for part, piece in enumerate(slices)
    ]


def seal(envelope: Envelope, key: bytes) -> bytes:
    """One signed message. Raises `EncodeError` when a field is out of its range or the message over 64 KiB."""
    try:
        text = _encoder.encode(envelope)
        _envelope_decoder.decode(text)
    except _JSON_ERRORS as error:
        raise _encode_error(envelope, error) from None
    message = b'%b%b",%b' % (_HMAC_START, hmac.digest(key, text[1:], "sha256").hex().encode(), text[1:])
    if len(message) > MAXIMUM_MESSAGE:
        raise EncodeError("envelope", "length", f"{len(message)} bytes", f"at most {MAXIMUM_MESSAGE} bytes")
    return message


def _encode_error(envelope: Envelope, error: Exception) -> EncodeError:
    named = _FIELD.search(str(error))
    if named is None:
        return EncodeError("envelope", "body", bytes(envelope.body)[:32], f"JSON ({error})")
    return EncodeError("envelope", named[1], getattr(envelope, named[1]), str(error))


def encode(envelope: Envelope, key: bytes) -> list[bytes]:
    """The signed messages of an envelope: one, or its parts in order. `envelope.process` must be set.

    Raises `EncodeError` for a field out of range, a body that is not JSON, or one over `MAXIMUM_BODY`.
    """
    return [seal(part, key) for part in split(envelope)]


def decode(message: bytes, key_of: KeyOf) -> Envelope:
    """The envelope (or one part) in `message`, its signature proved with the key of the process it names.

    Raises `DecodeError` only: too large, truncated, not an envelope, unknown process, bad signature, not JSON, wrong
    schema.
    """
    if len(message) > MAXIMUM_MESSAGE:
        raise DecodeError("envelope", "too large", f"{len(message)} bytes")
    header = _HEADER.match(message[:_HEADER_MAXIMUM])
    if header is None:
        start = message[: len(_HMAC_START)]
        cut = len(message) < _SIGNED_START and _HMAC_START.startswith(start)
        raise DecodeError("envelope", "truncated" if cut else "not an envelope")
    if not message.endswith(b"}"):
        raise DecodeError("envelope", "truncated")
    process = header[2].decode()
    key = key_of(process)
    if key is None:
        raise DecodeError("envelope", "unknown process", process)
    signed = message[_SIGNED_START:]
    if not hmac.compare_digest(hmac.digest(key, signed, "sha256").hex().encode(), header[1]):
        raise DecodeError("envelope", "bad signature", process)
    try:
        envelope = _envelope_decoder.decode(b"{" + signed)
    except msgspec.ValidationError as error:
        raise DecodeError("envelope", "wrong schema", str(error)) from None
    except _JSON_ERRORS as error:
        raise DecodeError("envelope", "not JSON", str(error)) from None
    if envelope.process != process:
        raise DecodeError("envelope", "wrong schema", "process named twice")
    if envelope.part >= envelope.parts:
        raise DecodeError("envelope", "wrong schema", f"part {envelope.part} of {envelope.parts}")
    return envelope


class _Batch:
    """The slices of one body that have come so far."""

    __slots__ = ("deadline", "missing", "size", "slices")

    def __init__(self, parts: int, deadline: int) -> None:
        self.slices: list[str | None] = [None] * parts
        self.missing = parts
        self.size = 0
        self.deadline = deadline


_BatchKey = tuple[str, str, str, str, str, int]


class Reassembler:
    """Puts parts together, in any order. Bounded in batches, bytes and time; what is over is refused, not evicted."""

    def __init__(self, lifetime: int = BATCH_LIFETIME) -> None:
        self._lifetime = lifetime
        self._batches: dict[_BatchKey, _Batch] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Characters held at the moment."""
        return self._size

    def add(self, envelope: Envelope, now: int) -> Envelope | None:
        """The whole envelope when this was the last missing part, else None. A repeated part changes nothing.

        Raises `DecodeError`: wrong part (contradicts earlier ones), too large, too many batches, not JSON.
        """
        if envelope.parts == 1:
            return envelope
        try:
            piece = _text_decoder.decode(envelope.body)
        except _JSON_ERRORS as error:
            raise DecodeError("envelope part", "wrong part", str(error)) from None
        key = (envelope.process, envelope.sender, envelope.to, envelope.kind, envelope.id, envelope.sent)
        batch = self._batches.get(key)
        if batch is None:
            if len(self._batches) >= MAXIMUM_BATCHES:
                raise DecodeError("envelope part", "too many batches", envelope.sender)
            batch = self._batches[key] = _Batch(envelope.parts, now + self._lifetime)
        if len(batch.slices) != envelope.parts:
            raise DecodeError("envelope part", "wrong part", f"{envelope.parts} parts, not {len(batch.slices)}")
        if batch.slices[envelope.part] is not None:
            return None
        if batch.size + len(piece) > MAXIMUM_BODY or self._size + len(piece) > MAXIMUM_BATCH_BYTES:
            self._forget(key)
            raise DecodeError("envelope part", "too large", envelope.sender)
        batch.slices[envelope.part] = piece
        batch.missing -= 1
        batch.size += len(piece)
        self._size += len(piece)
        if batch.missing:
            return None
        self._forget(key)
        body = "".join(piece for piece in batch.slices if piece is not None).encode()
        try:
            whole = _raw_decoder.decode(body)
        except _JSON_ERRORS as error:
            raise DecodeError("envelope part", "not JSON", str(error)) from None
        return msgspec.structs.replace(envelope, part=0, parts=1, body=whole)

    def next_deadline(self) -> int | None:
        """When `expire` has something to do, or None."""
        return min((batch.deadline for batch in self._batches.values()), default=None)

    def expire(self, now: int) -> int:
        """Gives up the batches whose time is over and returns how many they were."""
        late = [key for key, batch in self._batches.items() if batch.deadline <= now]
        for key in late:
            self._forget(key)
        return len(late)

    def _forget(self, key: _BatchKey) -> None:
        self._size -= self._batches.pop(key).size
