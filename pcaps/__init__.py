"""Golden captures, the Wireshark plugin and profile."""
