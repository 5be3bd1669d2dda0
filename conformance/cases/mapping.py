"""Sessions, QoS flows and computing radio bearers: which may be mapped to which (R100 to R107)."""

from __future__ import annotations

from net4ai.conformance.case import case
from net4ai.conformance.ran_node_tester import RanNodeTester

MAPPING = "docs/spec/rrc.md#63-sessions"
WHOLE = "docs/spec/rrc.md#6-reconfiguration"


@case("MAP-SHARE-11", group="mapping", role="ran-node", clause=MAPPING, rows=("R98", "R101"),
      purpose="Sessions of the same quality of service share a bearer.")  # fmt: skip
async def ran_node_shares_bearer(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    first, second = await ran.session(ue, job=1), await ran.session(ue, job=2)
    ran.check(first.number != second.number, "two sessions")
    ran.check(first.send_handle != second.send_handle, "two handles")
    ran.check(first.bearer == second.bearer, "one bearer")
