"""Lets a model think before it answers: a first generation whose text nobody gets as the answer.

It ends by itself or at the end of its budget, and the answer is generated after it, on the same
slot, whose KV cache holds it. (The budget is kept as in "s1: Simple test-time scaling",
Muennighoff et al. 2025: what is not closed by the model is closed for it.)
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing

from cerebrum_kit.wire import ProgressEvent, TokenEvent
from orchestrator.choices import Chooser
from orchestrator.core.complexity import complexity
from orchestrator.core.reasoning import ReasoningPolicy, in_time, reason
from orchestrator.core.thinking import Thoughts
from orchestrator.core.tiers import Tiers
from orchestrator.life import Events, Life
from orchestrator.pool import Pool
from orchestrator.wire import CompleteRequest, DoneEvent, RouteEvent


class Reasoner:
    """Decides who thinks, and has it done."""

    def __init__(
        self, pool: Pool, chooser: Chooser, policy: ReasoningPolicy, clock: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._chooser = chooser
        self.policy = policy
        self._clock = clock

    def prepare(self, life: Life) -> None:
        """Decide whether `life` begins with thinking; its text tells thought from answer anyway."""
        request = life.request
        if request.instruct is None and request.messages is None:
            return
        life.thoughts = Thoughts()
        if request.continue_from:
            return  # an answer that has begun was thought about before
        tiers = self._chooser.preferences.tiers
        life.reasoning = reason(
            self.policy,
            complexity(*_instruction(request)).score,
            _wanted(request, tiers),
            tiers.get("reasoning", ()),
            self._pool.models(),
        )
        if life.reasoning is not None:  # the model that thinks is the one that answers
            changes = {"model": life.reasoning.model, "tier": None}
            life.request = request.model_copy(update=changes)

    async def think(self, life: Life, serve: Callable[[Life], Events]) -> Events:
        """Yield the route, and the thoughts as progress; afterwards `life` asks for the answer."""
        tokens = self._tokens(life)
        if life.reasoning is None or not tokens:
            life.reasoning = None
            return
        life.begin_thinking(life.reasoning.model, tokens)
        async with aclosing(serve(life)) as events:
            async for event in events:
                match event:
                    case TokenEvent(token=text, total_tokens=count):
                        detail: dict[str, object] = {"text": text, "tokens": count, "most": tokens}
                        yield ProgressEvent(stage="thinking", detail=detail)
                    case DoneEvent():
                        life.thinking_tokens = event.usage.completion_tokens
                    case RouteEvent() | ProgressEvent():
                        yield event
        life.begin_answer()

    def _tokens(self, life: Life) -> int:
        if life.reasoning is None:
            return 0
        ends_at = life.lifetime.ends_at
        left_s = None if ends_at is None else ends_at - self._clock()
        interval_s = self._chooser.token_interval_s(life)
        return in_time(life.reasoning.thinking_tokens, left_s, interval_s)


def _instruction(request: CompleteRequest) -> tuple[str, int]:
    """Return what is asked for, and how many characters of code it is about."""
    if request.instruct is not None:
        return request.instruct.instruction, len(request.instruct.code)
    turns = [turn for turn in request.messages or () if turn.role == "user"]
    text = turns[-1].content if turns else ""
    prose = "".join(text.split("```")[::2])
    return prose, len(text) - len(prose)


def _wanted(request: CompleteRequest, tiers: Tiers) -> Sequence[str]:
    if request.model is not None:
        return (request.model,)
    return () if request.tier is None else tiers.get(request.tier, ())
