"""Decisions of the daemon: pure functions and small state machines."""
