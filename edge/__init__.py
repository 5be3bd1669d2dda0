"""The edge node: a separate forwarding plane function (FPF)."""
