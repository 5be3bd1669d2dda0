"""Service functions. `api` is the interface third parties write against."""
