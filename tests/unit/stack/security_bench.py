"""A UE's and a RAN node's end of SRB1, and the security procedures as RRC runs them, without RRC."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from bearer_bench import Link, bearer

from net4ai.stack.acknowledged_bearer import AcknowledgedBearer
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.srb_security import SrbSecurity

K_GNB = bytes(range(32))
COMMAND = b"Security Mode Command"
COMPLETE = b"Security Mode Complete"


def keys(sends: Direction, k_gnb: bytes = K_GNB, integrity: int = 2, ciphering: int = 2) -> SrbSecurity:
    return SrbSecurity(k_gnb, integrity, ciphering, sends)


def ue_bearer(first_count: int = 0, **options: int) -> AcknowledgedBearer:
    end = bearer(first_count, **options)
    end.takes_unverified = True
    return end


def start(node: AcknowledgedBearer, now: int, k_gnb: bytes = K_GNB, ciphering: int = 2) -> None:
    """The RAN node sends the command."""
    node.start_security(keys(Direction.DOWNLINK, k_gnb, ciphering=ciphering))
    node.send(COMMAND, now)
    node.start_ciphering()


def answer(ue: AcknowledgedBearer, now: int, ciphering: int = 2) -> None:
    """The UE takes the command that waits, and answers it."""
    assert ue.unverified_sdu() == COMMAND
    assert ue.accept_unverified(keys(Direction.UPLINK, ciphering=ciphering))
    ue.send(COMPLETE, now)
    ue.start_ciphering()


def secured(maximum_pdu: int = 1400, ciphering: int = 2) -> tuple[AcknowledgedBearer, AcknowledgedBearer]:
    """UE and RAN node, security on in both directions, nothing under way. COUNT of both is 1 from here on."""
    link = SecuredLink(ue_bearer(maximum_pdu=maximum_pdu), bearer(maximum_pdu=maximum_pdu), ciphering=ciphering)
    start(link.far, link.now, ciphering=ciphering)
    link.run()
    assert link.taken_by_far == [(COMPLETE, True)]
    return link.near, link.far


@dataclass
class SecuredLink(Link):
    """A link from a UE (near) to a RAN node (far). Both take what comes, the UE answers the command."""

    ciphering: int = 2
    taken_by_near: list[tuple[bytes, bool]] = field(default_factory=list)
    """Each with whether it was verified."""
    taken_by_far: list[tuple[bytes, bool]] = field(default_factory=list)

    def step(self) -> bool:
        if not super().step():
            return False
        for end, taken in ((self.near, self.taken_by_near), (self.far, self.taken_by_far)):
            while (sdu := end.next_sdu()) is not None:
                taken.append((sdu, end.verified))
        if self.near.unverified_sdu() is not None:
            answer(self.near, self.now, self.ciphering)
            while (sdu := self.near.next_sdu()) is not None:
                self.taken_by_near.append((sdu, self.near.verified))
        return True


def state(end: AcknowledgedBearer) -> dict[str, Any]:
    """All a bearer knows, but for the drops it has counted."""
    known = {name: copy.deepcopy(value) for name, value in vars(end).items() if name not in ("drops", "_protection")}
    security = {name: value for name, value in vars(end._protection).items() if name != "security"}
    known["_timeout"] = vars(end._timeout).copy()
    return {**known, **security}
