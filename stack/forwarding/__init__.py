"""The forwarding plane function: FPF of the edge, CPF of a RAN node (R34, R35, R39)."""
