"""Cerebrum in a real Vim, with the configuration of `docs/editors.md`."""
