"""The ways to carry messages from one process to another that `benchmarks/data_plane.py` compares."""
