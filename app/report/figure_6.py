"""The steps of the paper's figure 6, by the messages that carry them out (R71-R79; docs/spec/procedures.md, 6).

1 execute  2 invite the server  3 invite the clients  4 they accept, routes are laid  5 data  6 restart or complete
7 have all servers completed?  8 done
"""

from __future__ import annotations

BUS = "bus"
STEPS: dict[int, dict[str, tuple[str, ...]]] = {
    1: {BUS: ("ExecuteRoutine",)},
    2: {BUS: ("InviteInstance", "InstanceAccepted"), "T4": ("Invite", "Accept")},
    3: {BUS: ("InviteClients",), "NAS": ("Routine Invite",)},
    4: {
        BUS: ("ClientsInvited", "InstallRoutes", "RoutesInstalled", "BeginExecution", "ExecutionBegun"),
        "NAS": ("Routine Accept", "Routine Reject"),
        "T4": ("Session Add", "Session Add Complete", "Begin", "Begun"),
        "T8": ("Session Add", "Session Add Complete"),
    },
    5: {
        BUS: ("StartTurns", "StartClients", "TurnsDone", "ClientsDone"),
        "NAS": ("Routine Start", "Routine Done"),
        "T4": ("Start", "Done"),
    },
    6: {BUS: ("FinishExecution", "ExecutionOutcome"), "T4": ("Finish", "Restart", "Complete")},
    7: {
        BUS: ("CompleteClients", "RemoveRoutes"),
        "NAS": ("Routine Complete",),
        "T4": ("Session Release",),
        "T8": ("Session Release",),
    },
    8: {BUS: ("RoutineFinished",)},
}
"""Step, link, messages. In the chart of a terminal who is invited over T4 is its server."""

_STEP_OF = {
    (link, message): step for step, links in STEPS.items() for link, messages in links.items() for message in messages
}


def step_of(link: str, message: str) -> int | None:
    """The step a message belongs to; None: to none of an execution. NAS may be traced on the link that carries it."""
    if message == "DEP message":
        return 5
    return _STEP_OF.get((link, message)) or (_STEP_OF.get(("NAS", message)) if link in ("Uu", "N2") else None)


def numbered(step: int | None, label: str) -> str:
    """ "③ Routine Invite"."""
    return label if step is None else f"{chr(0x245F + step)} {label}"
