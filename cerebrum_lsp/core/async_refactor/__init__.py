"""Refactor to async by rules, and the checker for a model's proposal (SPEC L8).

The rewrite itself is in `refactor.py`, to be imported where it runs: LibCST takes a fifth of a
second and 40 MB, which whoever only names these values shall not pay for.
"""

from cerebrum_lsp.core.async_refactor.check import check
from cerebrum_lsp.core.async_refactor.module_view import module_of
from cerebrum_lsp.core.async_refactor.values import (
    Agrees,
    Callees,
    Declined,
    Differs,
    Edit,
    Facts,
    Note,
    Request,
    Rewritten,
)

__all__ = [
    "Agrees",
    "Callees",
    "Declined",
    "Differs",
    "Edit",
    "Facts",
    "Note",
    "Request",
    "Rewritten",
    "check",
    "module_of",
]
