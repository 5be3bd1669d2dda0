"""What a session has to say besides DATA, until it is taken."""

from __future__ import annotations

from collections.abc import Mapping

from net4ai.codecs.common import FlowMapping
from net4ai.codecs.dep import DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import CONTROL_QUEUE


class ControlQueue:
    """Control PDUs in the order they go out. It is bounded: every one of them is repeated on demand."""

    def __init__(self, version: int, send_handle: int, flows: Mapping[int, FlowMapping]) -> None:
        """`flows` are looked up when PDUs are taken: they may have moved to other bearers meanwhile."""
        self._version = version
        self.send_handle = send_handle
        self._flows = flows
        self._waiting: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def put(
        self,
        kind: DepType,
        body: bytes,
        qfi: int,
        *,
        message_id: int = 0,
        response: bool = False,
        offset: int = 0,
        first: bool = False,
    ) -> bool:
        """Whether there was room. `first`: before all others."""
        if len(self._waiting) >= CONTROL_QUEUE:
            return False
        header = pdus.pack_header(
            self._version,
            kind,
            handle=self.send_handle,
            qfi=qfi,
            message_id=message_id,
            response=response,
            offset=offset,
        )
        self._waiting.insert(0 if first else len(self._waiting), (qfi, header + body))
        return True

    def take(self) -> list[tuple[int, bytes]]:
        """Bearer and PDU of all that waits; what is about a flow that is not configured goes by the first one's."""
        waiting, self._waiting = self._waiting, []
        first = next(iter(self._flows.values()))
        return [(self._flows.get(qfi, first).bearer, pdu) for qfi, pdu in waiting]

    def clear(self) -> None:
        self._waiting.clear()
