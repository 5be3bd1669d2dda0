"""The user plane of the classic path: IP packets of PDU sessions, data radio bearers with SDAP, GTP-U tunnels (R95)."""
