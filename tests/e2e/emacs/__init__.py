"""Cerebrum in a real Emacs, with the configuration of `docs/editors.md`."""
