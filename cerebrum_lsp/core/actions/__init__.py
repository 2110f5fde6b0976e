"""Code actions without their I/O: what is offered where, what a model is asked, what it may change.

The door: `offers` (what fits at a place), `by_rules`, `plan` and `read` (recipes.py).
"""
