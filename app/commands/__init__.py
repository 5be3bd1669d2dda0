"""Commands of `net4ai`, a module for each group: what each takes, and the thin layer to the Python API."""
