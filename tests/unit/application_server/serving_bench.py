"""An application server attached to a forwarding function, whose end of the link the test plays."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import compute, link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION
from net4ai.stack.procedure import ProcedureError, outcome_of

FLOWS = (FlowMapping(qfi=1, bearer=1),)
INSTANCE, EXECUTION, SEAT = 1, 5, 7
LIMITS = SessionLimits(segment_size=1400, unscheduled=8400, maximum_message=1 << 20, maximum_open=8)


class Serving:
    """A server attached to a forwarding function, whose end of the link the test plays."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.fpf = network.forwarding_function()
        self.server = network.application_server()
        self.machine = self.server.machine
        self.compute = self.server.compute
        network.run(seconds=1)
        self.peer = self.fpf.peer_named("server")

    def under_way(self) -> list[str]:
        """Procedures of the server, but for the one that lasts as long as its attachment."""
        return [each.name for each in self.server.procedures.open if each.name != "attach watch"]

    def ask(self, kind: type[Any], **fields: Any) -> Any:
        """A request and its answer, or the `ProcedureError`."""
        self.fpf.procedures.advance(self.network.now)
        asked = self.fpf.procedures.start(
            "ask", outcome_of(self.peer.request(lambda n: kind(transaction=n, **fields), "instantiate"))
        )
        self.network.run(until=lambda: asked.done)
        return asked.result()

    def say(self, message: link.Link) -> None:
        self.fpf.procedures.advance(self.network.now)
        self.peer.send(message)
        self.network.run(seconds=1)

    def load(self, instance: int = INSTANCE, **change: Any) -> Any:
        usual: dict[str, Any] = {"function": "f", "settings": b'{"a":1}'}
        return self.ask(link.Instantiate, instance=instance, **(usual | change))

    def add(self, *seats: int, **change: Any) -> Any:
        usual: dict[str, Any] = {
            "instance": INSTANCE,
            "execution": EXECUTION,
            "end_point": link.EndPoint.ROUTINE_SERVER,
            "dep_version": VERSION,
            "sessions": tuple(
                link.LinkSession(seat=seat, handle=0x100 + seat, limits=LIMITS, flows=FLOWS) for seat in seats
            ),
        }
        return self.ask(link.SessionAdd, **(usual | change))

    def release(self, *seats: int, instance: int = INSTANCE, execution: int = EXECUTION) -> None:
        numbers = tuple(link.SeatNumber(seat=seat) for seat in seats)
        self.say(
            link.SessionRelease(
                transaction=0, execution=execution, instance=instance, cause=Cause.NORMAL, seats=numbers
            )
        )

    def invite(self, execution: int = EXECUTION, instance: int = INSTANCE, qfi: int = 1) -> Any:
        return self.ask(
            link.Invite,
            execution=execution,
            instance=instance,
            end_point=link.EndPoint.ROUTINE_SERVER,
            routine="train",
            round=3,
            cut=2,
            sequential=True,
            seats=(link.SeatNumber(seat=SEAT),),
            key=b"",
            qfi=qfi,
        )

    def begin(self, execution: int = EXECUTION) -> Any:
        seats = (link.SeatNumber(seat=SEAT),)
        return self.ask(link.Begin, execution=execution, instance=INSTANCE, seats=seats)

    def reported(self, kind: type[Any]) -> list[str]:
        return [event.message for event in self.network.messages(kind.NAME, "edge", "in")]


def refused(answer: Any, cause: Cause) -> bool:
    return isinstance(answer, ProcedureError) and answer.cause is cause


def well(message: Any) -> compute.FromWorker | None:
    """A worker that loads everything."""
    return compute.Loaded(instance=message.instance) if isinstance(message, compute.Load) else None
