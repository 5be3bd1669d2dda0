"""Answering PDUs that carry a handle nobody here has given out, or not any more."""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import DepType
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep import pdus
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.hop import Hop


class UnknownHandles:
    """Tells a bound peer that a session it sends to is not here, so that it need not wait for its timers.

    ERROR is never answered, and the rate of answers is limited over all peers.
    """

    def __init__(self) -> None:
        self._rate = ErrorRate()

    def answer(self, hop: Hop, bearer: int, pdu: Buffer, now: int) -> None:
        """`pdu`, from the DEP header on, came over `bearer` of a peer's hop and was dropped for its handle."""
        header = pdus.header(pdu)
        if header.handle == 0 or header.type == DepType.ERROR or not self._rate.take(now):
            return
        error = pdus.pack_header(header.version, DepType.ERROR, handle=0, qfi=header.qfi)
        body = pdus.error(Cause.UNKNOWN_SESSION, header.handle)
        hop.send_dep(bearer, bytearray(L2_HEADER_SIZE) + error + body, now)
