"""Security of signalling: algorithms, keys, protection of bearers and of NAS (TS 33.501)."""
