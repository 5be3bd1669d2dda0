"""The UE: terminals that register, consent and take part in routines."""
