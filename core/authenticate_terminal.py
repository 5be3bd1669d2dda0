"""The place of authentication in registration (TS 33.501 6.1.3). With pre-shared keys nothing is asked.

Who has the key proves it by Security Mode Complete. 5G-AKA comes with the trust capability and has its place here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


async def authenticate_terminal(manager: AccessManager, terminal: Terminal) -> bytes:
    """K_AMF of the terminal, 32 octets. Raises `ProcedureError` where it has none."""
    key = manager.subscribers.get(terminal.subscriber)
    if key is None:
        raise ProcedureError(Cause.NOT_ALLOWED, "no such subscription")
    return key


def authentication_answered(
    manager: AccessManager, terminal: Terminal, message: nas.AuthenticationResponse | nas.AuthenticationFailure
) -> None:
    """Nobody was asked."""
    manager.drop(terminal, Drop.ANSWER_TO_NO_REQUEST)
