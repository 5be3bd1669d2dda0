"""The core: control-plane entities and the routine manager, one module each."""
