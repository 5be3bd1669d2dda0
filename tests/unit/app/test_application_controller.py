"""The application controller between a service manager, a forwarding function and whoever takes its results."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net4ai.app.application_controller import ENDED_JOBS, HELD_RESULTS, words_of
from net4ai.app.scenario import load_scenario
from net4ai.codecs import compute, link, strategies
from net4ai.codecs.bus import (
    Done,
    InstallResults,
    Instance,
    JobBegun,
    JobEnded,
    JobProgress,
    JobsListed,
    JobStarted,
    JobStatus,
    ListJobs,
    ListServices,
    RaiseEvent,
    RegisterService,
    RemoveService,
    ServiceRegistered,
    ServicesListed,
    ServiceStatus,
    StartJob,
    StopJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION
from net4ai.codecs.message import Message, encode_message
from net4ai.codecs.service import (
    EventTrigger,
    Job,
    JobTrigger,
    ServiceDescription,
    TerminalsTrigger,
    TimeTrigger,
)
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.events import MessageReceived
from net4ai.stack.procedure import ProcedureError, outcome_of
from net4ai.stack.timers import Timers
from net4ai.stack.units import SECOND

QUICK = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
POLL = Timers()["job-poll"] // SECOND
LIMITS = SessionLimits(segment_size=1400, unscheduled=8400, maximum_message=1 << 20, maximum_open=8)
SERVICE = msgspec.convert(msgspec.to_builtins(load_scenario("blood-pressure").service), ServiceDescription)


class Controlled:
    """A controller at an edge; the test plays the service manager."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.core = network.core()
        self.fpf = network.forwarding_function()
        self.controller = network.controller()
        self.machine = self.controller.machine
        self.asked: list[Any] = []
        self.manager = network.callee("service-manager")
        self.manager.handle(RegisterService, self.register)
        self.manager.handle(StartJob, self.start)

    def register(self, request: RegisterService) -> ServiceRegistered:
        self.asked.append(request)
        return ServiceRegistered(service=4)

    def start(self, request: StartJob) -> JobStarted:
        self.asked.append(request)
        return JobStarted(job=9)

    def run_job(self) -> Any:
        """A job under way."""
        self.machine.procedures.advance(self.network.now)
        return self.machine.procedures.start("job", self.machine.run_job(SERVICE, {"f": {}}, "train", k=4, cut=2))

    def tell(self, event: Any) -> None:
        self.manager.procedures.advance(self.network.now)
        self.manager.tell("application-controller", event)
        self.network.run(seconds=1)

    def attach(self) -> Any:
        self.machine.link.attach()
        self.network.run(seconds=1)
        return self.fpf.peer_named("application-controller")

    def ask(self, *seats: int, **change: Any) -> Any:
        """Ask for a session; the answer, or the `ProcedureError`."""
        peer = self.fpf.peer_named("application-controller")
        flows = (FlowMapping(qfi=1, bearer=1),)
        usual: dict[str, Any] = {
            "execution": link.RESULTS_EXECUTION,
            "instance": 1,
            "end_point": link.EndPoint.RESULTS,
            "dep_version": VERSION,
            "sessions": tuple(link.LinkSession(seat=seat, handle=5, limits=LIMITS, flows=flows) for seat in seats),
        }
        asked = self.fpf.procedures.start(
            "ask", outcome_of(peer.request(lambda n: link.SessionAdd(transaction=n, **(usual | change))))
        )
        self.network.run(until=lambda: asked.done)
        return asked.result()

    def assert_nothing_left(self) -> None:
        assert not self.machine._sessions and not self.machine.endpoint.sessions
        assert self.controller.budget.promised == self.controller.budget.reserved == 0
        assert not self.machine.procedures.open


@pytest.fixture
def controlled(network: Any) -> Controlled:
    return Controlled(network)


# A job


def test_job_from_registration_to_its_end(controlled: Controlled) -> None:
    job = controlled.run_job()
    controlled.network.run(seconds=5)
    assert controlled.asked == [
        RegisterService(description=SERVICE, settings={"f": {}}, controller="application-controller", k=4, cut=2),
        StartJob(service=4, job="train", k=4, cut=2),
    ]
    assert controlled.fpf.peer_named("application-controller").kind is link.AttachKind.APPLICATION_CONTROLLER
    controlled.tell(JobProgress(job=9, what="round", values={"round": 1}))
    controlled.tell(JobEnded(job=8, cause=Cause.NORMAL))  # another's
    assert not job.done
    controlled.tell(JobEnded(job=9, cause=Cause.NORMAL))
    assert job.result() is None
    assert [words_of(event) for event in controlled.controller.events] == [
        ("service registered", {"service": 4}),
        ("job started", {"job": 9}),
        ("round", {"round": 1}),
        ("job ended", {"job": 8, "cause": "NORMAL"}),
        ("job ended", {"job": 9, "cause": "NORMAL"}),
    ]
    controlled.assert_nothing_left()


def test_each_step_once_on_a_bad_network(bad_network: Any) -> None:
    controlled = Controlled(bad_network)
    job = controlled.run_job()
    bad_network.run(seconds=60)
    controlled.tell(JobEnded(job=9, cause=Cause.NORMAL))
    bad_network.run(until=lambda: job.done)
    assert [type(request) for request in controlled.asked] == [RegisterService, StartJob]
    assert len(controlled.fpf.peers) == 1


def test_the_end_may_come_before_the_beginning_was_confirmed(controlled: Controlled) -> None:
    def start(request: StartJob) -> JobStarted:
        controlled.manager.tell("application-controller", JobEnded(job=9, cause=Cause.NORMAL))
        return JobStarted(job=9)

    controlled.manager.handle(StartJob, start)
    job = controlled.run_job()
    controlled.network.run(until=lambda: job.done)
    assert job.result() is None


@pytest.mark.parametrize(("cause", "name"), [(Cause.TOO_FEW_CLIENTS, "TOO_FEW_CLIENTS"), (9999, "UNSPECIFIED")])
def test_job_that_ends_badly(controlled: Controlled, cause: int, name: str) -> None:
    job = controlled.run_job()
    controlled.network.run(seconds=5)
    controlled.tell(JobEnded(job=9, cause=cause, detail="why"))
    with pytest.raises(ProcedureError, match=f"{name}: why"):
        job.result()
    controlled.assert_nothing_left()


def test_service_that_is_refused(controlled: Controlled) -> None:
    def refuse(request: RegisterService) -> ServiceRegistered:
        raise ProcedureError(Cause.NO_RESOURCES, "no application server at ran-2")

    controlled.manager.handle(RegisterService, refuse)
    job = controlled.run_job()
    controlled.network.run(seconds=5)
    with pytest.raises(ProcedureError, match="NO_RESOURCES: no application server at ran-2"):
        job.result()


def test_edge_that_starts_late(network: Any) -> None:
    controller = network.controller()
    controller.machine.link.attach()
    network.run(seconds=10)
    assert network.said == 5 * ["no answer on T4 from edge:1, trying again"]
    fpf = network.forwarding_function()
    network.run(until=lambda: controller.machine.link.peer is not None, seconds=1)
    assert fpf.peer_named("application-controller")
    accepts = [event.time for event in network.messages("Attach Accept")]
    assert accepts[1] - accepts[0] == network.delay


# Results


def test_results_and_the_answers_to_them(controlled: Controlled) -> None:
    server = controlled.network.application_server()
    controlled.attach()
    controlled.core.instantiate(1)
    assert controlled.core.call(InstallResults(instance=1, controller="application-controller")) == Done()
    controlled.controller.answer = lambda message: Message(tag=message.tag + 1) if message.tag == 1 else None
    for tag in (1, 7):
        server.compute.say(compute.SendResult(instance=1, body=encode_message(Message(tag=tag, data=b"m" * 9000))))
    controlled.network.run(until=lambda: len(server.compute.of(compute.ResultSent)) == 2)
    controlled.network.run(seconds=1)
    assert [message.tag for message in controlled.controller.results] == [1, 7]
    (told,) = server.compute.of(compute.DeliverResult)
    assert bytes(told.body) == bytes(encode_message(Message(tag=2)))
    server.compute.say(compute.SendResult(instance=1, body=b"no message"))
    controlled.network.run(seconds=1)
    assert len(controlled.controller.results) == 2
    assert controlled.machine.drops.total == 1


def test_input_that_cannot_be_sent_is_said(controlled: Controlled) -> None:
    server = controlled.network.application_server()
    controlled.attach()
    controlled.core.instantiate(1)
    controlled.core.call(InstallResults(instance=1, controller="application-controller"))
    controlled.controller.answer = lambda message: Message(tag=2, data=bytes(65 << 20))
    server.compute.say(compute.SendResult(instance=1, body=encode_message(Message(tag=1))))
    controlled.network.run(seconds=1)
    (line,) = controlled.network.said
    assert line.startswith("application-controller: job input: message of")
    assert len(controlled.controller.results) == 1


# Signalling


def test_session_for_results_comes_and_goes(controlled: Controlled) -> None:
    peer = controlled.attach()
    first = controlled.ask(0)
    second = controlled.ask(0)
    assert first.sessions[0].handle != second.sessions[0].handle
    assert list(controlled.machine.endpoint.sessions) == [second.sessions[0].handle]
    for _ in range(2):
        peer.send(link.SessionRelease(transaction=0, execution=0, instance=1, cause=Cause.NORMAL, seats=()))
    controlled.network.run(seconds=1)
    controlled.assert_nothing_left()


@pytest.mark.parametrize(
    ("seats", "change", "cause"),
    [
        ((0,), {"end_point": link.EndPoint.ROUTINE_SERVER}, Cause.UNEXPECTED_MESSAGE),
        ((0,), {"end_point": 99}, Cause.UNEXPECTED_MESSAGE),
        ((), {}, Cause.UNEXPECTED_MESSAGE),
        ((0, 1), {}, Cause.UNEXPECTED_MESSAGE),
        ((0,), {"dep_version": VERSION + 1}, Cause.VERSION_NOT_SUPPORTED),
    ],
)
def test_sessions_that_are_refused(controlled: Controlled, seats: Any, change: dict[str, Any], cause: Cause) -> None:
    controlled.attach()
    answer = controlled.ask(*seats, **change)
    assert isinstance(answer, ProcedureError) and answer.cause is cause
    controlled.assert_nothing_left()


def test_no_credit_for_a_session(controlled: Controlled) -> None:
    controlled.attach()
    controlled.controller.budget.octets = SCHEDULED_MINIMUM
    answer = controlled.ask(0)
    assert isinstance(answer, ProcedureError) and answer.cause is Cause.NO_RESOURCES
    controlled.assert_nothing_left()


@given(messages=st.lists(strategies.messages(link.Link.FAMILY), max_size=12))
@QUICK
def test_any_messages_in_any_order(make_network: Any, messages: list[Any]) -> None:
    controlled = Controlled(make_network())
    peer = controlled.attach()
    replies = (link.Acknowledge, link.Refuse, link.Accept, link.SessionAddComplete, link.Begun, link.PathSwitchComplete)
    for message in messages:
        before = dict(controlled.machine.drops.counts)
        peer.hop.signalling.send(message.encode(), controlled.network.now)
        controlled.network.run(seconds=1)
        counted = {name for name, n in controlled.machine.drops.counts.items() if n != before.get(name, 0)}
        if isinstance(message, link.SessionAdd | link.SessionRelease):
            assert counted == set()
        elif isinstance(message, replies):
            assert counted == {"answer to no request"}
        else:
            assert counted == {"unexpected message"} or counted == {"unknown message"}
    assert not controlled.machine.procedures.open


@given(received=st.lists(st.binary(max_size=60), max_size=20))
@QUICK
def test_nothing_that_arrives_raises(make_network: Any, received: list[bytes]) -> None:
    controlled = Controlled(make_network())
    controlled.attach()
    for pdu in received:
        for port in (1, 2):
            controlled.network.inject(("controller", port), pdu, ("edge", port))
    assert controlled.machine.link.peer is not None


def test_lost_link(controlled: Controlled) -> None:
    controlled.attach()
    controlled.ask(0)
    controlled.network.cut.add("controller")
    controlled.machine.link.send(link.Restart(execution=0, instance=0))
    controlled.network.run(until=lambda: controlled.machine.link.peer is None)
    assert not controlled.machine.endpoint.sessions and not controlled.machine._sessions
    assert "application-controller: edge does not answer, attaching anew" in controlled.network.said
    controlled.network.cut.clear()
    controlled.network.run(until=lambda: controlled.machine.link.peer is not None)
    controlled.network.run(seconds=1)
    assert isinstance(controlled.ask(0), link.SessionAddComplete)


# Several services and jobs, and a core that comes back


class Managed(Controlled):
    """The service manager knows services and jobs."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.services: list[ServiceStatus] = []
        self.jobs: list[JobStatus] = []
        self.manager.handle(ListServices, lambda request: ServicesListed(services=self.services))
        self.manager.handle(ListJobs, lambda request: JobsListed(jobs=self.jobs))

    def do(self, coroutine: Any) -> Any:
        self.machine.procedures.advance(self.network.now)
        procedure = self.machine.procedures.start("do", coroutine)
        self.network.run(until=lambda: procedure.done)
        return procedure.result()

    def result(self, instance: int, tag: int) -> None:
        """A result of an instance has come."""
        event = MessageReceived(1, tag, False, memoryview(bytearray(encode_message(Message(tag=tag)))))
        self.machine.procedures.advance(self.network.now)
        self.machine._on_session(instance, None, event)


@pytest.fixture
def managed(network: Any) -> Managed:
    return Managed(network)


def status(job: int, state: str, cause: int = 0) -> JobStatus:
    return JobStatus(job=job, service=1, name="train", state=state, cause=cause, detail="why" if cause else "")


def test_an_end_that_was_never_told_is_found_out(managed: Managed) -> None:
    """R53: the core was killed between the end of a job and its message."""
    watched = {job: managed.machine.watch(job) for job in (5, 6, 7)}
    managed.jobs = [status(5, "ended", Cause.TOO_FEW_CLIENTS), status(6, "running")]
    managed.network.run(seconds=POLL - 1)
    assert not any(promise.done for promise in watched.values())
    managed.network.run(seconds=2)
    assert watched[5].result() == JobEnded(job=5, cause=Cause.TOO_FEW_CLIENTS, detail="why")
    assert watched[7].result().cause == Cause.UNKNOWN_JOB
    assert not watched[6].done
    managed.tell(JobEnded(job=6, cause=Cause.NORMAL))
    assert watched[6].result() == JobEnded(job=6, cause=Cause.NORMAL)
    managed.assert_nothing_left()


def test_while_the_core_is_away_it_is_asked_again(managed: Managed) -> None:
    def away(request: ListJobs) -> JobsListed:
        raise ProcedureError(Cause.OVERLOAD, "starting")

    managed.manager.handle(ListJobs, away)
    watched = managed.machine.watch(5)
    managed.network.run(seconds=3 * POLL)
    assert not watched.done
    managed.jobs = [status(5, "ended")]
    managed.manager.handle(ListJobs, lambda request: JobsListed(jobs=managed.jobs))
    managed.network.run(seconds=POLL + 1)
    assert watched.done
    managed.assert_nothing_left()


def test_an_end_is_told_once(managed: Managed) -> None:
    first = managed.machine.watch(5)
    for _ in range(2):
        managed.tell(JobEnded(job=5, cause=Cause.NORMAL))
    assert first.done and managed.machine.watch(5).done
    assert len(managed.controller.events) == 1
    managed.assert_nothing_left()


def test_only_so_many_ends_are_remembered(managed: Managed) -> None:
    for job in range(ENDED_JOBS + 1):
        managed.machine._end(JobEnded(job=job, cause=Cause.NORMAL))
    assert len(managed.machine.ended) == ENDED_JOBS and 0 not in managed.machine.ended


def test_a_job_that_begins_by_itself_is_watched(managed: Managed) -> None:
    """R4."""
    managed.tell(JobBegun(service=1, job=8, name="validate"))
    managed.jobs = [status(8, "ended")]
    managed.network.run(seconds=POLL + 1)
    assert [type(event) for event in managed.controller.events] == [JobBegun, JobEnded]
    managed.assert_nothing_left()


TRIGGERED = msgspec.structs.replace(
    SERVICE,
    jobs={
        "train": Job(tasks=("training",)),
        "alarm": Job(tasks=("training",), trigger=EventTrigger(event="fire")),
        "then": Job(tasks=("training",), trigger=JobTrigger(job="alarm")),
        "crowd": Job(tasks=("training",), trigger=TerminalsTrigger(at_least=3)),
        "later": Job(tasks=("training",), trigger=TimeTrigger(after_s=60)),
    },
)


@pytest.mark.parametrize(
    ("job", "asked", "awaited"),
    [
        ("train", [StartJob(service=4, job="train", k=3, cut=1)], [9]),
        ("alarm", [RaiseEvent(service=4, event="fire")], [2]),
        ("then", [RaiseEvent(service=4, event="fire")], [2, 3]),
        ("crowd", [], [6]),
        ("later", [], [7]),
    ],
)
def test_a_job_is_run_by_what_starts_it(managed: Managed, job: str, asked: list[Any], awaited: list[int]) -> None:
    """R4. Of jobs that were armed several times the newest counts."""
    names = {1: "alarm", 2: "alarm", 3: "then", 6: "crowd", 7: "later"}
    managed.jobs = [JobStatus(job=number, service=4, name=name, state="armed") for number, name in names.items()]
    managed.jobs.append(JobStatus(job=99, service=5, name=job, state="armed"))
    managed.manager.handle(RaiseEvent, lambda request: managed.asked.append(request) or Done())
    managed.machine.procedures.advance(managed.network.now)
    run = managed.machine.procedures.start("run", managed.machine.run_registered(4, TRIGGERED, job, k=3, cut=1))
    for number in awaited:
        managed.network.run(seconds=1)
        assert not run.done
        managed.tell(JobEnded(job=number, cause=Cause.NORMAL))
    managed.network.run(until=lambda: run.done)
    assert run.result() is None
    assert managed.asked == asked
    managed.assert_nothing_left()


def test_a_job_whose_trigger_is_gone_is_not_waited_for(managed: Managed) -> None:
    with pytest.raises(ProcedureError, match="UNKNOWN_JOB: job crowd of service 4 is not armed"):
        managed.do(managed.machine.run_registered(4, TRIGGERED, "crowd", k=3, cut=1))


def test_results_are_named_by_service_and_function(managed: Managed) -> None:
    """R2, R5: two services at once; of the second nothing was heard before."""
    here = {"node": "edge", "application_server": "edge-app-server"}
    managed.manager.handle(
        RegisterService,
        lambda request: ServiceRegistered(service=4, instances=[Instance(instance=1, function="mean", **here)]),
    )
    managed.do(managed.machine.register(SERVICE, {}))
    there = Instance(instance=2, function="map", **here)
    managed.services = [ServiceStatus(service=6, name="s", provider="p", jobs=[], instances=[there])]
    managed.result(1, 10)
    managed.result(2, 20)
    managed.result(1, 11)
    managed.result(3, 30)
    managed.network.run(seconds=1)
    assert managed.controller.sources == [(4, "mean"), (6, "map"), (4, "mean"), (0, "")]
    assert [message.tag for message in managed.controller.results] == [10, 20, 11, 30], "in order"
    managed.manager.handle(RemoveService, lambda request: Done())
    managed.do(managed.machine.remove(4))
    assert 1 not in managed.machine._sources and managed.machine._sources[2] == (6, "map")


def test_a_job_may_wait_until_its_results_can_come(managed: Managed) -> None:
    """R111: who has attached anew has no session yet; a service may have none at all."""
    there = Instance(instance=1, function="map", node="edge", application_server="edge-app-server")
    managed.services = [ServiceStatus(service=6, name="s", provider="p", jobs=[], instances=[there])]
    managed.do(managed.machine.list_services())
    managed.attach()
    waiting = managed.machine.procedures.start("wait", managed.machine.results_ready(6))
    never = managed.machine.procedures.start("wait", managed.machine.results_ready(7))
    managed.network.run(seconds=2)
    assert not waiting.done
    managed.ask(0)
    assert waiting.done and not never.done
    managed.do(managed.machine.results_ready(6))
    managed.network.run(seconds=Timers()["results-ready"] // SECOND)
    assert never.done and not managed.machine._awaited


def test_results_that_wait_are_bounded(managed: Managed) -> None:
    managed.manager._send = lambda envelope: None
    for tag in range(HELD_RESULTS + 2):
        managed.result(9, tag)
    assert managed.machine.drops.counts == {"receive queue full": 2}


def test_every_request_goes_to_the_service_manager(managed: Managed) -> None:
    asked: list[Any] = []

    def done(request: Any) -> Done:
        asked.append(request)
        return Done()

    for body in (StopJob, RaiseEvent, RemoveService):
        managed.manager.handle(body, done)
    managed.do(managed.machine.stop(3))
    managed.do(managed.machine.raise_event(1, "night"))
    managed.do(managed.machine.remove(1))
    assert asked == [StopJob(job=3), RaiseEvent(service=1, event="night"), RemoveService(service=1)]
    managed.jobs = [status(3, "running")]
    assert managed.do(managed.machine.list_jobs()) == managed.jobs
