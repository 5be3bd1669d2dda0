"""What the cause in an ERROR of the peer ends."""

from __future__ import annotations

from net4ai.codecs.causes import Cause

MESSAGE_CAUSES = frozenset(
    {
        Cause.UNEXPECTED_MESSAGE,
        Cause.QOS_FLOW_NOT_CONFIGURED,
        Cause.WRONG_BEARER,
        Cause.MESSAGE_TOO_LARGE,
        Cause.OVERLAPPING_DATA,
        Cause.INTEGRITY_FAILURE,
        Cause.REASSEMBLY_TIMEOUT,
    }
)
"""The message ERROR names."""

SESSION_CAUSES = frozenset({Cause.UNKNOWN_SESSION, Cause.VERSION_NOT_SUPPORTED})
"""The session, once the peer has been heard."""
