"""Local misuse of a DEP session. What a peer does wrong never raises; it is dropped, counted and answered."""

from __future__ import annotations

from net4ai.stack.dep.constants import OCTETS_PER_KEY, RECORDS_PER_KEY


class DepError(Exception):
    """A call the session cannot follow."""


class MessageTooLarge(DepError):
    """The message is longer than the peer permits."""

    def __init__(self, length: int, maximum: int) -> None:
        super().__init__(f"message of {length} octets; the peer permits {maximum}")
        self.length = length
        self.maximum = maximum


class UnknownFlow(DepError):
    """The session has no such QoS flow."""

    def __init__(self, qfi: int, configured: list[int]) -> None:
        super().__init__(f"QoS flow {qfi}; configured: {configured}")
        self.qfi = qfi
        self.configured = configured


class TooManyMessages(DepError):
    """As many messages as the session holds are waiting. Wait for `MessageAcknowledged`."""

    def __init__(self, maximum: int) -> None:
        super().__init__(f"{maximum} messages are waiting already")
        self.maximum = maximum


class AnswerUnderWay(DepError):
    """The request is being answered already."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"request {message_id} is being answered already")
        self.message_id = message_id


class SessionNotOpen(DepError):
    """The session is closing or closed."""


class NoFlows(DepError):
    """A session needs a QoS flow to say anything at all."""

    def __init__(self) -> None:
        super().__init__("a session with no QoS flow; allowed: 1 to 16")


class FlowsDiffer(DepError):
    """A path change must keep the QoS flows and what they promise; only their bearers may differ."""

    def __init__(self, qfis: list[int], configured: list[int]) -> None:
        super().__init__(f"path change to QoS flows {qfis}; allowed: {configured}, reliable and ordered as they are")


class CapsuleRefused(DepError):
    """The capsule or its epoch is not one that can be sent."""


class KeyRefused(DepError):
    """The key or its epoch is not one records can be sealed or opened with."""


class KeyExhausted(DepError):
    """The key has sealed as much as it may: a new one is needed."""

    def __init__(self, epoch: int, records: int, octets: int) -> None:
        super().__init__(
            f"the key of epoch {epoch} has sealed {records} records, {octets} octets; "
            f"it may {RECORDS_PER_KEY} and {OCTETS_PER_KEY}"
        )
        self.epoch = epoch


class NotSealable(DepError):
    """What has no prefix that describes it cannot be sealed."""


class NotEnoughCredit(DepError):
    """The budget cannot promise that many unscheduled octets."""

    def __init__(self, octets: int, available: int) -> None:
        super().__init__(f"{octets} unscheduled octets; the budget can promise {available}")
        self.octets = octets
        self.available = available
