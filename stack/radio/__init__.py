"""The emulated radio of one UE: how fast it is, what it delays, what it loses."""
