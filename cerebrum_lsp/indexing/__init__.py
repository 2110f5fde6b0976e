"""The index of the workspace, kept in a process of its own.

    client.py (in the daemon) ──socket pair──▶ process.py: messages, files on disk ──▶ service.py

A parse holds the interpreter for up to a fifth of a second, and a thread would hold it just so; in
a process of its own it keeps nobody waiting, and its memory goes back when it ends.
"""
