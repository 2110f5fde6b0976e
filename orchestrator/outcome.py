"""The ways in which a request can end; each ends in exactly one."""

from typing import Literal

from cerebrum_kit.errors import CerebrumError
from orchestrator.errors import LoadShedError, SupersededError

Outcome = Literal["completed", "failed", "shed", "cancelled", "rejected"]


def outcome_of(error: CerebrumError) -> Outcome:
    """Return as what a request that ended in `error` counts."""
    match error:
        case LoadShedError():
            return "shed"
        case SupersededError():
            return "cancelled"
        case _ if error.status < 500:
            return "rejected"
        case _:
            return "failed"
