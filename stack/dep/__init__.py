"""The Deep Edge Protocol (DEP): message transfer, credit, forwarding."""
