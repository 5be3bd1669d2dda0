"""Conformance tests: plays the other side against any UE, RAN node or service function, and says what it saw."""
