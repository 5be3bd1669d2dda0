"""Registration, NAS security and the NET4AI dialogue."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.conformance.case import case
from net4ai.conformance.ran_node_tester import RanNodeTester

REGISTRATION = "docs/spec/nas.md#4-registration"
SECURITY = "docs/spec/nas.md#6-security-mode"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"
TRANSPORT = "docs/spec/rrc.md#44-information-transfer"


@case("NAS-TRANS-01", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="The RAN node passes NAS on unread, both ways.")  # fmt: skip
async def transport(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    octets = bytes(range(256))
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=octets))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=octets)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=octets[::-1]))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=octets[::-1])
