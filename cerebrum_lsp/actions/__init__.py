"""Code actions: the shell around `core/actions` (open `actions.py` first)."""
