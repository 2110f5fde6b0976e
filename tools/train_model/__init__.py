"""Trains Cerebrum's bundled model: a tiny fill-in-the-middle model of Python code."""
