"""Radio resource control, role ue: the cell, connections, security, measurements, radio link failure."""

from __future__ import annotations

from net4ai.codecs import rrc
from net4ai.conformance.case import case
from net4ai.conformance.ue_tester import UeTester

SETUP = "docs/spec/rrc.md#4-connection"
RELEASE = "docs/spec/rrc.md#43-release"


@case("RRC-SETUP-11", group="rrc", role="ue", clause=SETUP, purpose="The UE repeats its request when T300 expires.")
async def ue_repeats_request(ran: UeTester) -> None:
    first = await ran.setup_request()
    await ran.srb0.expect(rrc.SetupRequest, ue_identity=first.ue_identity)


@case("RRC-SETUP-12", group="rrc", role="ue", clause=SETUP, purpose="Setup Complete carries the registration.")
async def ue_completes(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ran.check(ue.nas.arrived(), "a NAS message in RRC Setup Complete")
