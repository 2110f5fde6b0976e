"""How each kind of action is done by a model: what it is asked, and what its answer changes."""

from cerebrum_lsp.core.actions import (
    add_types,
    async_model,
    document,
    explain,
    rewrite,
    write_tests,
)
from cerebrum_lsp.core.actions.async_rules import by_rules
from cerebrum_lsp.core.actions.kinds import (
    ASYNC,
    ASYNC_CALLERS,
    DOCUMENT,
    EXPLAIN,
    FIX,
    INSTRUCT,
    TESTS,
    TYPES,
)
from cerebrum_lsp.core.actions.prompts import Plan
from cerebrum_lsp.core.actions.values import Change, Refused, Task

__all__ = ["by_rules", "plan", "read"]

RECIPES = {
    ASYNC: async_model,
    ASYNC_CALLERS: async_model,
    DOCUMENT: document,
    TYPES: add_types,
    TESTS: write_tests,
    EXPLAIN: explain,
    INSTRUCT: rewrite,
    FIX: rewrite,
}

UNKNOWN = Refused("this daemon has no such action")


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask a model.

    `complaint` is what was wrong with its last answer, `room` how many times as much space as
    usual this one gets.
    """
    recipe = RECIPES.get(task.kind)
    return recipe.plan(task, complaint, room) if recipe else UNKNOWN


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the change that a model's answer proposes, checked; refused with what is wrong."""
    recipe = RECIPES.get(task.kind)
    return recipe.read(task, answer, is_cut=is_cut) if recipe else UNKNOWN
