"""A registered terminal with a session, invited and started by a scripted network; a scripted compute worker."""

from __future__ import annotations

from typing import Any

from radio_bench import CELL, Air, FakeRanNode, Ue, offers

from net4ai.codecs import compute, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionRelease
from net4ai.stack.dep_endpoint import SessionEnd

RADIO = compute.Radio(cell=CELL, rsrp_dbm=-80.0, rsrq_db=-10.5, sinr_db=20.0)
"""What every terminal hears here."""


class World:
    """A registered terminal with one session, whose other end is `self.end`."""

    def __init__(self, count: int = 1) -> None:
        self.air = Air()
        self.ran = FakeRanNode(self.air)
        self.ue = Ue(self.air, count)
        self.ue.process.procedures.start("camp", self.ue.process.cell.camp(), traced=False)
        self.ue.process.procedures.start("life", self.ue.terminal.live(), traced=False)
        self.air.run(0.05)
        self.ran.set_up()
        self.ran.register()
        self.end, _ = self.ran.reconfigure()
        self.ends: dict[int, SessionEnd] = {0: self.end}
        """Other ends, by session."""
        self.ran.nas.clear()

    def join(self, job: int, session: int) -> None:
        """The terminal consents to a job and gets its session."""
        self.ran.say(offers(job))
        request = self.ran.nas[-1]
        assert isinstance(request, nas.ComputingRequest)
        self.configure(session)
        self.ran.say(nas.ComputingAccept(transaction=request.transaction, session=session))
        self.ran.nas.clear()

    def configure(self, session: int) -> None:
        self.ends[session], _ = self.ran.reconfigure(session)

    def release(self, session: int, cause: Cause = Cause.NORMAL) -> None:
        """The network releases a session."""
        release = rrc.Reconfiguration(transaction=1, released_sessions=(SessionRelease(session=session, cause=cause),))
        self.ran.say(release)

    def said(self, kind: type[Any]) -> list[Any]:
        """NAS messages of a kind."""
        return [message for message in self.ran.nas if isinstance(message, kind)]

    def invite(self, execution: int = 1, **changes: Any) -> None:
        values: dict[str, Any] = {
            "session": 0,
            "function": "data-source",
            "routine": "bottom",
            "round": 3,
            "cut": 2,
            "seat": 5,
            "sequential": True,
            "settings": b'{"a":1}',
            "key": b"",
        }
        self.ran.say(nas.RoutineInvite(execution=execution, **values | changes))

    def loaded(self, instance: int = 1) -> None:
        self.ue.worker(compute.Loaded(instance=instance))

    def begun(self, execution: int = 1, detail: str = "", instance: int = 1) -> None:
        self.ue.worker(compute.Begun(instance=instance, execution=execution, as_server=False, detail=detail))

    def accept(self, execution: int = 1, instance: int = 1, **changes: Any) -> None:
        self.invite(execution, **changes)
        if not self.ue.process.functions.instances[instance].loaded:
            self.loaded(instance)
        self.begun(execution, instance=instance)

    def start(self, turn: int = 7, execution: int = 1) -> None:
        self.ran.say(nas.RoutineStart(execution=execution, turn=turn, repetition=0))

    def turn_done(self, turn: int = 7, error: str = "", execution: int = 1) -> None:
        self.ue.worker(
            compute.TurnDone(instance=1, execution=execution, as_server=False, seat=5, turn=turn, error=error)
        )

    def asked(self, kind: type[Any]) -> list[Any]:
        """What the compute worker was asked."""
        return [message for message in self.ue.compute.sent if isinstance(message, kind)]
