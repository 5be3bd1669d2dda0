"""Access manager: terminals register, consent and are invited through it (R57-R64, R72). It alone knows who is who.

Towards the rest of the core a terminal is a seat of an execution, and for routes a context at a RAN node.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.core import names, nas_dialogue, page_terminal
from net4ai.core.config import CoreConfig
from net4ai.core.consent_counts import ConsentCounts
from net4ai.core.consents import Consents
from net4ai.core.deregister_terminal import deregister_terminal
from net4ai.core.hand_over import handover_over
from net4ai.core.job_offers import JobOffers
from net4ai.core.overload import Overload
from net4ai.core.pdu_sessions import end_pdu_session
from net4ai.core.prepare_handover import free_prepared
from net4ai.core.ran_association import RanAssociation
from net4ai.core.seats import Seats
from net4ai.core.store import Store, StoreError
from net4ai.core.terminal import Terminal
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import Procedure, ProcedureError, Promise
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.trace import TraceEvent, numbers_in

_TRACED_NUMBERS = ("ran_ue", "execution", "turn", "job", "session", "transaction")


class AccessManager:
    """Terminals: their registrations and connections. Offers, consents and seats have parts of their own."""

    def __init__(
        self, entity: ControlEntity, config: CoreConfig, random_identity: Callable[[], int], store: Store
    ) -> None:
        self.entity = entity
        self.seed = config.seed
        self.subscribers = {identity: bytes.fromhex(key) for identity, key in config.subscribers.items()}
        """K_AMF of each subscription that may access the network (R57)."""
        self.ue_kbps = config.ue_kbps
        """UE AMBR of subscriptions that have one."""
        self.integrity = config.integrity
        self.ciphering = config.ciphering
        self.ran_nodes = frozenset(name for name, kind in config.nodes.items() if kind == "ran-node")
        """RAN nodes of the network."""
        self.random_identity = random_identity
        self.on_security: Callable[[Terminal, NasSecurity], None] = lambda terminal, security: None
        """Called when a terminal gets NAS keys: for the key log."""
        self.overload = Overload(self, config.overload)
        self.status_rate = ErrorRate()
        """Of NAS Status, over all terminals."""
        self.associations: dict[str, RanAssociation] = {}
        """By name of the RAN node."""
        self.terminals: dict[tuple[RanAssociation, int], Terminal] = {}
        """Those that are connected, registered or not."""
        self.prepared: dict[tuple[RanAssociation, int], Terminal] = {}
        """Those another RAN node has prepared for, by the context there."""
        self.left: dict[tuple[RanAssociation, int], Terminal] = {}
        """By the context they have left in a handover, until it is released there."""
        self.registered: dict[str, Terminal] = {}
        """By subscription, connected or idle."""
        self.by_temporary_identity: dict[int, Terminal] = {}
        self.consents = Consents(store, self.not_stored)
        self.counts = ConsentCounts(self)
        self.offers = JobOffers(self)
        self.seats = Seats(self, store)

    def recover(self) -> None:
        """Take what the store has kept: consents and seats of jobs that go on. Raises `StoreError`."""
        self.consents.recover()
        self.seats.recover()

    # To the terminals

    def send(
        self,
        terminal: Terminal,
        message: nas.Nas,
        transmit: Callable[[bytes], None] | None = None,
        protect: nas_dialogue.Protect | None = None,
    ) -> None:
        """Send a NAS message to a terminal; an idle one is paged first. The rest is as `nas_dialogue.send` has it."""
        if terminal.lost:
            self.drop(terminal, Drop.TERMINAL_LOST)
        elif terminal.handover is not None and transmit is None and protect is None:
            page_terminal.keep(self, terminal, message)
        elif terminal.idle:
            page_terminal.queue(self, terminal, message)
        else:
            nas_dialogue.send(self, terminal, message, transmit, protect)

    def say_queued(self, terminal: Terminal) -> None:
        """What has waited until a terminal can be reached is said, where it can."""
        while terminal.queued and not (terminal.lost or terminal.idle or terminal.handover is not None):
            self.send(terminal, terminal.queued.popleft())

    def deregister(self, subscriber: str, cause: Cause = Cause.DEREGISTERED, *, register_again: bool = False) -> bool:
        """Have a subscriber's terminal leave. False: it is not registered."""
        terminal = self.registered.get(subscriber)
        if terminal is not None:
            deregister_terminal(self, terminal, cause, register_again)
        return terminal is not None

    def remove_subscription(self, subscriber: str) -> None:
        """A subscription ends: its terminal must leave and will not be registered again (R57)."""
        self.subscribers.pop(subscriber, None)
        self.deregister(subscriber, Cause.NOT_ALLOWED)

    def deactivate(self, terminal: Terminal) -> None:
        """Nothing has been said for a while: the terminal's connection ends, its registration stays."""
        self.disconnect(terminal, Cause.USER_INACTIVITY)

    def release(self, terminal: Terminal, cause: Cause) -> None:
        """A terminal shall go, at its RAN node too."""
        if terminal.association is not None:
            terminal.association.release(terminal.context, cause)
        self.forget(terminal)

    # Registrations

    def take_identity(self, terminal: Terminal) -> None:
        """A newcomer has proved who it is: it gets a temporary identity, and an older context of it goes."""
        if (old := self.registered.pop(terminal.subscriber, None)) is not None:
            self.release(old, Cause.PEER_LOST)
        identity = self.random_identity()
        while identity in self.by_temporary_identity:
            identity = self.random_identity()
        terminal.temporary_identity = identity
        self.by_temporary_identity[identity] = terminal

    def terminal_registered(self, terminal: Terminal) -> None:
        """It has taken its temporary identity: it is a terminal of the network, and hears of the jobs."""
        if (old := self.registered.get(terminal.subscriber)) is not None:
            self.release(old, Cause.PEER_LOST)
        terminal.registered = True
        self.registered[terminal.subscriber] = terminal
        self.trace("terminal registered", ue=terminal.subscriber, node=terminal.node)
        self.counts.terminal_changed(terminal)
        self.offers.announce(terminal)

    def terminal_reachable(self, terminal: Terminal) -> None:
        """It is connected again: what waited for that is said."""
        self.trace("terminal connected", ue=terminal.subscriber, node=terminal.node)
        terminal.replies.give(page_terminal.CONNECTED, None)
        self.say_queued(terminal)

    def forget(self, terminal: Terminal) -> None:
        """Nothing stays of a terminal, its registration neither."""
        if terminal.lost:
            return
        terminal.lost = True
        self._connection_lost(terminal)
        if self.registered.get(terminal.subscriber) is terminal:
            del self.registered[terminal.subscriber]
        if self.by_temporary_identity.get(terminal.temporary_identity) is terminal:
            del self.by_temporary_identity[terminal.temporary_identity]
        terminal.queued.clear()
        for procedure in (terminal.registration, terminal.paging, terminal.leaving, terminal.reachable):
            if procedure is not None:
                procedure.cancel("terminal lost")
        if terminal.registered:
            self.counts.terminal_changed(terminal)
            self.trace("terminal lost", ue=terminal.subscriber)

    # Connections

    def connect(self, terminal: Terminal, association: RanAssociation, context: int) -> None:
        """An idle terminal has a connection."""
        if terminal.node != association.node:
            self.counts.terminal_changed(terminal)
        terminal.association, terminal.context, terminal.node = association, context, association.node
        self.terminals[association, context] = terminal
        if terminal.reachable is not None:
            terminal.reachable.cancel("connected")
            terminal.reachable = None

    def disconnect(self, terminal: Terminal, cause: Cause) -> None:
        """A registered terminal's connection ends, at its RAN node too; it is idle."""
        if terminal.association is not None:
            terminal.association.release(terminal.context, cause)
            # First: whoever hears that the connection is lost may have the terminal forgotten.
            terminal.reachable = self.entity.procedures.start("mobile reachable", self._away(terminal), traced=False)
            self._connection_lost(terminal)
            self.trace("terminal idle", ue=terminal.subscriber)

    async def _away(self, terminal: Terminal) -> None:
        await self.entity.procedures.sleep(self.entity.timers["mobile-reachable"])
        terminal.reachable = None
        self.forget(terminal)

    def _connection_lost(self, terminal: Terminal) -> None:
        """With the connection go its sessions and its seats."""
        if terminal.association is None:
            return
        self.terminals.pop((terminal.association, terminal.context), None)
        terminal.association, terminal.secured = None, False
        free_prepared(self, terminal, Cause.PEER_LOST)
        for job in list(terminal.pdu_sessions):
            end_pdu_session(self, terminal, job)
        terminal.sessions.clear()
        terminal.quality.clear()
        terminal.releasing.clear()
        terminal.replies.fail_all(ProcedureError(Cause.PEER_LOST, "terminal lost"))
        for procedure in (*terminal.requests.values(), *terminal.procedures):
            procedure.cancel("terminal lost")
        self.seats.leave(terminal, Cause.PEER_LOST)

    def run_for(self, terminal: Terminal, name: str, coroutine: Coroutine[Promise[Any], None, None]) -> Procedure[None]:
        """Start a procedure that ends with the terminal's connection."""
        terminal.procedures = {procedure for procedure in terminal.procedures if not procedure.done}
        procedure = self.entity.procedures.start(name, coroutine, ue=terminal.subscriber)
        terminal.procedures.add(procedure)
        return procedure

    # From the RAN nodes

    def terminal_at(self, association: RanAssociation, context: int) -> Terminal | None:
        """The terminal a context is of, or was of until its handover."""
        key = association, context
        terminal = self.terminals.get(key) or self.left.get(key)
        return None if terminal is None or terminal.lost else terminal

    def ran_node_known(self, association: RanAssociation, node: str) -> None:
        """A RAN node has set up its association. An older one of the same name is void, and so are its contexts."""
        if (old := self.associations.get(node)) is not None and old is not association:
            old.reset()
        self.associations[node] = association

    def context_released(self, association: RanAssociation, context: int, cause: Cause) -> None:
        """The RAN node asks for the release of a context: it has lost the terminal, or nothing is said any more."""
        terminal = self.terminals.get((association, context))
        if terminal is not None and terminal.registered and cause is Cause.USER_INACTIVITY:
            self.deactivate(terminal)
            return
        self.terminal_lost(association, context)
        association.release(context, cause)

    def terminal_lost(self, association: RanAssociation, context: int) -> None:
        """The RAN node has lost a terminal, or its context was released."""
        key = association, context
        self.left.pop(key, None)
        if (terminal := self.terminals.get(key)) is not None:
            self.forget(terminal)
        elif (terminal := self.prepared.pop(key, None)) is not None:
            terminal.handover = None
            source = terminal.association
            if source is not None and self.associations.get(source.node) is not source:
                self.forget(terminal)
            handover_over(self, terminal)

    def association_lost(self, association: RanAssociation) -> None:
        """A RAN node has gone, and with it all its terminals. Those that are idle stay, and those that another RAN node
        is prepared for, as long as it is: they may be on their way."""
        if self.associations.get(association.node) is association:
            del self.associations[association.node]
        for (owner, context), terminal in list(self.terminals.items()):
            if owner is association and terminal.handover is None:
                self.terminal_lost(association, context)
        for contexts in (self.prepared, self.left):
            for owner, context in list(contexts):
                if owner is association:
                    self.terminal_lost(association, context)

    # Trace

    def drop(self, terminal: Terminal, reason: str) -> None:
        """Refuse a message of a terminal: trace it under its reason."""
        procedures = self.entity.procedures
        ids: dict[str, int | str] = {"ue": terminal.subscriber}
        procedures.trace(TraceEvent(time=procedures.now, node="core", kind="drop", link="NAS", drop=reason, ids=ids))

    def not_stored(self, error: StoreError) -> None:
        """What has ended or was refused could not be written down: it may come back with the next start of the core,
        but no terminal is asked for anything before it has answered anew."""
        self.trace("not stored", detail=error.detail)

    def trace(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=names.ACCESS_MANAGER, kind="state", message=what, ids=ids)
        )

    def trace_message(
        self,
        link: str,
        node: str,
        message: Message | UnknownMessage,
        direction: str,
        peer: str,
        size: int,
        ids: dict[str, int | str],
    ) -> None:
        """A line of trace for a message."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(
                time=procedures.now,
                node=node,
                kind="message",
                link=link,
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer=peer,
                size=size,
                ids=ids | numbers_in(message, _TRACED_NUMBERS),
            )
        )
