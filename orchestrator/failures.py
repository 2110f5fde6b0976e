"""What a node's failure means for the request that it was asked for."""

from cerebrum_kit.errors import CerebrumError
from orchestrator.core.routing import NoRoute
from orchestrator.errors import (
    CircuitOpenError,
    LoadShedError,
    NodeLostError,
    NodeUnreachableError,
    NoNodeError,
    UnknownModelError,
)
from orchestrator.life import Life
from orchestrator.members import Member


def note(life: Life, failure: CerebrumError) -> None:
    """Remember a node's failure.

    Raises it when a part of the answer was sent and can't be continued: it was continued once
    already, nothing is left to be generated, or nobody knows with which model.
    """
    assert life.node is not None  # noqa: S101 - it was asked
    life.failures[life.node] = failure
    if not life.is_first_token_sent:
        life.forget()
        return
    is_complete = life.tokens >= life.asked.max_tokens
    if life.continues_with is not None or is_complete or life.model is None:
        raise failure
    life.continues_with, life.tokens_before = life.model, life.tokens


def last_failure(life: Life) -> CerebrumError:
    """Return what the node that was asked last said."""
    return next(reversed(life.failures.values()))


def deserves_second_chance(life: Life, member: Member, failure: CerebrumError) -> bool:
    """Whether the node was lost, but is about to be restarted; once for each request."""
    if life.is_first_token_sent or member.name in life.second_chances:
        return False
    return isinstance(failure, NodeLostError | NodeUnreachableError) and member.comes_back


def why_not(life: Life, nowhere: NoRoute) -> CerebrumError:
    """Return what the caller is told; what may be different later says when."""
    if life.is_first_token_sent:
        return last_failure(life)
    retry_after_s = max(1.0, nowhere.retry_after_s)
    failure = life.most_telling_failure()
    if failure is None:
        kind = CircuitOpenError if nowhere.reason == "circuit-open" else NoNodeError
        reason = {"reason": nowhere.reason}
        return kind(nowhere.message, retry_after_s=retry_after_s, details=reason)
    if isinstance(failure, UnknownModelError) and life.request.model is not None:
        return UnknownModelError(f"no node of the pool has the model {life.request.model}")
    if isinstance(failure, LoadShedError | NoNodeError) and failure.retry_after_s is None:
        failure.retry_after_s = retry_after_s
    return failure
