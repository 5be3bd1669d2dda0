"""RRC connection establishment, the UE's side (TS 38.331 5.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.l2 import BearerType
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.ue.register import request

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


async def connect(terminal: Terminal) -> None:
    """Ask for a connection until the RAN node gives one; complete it with the registration. Raises `ProcedureError`."""
    setup = await _ask(terminal)
    process = terminal.process
    hop = Hop(
        HopName("Uu", terminal.name, process.config.ran_node, {"ue": terminal.name}),
        BearerType.SRB,
        setup.c_rnti,
        process.ran_address,
        (process.ran_address[0], setup.bulk_port),
        process.sockets,
        process.drops,
        process.trace,
    )
    terminal.connected(hop)
    registration = request(terminal)
    data = registration.encode()
    terminal.trace_nas(registration, "out", len(data))
    terminal.send_rrc(rrc.SetupComplete(transaction=setup.transaction, nas=data))


async def _ask(terminal: Terminal) -> rrc.Setup:
    process = terminal.process
    identity = process.random_identity()
    asked = rrc.SetupRequest(
        ue_identity=identity,
        cause=rrc.EstablishmentCause.MO_SIGNALLING,
        bulk_port=process.sockets.bulk_port,
    )
    process.asking[identity] = terminal
    host, port = process.ran_address
    node = f"RAN node {process.config.ran_node} at {host}:{port}"
    error = ProcedureError(Cause.TIMEOUT, f"T300: no answer from {node}")
    try:
        for _ in range(process.timers.attempts("T300")):
            process.send_srb0(terminal, asked)
            try:
                answer = await terminal.replies.expect("RRC setup", process.timers["T300"])
            except ProcedureTimeout:
                continue
            if isinstance(answer, rrc.Setup):
                return answer
            error = ProcedureRejected(cause_of(answer.cause), f"by {node}")
            await process.procedures.sleep(answer.wait_time * 1_000_000)
    finally:
        del process.asking[identity]
    raise error
